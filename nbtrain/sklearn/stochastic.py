"""Training by a stochastic solver: validation split, epochs, scores, early stopping, learning rates, messages."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.model_selection import train_test_split

from ..callbacks import Callback, as_callbacks
from ..checks.messages import unknown
from ..errors import DivergenceError
from ..training.history import History
from ..training.trainer import Trainer
from . import declare
from .data import Array, Data
from .fitted import FittedNetwork
from .hooks import Hooks
from .parameters import ParameterError

NON_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and need to be preprocessed."
)
SMALLEST_RATE = 1e-6  # below it, "adaptive" stops instead of reducing the rate again
LOSS = "loss"
Score = Callable[[Mapping[str, float]], float]
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


def train(
    estimator: Any, fitted: FittedNetwork, data: Data, held_out: Data | None, hooks: Hooks, incremental: bool
) -> None:
    """Train up to max_iter epochs, or one for partial_fit; early stopping ends with the best weights."""
    e = estimator
    start_curves(e, held_out is not None)
    score = None if held_out is None else scorer(e, held_out)
    monitor = Monitor(e, fitted, data, score, incremental, hooks.end_epoch)
    e.n_iter_ = 0
    hooks.begin()
    try:
        fitted.trainer.fit(
            data.X,
            data.target,
            1 if incremental else int(e.max_iter),
            sample_weight=data.weight,
            validation_data=None if held_out is None else tuple(held_out),
            callbacks=[monitor, *as_callbacks(e.callbacks or ())],
        )
    except KeyboardInterrupt:
        fitted.end_epoch()
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


# ---- validation scores


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
        fitted = estimator._live()
        fitted.trusting = True  # these rows were checked before, and no longer have column names
        try:
            return float(function(estimator, held_out.X, y, **weight))
        finally:
            fitted.trusting = False

    return score


def check_scoring(given: Any) -> None:
    """Raise a ParameterError if `scoring` names no scorer."""
    if not isinstance(given, str) or given in (LOSS, *get_scorer_names()):
        return
    raise ParameterError(f"scoring: {unknown('scorer', given, [LOSS, *get_scorer_names()])}")


# ---- after every epoch


class Monitor(Callback):
    """Updates an estimator's fitted attributes and decides when to stop.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
    fitted : FittedNetwork
    data : Data
        The samples of an epoch.
    score : function, optional
        `score(metrics)` -> validation score of the epoch.
    incremental : bool
        One epoch of partial_fit, which never stops.
    end_epoch : function
        Called at the end of every epoch, with whether it is the last; returning True stops.
    """

    estimator: Any
    fitted: FittedNetwork
    score: Score | None
    incremental: bool
    end_epoch: Callable[[bool], bool]
    samples: int
    weight: float
    batches: Any
    mode: str
    penalty: float
    converged: bool
    asked: bool

    def __init__(
        self,
        estimator: Any,
        fitted: FittedNetwork,
        data: Data,
        score: Score | None,
        incremental: bool,
        end_epoch: Callable[[bool], bool],
    ) -> None:
        self.estimator, self.fitted, self.score, self.incremental = estimator, fitted, score, incremental
        self.end_epoch, self.samples, self.weight = end_epoch, len(data.X), data.total_weight
        self.batches = -(-self.samples // fitted.trainer.batch_size)
        self.mode = declare.mode(estimator)
        self.penalty = fitted.penalty()
        self.converged = self.asked = False
        self.best: Any = None

    def on_epoch(self, trainer: Trainer, epoch: int, metrics: MutableMapping[str, float]) -> bool:  # type: ignore[override]
        """Attributes, messages and the decision to stop, in scikit-learn's order."""
        e = self.estimator
        if e._one_class:
            metrics.update({name: 1.0 for name in metrics if name in ("accuracy", "val_accuracy")})
        e.history_.append(metrics)
        e.n_iter_ += 1
        e.t_ += self.samples
        e.loss_ = metrics["loss"] * e._loss_scale() + self._mean_penalty()
        e.loss_curve_.append(e.loss_)
        if e.verbose:
            print(f"Iteration {e.n_iter_}, loss = {e.loss_:.8f}")
        self._compare(metrics)
        if self.mode == "invscaling":
            # not by trainer.learning_rate, which would undo the reductions of callbacks such as ReduceOnPlateau
            trainer.engine.descriptor["learning_rate"] = e.learning_rate_init / (e.t_ + 1) ** e.power_t
        if e._no_improvement_count > e.n_iter_no_change:
            self.converged = self._stops(trainer)
            e._no_improvement_count = e._no_improvement_count if self.converged else 0
        last = self.converged or self.incremental or e.n_iter_ == e.max_iter
        self.asked = self.end_epoch(last)
        return (self.converged or self.asked) and not self.incremental

    def _mean_penalty(self) -> float:
        """The penalty in an epoch's mean loss, as if it had changed by the same amount in every update."""
        before, self.penalty = self.penalty, self.fitted.penalty()
        mean = before + (self.penalty - before) * (self.batches - 1) / (2 * self.batches)
        return mean * self.batches / self.weight if self.weight else 0.0

    def _compare(self, metrics: Mapping[str, float]) -> None:
        """Count epochs without improvement, and keep the best state."""
        e = self.estimator
        if self.score is not None:
            score = float(self.score(metrics))
            e.validation_scores_.append(score)
            if e.verbose:
                print(f"Validation score: {score:f}")
            worse = not score >= e.best_validation_score_ + e.tol  # NaN is no improvement
            if score > e.best_validation_score_:
                e.best_validation_score_ = score
                self.best = self.fitted.marked() if e.early_stopping else None
        if not e.early_stopping:
            worse = e.loss_ > e.best_loss_ - e.tol
            e.best_loss_ = min(e.best_loss_, e.loss_)
        e._no_improvement_count = e._no_improvement_count + 1 if worse else 0

    def _stops(self, trainer: Trainer) -> bool:
        """Whether too many epochs without improvement end the run; "adaptive" first lowers the rate."""
        e = self.estimator
        what = "Validation score" if e.early_stopping else "Training loss"
        message = f"{what} did not improve more than tol={e.tol:f} for {e.n_iter_no_change} consecutive epochs."
        if self.mode == "adaptive" and trainer.learning_rate > SMALLEST_RATE:
            trainer.learning_rate /= 5.0
            then = f" Setting learning rate to {trainer.learning_rate:f}"
            stops = False
        else:
            then = " Learning rate too small. Stopping." if self.mode == "adaptive" else " Stopping."
            stops = True
        if e.verbose:
            print(message + then)
        return stops

    def restore_best(self) -> None:
        """Restore the best weights, if validation found any."""
        if self.best is not None:
            self.fitted.back_to(self.best)
