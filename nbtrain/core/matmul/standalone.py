"""The matrix products as C functions of their own, for tests and benchmarks: the core itself calls `matmul` directly.

Each takes addresses and sizes and works on a range of the result's rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from ...compiler.jit import jit, matrix_at, vector_at
from . import products as matmul
from .sizes import BLOCK_ROWS

ARGUMENTS = 12


def functions(dtype: np.dtype[Any]) -> dict[str, tuple[Any, tuple[Any, ...]]]:
    """C functions (x, w, b or delta, out, m, inputs, units, first, last, accumulate, panels, repeats) by name.

    ========== =================================== ========================
    name       operands                            result
    ========== =================================== ========================
    affine     x (m, inputs), w, b (units,)        z (m, units)
    input      delta (m, units), w, unused         dx (m, inputs)
    weight     x (m, inputs), unused, delta        dw (inputs, units)
    blocks     x (m, inputs), unused, delta        dw, block by block if it is large; then 1 is returned, not 0
    bias       delta (m, units), unused, unused    db (units,)
    ========== =================================== ========================
    """

    @jit
    def affine(x, w, b, out, m, inputs, units, first, last, accumulate, panels, repeats):
        x, w, b = matrix_at(x, m, inputs, dtype), matrix_at(w, inputs, units, dtype), vector_at(b, units, dtype)
        for _ in range(repeats):
            matmul.affine(x, w, b, matrix_at(out, m, units, dtype), (first, last), vector_at(panels, 0, dtype))
        return 0

    @jit
    def input_slope(delta, w, _, out, m, inputs, units, first, last, accumulate, panels, repeats):
        delta, w = matrix_at(delta, m, units, dtype), matrix_at(w, inputs, units, dtype)
        for _ in range(repeats):
            matmul.input_slope(delta, w, matrix_at(out, m, inputs, dtype), (first, last), vector_at(panels, 0, dtype))
        return 0

    @jit
    def weight_slope(x, _, delta, out, m, inputs, units, first, last, accumulate, panels, repeats):
        x, delta, dw = (
            matrix_at(x, m, inputs, dtype),
            matrix_at(delta, m, units, dtype),
            matrix_at(out, inputs, units, dtype),
        )
        for _ in range(repeats):
            matmul.weight_slope(x, delta, dw, (first, last), accumulate != 0, vector_at(panels, 0, dtype))
        return 0

    @jit
    def slope_blocks(x, _, delta, out, m, inputs, units, first, last, accumulate, panels, repeats):
        x, delta = matrix_at(x, m, inputs, dtype), matrix_at(delta, m, units, dtype)
        dw = matrix_at(out, inputs, units, dtype)
        if not matmul.in_blocks(m, inputs, units, dtype):
            matmul.weight_slope(x, delta, dw, (first, last), False, vector_at(panels, 0, dtype))
            return 0
        for _ in range(repeats):
            for begin in range(first, last, BLOCK_ROWS):
                block = begin, min(begin + BLOCK_ROWS, last)
                matmul.slope_block(x, delta, dw, block, begin > first, vector_at(panels, 0, dtype))
        return 1

    @jit
    def bias_slope(delta, _, unused, out, m, inputs, units, first, last, accumulate, panels, repeats):
        for _ in range(repeats):
            matmul.bias_slope(
                matrix_at(delta, m, units, dtype), vector_at(out, units, dtype), (first, last), accumulate != 0
            )
        return 0

    found = {"affine": affine, "input": input_slope, "weight": weight_slope, "blocks": slope_blocks, "bias": bias_slope}
    return {name: (function, (types.int64,) * ARGUMENTS) for name, function in found.items()}
