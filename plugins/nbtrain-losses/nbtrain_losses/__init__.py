"""Losses for nbtrain: robust and quantile regression, counts, and two classes. `p` is ŷ, or z where a loss has its own
output activation; a sample's loss is the sum over its outputs."""

from __future__ import annotations

import math
from collections.abc import Iterator

import nbtrain

__version__ = "1.0.0"
nbtrain_contract = 1


def mae(p: float, y: float) -> float:
    """|ŷ - y|."""
    return abs(p - y)


def mae_slope(p: float, y: float) -> float:
    """sign(ŷ - y), 0 at 0."""
    r = p - y
    return 1.0 if r > 0.0 else (-1.0 if r < 0.0 else r)


def huber(p: float, y: float, delta: float) -> float:
    """r²/2 where |r| <= δ, else δ (|r| - δ/2), r = ŷ - y.

    P. J. Huber: Robust estimation of a location parameter. Ann. Math. Stat. 35, 1964.
    """
    r = abs(p - y)
    near = r if r < delta else delta
    return near * (r - 0.5 * near)


def huber_slope(p: float, y: float, delta: float) -> float:
    """r, cut off at ±δ."""
    r = p - y
    return -delta if r < -delta else (delta if r > delta else r)


def quantile(p: float, y: float, q: float) -> float:
    """q (y - ŷ) where y > ŷ, else (1-q) (ŷ - y): least at the q-quantile.

    R. Koenker, G. Bassett: Regression quantiles. Econometrica 46, 1978.
    """
    r = y - p
    return q * r if r > 0.0 else (q - 1.0) * r


def quantile_slope(p: float, y: float, q: float) -> float:
    """-q where y > ŷ, else 1 - q."""
    return -q if y > p else 1.0 - q


def poisson(z: float, y: float) -> float:
    """e^z - y z: the negative log-likelihood of a count y with mean ŷ = e^z, without log y!.

    P. McCullagh, J. Nelder: Generalized linear models. 1989.
    """
    return math.exp(z) - y * z


def poisson_slope(z: float, y: float) -> float:
    """ŷ - y."""
    return math.exp(z) - y


def exponential(z: float) -> float:
    """e^z."""
    return math.exp(z)


def hinge(z: float, y: float) -> float:
    """max(0, 1 - s z), s = 2 y - 1, for classes 0 and 1.

    C. Cortes, V. Vapnik: Support-vector networks. Machine Learning 20, 1995.
    """
    lacking = 1.0 - (2.0 * y - 1.0) * z
    return 0.0 if lacking < 0.0 else lacking


def hinge_slope(z: float, y: float) -> float:
    """-s where s z < 1, else 0."""
    s = 2.0 * y - 1.0
    return -s if s * z < 1.0 else 0.0


def margin(z: float) -> float:
    """(z + 1)/2, cut off at 0 and 1: above one half for class 1, no probability."""
    score = 0.5 * z + 0.5
    return 0.0 if score < 0.0 else (1.0 if score > 1.0 else score)


def logistic(z: float) -> float:
    """σ(z) = 1 / (1 + e^-z)."""
    e = math.exp(-abs(z))
    return (1.0 if z >= 0.0 else e) / (1.0 + e)


def cross_entropy(z: float, y: float) -> float:
    """-y log σ(z) - (1-y) log σ(-z) = max(z, 0) - z y + log(1 + e^-|z|)."""
    return (0.0 if z < 0.0 else z) - z * y + math.log1p(math.exp(-abs(z)))


def focal(z: float, y: float, gamma: float, alpha: float) -> float:
    """-α_y (1 - p_y)^γ log p_y, p_y the predicted probability of the class y, α_1 = α, α_0 = 1 - α.

    T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollár: Focal loss for dense object detection. ICCV 2017.
    """
    missing = logistic(z) * (1.0 - y) + logistic(-z) * y
    return (alpha * y + (1.0 - alpha) * (1.0 - y)) * missing**gamma * cross_entropy(z, y)


def focal_slope(z: float, y: float, gamma: float, alpha: float) -> float:
    """α_y m^γ (ŷ - y + γ c m'/m), m = 1 - p_y, m' = ŷ (1-ŷ) (1-2y), c the cross-entropy; m'/m is 0 where m is."""
    p, q = logistic(z), logistic(-z)
    missing = p * (1.0 - y) + q * y
    growth = p * q * (1.0 - 2.0 * y) / (missing if missing > 0.0 else 1.0)
    share = alpha * y + (1.0 - alpha) * (1.0 - y)
    return share * missing**gamma * (p * (1.0 - y) - q * y + gamma * (cross_entropy(z, y) * growth))


def probability(z: float, gamma: float, alpha: float) -> float:
    """σ(z)."""
    return logistic(z)


@nbtrain.hookimpl
def nbtrain_losses() -> Iterator[nbtrain.Loss]:
    Loss, Parameter = nbtrain.Loss, nbtrain.Parameter
    yield Loss("mae", mae, mae_slope)
    yield Loss("huber", huber, huber_slope, parameters={"delta": Parameter(1.0, above=0.0)})
    yield Loss("quantile", quantile, quantile_slope, parameters={"q": Parameter(0.5, above=0.0, below=1.0)})
    yield Loss("poisson", poisson, poisson_slope, output=exponential, minimum=0.0)
    yield Loss("hinge", hinge, hinge_slope, output=margin, minimum=0.0, maximum=1.0)
    parameters = {"gamma": Parameter(2.0, minimum=0.0), "alpha": Parameter(0.25, minimum=0.0, maximum=1.0)}
    yield Loss("focal", focal, focal_slope, output=probability, parameters=parameters, minimum=0.0, maximum=1.0)
