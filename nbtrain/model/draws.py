"""Initial weights of one network, or of many of the same shape."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import count
from typing import Any

import numpy as np

from ..components.builtin.initializers import bound_of
from ..components.network import Network
from . import layer_arrays
from .native import Native
from .quick import address
from .seeds import hashes_agree, pcg_states

Array = np.ndarray[Any, Any]
LOW_128 = (1 << 128) - 1
FEW = 16  # lone members of a process for which NumPy draws
MULTIPLIER = 0x2360ED051FC65DA44385DF649FCCF645  # of PCG64

_lone = count()


def draw(network: Network, native: Native, words: Array, theta: Array) -> None:
    """Draw the weights of members by the layers' initializers; their biases become 0.

    Each member has the weights that `numpy.random.default_rng(words of the member)` draws for it alone. Where all
    initializers are built-in uniform ones (or `zeros`), compiled code draws, with the same bits; but NumPy draws for
    the first lone members of a process, so that a program that trains a few networks need not wait for that code.

    Parameters
    ----------
    network : Network
    native : Native
    words : ndarray of shape (members, 4), uint32
        Seeds: the last four of `seed_words`.
    theta : ndarray of shape (members, parameters), float32 or float64
        Written; the parameters of each member are contiguous, the members may be any distance apart.
    """
    theta[:, network.weight_count :] = 0.0
    bounds = _bounds(network.sizes, tuple(layer.initializer.spec.function for layer in network.layers))
    many = len(words) > 1 or next(_lone) >= FEW
    if bounds is not None and many and draws_agree(native):
        _draw_uniform(native, pcg_states(native, words), theta, bounds)
        return
    for row, random in zip(theta, _generators(native, words), strict=True):
        for layer, (w, _) in zip(network.layers, layer_arrays(row, network.sizes), strict=True):
            w[...] = layer.initializer.spec.function(*w.shape, random, *layer.initializer.values)


@lru_cache(maxsize=256)
def _bounds(sizes: tuple[int, ...], functions: tuple[Any, ...]) -> Array | None:
    """(layers, 2): number of weights, and the bound of their uniform numbers; None if others must be drawn."""
    found = []
    for function, fan_in, fan_out in zip(functions, sizes[:-1], sizes[1:], strict=True):
        bound = bound_of(function, fan_in, fan_out)
        if bound is None:
            return None
        found.append((fan_in * fan_out, bound))
    return np.array(found, np.float64)


def _draw_uniform(native: Native, states: Array, theta: Array, bounds: Array) -> None:
    native.draw_uniform(
        *(address(states), 0, len(states), address(theta), theta.strides[0]),
        *(address(bounds), len(bounds), theta.itemsize),
    )


@cache
def draws_agree(native: Native) -> bool:
    """Whether the compiled draws have the bits of this NumPy, which does not promise them; looked at once a process.

    They are compared in float64 whatever the model's dtype: float32 would hide nearly all differences.
    """
    words = np.arange(1, 13, dtype=np.uint32).reshape(3, 4) * np.uint32(0x9E3779B9)
    bounds = np.array([(61, 0.7390851332151607), (4, 0.0), (64, 1.618033988749895)])
    ours, theirs = np.ones((3, 129)), []
    _draw_uniform(native, pcg_states(native, words), ours, bounds)
    for row in words.tolist():
        random = np.random.default_rng(row)
        theirs.append([random.uniform(-bound, bound, int(size)) for size, bound in bounds if bound > 0])
    return np.array_equal(np.delete(ours, range(61, 65), axis=1), [np.concatenate(row) for row in theirs])


def _generators(native: Native, words: Array) -> Iterator[Any]:
    """The generator of each member, in turn; where NumPy allows, one generator that is seeded anew each time."""
    bits = np.random.PCG64(0) if len(words) > 1 else None
    if bits is None or not hashes_agree(native) or not isinstance(np.random.default_rng(0).bit_generator, type(bits)):
        yield from (np.random.default_rng(row) for row in words.tolist())
        return
    random, state = np.random.Generator(bits), bits.state  # state: nothing of a 64-bit number is left over
    for high, low, increment_high, increment_low in pcg_states(native, words).tolist():
        increment = ((increment_high << 64 | increment_low) << 1 | 1) & LOW_128
        start = (increment + (high << 64 | low)) & LOW_128
        state["state"] = {"state": (start * MULTIPLIER + increment) & LOW_128, "inc": increment}
        bits.state = state
        yield random
