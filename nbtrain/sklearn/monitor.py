"""After every epoch of a stochastic solver: curves, early stopping, learning rates, messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..callbacks import Callback
from ..training.trainer import Trainer
from . import declare
from .engine import Engine

SMALLEST_RATE = 1e-6  # below it, "adaptive" stops instead of reducing the rate again


class Monitor(Callback):
    """Updates an estimator's fitted attributes and decides when to stop.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
    engine : Engine
    samples, weight : int, float
        Samples of an epoch, and the sum of their weights.
    score : function, optional
        `score(metrics)` -> validation score of the epoch.
    incremental : bool
        One epoch of partial_fit, which never stops.
    end_epoch : function, optional
        Called at the end of every epoch, with whether it is the last; returning True stops.
    """

    def __init__(
        self,
        estimator: Any,
        engine: Engine,
        samples: int,
        weight: float,
        score: Callable[[Mapping[str, float]], float] | None = None,
        incremental: bool = False,
        end_epoch: Callable[[bool], bool] | None = None,
    ) -> None:
        self.estimator, self.engine, self.score, self.incremental = estimator, engine, score, incremental
        self.end_epoch = end_epoch
        self.samples, self.weight = samples, weight
        self.batches = -(-samples // engine.trainer.batch_size)
        self.mode = declare.mode(estimator)
        self.penalty = engine.penalty()
        self.converged = self.asked = False
        self.best: Any = None

    def on_epoch(self, trainer: Trainer, epoch: int, metrics: Mapping[str, float]) -> bool:
        """Attributes, messages and the decision to stop, in scikit-learn's order."""
        e = self.estimator
        e.history_.append(metrics)
        e.n_iter_ += 1
        e.t_ += self.samples
        e.loss_ = metrics["loss"] * e._loss_scale() + self._mean_penalty()
        e.loss_curve_.append(e.loss_)
        if e.verbose:
            print(f"Iteration {e.n_iter_}, loss = {e.loss_:.8f}")
        self._compare(metrics)
        if self.mode == "invscaling":
            trainer.learning_rate = e.learning_rate_init / (e.t_ + 1) ** e.power_t
        if e._no_improvement_count > e.n_iter_no_change:
            self.converged = self._stops(trainer)
            e._no_improvement_count = e._no_improvement_count if self.converged else 0
        last = self.converged or self.incremental or e.n_iter_ == e.max_iter
        self.asked = self.end_epoch(last) if self.end_epoch is not None else False
        return (self.converged or self.asked) and not self.incremental

    def _mean_penalty(self) -> float:
        """The penalty in an epoch's mean loss, as if it had changed by the same amount in every update."""
        before, self.penalty = self.penalty, self.engine.penalty()
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
                self.best = self.engine.marked() if e.early_stopping else None
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
            self.engine.back_to(self.best)
