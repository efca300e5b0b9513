"""How good a model is on data: loss, accuracy, R² and other metrics."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..checks.messages import brief, wrong
from ..core import layout
from ..errors import InputError
from ..metrics import (
    CLASS,
    CLASSES,
    LABELS,
    OWN,
    PER_CLASS,
    YES_OR_NO,
    Metric,
    NamedMetric,
    check_metric,
    task_of,
)
from ..status import check
from .data import Dataset
from .engine import Engine

Array = np.ndarray[Any, Any]
R2_ROWS = 4096  # whose targets are converted together


class Evaluated(Protocol):
    """Data to evaluate with, in memory or read block by block."""

    def blocks(self, rows: int, batch_size: int) -> Iterator[tuple[Dataset, bool]]:
        """Parts for an evaluation in calls of so many rows each, and whether a part continues the one before."""

    def targets(self, rows: int) -> Iterator[tuple[Array, Array | None]]:
        """Targets and weights, so many rows at a time."""


def evaluate(engine: Engine, data: Evaluated, metrics: Sequence[Metric] = ()) -> dict[str, float]:
    """Mean data loss, accuracy (classification) or R² (float targets), summed in the core, and other metrics."""
    with engine.alone():
        check_metrics(engine, metrics)
        predicted = Predicted(engine) if metrics and not isinstance(data, Dataset) else None
        found = _from_core(engine, data, predicted)
        if not metrics:
            return found
        if isinstance(data, Dataset):
            rows, prediction = data, engine.predict(data.x)
        else:
            assert predicted is not None
            rows, prediction = predicted.joined()
        return found | of_predictions(metrics, task_of(engine), rows.y, prediction, rows.weight)


class Predicted:
    """Predictions for data that are read block by block, and their targets: metrics need all of them."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.parts: list[tuple[Dataset, Array]] = []

    def add(self, part: Dataset) -> None:
        """Predict for a block."""
        kept = Dataset(part.x[:0], part.y.copy(), None if part.weight is None else part.weight.copy())
        self.parts.append((kept, self.engine.predict(part.x)))

    def joined(self) -> tuple[Dataset, Array]:
        """Targets and weights, and the predictions."""
        first = self.parts[0][0]
        weight = None if first.weight is None else np.concatenate([part.weight for part, _ in self.parts])
        y = np.concatenate([part.y for part, _ in self.parts])
        return Dataset(first.x, y, weight), np.concatenate([prediction for _, prediction in self.parts])


def _from_core(engine: Engine, data: Evaluated, predicted: Predicted | None) -> dict[str, float]:
    sums, errors = np.zeros(3), np.zeros(engine.recipe.network.outputs)
    last, last_errors = np.zeros(3), np.zeros(len(errors))
    try:
        for part, continues in data.blocks(engine.rows_per_call(), engine.recipe.batch_size):
            if not continues:
                sums, errors = sums + last, errors + last_errors
            engine.descriptor["continues"] = continues
            check(engine.call("evaluate", part), engine.recipe.loss)
            last, last_errors = engine.result.copy(), engine.memory.array("squared_errors").copy()
            if predicted is not None:
                predicted.add(part)
    finally:
        engine.descriptor["continues"] = 0
    sums, errors = sums + last, errors + last_errors
    if sums[1] == 0.0:
        raise InputError("sample_weight must have a positive weight, got only zeros")
    found = {"loss": float(sums[0] / sums[1])}
    if engine.descriptor["hits"][0] != layout.HITS_NONE:
        found["accuracy"] = float(sums[2] / sums[1])
    if engine.descriptor["squares"][0]:
        found["r2"] = float(r2_of(errors, spread_of(data, len(errors))))
    return found


class Spread(NamedTuple):
    """How far targets are from their means: what R² compares a model's errors with.

    Attributes
    ----------
    scale : float
        The targets were divided by it, since squares would overflow; a power of two costs no bits.
    total : ndarray of shape (outputs,)
        Weighted sums of squared differences from the mean, of the divided targets.
    """

    scale: float
    total: Array


def spread_of(data: Evaluated, outputs: int) -> Spread:
    """The spread of float targets, which are read in blocks, so that no copy of them is made."""
    largest, first, blocks = 0.0, None, 0
    for y, weight in data.targets(R2_ROWS):
        counted: Any = True if weight is None else (weight > 0)[:, np.newaxis]
        lowest, highest = np.min(y, where=counted, initial=0.0), np.max(y, where=counted, initial=0.0)
        largest = max(largest, -float(lowest), float(highest))
        if first is None and (weight is None or (weight > 0).any()):
            first = y[0 if weight is None else int(np.argmax(weight > 0))].copy()
        blocks += 1
    scale = 2.0 ** max(0, int(np.frexp(largest)[1]) - 1)
    with np.errstate(over="ignore", invalid="ignore"):  # of huge weights
        weight = weighted = np.zeros(outputs)
        kept = list(_differences(data, scale, first)) if blocks == 1 else None  # one block, which is read twice
        for y, w in kept or _differences(data, scale, first):
            weight, weighted = weight + w.sum(), weighted + (w[:, None] * y).sum(axis=0)
        mean, total = weighted / weight, np.zeros(outputs)
        for y, w in kept or _differences(data, scale, first):
            total += (w[:, None] * (y - mean) ** 2).sum(axis=0)
    return Spread(scale, total)


def r2_of(errors: Array, spread: Spread) -> Any:
    """1 - residual / total sum of squares, averaged over the outputs; 0 for an output whose targets are constant.

    `errors` are the residual sums, (outputs,) or (…, outputs).
    """
    total = spread.total
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = errors / spread.scale / spread.scale
        ratio = np.divide(scaled, total, out=np.ones_like(errors), where=total > 0)
        exact = (total == 0) & (errors == 0)
        return np.mean(np.where(exact, 1.0, 1.0 - ratio), axis=-1)


def _differences(data: Evaluated, scale: float, first: Any) -> Iterator[tuple[Array, Array]]:
    """Targets / scale, as differences from the first row that counts, and weights in float64, some rows at a time."""
    origin = first / np.float64(scale)  # constant targets become exactly 0
    for y, given in data.targets(R2_ROWS):
        weight = np.ones(len(y)) if given is None else given.astype(np.float64)
        differences = y / np.float64(scale) - origin
        differences[weight == 0] = 0.0  # whatever their targets are
        yield differences, weight


def check_metrics(engine: Engine, metrics: Sequence[Metric]) -> None:
    """Raise InputError if one of the metrics cannot be computed for what the trainer predicts."""
    for metric in metrics:
        check_metric(metric, engine)


def of_predictions(
    metrics: Sequence[Metric], task: str, truth: Array, prediction: Array, weight: Array | None
) -> dict[str, float]:
    """The metrics of predictions, for a task as `nbtrain.metrics` names it."""
    if truth.ndim == 2 and truth.shape[1] == 1 and task != OWN:
        truth, prediction = truth[:, 0], prediction[:, 0]
    classes = prediction
    if task == CLASS:
        classes = prediction.argmax(axis=1)
    elif task in (YES_OR_NO, LABELS):
        truth, classes = (truth > 0.5).astype(np.int64), (prediction > 0.5).astype(np.int64)
    # scikit-learn's form for two classes
    probabilities = prediction[:, 1] if task == CLASS and prediction.shape[1] == 2 else prediction
    found = {}
    for metric in metrics:
        given = classes if metric.on == CLASSES else prediction
        options = dict(metric.options)
        if metric.weighted and weight is not None:
            options["sample_weight"] = weight
        if isinstance(metric, NamedMetric):
            given = classes if metric.on == CLASSES else probabilities
            options |= _of_classes(metric, prediction, task)
        if isinstance(metric, NamedMetric) and metric.name in PER_CLASS:
            found[metric.name] = _per_class(metric, truth, given, weight)
        else:
            found[metric.name] = _number(metric.function(truth, given, **options), metric)
    return found


def _of_classes(metric: Metric, prediction: Array, task: str) -> dict[str, Any]:
    """The metric's options that depend on the classes."""
    outputs = prediction.shape[1] if prediction.ndim == 2 else 2
    options: dict[str, Any] = {}
    if metric.options.get("average") == "?":
        options["average"] = "binary" if outputs == 2 and task != LABELS else "macro"
    if metric.options.get("labels") == "?":
        options["labels"] = np.arange(outputs)
    return options


def _per_class(metric: Metric, truth: Array, scores: Array, weight: Array | None) -> float:
    """A metric of one class against the others: of the second of two, otherwise the mean over those that occur.

    NaN, with a warning, if it is defined for none.
    """
    if scores.ndim == 1:
        truth, scores = truth[:, None], scores[:, None]
    elif truth.ndim == 1:
        truth = truth[:, None] == np.arange(scores.shape[1])
    counted = slice(None) if weight is None else weight > 0
    options = {} if weight is None else {"sample_weight": weight[counted]}
    found = []
    for column in range(scores.shape[1]):
        is_it = truth[counted, column]
        if is_it.any() and not (metric.name == "auc" and is_it.all()):
            found.append(_number(metric.function(is_it, scores[counted, column], **options), metric))
    if not found:
        warnings.warn(
            f"metrics: {metric.name!r} is NaN, because all samples have the same class", RuntimeWarning, stacklevel=2
        )
    return float(np.mean(found)) if found else math.nan


def _number(value: Any, metric: Metric) -> float:
    """What a metric returned as a float."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(wrong(f"metrics: {metric.name!r}", "return a number", brief(value))) from None
