"""The matrix products of a dense layer: inputs x (m, K), weights w (K, N), biases b (N,), slopes delta (m, N).

    prepare_affine(w, b, m, panels)             then any number of
    affine(x, w, b, z, rows, panels)                z = x w + b for rows (first, last) of z (m, N)
    prepare_input_slope(w, m, panels)           then any number of
    input_slope(delta, w, dx, rows, panels)         dx = delta w' for rows (first, last) of dx (m, K)
    prepare_weight_slope(x, delta, panels)      then any number of
    weight_slope(x, delta, dw, rows, accumulate, panels)
                                                    dw (+)= x' delta for rows (first, last) of dw (K, N)
    bias_slope(delta, db, columns, accumulate)      db (+)= column sums of delta for columns (first, last) of db (N,)

All arrays are C-contiguous and of one dtype. `panels` is a workspace of at least `sizes.workspace` elements, aligned
to 64 bytes. What a prepare function leaves in it serves the calls of its product until the next prepare function; it
belongs to one thread.

How an element is summed depends on m, K and N only, so the bits do not depend on how the ranges are cut. Numbers beside
the edge of a matrix may be read (never written) as long as they belong to it; what is made of them is dropped.
"""

from __future__ import annotations

from ..compiler.door import address_of, jit
from .packing import pack, pack_transposed, panels_at, transposed_panels_at
from .product import Left, Out, Size, Start, product, start_at, vector_product
from .sizes import ALIGNMENT, COPY_COLUMNS, COPY_STRIDE, DOT_COLUMNS, DOT_ROWS
from .tiles import copy, dot, one, sizes, zeros


@jit
def prepare_affine(w, b, m, panels):
    """Pack what `affine` needs packed for a batch of m rows."""
    dtype, (inputs, units) = panels.dtype, w.shape
    itemsize, _, width, _ = sizes(dtype)
    if 1 < units <= DOT_COLUMNS:
        for c in range(units):
            for k in range(inputs):
                panels[c * inputs + k] = w[k, c]
    elif m > 1 and units > 1:
        right = panels_at(dtype, address_of(w), w.shape, m, address_of(panels))
        pack(dtype, address_of(w), w.shape, right)
        whole = units // width * width
        edge = right.edge + inputs * right.edge_columns * itemsize
        copy(dtype, (address_of(b) + whole * itemsize, 0, edge, 0, 1, units - whole))


@jit
def affine(x, w, b, z, rows, panels):
    """z = x w + b for a range of rows."""
    dtype, (first, last), (inputs, units) = panels.dtype, rows, w.shape
    itemsize, _, _, _ = sizes(dtype)
    left = Left(address_of(x) + first * inputs * itemsize, inputs * itemsize, itemsize, 0)
    out = Out(address_of(z) + first * units * itemsize, units * itemsize)
    size = Size(last - first, units, inputs)
    if units <= DOT_COLUMNS:
        right = address_of(w) if units == 1 else address_of(panels)
        for c in range(units):
            at = c * itemsize
            arrays = (left.address, left.row, right + inputs * at, address_of(b) + at, out.address + at, out.row)
            dot(dtype, arrays + (size.rows, inputs))
    elif x.shape[0] == 1:
        if size.rows > 0:
            start = Start(address_of(b), 0, itemsize, 0)
            vector_product(dtype, left, (address_of(w), units * itemsize), start, out, size)
    else:
        right = panels_at(dtype, address_of(w), w.shape, x.shape[0], address_of(panels))
        start = Start(address_of(b), 0, itemsize, right.edge + inputs * right.edge_columns * itemsize)
        product(dtype, left, right, start, out, size)


@jit
def input_panels(dtype, w, panels):
    """How w' is used as the right operand; a single unit's weights are a row as they lie."""
    inputs, units = w.shape
    if units == 1:
        return panels_at(dtype, address_of(w), (1, inputs), 1, address_of(panels))
    return transposed_panels_at(dtype, w.shape, address_of(panels))


@jit
def prepare_input_slope(w, m, panels):
    """Pack what `input_slope` needs packed for a batch of m rows."""
    dtype, (inputs, units) = panels.dtype, w.shape
    right = input_panels(dtype, w, panels)
    if units == 1:
        pack(dtype, address_of(w), (1, inputs), right)
    elif m > DOT_ROWS:
        pack_transposed(dtype, address_of(w), w.shape, right)


@jit
def input_slope(delta, w, dx, rows, panels):
    """dx = delta w' for a range of rows."""
    dtype, (first, last), (inputs, units) = panels.dtype, rows, w.shape
    itemsize, _, _, _ = sizes(dtype)
    left = Left(address_of(delta) + first * units * itemsize, units * itemsize, itemsize, 0)
    out = Out(address_of(dx) + first * inputs * itemsize, inputs * itemsize)
    if units == 1 or delta.shape[0] > DOT_ROWS:
        start = Start(zeros(dtype), 0, 0, zeros(dtype))
        product(dtype, left, input_panels(dtype, w, panels), start, out, Size(last - first, inputs, units))
    else:
        for r in range(last - first):
            right, target = left.address + r * left.row, out.address + r * out.row
            dot(dtype, (address_of(w), units * itemsize, right, zeros(dtype), target, itemsize, inputs, units))


@jit
def prepare_weight_slope(x, delta, panels):
    """Pack what `weight_slope` needs packed."""
    dtype, (m, inputs), units = panels.dtype, x.shape, delta.shape[1]
    if units > 1:
        right = panels_at(dtype, address_of(delta), (m, units), inputs, address_of(panels))
        pack(dtype, address_of(delta), (m, units), right)


@jit
def weight_slope(x, delta, dw, rows, accumulate, panels):
    """dw = x' delta, or dw += x' delta, for a range of rows."""
    dtype, (first, last), (m, inputs), units = panels.dtype, rows, x.shape, delta.shape[1]
    itemsize, _, _, _ = sizes(dtype)
    out = Out(address_of(dw) + first * units * itemsize, units * itemsize)
    start = Start(zeros(dtype), 0, 0, zeros(dtype))
    at, stride = address_of(x) + first * itemsize, inputs * itemsize
    if units == 1:  # dw is a row: the operands change their roles
        if accumulate:
            start = Start(out.address, 0, itemsize, 0)
        left, size = Left(address_of(delta), 0, itemsize, 0), Size(1, last - first, m)
        vector_product(dtype, left, (at, stride), start, out, size)
        return
    if accumulate:
        start = start_at(dtype, out, units)
    right = panels_at(dtype, address_of(delta), (m, units), inputs, address_of(panels))
    spare = 0
    if units >= COPY_COLUMNS and stride >= COPY_STRIDE and m > 1:
        end = right.edge + m * right.edge_columns * itemsize
        spare = (end + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
    product(dtype, Left(at, itemsize, stride, spare), right, start, out, Size(last - first, units, m))


@jit
def bias_slope(delta, db, columns, accumulate):
    """db = column sums of delta, or db += them, for a range of columns."""
    dtype, (first, last), (m, units) = delta.dtype, columns, delta.shape
    itemsize, _, _, _ = sizes(dtype)
    out = Out(address_of(db) + first * itemsize, 0)
    start = Start(zeros(dtype), 0, 0, 0)
    if accumulate:
        start = Start(out.address, 0, itemsize, 0)
    right = (address_of(delta) + first * itemsize, units * itemsize)
    vector_product(dtype, Left(one(dtype), 0, 0, 0), right, start, out, Size(1, last - first, m))
