"""mse, binary_cross_entropy, softmax_cross_entropy: computed from z, without overflow, where they own the output."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from .. import Loss
from ..hooks import hookimpl


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


def largest(z: Any, start: int, outputs: int) -> Any:
    """The largest number of the row that begins at `start`."""
    peak = z[start]
    for k in range(1, outputs):
        peak = z[start + k] if z[start + k] > peak else peak
    return peak


def lowered(z: Any, out: Any, start: int, outputs: int, by: Any) -> None:
    """A row of z, less `by`."""
    for k in range(outputs):
        out[start + k] = z[start + k] - by


def exponentials(out: Any) -> None:
    """e to each number, over all rows at once: rows are short."""
    for i in range(out.size):
        out[i] = math.exp(out[i])


def normalized(out: Any, start: int, outputs: int) -> Any:
    """Divide a row by its sum, which is returned."""
    total = out[start]
    for k in range(1, outputs):
        total += out[start + k]
    factor = 1.0 / total
    for k in range(outputs):
        out[start + k] *= factor
    return total


def class_of(label: int, outputs: int) -> int:
    """The label; 0 where another thread has changed it since it was checked, since it is used as an index."""
    return label if 0 <= label < outputs else 0


def margins(z: Any, y: Any, out: Any) -> None:
    """z of the right one of two classes less z of the other, for each row, at the beginning of `out`."""
    for r in range(y.size):
        first, second = z[2 * r], z[2 * r + 1]
        margin, peak = second - first, second if second > first else first
        out[r] = (margin if y[r] == 1 else -margin) + 0.0 * peak  # NaN where it is ∞: no share of Σ e^z is defined


def logistic_losses(margins: Any, losses: Any) -> None:
    """log(1 + e^-margin), and the wrong class's share 1 / (1 + e^margin) in the margin's place."""
    for r in range(losses.size):
        margin = margins[r]
        e = math.exp(-abs(margin))
        losses[r] = math.log1p(e) + (-margin if margin < 0.0 else 0.0)
        margins[r] = (1.0 if margin < 0.0 else e) / (1.0 + e)


def spread(y: Any, slope: Any) -> None:
    """softmax(z) - onehot(y) of two classes from the wrong one's shares, at the beginning of `slope`."""
    for i in range(y.size):
        r = y.size - 1 - i
        right = -slope[r]
        slope[2 * r] = right if y[r] == 0 else -right
        slope[2 * r + 1] = right if y[r] == 1 else -right


def softmax_cross_entropy(z: Any, y: Any, slope: Any, losses: Any, outputs: int) -> None:
    """-log softmax(z)_y = peak + log Σ e^(z - peak) - z_y in each row; slope softmax(z) - onehot(y).

    Of two classes it is log(1 + e^(z_other - z_y)), for many rows at a time: a row is too short for loops along it.
    """
    if outputs == 2:
        margins(z, y, slope)
        logistic_losses(slope, losses)
        spread(y, slope)
        return
    for r in range(y.size):
        start = r * outputs
        peak = largest(z, start, outputs)
        losses[r] = peak - z[start + class_of(y[r], outputs)]
        lowered(z, slope, start, outputs, peak)
    exponentials(slope)
    for r in range(y.size):
        start = r * outputs
        losses[r] += math.log(normalized(slope, start, outputs))
        slope[start + class_of(y[r], outputs)] -= 1.0


def softmax(z: Any, out: Any, outputs: int) -> None:
    """e^z_k / Σ e^z in each row."""
    for r in range(z.size // outputs):
        lowered(z, out, r * outputs, outputs, largest(z, r * outputs, outputs))
    exponentials(out)
    for r in range(z.size // outputs):
        normalized(out, r * outputs, outputs)


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
    yield Loss("softmax_cross_entropy", rows=softmax_cross_entropy, rows_output=softmax, target="label")
