"""zeros, and the uniform and normal initializers of Glorot, He and LeCun."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import Initializer
from ..hooks import hookimpl

Array = np.ndarray[Any, Any]
if TYPE_CHECKING:  # NumPy imports its random part when it is first asked for
    Random = np.random.Generator


Variance = Callable[[int, int], float]


def _glorot(fan_in: int, fan_out: int) -> float:
    return 2.0 / (fan_in + fan_out)


def _he(fan_in: int, fan_out: int) -> float:
    return 2.0 / fan_in


def _lecun(fan_in: int, fan_out: int) -> float:
    return 1.0 / fan_in


def _uniform(variance: Variance, fan_in: int, fan_out: int, rng: Random) -> Array:
    bound = math.sqrt(3.0 * variance(fan_in, fan_out))
    return rng.uniform(-bound, bound, (fan_in, fan_out))


def _normal(variance: Variance, fan_in: int, fan_out: int, rng: Random) -> Array:
    return rng.normal(0.0, math.sqrt(variance(fan_in, fan_out)), (fan_in, fan_out))


def zeros(fan_in: int, fan_out: int, rng: Random) -> Array:
    """0."""
    return np.zeros((fan_in, fan_out))


def glorot_uniform(fan_in: int, fan_out: int, rng: Random) -> Array:
    """Variance 2 / (fan_in + fan_out). X. Glorot, Y. Bengio, AISTATS 2010."""
    return _uniform(_glorot, fan_in, fan_out, rng)


def glorot_normal(fan_in: int, fan_out: int, rng: Random) -> Array:
    """Variance 2 / (fan_in + fan_out). X. Glorot, Y. Bengio, AISTATS 2010."""
    return _normal(_glorot, fan_in, fan_out, rng)


def he_uniform(fan_in: int, fan_out: int, rng: Random) -> Array:
    """Variance 2 / fan_in. K. He et al., ICCV 2015."""
    return _uniform(_he, fan_in, fan_out, rng)


def he_normal(fan_in: int, fan_out: int, rng: Random) -> Array:
    """Variance 2 / fan_in. K. He et al., ICCV 2015."""
    return _normal(_he, fan_in, fan_out, rng)


def lecun_uniform(fan_in: int, fan_out: int, rng: Random) -> Array:
    """Variance 1 / fan_in. Y. LeCun et al., Efficient BackProp, 1998."""
    return _uniform(_lecun, fan_in, fan_out, rng)


def lecun_normal(fan_in: int, fan_out: int, rng: Random) -> Array:
    """Variance 1 / fan_in. Y. LeCun et al., Efficient BackProp, 1998."""
    return _normal(_lecun, fan_in, fan_out, rng)


ALL = (zeros, glorot_uniform, glorot_normal, he_uniform, he_normal, lecun_uniform, lecun_normal)

UNIFORM: dict[Any, Variance] = {glorot_uniform: _glorot, he_uniform: _he, lecun_uniform: _lecun}


def bound_of(function: Any, fan_in: int, fan_out: int) -> float | None:
    """The bound of a built-in initializer's uniform numbers, 0 for `zeros`; None for any other function."""
    if function is zeros:
        return 0.0
    variance = UNIFORM.get(function)
    return None if variance is None else math.sqrt(3.0 * variance(fan_in, fan_out))


@hookimpl
def nbtrain_initializers() -> Iterator[Initializer]:
    for function in ALL:
        yield Initializer(function.__name__, function)
