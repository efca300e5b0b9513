"""Initial weights: the numbers of NumPy's `default_rng(seed).uniform`, bit for bit, drawn in compiled code.

NumPy's random generator PCG64 is PCG XSL RR 128/64: M. E. O'Neill, PCG: A family of simple fast space-efficient
statistically good algorithms for random number generation, Harvey Mudd College, HMC-CS-2014-0905. It is seeded through
NumPy's SeedSequence, M. E. O'Neill's seed_seq_fe. Both are streams that NumPy has promised not to change (NEP 19);
`Generator.uniform` is not, so `model.draws` compares before it relies on this module.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ..compiler.jit import jit, jit_inline, vector_at
from .net import FLOAT64

FLOAT32, UINT32, UINT64 = np.dtype(np.float32), np.dtype(np.uint32), np.dtype(np.uint64)

# SeedSequence: 32-bit words are hashed into a pool of four, and generated from it.
POOL = 4
INIT_A, MULTIPLIER_A = np.uint32(0x43B0D7E5), np.uint32(0x931E8875)
INIT_B, MULTIPLIER_B = np.uint32(0x8B51F9DD), np.uint32(0x58F38DED)
MIX_LEFT, MIX_RIGHT = np.uint32(0xCA01F9DD), np.uint32(0x4973F715)
HALF = np.uint32(16)

# PCG64: state = state * MULTIPLIER + increment, modulo 2**128. SQUARE and NEXT make two of these steps one:
# state * SQUARE + increment * NEXT.
_MULTIPLIER = 0x2360ED051FC65DA44385DF649FCCF645
_SQUARE, _NEXT = _MULTIPLIER * _MULTIPLIER % 2**128, _MULTIPLIER + 1
ONE, U11, U58, U63, U64 = (np.uint64(number) for number in (1, 11, 58, 63, 64))
ULP = 1.0 / 2**53


def _halves(number: int) -> tuple[np.uint64, np.uint64]:
    return np.uint64(number >> 64), np.uint64(number % 2**64)


MULTIPLIER_HIGH, MULTIPLIER_LOW = _halves(_MULTIPLIER)
SQUARE_HIGH, SQUARE_LOW = _halves(_SQUARE)
NEXT_HIGH, NEXT_LOW = _halves(_NEXT)


# ---- SeedSequence


@jit
def hash_seeds(entropy, length, first, last, out, words):
    """SeedSequence(entropy[k]).generate_state(words) for k from `first` to `last` - 1.

    `entropy` is (members, length) uint32, `out` (members, words) uint32.
    """
    for k in range(first, last):
        given = vector_at(entropy + k * length * 4, length, UINT32)
        generated = vector_at(out + k * words * 4, words, UINT32)
        p0, p1, p2, p3 = mixed_pool(given)
        constant = INIT_B
        for i in range(words):
            place = i % POOL
            word = (p0 if place == 0 else p1) if place < 2 else (p2 if place == 2 else p3)
            generated[i], constant = hashed(word, constant, MULTIPLIER_B)


@jit_inline
def hashed(word, constant, multiplier):
    """Hash a word -> hashed word, the next constant."""
    constant_2 = np.uint32(constant * multiplier)
    word = np.uint32(np.uint32(word ^ constant) * constant_2)
    return np.uint32(word ^ (word >> HALF)), constant_2


@jit_inline
def mixed(a, b):
    """One word made of two."""
    word = np.uint32(np.uint32(MIX_LEFT * a) - np.uint32(MIX_RIGHT * b))
    return np.uint32(word ^ (word >> HALF))


@jit_inline
def mix_in(word, other, constant):
    """A word of the pool, mixed with the hash of another word -> the word, the next constant."""
    word_2, constant = hashed(other, constant, MULTIPLIER_A)
    return mixed(word, word_2), constant


@jit
def mixed_pool(given):
    """The pool of a SeedSequence from its words of entropy."""
    p0, c = hashed(given[0] if given.size > 0 else np.uint32(0), INIT_A, MULTIPLIER_A)
    p1, c = hashed(given[1] if given.size > 1 else np.uint32(0), c, MULTIPLIER_A)
    p2, c = hashed(given[2] if given.size > 2 else np.uint32(0), c, MULTIPLIER_A)
    p3, c = hashed(given[3] if given.size > 3 else np.uint32(0), c, MULTIPLIER_A)
    p1, c = mix_in(p1, p0, c)
    p2, c = mix_in(p2, p0, c)
    p3, c = mix_in(p3, p0, c)
    p0, c = mix_in(p0, p1, c)
    p2, c = mix_in(p2, p1, c)
    p3, c = mix_in(p3, p1, c)
    p0, c = mix_in(p0, p2, c)
    p1, c = mix_in(p1, p2, c)
    p3, c = mix_in(p3, p2, c)
    p0, c = mix_in(p0, p3, c)
    p1, c = mix_in(p1, p3, c)
    p2, c = mix_in(p2, p3, c)
    for i in range(POOL, given.size):
        p0, c = mix_in(p0, given[i], c)
        p1, c = mix_in(p1, given[i], c)
        p2, c = mix_in(p2, given[i], c)
        p3, c = mix_in(p3, given[i], c)
    return p0, p1, p2, p3


# ---- PCG64


@intrinsic
def high_product(typing_context: Any, a: Any, b: Any) -> Any:
    """The upper 64 bits of a product of two uint64: one instruction."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        wide = ir.IntType(128)
        product = builder.mul(builder.zext(values[0], wide), builder.zext(values[1], wide))
        return builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), codegen


@jit_inline
def multiply_add(high, low, factor_high, factor_low, add_high, add_low):
    """number * factor + addend of 128 bits each, in two halves."""
    product_high = high_product(low, factor_low) + high * factor_low + low * factor_high
    product_low = low * factor_low
    total = product_low + add_low
    return product_high + add_high + np.uint64(total < product_low), total


@jit_inline
def output(high, low):
    """The 64 random bits of a state."""
    turn, mixed_bits = high >> U58, high ^ low
    return (mixed_bits >> turn) | (mixed_bits << ((U64 - turn) & U63))


@partial(jit, fastmath=False)  # NumPy rounds the product, and then the sum
def uniform(high, low, start, width):
    """From `start` to start + width, as `Generator.uniform` computes it from 64 random bits."""
    return start + width * (np.float64(np.int64(output(high, low) >> U11)) * ULP)


@jit
def begin(words):
    """The generator that has been seeded with four uint64 words -> its state before the first output, increment."""
    increment_high = (words[2] << ONE) | (words[3] >> U63)
    increment_low = (words[3] << ONE) | ONE
    low = increment_low + words[1]
    high = increment_high + words[0] + np.uint64(low < increment_low)
    high, low = multiply_add(high, low, MULTIPLIER_HIGH, MULTIPLIER_LOW, increment_high, increment_low)
    return high, low, increment_high, increment_low


@jit
def fill(target, limit, generator):
    """Fill an array with numbers from -limit to limit -> the generator after them."""
    high, low, high_2, low_2, add_high, add_low = generator
    start, width = -limit, limit - (-limit)
    for i in range(0, target.size - 1, 2):  # two states, two steps at a time: neither waits for the other
        target[i] = uniform(high, low, start, width)
        target[i + 1] = uniform(high_2, low_2, start, width)
        high, low = multiply_add(high, low, SQUARE_HIGH, SQUARE_LOW, add_high, add_low)
        high_2, low_2 = multiply_add(high_2, low_2, SQUARE_HIGH, SQUARE_LOW, add_high, add_low)
    if target.size % 2 == 1:
        target[target.size - 1] = uniform(high, low, start, width)
        high_3, low_3 = multiply_add(high, low, SQUARE_HIGH, SQUARE_LOW, add_high, add_low)
        high, low, high_2, low_2 = high_2, low_2, high_3, low_3
    return high, low, high_2, low_2, add_high, add_low


@jit
def draw_uniform(states, first, last, theta, stride, bounds, layers, itemsize):
    """Weights of members `first` to `last` - 1, each as `default_rng` draws them, layer after layer.

    `states` is (members, 4) uint64, what the member's SeedSequence generates for PCG64. `theta` is the address of the
    first member's parameters, `stride` bytes before the next one's, of `itemsize` bytes each. `bounds` is (layers, 2)
    float64: how many weights a layer has, and their bound; those of bound 0 are 0 and draw nothing.
    """
    bound = vector_at(bounds, 2 * layers, FLOAT64)
    for k in range(first, last):
        high, low, increment_high, increment_low = begin(vector_at(states + k * 32, 4, UINT64))
        high, low = multiply_add(high, low, MULTIPLIER_HIGH, MULTIPLIER_LOW, increment_high, increment_low)
        high_2, low_2 = multiply_add(high, low, MULTIPLIER_HIGH, MULTIPLIER_LOW, increment_high, increment_low)
        add_high, add_low = multiply_add(increment_high, increment_low, NEXT_HIGH, NEXT_LOW, np.uint64(0), np.uint64(0))
        generator = high, low, high_2, low_2, add_high, add_low
        place = theta + k * stride
        for layer in range(layers):
            count, limit = np.int64(bound[2 * layer]), bound[2 * layer + 1]
            if itemsize == 4:
                target_32 = vector_at(place, count, FLOAT32)
                if limit == 0.0:
                    target_32[:] = 0
                else:
                    generator = fill(target_32, limit, generator)
            else:
                target_64 = vector_at(place, count, FLOAT64)
                if limit == 0.0:
                    target_64[:] = 0
                else:
                    generator = fill(target_64, limit, generator)
            place += count * itemsize
