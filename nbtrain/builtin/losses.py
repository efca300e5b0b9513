"""mse, binary_cross_entropy, softmax_cross_entropy: computed from z, without overflow, where they own the output."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ..components import Loss
from ..hookspecs import hookimpl


def mse(p: float, y: float) -> float:
    """½ (ŷ - y)², summed over the outputs."""
    return 0.5 * (p - y) * (p - y)


def mse_slope(p: float, y: float) -> float:
    """ŷ - y."""
    return p - y


def logistic(z: float) -> float:
    """1 / (1 + e^-z)."""
    e = math.exp(-abs(z))
    return (1.0 if z >= 0.0 else e) / (1.0 + e)


def binary_cross_entropy(z: float, y: float) -> float:
    """-y log ŷ - (1-y) log(1-ŷ) with ŷ = 1 / (1 + e^-z), that is max(z, 0) - z y + log(1 + e^-|z|)."""
    positive = 0.0 if z < 0.0 else z
    return positive - z * y + math.log1p(math.exp(-abs(z)))


def binary_cross_entropy_slope(z: float, y: float) -> float:
    """ŷ - y."""
    e = math.exp(-abs(z))
    return (1.0 if z >= 0.0 else e) / (1.0 + e) - y


def softmax_cross_entropy(z: Any, y: int, slope: Any) -> float:
    """-log softmax(z)_y; slope softmax(z) - onehot(y)."""
    peak = z[0]
    for k in range(1, z.size):
        peak = z[k] if z[k] > peak else peak
    total = 0.0
    for k in range(z.size):
        slope[k] = math.exp(z[k] - peak)
    for k in range(z.size):
        total += slope[k]
    for k in range(z.size):
        slope[k] = slope[k] / total
    slope[y] -= 1.0
    loss: float = math.log(total) + peak - z[y]
    return loss


def softmax(z: Any, out: Any) -> None:
    """e^z_k / Σ e^z."""
    peak = z[0]
    for k in range(1, z.size):
        peak = z[k] if z[k] > peak else peak
    total = 0.0
    for k in range(z.size):
        out[k] = math.exp(z[k] - peak)
    for k in range(z.size):
        total += out[k]
    for k in range(z.size):
        out[k] = out[k] / total


@hookimpl
def nbtrain_losses() -> Iterator[Loss]:
    yield Loss("mse", mse, mse_slope)
    yield Loss(
        "binary_cross_entropy",
        binary_cross_entropy,
        binary_cross_entropy_slope,
        output=logistic,
        minimum=0.0,
        maximum=1.0,
    )
    yield Loss("softmax_cross_entropy", row=softmax_cross_entropy, row_output=softmax, target="label")
