"""How the matrix products are cut, and the workspace that this takes. Needs no Numba."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...compiler import processor
from ..layout import PLACES

DOT_COLUMNS = 3  # results of so few columns are dot products of rows; `tiles` has one function for each number
DOT_ROWS = 3  # and so are input slopes of so few rows
FEW_COLUMNS = 12  # results of so few columns are turned where a vector has more
TURNED_ROWS = 512  # so many at a time
TURNED_SAMPLES = 16  # made of so many samples at least; of four times as many for two columns
FEW_ROWS = 16  # rows of a turned result that are written beyond it: no vector has more lanes
PACK_ROWS = 16  # rows of a result that repay packing the right operand
PACK_BLOCK = 16  # rows that are packed side by side, so that whole pages are read
K_BLOCK = 512  # at most so long are the parts of a panel that tiles of several rows use one after the other
IN_PLACE_BYTES = 1 << 17  # a larger right operand that lies where it lies is a large one
IN_PLACE_K_BLOCK = 32  # the same as K_BLOCK for such
IN_PLACE_GROUP_BYTES = 1 << 14  # panels of so many bytes are used for one tile's rows before the next ones
GROUP_BYTES = 1 << 19  # the same for packed panels, at most
LEFT_BYTES = 1 << 18  # at most so much of the left operand is multiplied with one panel after the other
LEFT_ROWS = 48  # at least
BLOCK_ROWS = 192  # rows of a layer's slopes that are made before these weights are updated; a multiple of tiles' rows
STRIP_ROWS = 16  # no strip of the left operand has more rows
STRIP_PADDING = 64  # bytes between strips, or between rows that are brought together
STRIP_COLUMNS = 128  # columns of a result that repay copying the left operand to strips
STRIP_STRIDE = 256  # bytes between its columns, if it is transposed, that make it worth while
FAR_STRIDE = 4096  # rows of the left operand that are multiples of this apart fill few sets of a cache
SPREAD_BYTES = 1 << 19  # so much of it, at most, is brought together
AMX_LEFT_BYTES = 3 << 18  # of the parts of a left operand that are multiplied with those of the right one
AMX_RIGHT_BYTES = 1 << 17  # of a right one that are used for all these rows before the next ones
AMX_LANES, AMX_DEPTH, AMX_PARTS = 16, 32, 3  # rows or columns of a block, steps of k in it, parts of an operand
AMX_K, AMX_PRODUCTS = 24, 1 << 18  # steps of k, and multiplications, that repay the splitting
AMX_SIDE = 28  # half the side, at least, of a square result that repays it
ALIGNMENT = 64  # bytes; no vector is longer


def workspace(batch: int, units: Sequence[int], dtype: Any) -> int:
    """Elements of `panels` for layers of the widths `units`, the inputs' first, and at most `batch` rows."""
    itemsize = np.dtype(dtype).itemsize
    amx = itemsize == 4 and processor.has_amx()
    needed = PLACES * 8 // itemsize
    for inputs, outputs in zip(units, units[1:], strict=False):
        for sides in ((batch, inputs, outputs), (batch, outputs, inputs), (inputs, batch, outputs)):
            if amx and in_parts(*sides):
                needed = max(needed, _split(*sides, kept=sides[1] == batch) // itemsize)
        needed = max(needed, _right(batch, outputs, itemsize))
        if in_strips(inputs, outputs, itemsize):
            needed = max(needed, _with_left(inputs, batch, outputs, itemsize))
        for k, columns in ((inputs, outputs), (outputs, inputs)):
            rows = min(batch, spread_rows(k, columns, itemsize))
            needed = max(needed, _right(k, columns, itemsize) + (_left(rows, k, itemsize) if rows else 0))
        if outputs <= FEW_COLUMNS:
            rows = min(inputs, TURNED_ROWS)
            turned = (2 * rows + FEW_ROWS) * outputs + 2 * ALIGNMENT // itemsize
            needed = max(needed, turned + _right(batch, rows, itemsize))
        needed = max(needed, inputs * outputs if outputs <= DOT_COLUMNS else 0)  # their columns, one after the other
    return needed


def in_parts(rows: int, k: int, columns: int) -> bool:
    """Whether AMX, where there is AMX, makes a product (rows, k) (k, columns) faster, the splitting included."""
    large = k >= AMX_K and rows * k * columns >= AMX_PRODUCTS
    return large and rows * columns >= AMX_SIDE * (rows + columns)


def in_strips(inputs: int, units: int, itemsize: int) -> bool:
    """Whether the left operand x' of x' delta is copied to strips."""
    return units >= STRIP_COLUMNS and inputs * itemsize >= STRIP_STRIDE


def spread_rows(k: int, columns: int, itemsize: int) -> int:
    """So many rows of a left operand (rows, k), at most, are brought together: none but those FAR_STRIDE apart."""
    far = columns >= STRIP_COLUMNS and k * itemsize % FAR_STRIDE == 0
    return SPREAD_BYTES // (min(k, K_BLOCK) * itemsize) if far else 0


def _right(k: int, columns: int, itemsize: int) -> int:
    """A part of the right operand, a group of panels of it, and the edge."""
    lanes, k_block = ALIGNMENT // itemsize, min(k, K_BLOCK)
    beside = 4 * (k_block + lanes) * lanes  # the edge, and what is written behind a transposed operand
    return min(GROUP_BYTES // itemsize, k_block * columns) + beside


def _with_left(rows: int, k: int, columns: int, itemsize: int) -> int:
    """All of a part of the right operand, and a block of the left one."""
    lanes, k_block = ALIGNMENT // itemsize, min(k, K_BLOCK)
    block = min(rows, max(LEFT_BYTES // (k_block * itemsize), LEFT_ROWS))
    return k_block * columns + 4 * (k_block + lanes) * lanes + _left(block, k, itemsize)


def _left(rows: int, k: int, itemsize: int) -> int:
    """So many rows of the left operand, spread or in strips."""
    return (rows + 2 * STRIP_ROWS) * (min(k, K_BLOCK) + ALIGNMENT // itemsize)


def _split(rows: int, k: int, columns: int, kept: bool) -> int:
    """Bytes for the parts of a block of the left operand and of the right one, and for what is turned."""
    blocks = -(-min(k, K_BLOCK) // AMX_DEPTH)
    way = blocks * AMX_PARTS * AMX_LANES * ALIGNMENT  # bytes of so many rows or columns as a block has
    left, right = -(-rows // AMX_LANES) * way, -(-columns // AMX_LANES) * way
    if not kept and left <= max(AMX_LEFT_BYTES // way, 1) * way:
        right = min(right, max(AMX_RIGHT_BYTES, 2 * way))
    return (blocks * AMX_DEPTH + AMX_LANES) * ALIGNMENT + min(left, max(AMX_LEFT_BYTES, way)) + right
