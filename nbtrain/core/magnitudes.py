"""How large numbers are, at most, as vector code: a maximum of integers, since LLVM heeds NaN in one of floats."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..compiler.jit import address_of, jit, vector_at
from .layout import CACHE_LINE
from .matmul.tiles import itemsize_of
from .net import INT64

INT32 = np.dtype(np.int32)


@jit
def largest_bits(numbers):
    """Bits of the largest magnitude; those of NaN and infinity are larger than all others."""
    size, lanes = itemsize_of(numbers.dtype), CACHE_LINE // itemsize_of(numbers.dtype)
    lines = numbers.size // lanes
    largest = bits_of_lines(address_of(numbers), lines, numbers.dtype)
    rest, count = address_of(numbers) + lines * CACHE_LINE, numbers.size - lines * lanes
    for i in range(count):
        if size == 4:
            largest = max(largest, vector_at(rest, count, INT32)[i] & np.int64(0x7FFFFFFF))
        else:
            largest = max(largest, vector_at(rest, count, INT64)[i] & np.int64(0x7FFFFFFFFFFFFFFF))
    return largest


@intrinsic
def bits_of_lines(typing_context: Any, address: Any, lines: Any, dtype: Any) -> Any:
    """The same for so many cache lines of numbers of any alignment."""
    width = dtype.dtype.bitwidth
    lanes, word = CACHE_LINE * 8 // width, ir.IntType(width)
    vector = ir.VectorType(word, lanes)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        first = builder.inttoptr(values[0], vector.as_pointer())
        mask = ir.Constant(vector, [2 ** (width - 1) - 1] * lanes)
        largest = cgutils.alloca_once_value(builder, ir.Constant(vector, [0] * lanes))
        with cgutils.for_range(builder, values[1]) as loop:
            line = builder.load(builder.gep(first, [loop.index]))
            line.align = width // 8
            found, before = builder.and_(line, mask), builder.load(largest)
            builder.store(builder.select(builder.icmp_signed(">", found, before), found, before), largest)
        name = f"llvm.vector.reduce.smax.v{lanes}i{width}"
        reduce = cgutils.get_or_insert_function(builder.module, ir.FunctionType(word, [vector]), name)
        result = builder.call(reduce, [builder.load(largest)])
        return result if width == 64 else builder.zext(result, ir.IntType(64))

    return types.int64(types.intp, types.intp, dtype), codegen


@jit
def exponent(numbers):
    """The least e with |x| < 2**(e + 1) for all numbers x; very small where all are 0."""
    bits = largest_bits(numbers)
    return (bits >> 23) - 127 if itemsize_of(numbers.dtype) == 4 else (bits >> 52) - 1023


@jit
def largest_exponent(dtype):
    """The exponent of the largest finite numbers; that of NaN and infinity is larger by 1."""
    return 127 if itemsize_of(dtype) == 4 else 1023


@jit
def all_finite(numbers):
    """Whether there is no NaN and no infinity."""
    return exponent(numbers) <= largest_exponent(numbers.dtype)
