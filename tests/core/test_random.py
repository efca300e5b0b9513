"""The compiled random stream: published answers, uniformity, and no dependence on how the work is cut."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numba import njit
from philox import order_in_python

from nbtrain.compiler.jit import address_of
from nbtrain.core import random
from nbtrain.core.layout import DESCRIPTOR, MASK_BLOCK, PLACES

# Known answers of Philox4x32-10 that accompany the paper's reference implementation (Random123, kat_vectors).
KNOWN = [
    ((0,) * 4, (0,) * 2, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((2**32 - 1,) * 4, (2**32 - 1,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@njit
def philox(c, k):
    return random.philox(c[0], c[1], c[2], c[3], k[0], k[1])


@njit
def masks(descriptor, iteration, layer, threshold, first_block, blocks, out):
    stream = random.stream(descriptor[0], random.DROPOUT, iteration, layer)
    random.fill_mask(stream, threshold, first_block, blocks, address_of(out))


@njit
def shuffled(descriptor, epoch, order):
    places = np.empty(PLACES, np.int64)
    random.shuffle(random.stream(descriptor[0], random.ORDER, epoch, 0), order, places)


def seeded(*words: int) -> np.ndarray:
    descriptor = np.zeros(1, DESCRIPTOR)
    for i, word in enumerate(words):
        descriptor[f"seed_{i}"] = word
    return descriptor


def mask(descriptor, iteration, layer, rate, first_block, blocks):
    out = np.full(blocks * MASK_BLOCK, 9, np.uint8)
    masks(descriptor, iteration, layer, round(rate * 2**32), first_block, blocks, out)
    return out


@pytest.mark.parametrize(("counter", "key", "wanted"), KNOWN)
def test_philox_gives_the_published_answers(counter, key, wanted):
    found = philox(np.array(counter, np.uint32), np.array(key, np.uint32))
    assert tuple(int(word) for word in found) == wanted


def test_mask_does_not_depend_on_how_it_is_cut():
    d = seeded(1, 2, 3, 4)
    whole = mask(d, 7, 1, 0.3, 0, 12)
    parts = [mask(d, 7, 1, 0.3, first, 3) for first in (0, 3, 6, 9)]
    np.testing.assert_array_equal(whole, np.concatenate(parts))


def test_mask_keeps_the_wanted_share_and_differs_by_iteration_layer_and_seed():
    d, blocks = seeded(1, 2, 3, 4), 4096
    n = blocks * MASK_BLOCK
    base = mask(d, 1, 0, 0.3, 0, blocks)
    assert set(np.unique(base)) == {0, 1}
    assert abs(base.mean() - 0.7) < 5 * np.sqrt(0.21 / n)
    others = [mask(d, 2, 0, 0.3, 0, blocks), mask(d, 1, 1, 0.3, 0, blocks)]
    others += [mask(seeded(*words), 1, 0, 0.3, 0, blocks) for words in itertools.permutations((1, 2, 3, 5), 4)][:3]
    for other in others:  # independent draws agree by chance alone: 0.7² + 0.3²
        assert abs((base == other).mean() - 0.58) < 5 * np.sqrt(0.58 * 0.42 / n)
    for lag in (1, 16, 64):
        assert abs(np.corrcoef(base[:-lag], base[lag:])[0, 1]) < 5 / np.sqrt(n)


def test_every_order_of_four_is_equally_likely():
    counts = dict.fromkeys(itertools.permutations(range(4)), 0)
    d, order, draws = seeded(5, 6, 7, 8), np.zeros(4, np.int64), 24_000
    for epoch in range(draws):
        shuffled(d, epoch, order)
        counts[tuple(order.tolist())] += 1
    expected = draws / 24
    chi_square = sum((count - expected) ** 2 / expected for count in counts.values())
    assert chi_square < 59  # 23 degrees of freedom: exceeded with probability 5e-5


@pytest.mark.parametrize("n", [0, 1, 5, 511, 512, 513, 1300])
def test_an_order_is_fisher_and_yates_by_the_stream(n):
    order = np.full(n, -1, np.int64)
    shuffled(seeded(5, 6, 7, 8), 3, order)
    assert order.tolist() == order_in_python((5, 6, 7, 8), 3, n)


@pytest.mark.parametrize("n", [1, 2, 3, 64, 1000])
def test_an_order_is_a_permutation_that_moves_samples(n):
    order = np.full(n, -1, np.int64)
    shuffled(seeded(1, 1, 1, 1), 3, order)
    np.testing.assert_array_equal(np.sort(order), np.arange(n))
    assert n < 64 or (order == np.arange(n)).mean() < 0.1
