"""How the matrix products are cut into blocks, and the workspace that they need. Needs no Numba."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...compiler import processor
from ..layout import PLACES

DOT_COLUMNS = 3  # results of so few columns are dot products of rows; `tiles` has one function for each number
DOT_ROWS = 3  # and so are input slopes of so few rows
FEW_COLUMNS = 12  # results of so few columns are computed transposed where a vector has more
TRANSPOSED_ROWS = 512  # so many at a time
TRANSPOSED_SAMPLES = 16  # for at least so many samples; four times as many for two columns
FEW_ROWS = 16  # rows of a transposed result that are written beyond it: no vector has more lanes
PACK_ROWS = 16  # rows of a result that repay packing the right operand
PACK_BLOCK = 16  # rows that are packed side by side, so that whole pages are read
K_BLOCK = 512  # length, at most, of a block of k: tiles of several rows use a panel's block one after the other
IN_PLACE_BYTES = 1 << 17  # a larger right operand that is used in place is a large one
IN_PLACE_K_BLOCK = 32  # K_BLOCK for a large one
IN_PLACE_PANELS_BYTES = 1 << 14  # panels of so many bytes are used for one tile's rows before the next ones
PANELS_BYTES = 1 << 19  # the same for packed panels, at most
LEFT_BYTES = 1 << 18  # at most so much of the left operand is multiplied with one panel after the other
LEFT_ROWS = 48  # at least
BLOCK_ROWS = 192  # rows of a layer's slopes that are made before these weights are updated; a multiple of tiles' rows
LEFT_PANEL_ROWS = 16  # no panel of the left operand has more rows
PANEL_PADDING = 64  # bytes between left panels, or between rows that are brought closer together
PACK_LEFT_COLUMNS = 128  # columns of a result that repay copying the left operand to panels
PACK_LEFT_STRIDE = 256  # bytes between its columns, if it is transposed, that make it worth while
FAR_STRIDE = 4096  # rows of the left operand that are multiples of this apart fill few sets of a cache
SPREAD_BYTES = 1 << 19  # of it, at most, that are brought closer together
AMX_LEFT_BYTES = 3 << 18  # of the terms of a left operand that are multiplied with those of the right one
AMX_RIGHT_BYTES = 1 << 17  # of a right one that are used for all these rows before the next ones
AMX_LANES, AMX_DEPTH, AMX_TERMS = 16, 32, 3  # rows or columns of a block, steps of k in it, terms of an operand
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
            if amx and uses_amx(*sides):
                needed = max(needed, _split(*sides, kept=sides[1] == batch) // itemsize)
        needed = max(needed, _right(batch, outputs, itemsize))
        if packs_left(inputs, outputs, itemsize):
            needed = max(needed, _with_left(inputs, batch, outputs, itemsize))
        for k, columns in ((inputs, outputs), (outputs, inputs)):
            rows = min(batch, spread_rows(k, columns, itemsize))
            needed = max(needed, _right(k, columns, itemsize) + (_left(rows, k, itemsize) if rows else 0))
        if outputs <= FEW_COLUMNS:
            rows = min(inputs, TRANSPOSED_ROWS)
            transposed = (2 * rows + FEW_ROWS) * outputs + 2 * ALIGNMENT // itemsize
            needed = max(needed, transposed + _right(batch, rows, itemsize))
        needed = max(needed, inputs * outputs if outputs <= DOT_COLUMNS else 0)  # their columns, one after the other
    return needed


def uses_amx(rows: int, k: int, columns: int) -> bool:
    """Whether AMX, where there is AMX, makes a product (rows, k) (k, columns) faster, the splitting included."""
    large = k >= AMX_K and rows * k * columns >= AMX_PRODUCTS
    return large and rows * columns >= AMX_SIDE * (rows + columns)


def packs_left(inputs: int, units: int, itemsize: int) -> bool:
    """Whether the left operand x' of x' delta is copied to panels."""
    return units >= PACK_LEFT_COLUMNS and inputs * itemsize >= PACK_LEFT_STRIDE


def spread_rows(k: int, columns: int, itemsize: int) -> int:
    """Rows of a left operand (rows, k), at most, that are brought closer together: those FAR_STRIDE apart."""
    far = columns >= PACK_LEFT_COLUMNS and k * itemsize % FAR_STRIDE == 0
    return SPREAD_BYTES // (min(k, K_BLOCK) * itemsize) if far else 0


def _right(k: int, columns: int, itemsize: int) -> int:
    """A block of k of the right operand, a block of columns of it, and the edge."""
    lanes, k_block = ALIGNMENT // itemsize, min(k, K_BLOCK)
    beside = 4 * (k_block + lanes) * lanes  # the edge, and what is written behind a transposed operand
    return min(PANELS_BYTES // itemsize, k_block * columns) + beside


def _with_left(rows: int, k: int, columns: int, itemsize: int) -> int:
    """A block of k of the whole right operand, and a block of the left one."""
    lanes, k_block = ALIGNMENT // itemsize, min(k, K_BLOCK)
    block = min(rows, max(LEFT_BYTES // (k_block * itemsize), LEFT_ROWS))
    return k_block * columns + 4 * (k_block + lanes) * lanes + _left(block, k, itemsize)


def _left(rows: int, k: int, itemsize: int) -> int:
    """Workspace for this many rows of the left operand, spread or in panels."""
    return (rows + 2 * LEFT_PANEL_ROWS) * (min(k, K_BLOCK) + ALIGNMENT // itemsize)


def _split(rows: int, k: int, columns: int, kept: bool) -> int:
    """Bytes for the terms of a block of the left operand and of the right one, and for a transposed block."""
    blocks = -(-min(k, K_BLOCK) // AMX_DEPTH)
    stride = blocks * AMX_TERMS * AMX_LANES * ALIGNMENT  # bytes of so many rows or columns as a block has
    left, right = -(-rows // AMX_LANES) * stride, -(-columns // AMX_LANES) * stride
    if not kept and left <= max(AMX_LEFT_BYTES // stride, 1) * stride:
        right = min(right, max(AMX_RIGHT_BYTES, 2 * stride))
    return (blocks * AMX_DEPTH + AMX_LANES) * ALIGNMENT + min(left, max(AMX_LEFT_BYTES, stride)) + right
