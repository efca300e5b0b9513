"""How good a trainer is on data: loss, accuracy, R²."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import layout
from ..errors import InputError
from ..metrics import CLASSES, CLASSIFICATION, REGRESSION, TOP, Metric
from ..status import check
from .data import Dataset

if TYPE_CHECKING:
    from .trainer import Trainer

Array = np.ndarray[Any, Any]


def scores(trainer: Trainer, dataset: Dataset, metrics: Sequence[Metric] = ()) -> dict[str, float]:
    """Mean data loss and accuracy (classification) or R² (float targets), summed in the core, and other metrics."""
    sums = np.zeros(3)
    errors = np.zeros(trainer.network.sizes[-1])
    part = trainer.part_rows()
    for first in range(0, len(dataset.x), part):
        check(trainer.call_on("evaluate", dataset.rows(first, first + part)), trainer.recipe.loss)
        sums += trainer.result
        errors += trainer.memory.array("squared_errors")
    if sums[1] == 0.0:
        raise InputError("sample_weight: all weights are 0; at least one positive weight is wanted")
    found = {"loss": float(sums[0] / sums[1])}
    d = trainer.model.descriptor
    if d["hits"][0] != layout.HITS_NONE:
        found["accuracy"] = float(sums[2] / sums[1])
    elif d["target_kind"][0] == 0:
        found["r2"] = r2(errors, dataset)
    return found | compute(trainer, dataset, metrics)


def r2(errors: Array, dataset: Dataset) -> float:
    """1 - residual / total sum of squares, averaged over the outputs; 0 for an output whose targets are constant."""
    y = dataset.y.astype(np.float64)
    weight = np.ones(len(y)) if dataset.weight is None else dataset.weight.astype(np.float64)
    scale = 2.0 ** max(0, int(np.frexp(np.abs(y).max())[1]) - 1)  # squares would overflow; powers of two cost no bits
    with np.errstate(over="ignore", invalid="ignore"):  # of huge weights
        mean = np.average(y / scale, axis=0, weights=weight)
        total = (weight[:, None] * (y / scale - mean) ** 2).sum(axis=0)
        ratio = np.divide(errors / scale / scale, total, out=np.ones_like(errors), where=total > 0)
    exact = (total == 0) & (errors == 0)
    return float(np.mean(np.where(exact, 1.0, 1.0 - ratio)))


def compute(trainer: Trainer, dataset: Dataset, metrics: Iterable[Metric]) -> dict[str, float]:
    """The metrics of a trainer on data, from one prediction."""
    metrics = list(metrics)
    if not metrics:
        return {}
    prediction = trainer.predict(dataset.x)
    truth, hits = dataset.y, int(trainer.model.descriptor["hits"][0])
    if truth.ndim == 2 and truth.shape[1] == 1:
        truth, prediction = truth[:, 0], prediction[:, 0]
    classes = prediction
    if hits == layout.HITS_LARGEST:
        classes = prediction.argmax(axis=1)
    elif hits == layout.HITS_THRESHOLD:
        truth, classes = (truth > 0.5).astype(np.int64), (prediction > 0.5).astype(np.int64)
    found = {}
    for metric in metrics:
        _check_task(metric, hits, trainer)
        options = _options(metric, prediction)
        if metric.weighted and dataset.weight is not None:
            options["sample_weight"] = dataset.weight
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
        text = " ".join(repr(value).split())
        raise InputError(f"metrics: {metric.name!r} returned {text[:60]}; a number is wanted") from None


def _check_task(metric: Metric, hits: int, trainer: Trainer) -> None:
    """A named metric is for classes or for values, and so is a loss."""
    name, loss = metric.name, trainer.recipe.loss.name
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
