"""sigmoid, tanh, relu, leaky_relu, identity. All let NaN through."""

from __future__ import annotations

import math
from collections.abc import Iterator

from .. import Activation, Parameter
from ..hooks import hookimpl


def sigmoid(z: float) -> float:
    """1 / (1 + e^-z); e^-|z| does not overflow."""
    e = math.exp(-abs(z))
    return (1.0 if z >= 0.0 else e) / (1.0 + e)


def sigmoid_slope(a: float) -> float:
    """a (1 - a)."""
    return a * (1.0 - a)


def tanh(z: float) -> float:
    """(e^z - e^-z) / (e^z + e^-z)."""
    return math.tanh(z)


def tanh_slope(a: float) -> float:
    """1 - a²."""
    return 1.0 - a * a


def relu(z: float) -> float:
    """0 where z < 0, else z."""
    return 0.0 if z < 0.0 else z


def relu_slope(z: float) -> float:
    """0 where z < 0, 1 where z >= 0; NaN stays NaN."""
    return 0.0 if z < 0.0 else (1.0 if z >= 0.0 else z)


def leaky_relu(z: float, slope: float) -> float:
    """max(slope z, z)."""
    return slope * z if z < 0.0 else z


def leaky_relu_slope(z: float, slope: float) -> float:
    """`slope` where z < 0, 1 where z >= 0; NaN stays NaN."""
    return slope if z < 0.0 else (1.0 if z >= 0.0 else z)


def identity(z: float) -> float:
    """z."""
    return z


def identity_slope(z: float) -> float:
    """1."""
    return 1.0


@hookimpl
def nbtrain_activations() -> Iterator[Activation]:
    yield Activation("sigmoid", sigmoid, sigmoid_slope)
    yield Activation("tanh", tanh, tanh_slope)
    yield Activation("relu", relu, relu_slope)
    yield Activation(
        "leaky_relu",
        leaky_relu,
        leaky_relu_slope,
        {"slope": Parameter(0.01, minimum=0.0, maximum=1.0)},
    )
    yield Activation("identity", identity, identity_slope)
