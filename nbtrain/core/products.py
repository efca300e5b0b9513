from ..compiler.door import jit


@jit
def affine(x, w, b, z, rows, panels):
    for i in range(rows[0], rows[1]):
        for j in range(w.shape[1]):
            z[i, j] = b[j]
        for k in range(w.shape[0]):
            for j in range(w.shape[1]):
                z[i, j] += x[i, k] * w[k, j]


@jit
def input_slope(delta, w, dx, rows, panels):
    for i in range(rows[0], rows[1]):
        for k in range(w.shape[0]):
            s = w.dtype.type(0)
            for j in range(w.shape[1]):
                s += delta[i, j] * w[k, j]
            dx[i, k] = s


@jit
def weight_slope(x, delta, dw, rows, accumulate, panels):
    for k in range(rows[0], rows[1]):
        for j in range(dw.shape[1]):
            if not accumulate:
                dw[k, j] = 0
        for i in range(x.shape[0]):
            for j in range(dw.shape[1]):
                dw[k, j] += x[i, k] * delta[i, j]


@jit
def bias_slope(delta, db, columns, accumulate):
    for j in range(columns[0], columns[1]):
        if not accumulate:
            db[j] = 0
        for i in range(delta.shape[0]):
            db[j] += delta[i, j]


@jit
def prepare_affine(w, b, m, panels):
    pass


@jit
def prepare_input_slope(w, m, panels):
    pass


@jit
def prepare_weight_slope(x, delta, panels):
    pass
