"""How the matrix products are cut, and the workspace that this takes. Needs no Numba."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

DOT_COLUMNS = 3  # results of so few columns are dot products of rows
DOT_ROWS = 3  # and so are input slopes of so few rows
PACK_ROWS = 16  # rows of a result that repay packing the right operand
PACK_BYTES = 1 << 14  # a right operand up to this size is used where it lies
PACK_BLOCK = 16  # rows that are packed side by side, so that whole pages are read
K_BLOCK = 1024  # a panel's part that tiles of several rows use one after the other
IN_PLACE_K_BLOCK = 32  # the same for a large right operand that lies where it lies
LEFT_BYTES = 3 << 16  # the left operand's part that one panel after the other is multiplied with
LEFT_ROWS = 48  # at least
LEFT_PADDING = 64  # bytes between the columns of a copied left operand
COPY_COLUMNS = 128  # columns of a result that repay copying a transposed left operand
COPY_STRIDE = 1024  # bytes from one of its columns to the next that make it worth while
ALIGNMENT = 64  # bytes; no vector is longer


def workspace(batch: int, units: Sequence[int], dtype: Any) -> int:
    """Elements of `panels` for layers of the widths `units`, the inputs' first, and at most `batch` rows."""
    itemsize = np.dtype(dtype).itemsize
    lanes = ALIGNMENT // itemsize
    k_block = min(batch, K_BLOCK)
    left = k_block * LEFT_PADDING + max(LEFT_BYTES, k_block * LEFT_ROWS * itemsize)
    needed = 0
    for inputs, outputs in zip(units, units[1:], strict=False):
        forward = _panels(inputs, outputs, lanes)
        input_slope = _panels(outputs + lanes, inputs, lanes)  # transposed in squares
        weight_slope = _panels(batch, outputs, lanes) + lanes
        if outputs >= COPY_COLUMNS and inputs * itemsize >= COPY_STRIDE:
            weight_slope += left // itemsize
        needed = max(needed, forward, input_slope, weight_slope)
    return needed


def _panels(k: int, columns: int, lanes: int) -> int:
    """A right operand with its last panel rounded up to whole vectors, and what a transposed one may be longer."""
    return k * -(-columns // lanes) * lanes + lanes
