"""The score of validation data that `scoring` asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sklearn.metrics import get_scorer, get_scorer_names

from ..checks.messages import unknown
from .data import Data
from .parameters import ParameterError

LOSS = "loss"
Score = Callable[[Mapping[str, float]], float]


def scorer(estimator: Any, held_out: Data) -> Score:
    """A function of an epoch's metrics -> validation score; larger is better."""
    given = estimator.scoring
    if given is None:
        return lambda metrics: float(estimator._validation_score(metrics, held_out))
    if given == LOSS:
        return lambda metrics: -metrics["val_loss"] * estimator._loss_scale()
    function = get_scorer(given)
    y = estimator._decoded(held_out.target)
    weight = {} if held_out.weight is None else {"sample_weight": held_out.weight}

    def score(metrics: Mapping[str, float]) -> float:
        engine = estimator._live()
        engine.trusting = True  # these rows were checked before, and no longer have column names
        try:
            return float(function(estimator, held_out.X, y, **weight))
        finally:
            engine.trusting = False

    return score


def check_name(given: Any) -> None:
    """Raise a ParameterError if `scoring` names no scorer."""
    if not isinstance(given, str) or given in (LOSS, *get_scorer_names()):
        return
    raise ParameterError(f"scoring: {unknown('scorer', given, [LOSS, *get_scorer_names()])}")
