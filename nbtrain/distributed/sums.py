"""Means over shards: of states, of gradients, and of what evaluation finds; in the shards' order, in float64.

The order is what makes results independent of who computed what: floating-point sums depend on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core import layout
from ..errors import InputError
from ..status import check
from ..training.data import Dataset
from ..training.engine import Engine

Array = np.ndarray[Any, Any]
BLOCK = 1 << 15  # elements that are added together, in the cache
ROWS = 4096  # of targets that are converted together


def mean(arrays: Sequence[Array], weights: Sequence[float], out: Array) -> bool:
    """The weighted mean of flat arrays, in their order and in float64 -> whether all of it is finite."""
    total, fine = float(sum(weights)), True
    shares = [weight / total for weight in weights]
    summed, term = np.empty(BLOCK), np.empty(BLOCK)
    with np.errstate(over="ignore", invalid="ignore"):
        for first in range(0, out.size, BLOCK):
            part = slice(first, first + BLOCK)
            size = out[part].size
            np.multiply(arrays[0][part], shares[0], out=summed[:size], dtype=np.float64)
            for array, share in zip(arrays[1:], shares[1:], strict=True):
                np.multiply(array[part], share, out=term[:size], dtype=np.float64)
                summed[:size] += term[:size]
            out[part] = summed[:size]
            fine = fine and bool(np.isfinite(out[part]).all())
    return fine


class EvaluationSums(NamedTuple):
    """What a shard contributes to an evaluation."""

    loss: float  # weighted sum
    weight: float
    hits: float
    errors: Array  # (outputs,): weighted sums of squared errors
    target_mean: Array  # (outputs,)
    target_squares: Array  # (outputs,): weighted sums of squared differences from that mean


def evaluation_sums(engine: Engine, data: Dataset) -> EvaluationSums:
    """Evaluate a shard."""
    sums, errors = np.zeros(3), np.zeros(engine.recipe.network.outputs)
    count = engine.rows_per_call()
    for first in range(0, len(data.x), count):
        check(engine.call("evaluate", data.rows(first, first + count)), engine.recipe.loss)
        sums += engine.result
        errors += engine.memory.array("squared_errors")
    loss, weight, hits = sums.tolist()
    if engine.descriptor["target_kind"][0] != 0:
        return EvaluationSums(loss, weight, hits, errors, errors * 0.0, errors * 0.0)
    return EvaluationSums(loss, weight, hits, errors, *_target_moments(data))


def _target_moments(data: Dataset) -> tuple[Array, Array]:
    """Mean of the targets, and the sum of squared differences from it; both weighted, one per output."""
    total, mean, squares = 0.0, np.zeros(data.y.shape[1]), np.zeros(data.y.shape[1])
    for first in range(0, len(data.y), ROWS):
        rows = data.rows(first, first + ROWS)
        y = rows.y.astype(np.float64)
        weight = np.ones(len(y)) if rows.weight is None else rows.weight.astype(np.float64)
        y[weight == 0] = 0.0
        if weight.sum() > 0:
            own = np.average(y, axis=0, weights=weight)
            own_squares = (weight[:, None] * (y - own) ** 2).sum(axis=0)
            total, mean, squares = _joined((total, mean, squares), (float(weight.sum()), own, own_squares))
    return mean, squares


Moments = tuple[float, Array, Array]


def _joined(a: Moments, b: Moments) -> Moments:
    """Weight, mean and sum of squares of two sets together.

    T. F. Chan, G. H. Golub, R. J. LeVeque: Algorithms for computing the sample variance. The American Statistician
    37 (1983).
    """
    total = a[0] + b[0]
    if total == 0.0:
        return a
    difference = b[1] - a[1]
    return total, a[1] + difference * (b[0] / total), a[2] + b[2] + difference**2 * (a[0] * b[0] / total)


def scores(engine: Engine, found: Sequence[EvaluationSums]) -> dict[str, float]:
    """Mean loss, and accuracy or R², of all shards together."""
    loss = weight = hits = 0.0
    errors: Any = 0.0
    outputs = engine.recipe.network.outputs
    moments: Moments = (0.0, np.zeros(outputs), np.zeros(outputs))
    for one in found:
        loss, weight, hits, errors = loss + one.loss, weight + one.weight, hits + one.hits, errors + one.errors
        moments = _joined(moments, (one.weight, one.target_mean, one.target_squares))
    if weight == 0.0:
        raise InputError("sample_weight must have a positive weight, got only zeros")
    result = {"loss": loss / weight}
    if engine.descriptor["hits"][0] != layout.HITS_NONE:
        result["accuracy"] = hits / weight
    elif engine.descriptor["target_kind"][0] == 0:
        squares = moments[2]
        ratio = np.divide(errors, squares, out=np.ones_like(squares), where=squares > 0)
        exact = (squares == 0) & (errors == 0)
        result["r2"] = float(np.mean(np.where(exact, 1.0, 1.0 - ratio)))
    return result
