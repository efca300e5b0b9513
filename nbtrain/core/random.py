"""The random stream: Philox4x32-10, a function of seed, domain and counter without any state.

J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw: Parallel random numbers: as easy as 1, 2, 3. SC 2011.
What is drawn for a unit depends on the seed, the iteration, the layer and the element alone, so the bits are the same
however the work is shared.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..compiler.jit import jit, jit_inline, vector_at
from .layout import MASK_BLOCK, PLACES

DROPOUT, ORDER = np.uint32(1), np.uint32(2)  # domains: streams that never overlap
MULTIPLIER_0, MULTIPLIER_1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
WEYL_0, WEYL_1 = np.uint32(0x9E3779B9), np.uint32(0xBB67AE85)
SHIFT = np.uint64(32)
LANES = MASK_BLOCK // 4
BYTE = np.dtype(np.uint8)


class Stream(NamedTuple):
    """Key and the upper half of the counter of one stream."""

    key_0: np.uint32
    key_1: np.uint32
    high_0: np.uint32
    high_1: np.uint32


@jit_inline
def _round(c0, c1, c2, c3, k0, k1, number):
    k0, k1 = np.uint32(k0 + number * WEYL_0), np.uint32(k1 + number * WEYL_1)
    product_0 = MULTIPLIER_0 * np.uint64(c0)
    product_1 = MULTIPLIER_1 * np.uint64(c2)
    return (
        np.uint32(np.uint32(product_1 >> SHIFT) ^ c1 ^ k0),
        np.uint32(product_1),
        np.uint32(np.uint32(product_0 >> SHIFT) ^ c3 ^ k1),
        np.uint32(product_0),
    )


@jit_inline
def philox(c0, c1, c2, c3, k0, k1):
    """Four 32-bit words of counter and two of key -> four random 32-bit words."""
    # written out: a loop here would keep the loop over counters around it from being vectorized
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1, np.uint32(0))
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1, np.uint32(1))
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1, np.uint32(2))
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1, np.uint32(3))
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1, np.uint32(4))
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1, np.uint32(5))
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1, np.uint32(6))
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1, np.uint32(7))
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1, np.uint32(8))
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1, np.uint32(9))
    return c0, c1, c2, c3


@jit
def _low(number):
    return np.uint32(np.uint64(number) & np.uint64(0xFFFFFFFF))


@jit
def _high(number):
    return np.uint32(np.uint64(number) >> SHIFT)


@jit
def stream(d, domain, number, index):
    """The stream of `number` (an iteration or epoch) and `index` (of a layer) in a domain, under the model's seed."""
    r0, r1, r2, r3 = philox(_low(number), _high(number), _low(index), domain, _low(d.seed_0), _low(d.seed_1))
    r0, r1, r2, r3 = philox(r0, r1, r2, r3, _low(d.seed_2), _low(d.seed_3))
    return Stream(r0, r1, r2, r3)


@jit
def redrawn(s, draw):
    """Stream number `draw` beside a stream; 0 is the stream itself."""
    if draw == 0:
        return s
    r0, r1, r2, r3 = philox(s.key_0, s.key_1, s.high_0, s.high_1, _low(draw), _high(draw))
    return Stream(r0, r1, r2, r3)


@jit_inline
def words(s, counter):
    """Four random 32-bit words."""
    return philox(_low(counter), _high(counter), s.high_0, s.high_1, s.key_0, s.key_1)


@jit
def fill_mask(s, threshold, first_block, blocks, mask_address):
    """Bytes of dropout, 1 where a unit is kept, for whole blocks of 64 elements: element = block * 64 + j."""
    limit = np.uint32(threshold)
    for block in range(blocks):
        mask = vector_at(mask_address + block * MASK_BLOCK, MASK_BLOCK, BYTE)
        base = np.int64((first_block + block) * LANES)
        for lane in range(LANES):
            w0, w1, w2, w3 = words(s, base + lane)
            mask[lane] = w0 >= limit
            mask[LANES + lane] = w1 >= limit
            mask[2 * LANES + lane] = w2 >= limit
            mask[3 * LANES + lane] = w3 >= limit


@jit
def shuffle(s, order, places):
    """Fill `order` with a uniformly drawn permutation of 0 … n-1 (Fisher and Yates, Durstenfeld's form).

    `places` is memory for PLACES int64: numbers are drawn for so many elements at once, in vector code.
    """
    for i in range(order.size):
        order[i] = i
    for start in range((order.size - 1) // PLACES * PLACES, -1, -PLACES):
        stop = min(start + PLACES, order.size)
        draw_places(s, start, stop, places)
        for i in range(stop - 1, start - 1, -1):
            j = places[i - start]
            order[i], order[j] = order[j], order[i]


@jit
def draw_places(s, start, stop, places):
    """places[i - start] = a number from 0 to i, for each i; `start` is a multiple of 4."""
    for block in range((stop - start + 3) // 4):
        i = start + 4 * block
        w0, w1, w2, w3 = words(s, i >> 2)
        places[4 * block] = place(w0, i)
        places[4 * block + 1] = place(w1, i + 1)
        places[4 * block + 2] = place(w2, i + 2)
        places[4 * block + 3] = place(w3, i + 3)


@jit_inline
def place(word, i):
    """The upper half of word * (i + 1): uniform up to 1 part in 2**32 / n."""
    return np.int64((np.uint64(word) * np.uint64(i + 1)) >> SHIFT)
