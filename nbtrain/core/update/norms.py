"""Sums of squares in float64, always in the same order, as vector code."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ...compiler.jit import address_of, jit
from ..calls import square_root

LANES = 32  # sums side by side, whatever the width of the machine's vectors
SMALLEST_SUM = 1e-280  # squares that vanish are too small to matter in a larger sum
DOUBLE: Any = ir.DoubleType()
INDEX: Any = ir.IntType(32)


@jit
def sum_of_squares(numbers):
    """Σ numbers²: LANES sums side by side and their sum as a tree, then the rest."""
    rows = numbers.size // LANES
    total = squares_of_rows(address_of(numbers), rows, numbers.dtype)
    for number in numbers[rows * LANES :]:
        total += np.float64(number) * np.float64(number)
    return total


@jit
def norm(numbers):
    """Euclidean norm, in float64; where squares of float64 would overflow or vanish, of scaled numbers."""
    total = sum_of_squares(numbers)
    if SMALLEST_SUM <= total < np.inf or total != total:  # NaN is that of a number
        return square_root(total)
    largest = 0.0
    for number in numbers:
        largest = max(largest, abs(np.float64(number)))
    if largest == 0.0 or not largest < np.inf:
        return largest
    total = 0.0
    for number in numbers:
        ratio = np.float64(number) / largest
        total += ratio * ratio
    return largest * square_root(total)


@intrinsic
def squares_of_rows(typing_context: Any, address: Any, rows: Any, dtype: Any) -> Any:
    """Sum of the squares of `rows` times LANES numbers at `address`.

    LLVM keeps the order of additions, so it would not vectorize a plain sum.
    """

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = ir.VectorType(context.get_data_type(dtype.dtype), LANES)
        wide = ir.VectorType(DOUBLE, LANES)
        first = builder.inttoptr(values[0], kind.as_pointer())
        sums = cgutils.alloca_once_value(builder, ir.Constant(wide, [0.0] * LANES))
        with cgutils.for_range(builder, values[1]) as loop:
            row = builder.load(builder.gep(first, [loop.index]))
            row.align = dtype.dtype.bitwidth // 8
            if row.type != wide:
                row = builder.fpext(row, wide)
            builder.store(builder.fadd(builder.load(sums), builder.fmul(row, row)), sums)
        return _tree(builder, builder.load(sums))

    return types.float64(types.intp, types.intp, dtype), codegen


def _tree(builder: Any, vector: Any) -> Any:
    """Sum of a vector: its halves are added until one number is left."""
    width = vector.type.count
    while width > 1:
        width //= 2
        halves = [
            builder.shuffle_vector(vector, vector, ir.Constant(ir.VectorType(INDEX, width), list(range(first, end))))
            for first, end in ((0, width), (width, 2 * width))
        ]
        vector = builder.fadd(*halves)
    return builder.extract_element(vector, ir.Constant(INDEX, 0))
