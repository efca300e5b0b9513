"""Regularizers for nbtrain: l1 and elastic net, `λ` their strength; nbtrain scales both by 1/m, m the batch's size."""

from __future__ import annotations

from collections.abc import Iterator

import nbtrain

__version__ = "1.0.0"
nbtrain_contract = 1


def sign(w: float) -> float:
    """1, -1, or w itself where it is 0 or NaN."""
    return 1.0 if w > 0.0 else (-1.0 if w < 0.0 else w)


def l1(w: float, strength: float) -> float:
    """λ |w|.

    R. Tibshirani: Regression shrinkage and selection via the lasso. J. R. Stat. Soc. B 58, 1996.
    """
    return strength * abs(w)


def l1_slope(w: float, strength: float) -> float:
    """λ sign w, 0 at 0."""
    return strength * sign(w)


def elastic_net(w: float, strength: float, ratio: float) -> float:
    """λ (ρ |w| + (1-ρ)/2 w²).

    H. Zou, T. Hastie: Regularization and variable selection via the elastic net. J. R. Stat. Soc. B 67, 2005; in the
    form of scikit-learn, ρ its `l1_ratio`.
    """
    return strength * (ratio * abs(w) + 0.5 * (1.0 - ratio) * w * w)


def elastic_net_slope(w: float, strength: float, ratio: float) -> float:
    """λ (ρ sign w + (1-ρ) w)."""
    return strength * (ratio * sign(w) + (1.0 - ratio) * w)


@nbtrain.hookimpl
def nbtrain_regularizers() -> Iterator[nbtrain.Regularizer]:
    strength = nbtrain.Parameter(1e-4, minimum=0.0)
    ratio = nbtrain.Parameter(0.5, minimum=0.0, maximum=1.0)
    yield nbtrain.Regularizer("l1", l1, l1_slope, {"strength": strength})
    yield nbtrain.Regularizer("elastic_net", elastic_net, elastic_net_slope, {"strength": strength, "ratio": ratio})
