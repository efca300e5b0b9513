"""How good a model is on data: loss, accuracy, R² and other metrics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..checks.messages import brief, wrong
from ..core import layout
from ..errors import InputError
from ..metrics import CLASSES, CLASSIFICATION, REGRESSION, TOP, Metric
from ..status import check
from .data import Dataset
from .engine import Engine

Array = np.ndarray[Any, Any]
R2_ROWS = 4096  # whose targets are converted together


def evaluate(engine: Engine, data: Dataset, metrics: Sequence[Metric] = ()) -> dict[str, float]:
    """Mean data loss, accuracy (classification) or R² (float targets), summed in the core, and other metrics."""
    with engine.alone():
        return _from_core(engine, data) | _from_predictions(engine, data, metrics)


def _from_core(engine: Engine, data: Dataset) -> dict[str, float]:
    sums, errors = np.zeros(3), np.zeros(engine.recipe.network.outputs)
    count = engine.rows_per_call()
    for first in range(0, len(data.x), count):
        check(engine.call("evaluate", data.rows(first, first + count)), engine.recipe.loss)
        sums += engine.result
        errors += engine.memory.array("squared_errors")
    if sums[1] == 0.0:
        raise InputError("sample_weight must have a positive weight, got only zeros")
    found = {"loss": float(sums[0] / sums[1])}
    if engine.descriptor["hits"][0] != layout.HITS_NONE:
        found["accuracy"] = float(sums[2] / sums[1])
    elif engine.descriptor["target_kind"][0] == 0:
        found["r2"] = r2(errors, data)
    return found


def r2(errors: Array, data: Dataset) -> float:
    """1 - residual / total sum of squares, averaged over the outputs; 0 for an output whose targets are constant.

    `errors` are the residual sums. The targets are read in blocks, so that no copy of them is made.
    """
    counted: Any = True if data.weight is None else (data.weight > 0)[:, np.newaxis]
    lowest, highest = np.min(data.y, where=counted, initial=0.0), np.max(data.y, where=counted, initial=0.0)
    largest = max(-float(lowest), float(highest))
    scale = 2.0 ** max(0, int(np.frexp(largest)[1]) - 1)  # squares would overflow; powers of two cost no bits
    with np.errstate(over="ignore", invalid="ignore"):  # of huge weights
        weight = weighted = np.zeros_like(errors)
        for y, w in _blocks(data, scale):
            weight, weighted = weight + w.sum(), weighted + w @ y
        mean, total = weighted / weight, np.zeros_like(errors)
        for y, w in _blocks(data, scale):
            total += w @ (y - mean) ** 2
        ratio = np.divide(errors / scale / scale, total, out=np.ones_like(errors), where=total > 0)
    exact = (total == 0) & (errors == 0)
    return float(np.mean(np.where(exact, 1.0, 1.0 - ratio)))


def _blocks(data: Dataset, scale: float) -> Iterator[tuple[Array, Array]]:
    """Targets / scale, as differences from the first row that counts, and weights in float64, some rows at a time."""
    start = 0 if data.weight is None else int(np.argmax(data.weight > 0))
    origin = data.y[start] / np.float64(scale)  # constant targets become exactly 0
    for first in range(0, len(data.y), R2_ROWS):
        rows = data.rows(first, first + R2_ROWS)
        weight = np.ones(len(rows.y)) if rows.weight is None else rows.weight.astype(np.float64)
        differences = rows.y / np.float64(scale) - origin
        differences[weight == 0] = 0.0  # whatever their targets are
        yield differences, weight


def _from_predictions(engine: Engine, data: Dataset, metrics: Sequence[Metric]) -> dict[str, float]:
    if not metrics:
        return {}
    prediction = engine.predict(data.x)
    truth, hits = data.y, int(engine.descriptor["hits"][0])
    if truth.ndim == 2 and truth.shape[1] == 1:
        truth, prediction = truth[:, 0], prediction[:, 0]
    classes = prediction
    if hits == layout.HITS_LARGEST:
        classes = prediction.argmax(axis=1)
    elif hits == layout.HITS_THRESHOLD:
        truth, classes = (truth > 0.5).astype(np.int64), (prediction > 0.5).astype(np.int64)
    found = {}
    for metric in metrics:
        _check_task(metric, hits, engine.recipe.loss.name)
        options = _options(metric, prediction)
        if metric.weighted and data.weight is not None:
            options["sample_weight"] = data.weight
        given = classes if metric.on == CLASSES else prediction
        if hits == layout.HITS_LARGEST and given is prediction and prediction.shape[1] == 2 and metric.weighted:
            given = prediction[:, 1]  # scikit-learn's form for two classes
        found[metric.name] = _number(metric.function(truth, given, **options), metric)
    return found


def _number(value: Any, metric: Metric) -> float:
    """What a metric returned as a float."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(wrong(f"metrics: {metric.name!r}", "return a number", brief(value))) from None


def _check_task(metric: Metric, hits: int, loss: str) -> None:
    """Raise InputError where a metric for classes is used with values, or the other way round."""
    name = metric.name
    if hits == layout.HITS_NONE and (name in CLASSIFICATION or TOP.fullmatch(name)):
        raise InputError(f"metrics: {name!r} is for classification; loss {loss!r} has values as targets")
    if hits == layout.HITS_LARGEST and name in REGRESSION:
        raise InputError(f"metrics: {name!r} is for values; loss {loss!r} has classes as targets")


def _options(metric: Metric, prediction: Array) -> dict[str, Any]:
    """The metric's options, with what depends on the classes."""
    options = dict(metric.options)
    outputs = prediction.shape[1] if prediction.ndim == 2 else 2
    if options.get("average") == "?":
        options["average"] = "binary" if outputs == 2 else "macro"
    if options.get("labels") == "?":
        options["labels"] = np.arange(outputs)
    return options
