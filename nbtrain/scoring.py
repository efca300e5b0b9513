"""How good a trainer is on data: loss, accuracy, R²."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .core import layout
from .dataset import Dataset
from .errors import InputError
from .metrics import Metric, compute
from .status import check

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
