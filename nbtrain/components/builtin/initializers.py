"""zeros, and the uniform and normal initializers of Glorot, He and LeCun."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import Initializer
from ..hooks import hookimpl

Array = np.ndarray[Any, Any]
if TYPE_CHECKING:  # NumPy imports its random part when it is first asked for
    Random = np.random.Generator


def zeros(fan_in: int, fan_out: int, rng: Random) -> Array:
    """0."""
    return np.zeros((fan_in, fan_out))


def _uniform(variance: float, shape: tuple[int, int], rng: Random) -> Array:
    bound = math.sqrt(3.0 * variance)
    return rng.uniform(-bound, bound, shape)


def _normal(variance: float, shape: tuple[int, int], rng: Random) -> Array:
    return rng.normal(0.0, math.sqrt(variance), shape)


def glorot_uniform(fan_in: int, fan_out: int, rng: Random) -> Array:
    """Variance 2 / (fan_in + fan_out). X. Glorot, Y. Bengio, AISTATS 2010."""
    return _uniform(2.0 / (fan_in + fan_out), (fan_in, fan_out), rng)


def glorot_normal(fan_in: int, fan_out: int, rng: Random) -> Array:
    """Variance 2 / (fan_in + fan_out). X. Glorot, Y. Bengio, AISTATS 2010."""
    return _normal(2.0 / (fan_in + fan_out), (fan_in, fan_out), rng)


def he_uniform(fan_in: int, fan_out: int, rng: Random) -> Array:
    """Variance 2 / fan_in. K. He et al., ICCV 2015."""
    return _uniform(2.0 / fan_in, (fan_in, fan_out), rng)


def he_normal(fan_in: int, fan_out: int, rng: Random) -> Array:
    """Variance 2 / fan_in. K. He et al., ICCV 2015."""
    return _normal(2.0 / fan_in, (fan_in, fan_out), rng)


def lecun_uniform(fan_in: int, fan_out: int, rng: Random) -> Array:
    """Variance 1 / fan_in. Y. LeCun et al., Efficient BackProp, 1998."""
    return _uniform(1.0 / fan_in, (fan_in, fan_out), rng)


def lecun_normal(fan_in: int, fan_out: int, rng: Random) -> Array:
    """Variance 1 / fan_in. Y. LeCun et al., Efficient BackProp, 1998."""
    return _normal(1.0 / fan_in, (fan_in, fan_out), rng)


ALL = (zeros, glorot_uniform, glorot_normal, he_uniform, he_normal, lecun_uniform, lecun_normal)


@hookimpl
def nbtrain_initializers() -> Iterator[Initializer]:
    for function in ALL:
        yield Initializer(function.__name__, function)
