"""Cross-validation: each row is predicted by networks that were trained without it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..table import TableModel
from ..table.reading import located
from ..table.target import Target
from .job import Job
from .outcome import Outcome, predictions
from .watching import Progress, warnings_as_notes

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Crossed:
    """What a cross-validation found.

    Parameters
    ----------
    outcome : Outcome
        Of the rows that were predicted.
    parts : list of (TableModel, ndarray of int)
        The model of each part, and the rows that it did not see and predicted.
    """

    outcome: Outcome
    parts: list[tuple[TableModel, Array]]


def run(job: Job) -> Crossed:
    """Train and predict part by part; Ctrl-C ends it without a result."""
    folds, parts, predicted = job.folds(), [], []
    for number, (rows, held) in enumerate(folds, 1):
        training = job.training(rows)
        watched = Progress.of(job.arguments, training, f"part {number} of {len(folds)}, ")
        with warnings_as_notes():
            model = watched.train(training)
        parts.append((model, held))
        with located(replace(job.table, frame=job.frame.iloc[held])):
            predicted.append(in_order(predictions(model, job.frame.iloc[held]), model.target, job.target))
    rows = np.concatenate([held for _, held in parts])
    weight = job.weight(job.frame)
    weight = None if weight is None else weight[rows]
    return Crossed(Outcome(job.target, job.codes[rows], np.concatenate(predicted), weight), parts)


def in_order(predicted: Array, target: Target, whole: Target) -> Array:
    """Probabilities in the order of the whole table's classes; those that a part did not have are 0."""
    if target.task == "regression" or target.labels == whole.labels:
        return predicted
    found = np.zeros((len(predicted), len(whole.labels)))
    found[:, [whole.labels.index(label) for label in target.labels]] = predicted
    return found
