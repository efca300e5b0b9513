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
from .sizes import ALIGNMENT, COPY_COLUMNS, COPY_STRIDE, DOT_COLUMNS, DOT_ROWS, PACK_BYTES, PACK_ROWS
from .tiles import dot, itemsize_of, one, pack, pack_transposed, product, row, zeros


@jit
def is_packed(rows, size, columns, itemsize):
    """Whether the right operand (size, columns) of a result of so many rows is packed (1) or used where it lies (0)."""
    return 1 if rows >= PACK_ROWS and size * columns * itemsize > PACK_BYTES else 0


@jit
def prepare_affine(w, b, m, panels):
    """Pack what `affine` needs packed for a batch of m rows."""
    dtype, (inputs, units) = panels.dtype, w.shape
    if units <= DOT_COLUMNS:
        if units > 1:
            for c in range(units):
                for k in range(inputs):
                    panels[c * inputs + k] = w[k, c]
    elif m > 1:
        packed = is_packed(m, inputs, units, itemsize_of(dtype))
        pack(dtype, (address_of(w), address_of(panels), inputs, units, packed))


@jit
def affine(x, w, b, z, rows, panels):
    """z = x w + b for a range of rows."""
    dtype, (first, last), (inputs, units), m = panels.dtype, rows, w.shape, x.shape[0]
    itemsize = itemsize_of(dtype)
    x_row, z_row = inputs * itemsize, units * itemsize
    left, out, count = address_of(x) + first * x_row, address_of(z) + first * z_row, last - first
    if units <= DOT_COLUMNS:
        right = address_of(w) if units == 1 else address_of(panels)
        for c in range(units):
            at = c * itemsize
            dot(dtype, (left, x_row, right + c * x_row, address_of(b) + at, out + at, z_row, count, inputs))
    elif m == 1:
        if count > 0:
            row(dtype, (left, itemsize, address_of(w), z_row, address_of(b), itemsize, out, units, inputs))
    else:
        operands = (left, x_row, itemsize, 0, address_of(w), address_of(panels), is_packed(m, inputs, units, itemsize))
        product(dtype, operands + (address_of(b), 0, itemsize, out, z_row, count, units, inputs))


@jit
def prepare_input_slope(w, m, panels):
    """Pack what `input_slope` needs packed for a batch of m rows."""
    dtype, (inputs, units) = panels.dtype, w.shape
    if m > DOT_ROWS:
        if units == 1:
            pack(dtype, (address_of(w), address_of(panels), 1, inputs, 0))
        else:
            pack_transposed(dtype, (address_of(w), address_of(panels), units, inputs))


@jit
def input_slope(delta, w, dx, rows, panels):
    """dx = delta w' for a range of rows."""
    dtype, (first, last), (inputs, units), m = panels.dtype, rows, w.shape, delta.shape[0]
    itemsize = itemsize_of(dtype)
    row_bytes, dx_row = units * itemsize, inputs * itemsize
    left, out, zero = address_of(delta) + first * row_bytes, address_of(dx) + first * dx_row, zeros(dtype)
    if m > DOT_ROWS:
        packed = 0 if units == 1 else 1  # a single unit's weights are a row as they lie
        operands = (left, row_bytes, itemsize, 0, address_of(w), address_of(panels), packed)
        product(dtype, operands + (zero, 0, 0, out, dx_row, last - first, inputs, units))
        return
    for r in range(last - first):
        here, there = left + r * row_bytes, out + r * dx_row
        if units == 1:
            row(dtype, (here, itemsize, address_of(w), dx_row, zero, 0, there, inputs, 1))
        else:
            dot(dtype, (address_of(w), row_bytes, here, zero, there, itemsize, inputs, units))


@jit
def prepare_weight_slope(x, delta, panels):
    """Pack what `weight_slope` needs packed."""
    dtype, (m, inputs), units = panels.dtype, x.shape, delta.shape[1]
    if units > 1:
        packed = is_packed(inputs, m, units, itemsize_of(dtype))
        pack(dtype, (address_of(delta), address_of(panels), m, units, packed))


@jit
def weight_slope(x, delta, dw, rows, accumulate, panels):
    """dw = x' delta, or dw += x' delta, for a range of rows."""
    dtype, (first, last), (m, inputs), units = panels.dtype, rows, x.shape, delta.shape[1]
    itemsize = itemsize_of(dtype)
    x_row, dw_row = inputs * itemsize, units * itemsize
    left, out, count = address_of(x) + first * itemsize, address_of(dw) + first * dw_row, last - first
    start, start_row, start_column = zeros(dtype), 0, 0
    if accumulate:
        start, start_row, start_column = out, dw_row, itemsize
    if units == 1:  # dw is a row: the operands change their roles
        row(dtype, (address_of(delta), itemsize, left, x_row, start, start_column, out, count, m))
        return
    packed = is_packed(inputs, m, units, itemsize)
    spare = 0
    if units >= COPY_COLUMNS and x_row >= COPY_STRIDE and m > 1:
        spare = address_of(panels) + m * ((dw_row + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT)
    operands = (left, itemsize, x_row, spare, address_of(delta), address_of(panels), packed)
    product(dtype, operands + (start, start_row, start_column, out, dw_row, count, units, m))


@jit
def bias_slope(delta, db, columns, accumulate):
    """db = column sums of delta, or db += them, for a range of columns."""
    dtype, (first, last), (m, units) = delta.dtype, columns, delta.shape
    itemsize = itemsize_of(dtype)
    out, start, start_column = address_of(db) + first * itemsize, zeros(dtype), 0
    if accumulate:
        start, start_column = out, itemsize
    right = address_of(delta) + first * itemsize
    row(dtype, (one(dtype), 0, right, units * itemsize, start, start_column, out, last - first, m))
