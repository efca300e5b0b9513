"""Predictions of rows whose target is known, and their scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..table import TableModel, scores
from ..table.target import Target

Array = np.ndarray[Any, Any]
LEAST = 1e-7  # probability that the log-loss counts with


@dataclass(frozen=True)
class Outcome:
    """What was predicted for some rows.

    Parameters
    ----------
    target : Target
    truth : ndarray of shape (rows,)
        Classes as indices, or numbers.
    predicted : ndarray of shape (rows, classes) or (rows, 1)
        Probabilities, or numbers in the target's own unit.
    weight : ndarray of shape (rows,), optional
    loss : float, optional
        The mean of the networks' losses.
    """

    target: Target
    truth: Array
    predicted: Array
    weight: Array | None = None
    loss: float | None = None

    @property
    def classifies(self) -> bool:
        """Whether classes are predicted."""
        return self.target.task == "classification"

    def scores(self, metrics: Sequence[str] = ()) -> dict[str, Any]:
        """The scores of a report, with metrics by name."""
        found: dict[str, Any] = {} if self.loss is None else {"loss": self.loss}
        if self.classifies:
            found |= scores.classification(self.truth, self.predicted.argmax(axis=1), self.target.labels, self.weight)
        else:
            found |= scores.regression(self.truth, self.predicted[:, 0], self.weight)
        if metrics:
            found["metrics"] = scores.named(metrics, self.truth, self.predicted, self.weight, self.classifies)
        return found


def predictions(model: TableModel, frame: Any) -> Array:
    """Probabilities, (rows, classes), or numbers, (rows, 1)."""
    if model.target.task == "classification":
        return model.predict_proba(frame)
    return np.asarray(model.predict(frame), np.float64)[:, None]


def outcome(model: TableModel, frame: Any, codes: Array, weight: Array | None = None) -> Outcome:
    """What a model predicts for rows whose classes or numbers are known."""
    X = np.asarray(model.encoder.transform(frame))
    y = model.target.encode(codes)
    losses = [trainer.evaluate(X, y, weight)["loss"] for trainer in model.trainers]
    return Outcome(model.target, codes, predictions(model, frame), weight, float(np.mean(losses)))


def quality(target: Target, truth: Array, predicted: Array) -> float:
    """One number that is larger for better predictions: minus the log-loss, or R²."""
    if target.task == "regression":
        return float(scores.regression(truth, predicted[:, 0])["r2"])
    shares = np.clip(predicted[np.arange(len(truth)), truth], LEAST, None)
    return float(np.log(shares).mean())
