"""Training by a stochastic solver: validation split, epochs, and what follows them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from ..callbacks import as_callbacks
from ..errors import DivergenceError
from ..training.history import History
from .data import Array, Data
from .engine import Engine
from .hooks import Hooks
from .monitor import Monitor
from .scoring import Score, scorer

NON_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and need to be preprocessed."
)
LEVEL = 6  # frames between a warning here and the call of fit


class NonFiniteError(DivergenceError, ValueError):
    """Training produced NaN or infinity; scikit-learn raises ValueError for it."""


def split(data: Data, fraction: float, strata: Array | None, random: Any) -> tuple[Data, Data]:
    """Training and validation part, by scikit-learn's own split.

    Raises
    ------
    ValueError
        If the validation part has fewer than two samples.
    """
    train, held_out = train_test_split(
        np.arange(len(data.target)), random_state=random, test_size=fraction, stratify=strata
    )
    if len(held_out) < 2:
        raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
    return data.at(train), data.at(held_out)


def start_curves(estimator: Any, validated: bool) -> None:
    """Add the attributes that only stochastic solvers have; a warm start continues them."""
    e = estimator
    if not hasattr(e, "history_"):
        e.history_ = History()
    if not hasattr(e, "loss_curve_"):
        e.loss_curve_ = []
        e._no_improvement_count = 0
        e.best_loss_ = e.validation_scores_ = e.best_validation_score_ = None
    if validated and e.validation_scores_ is None:
        e.validation_scores_, e.best_validation_score_ = [], -np.inf
    if not e.early_stopping and e.best_loss_ is None:
        e.best_loss_ = np.inf


def train(estimator: Any, engine: Engine, data: Data, held_out: Data | None, hooks: Hooks, incremental: bool) -> None:
    """Train up to max_iter epochs, or one for partial_fit; early stopping ends with the best weights."""
    e = estimator
    start_curves(e, held_out is not None)
    score: Score | None = None
    if held_out is not None:
        score = scorer(e, held_out)
    monitor = Monitor(e, engine, len(data.X), data.total_weight, score, incremental, hooks.end_epoch)
    e.n_iter_ = 0
    hooks.begin()
    try:
        engine.trainer.fit(
            data.X,
            data.target,
            1 if incremental else int(e.max_iter),
            sample_weight=data.weight,
            validation_data=None if held_out is None else tuple(held_out),
            callbacks=[monitor, *as_callbacks(e.callbacks or ())],
        )
    except KeyboardInterrupt:
        engine.end_epoch()
        warnings.warn("Training interrupted by user.", stacklevel=LEVEL)
        return
    except DivergenceError as error:
        if monitor.best is None:
            raise NonFiniteError(f"{NON_FINITE} {error}") from error
        e.validation_scores_.append(float("nan"))
        warnings.warn(f"The best weights were restored: {error}", ConvergenceWarning, stacklevel=LEVEL)
        return
    finally:
        monitor.restore_best()
    if e.n_iter_ == e.max_iter and not (monitor.converged or monitor.asked or incremental):
        warnings.warn(
            f"Stochastic Optimizer: Maximum iterations ({e.max_iter}) "
            "reached and the optimization hasn't converged yet.",
            ConvergenceWarning,
            stacklevel=LEVEL,
        )
