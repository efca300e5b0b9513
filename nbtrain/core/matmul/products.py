"""The matrix products of a dense layer: inputs x (m, K), weights w (K, N), biases b (N,), slopes delta (m, N).

    affine(x, w, b, z, rows, panels)                z = x w + b for rows (first, last) of z (m, N)
    input_slope(delta, w, dx, rows, panels)         dx = delta w' for rows (first, last) of dx (m, K)
    weight_slope(x, delta, dw, rows, accumulate, panels)
                                                    dw (+)= x' delta for rows (first, last) of dw (K, N)
    slope_block(x, delta, dw, rows, again, panels)  dw = x' delta for rows (first, last) of dw, block after block
    bias_slope(delta, db, columns, accumulate)      db (+)= column sums of delta for columns (first, last) of db (N,)

All arrays are C-contiguous and of one dtype. `panels` is a workspace of at least `sizes.workspace` elements, aligned
to 64 bytes, that belongs to one thread; nothing in it is kept between calls, except by `slope_block` for the next one.

How an element is summed depends on m, K and N only, so the bits do not depend on how the ranges are cut. Numbers beyond
the edge of a block may be read (never written) as long as they belong to the matrix; their results are dropped.
"""

from __future__ import annotations

from ...compiler.jit import address_of, jit, vector_at
from . import sizes
from .panels import AGAIN, AS_IT_IS, IN_PANELS, IN_PLACE, KEPT, PACKED, SPLIT, SPREAD, TRANSPOSED
from .sizes import (
    ALIGNMENT,
    BLOCK_ROWS,
    DOT_COLUMNS,
    DOT_ROWS,
    FEW_ROWS,
    PACK_ROWS,
    TRANSPOSED_ROWS,
    TRANSPOSED_SAMPLES,
)
from .tiles import (
    amx_of,
    dot,
    dot2,
    dot3,
    few_columns,
    in_place_bytes,
    itemsize_of,
    k_block,
    one,
    outer,
    product,
    row,
    transpose,
    zeros,
)


@jit
def mode_of(rows, size, row_bytes, dtype):
    """How the right operand (size rows of row_bytes) is used for a result of `rows` rows."""
    return PACKED if rows >= PACK_ROWS and size * row_bytes > in_place_bytes(dtype) else IN_PLACE


packs_left, spread_rows = jit(sizes.packs_left), jit(sizes.spread_rows)  # the workspace is measured by them, too
uses_amx = jit(sizes.uses_amx)


@jit
def left_mode(all_rows, rows, size, columns, dtype):
    """How `rows` of all rows of the left operand, `size` elements long, are used for a result of `columns` columns."""
    if amx_of(dtype) and uses_amx(all_rows, size, columns):
        return SPLIT
    return SPREAD if rows <= spread_rows(size, columns, itemsize_of(dtype)) else AS_IT_IS


@jit
def transposed_mode(rows, size, columns, dtype):
    """The same for a transposed left operand, of which any rows are used in the same way."""
    if amx_of(dtype) and uses_amx(rows, size, columns):
        return SPLIT
    return IN_PANELS if packs_left(rows, columns, itemsize_of(dtype)) else AS_IT_IS


@jit
def affine(x, w, b, z, rows, panels):
    """z = x w + b for a range of rows."""
    dtype, (first, last), (inputs, units) = panels.dtype, rows, w.shape
    itemsize, count = itemsize_of(dtype), last - first
    x_row, z_row = inputs * itemsize, units * itemsize
    left, out = address_of(x) + first * x_row, address_of(z) + first * z_row
    if count <= 0:
        return
    if units == 1:
        dot(dtype, (left, x_row, address_of(w), 0, address_of(b), out, count, inputs))
    elif units <= DOT_COLUMNS:
        for c in range(units):
            for k in range(inputs):
                panels[c * inputs + k] = w[k, c]
        operands = (left, x_row, address_of(panels), inputs * itemsize, address_of(b), out, count, inputs)
        if units == 2:
            dot2(dtype, operands)
        else:
            dot3(dtype, operands)
    elif x.shape[0] == 1:
        row(dtype, (left, itemsize, address_of(w), z_row, address_of(b), itemsize, out, units, inputs))
    else:
        right = (address_of(w), z_row, mode_of(count, inputs, z_row, dtype), address_of(panels))
        size = (count, units, inputs)
        operands = (left, x_row, itemsize, left_mode(x.shape[0], count, inputs, units, dtype)) + right
        product(dtype, operands + (address_of(b), 0, itemsize, out, z_row) + size)


@jit
def input_slope(delta, w, dx, rows, panels):
    """dx = delta w' for a range of rows."""
    dtype, (first, last), (inputs, units) = panels.dtype, rows, w.shape
    itemsize, zero, count = itemsize_of(dtype), zeros(dtype), last - first
    w_row, dx_row = units * itemsize, inputs * itemsize
    left, out = address_of(delta) + first * w_row, address_of(dx) + first * dx_row
    if count <= 0:
        return
    if delta.shape[0] > DOT_ROWS:  # a single unit's weights are a row already
        right = (address_of(w), dx_row, IN_PLACE) if units == 1 else (address_of(w), w_row, TRANSPOSED)
        mode = left_mode(delta.shape[0], count, units, inputs, dtype)
        operands = (left, w_row, itemsize, mode) + right + (address_of(panels),)
        product(dtype, operands + (zero, 0, 0, out, dx_row, count, inputs, units))
        return
    for r in range(count):
        here, there = left + r * w_row, out + r * dx_row
        if units == 1:
            row(dtype, (here, itemsize, address_of(w), dx_row, zero, 0, there, inputs, 1))
        else:
            dot(dtype, (address_of(w), w_row, here, 0, zero, there, inputs, units))


@jit
def weight_slope(x, delta, dw, rows, accumulate, panels):
    """dw = x' delta, or dw += x' delta, for a range of rows."""
    dtype, (first, last), (m, inputs), units = panels.dtype, rows, x.shape, delta.shape[1]
    itemsize, count = itemsize_of(dtype), last - first
    x_row, dw_row = inputs * itemsize, units * itemsize
    left, out = address_of(x) + first * itemsize, address_of(dw) + first * dw_row
    if count <= 0:
        return
    start, start_row, start_column = zeros(dtype), 0, 0
    if accumulate:
        start, start_row, start_column = out, dw_row, itemsize
    if units == 1:  # dw is a row: the operands change their roles
        row(dtype, (address_of(delta), itemsize, left, x_row, start, start_column, out, count, m))
        return
    if m == 1:
        outer(dtype, (left, address_of(delta), start, start_row, start_column, out, dw_row, count, units))
        return
    if units <= few_columns(dtype) and m >= (TRANSPOSED_SAMPLES if units > 2 else 4 * TRANSPOSED_SAMPLES):
        for begin in range(0, count, TRANSPOSED_ROWS):
            block = dw[first + begin : min(first + begin + TRANSPOSED_ROWS, last)]
            transposed_slope(left + begin * itemsize, x_row, delta, block, accumulate, panels)
        return
    if units <= DOT_COLUMNS:
        narrow_slope(left, x_row, delta, dw[first:last], accumulate, panels)
        return
    mode = transposed_mode(inputs, m, units, dtype)
    right = (address_of(delta), dw_row, mode_of(count, m, dw_row, dtype), address_of(panels))
    size = (count, units, m)
    product(dtype, (left, itemsize, x_row, mode) + right + (start, start_row, start_column, out, dw_row) + size)


@jit
def in_blocks(m, inputs, units, dtype):
    """Whether the rows of dw = x' delta (inputs, units), of m samples, are made block by block."""
    packed = mode_of(inputs, m, units * itemsize_of(dtype), dtype) == PACKED and m <= k_block(dtype)
    return packed and inputs > BLOCK_ROWS and packs_left(inputs, units, itemsize_of(dtype))


@jit
def slope_block(x, delta, dw, rows, again, panels):
    """dw = x' delta for a block of rows; delta is packed once for all blocks.

    `again`: the last product with these panels was the block before, of the same operands.
    """
    dtype, (first, last), (m, inputs), units = panels.dtype, rows, x.shape, delta.shape[1]
    itemsize, count = itemsize_of(dtype), last - first
    x_row, dw_row = inputs * itemsize, units * itemsize
    left, out = address_of(x) + first * itemsize, address_of(dw) + first * dw_row
    right = (address_of(delta), dw_row, AGAIN if again else KEPT, address_of(panels))
    size = (count, units, m)
    mode = transposed_mode(inputs, m, units, dtype)
    product(dtype, (left, itemsize, x_row, mode) + right + (zeros(dtype), 0, 0, out, dw_row) + size)


@jit
def narrow_slope(left, x_row, delta, dw, accumulate, panels):
    """The same where dw has two columns or three: each of them is a row with operands in other roles."""
    dtype, (m, units), count = panels.dtype, delta.shape, dw.shape[0]
    itemsize, sums, start, start_column = itemsize_of(dtype), address_of(panels), zeros(dtype), 0
    if accumulate:
        start, start_column = sums, itemsize
    for c in range(units):
        if accumulate:
            for k in range(count):
                panels[k] = dw[k, c]
        factors = (address_of(delta) + c * itemsize, units * itemsize)
        row(dtype, factors + (left, x_row, start, start_column, sums, count, m))
        for k in range(count):
            dw[k, c] = panels[k]


@jit
def transposed_slope(left, x_row, delta, dw, accumulate, panels):
    """The same where vectors along the columns of dw would be half empty: dw' = delta' x, transposed at the end."""
    dtype, (m, units), count = panels.dtype, delta.shape, dw.shape[0]
    itemsize, zero, size = itemsize_of(dtype), zeros(dtype), dw.shape[0] * units
    row_bytes, transposed_row = units * itemsize, count * itemsize
    transposed, out = address_of(panels), address_of(panels) + aligned(transposed_row * units)
    rest = out + aligned((count + FEW_ROWS) * row_bytes)
    operands = (address_of(delta), itemsize, row_bytes, AS_IT_IS, left, x_row, IN_PLACE, rest)
    product(dtype, operands + (zero, 0, 0, transposed, transposed_row, units, count, m))
    transpose(dtype, (transposed, transposed_row, out, row_bytes, units, count))
    found, sums = vector_at(out, size, dtype), vector_at(address_of(dw), size, dtype)
    for i in range(size):
        sums[i] = sums[i] + found[i] if accumulate else found[i]


@jit
def aligned(size):
    """Bytes rounded up to whole cache lines."""
    return (size + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT


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
