"""l2: the penalty λ/2 w² on each weight; the core scales it by 1/m."""

from __future__ import annotations

from collections.abc import Iterator

from .. import Parameter, Regularizer
from ..hooks import hookimpl


def l2(w: float, strength: float) -> float:
    """λ/2 w²."""
    return 0.5 * strength * w * w


def l2_slope(w: float, strength: float) -> float:
    """λ w."""
    return strength * w


@hookimpl
def nbtrain_regularizers() -> Iterator[Regularizer]:
    yield Regularizer("l2", l2, l2_slope, {"strength": Parameter(1e-4, minimum=0.0)})
