"""What `scoring` makes of validation data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sklearn.metrics import get_scorer, get_scorer_names

from ..checks.suggestions import did_you_mean
from .data import Data
from .parameters import ParameterError

LOSS = "loss"
Score = Callable[[Mapping[str, float]], float]


def scorer(estimator: Any, held_out: Data) -> Score:
    """A function of an epoch's metrics -> validation score, the larger the better."""
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
        engine.trusting = True  # these rows were checked; they have lost the names of their columns
        try:
            return float(function(estimator, held_out.X, y, **weight))
        finally:
            engine.trusting = False

    return score


def check_name(given: Any) -> None:
    """Raise a ParameterError if `scoring` names no scorer."""
    if not isinstance(given, str) or given in (LOSS, *get_scorer_names()):
        return
    names = [LOSS, *get_scorer_names()]
    raise ParameterError(f"scoring: there is no {given!r}{did_you_mean(given, names)} There are: {', '.join(names)}.")
