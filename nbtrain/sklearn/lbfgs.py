"""The solver "lbfgs": SciPy's L-BFGS-B over the flat parameters."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from ..callbacks import Callback, as_callbacks
from ..callbacks.base import stops
from ..checks.messages import brief, wrong
from ..errors import InputError
from ..training.fit import end
from .data import Array, Data
from .fitted import FittedNetwork
from .hooks import Hooks

UNFINISHED = (1, 2)  # SciPy's status of a run that reached a limit or found no better step


def refuse(estimator: Any, X_val: Any) -> None:
    """Raise an InputError for parameters that have no effect without epochs."""
    if np.any(np.asarray(estimator.dropout)):
        raise InputError(wrong("dropout", "be 0 with solver='lbfgs'", brief(estimator.dropout)))
    for name in ("constraint", "clip_value", "clip_norm"):
        if getattr(estimator, name) is not None:
            raise InputError(wrong(name, "be None with solver='lbfgs'", brief(getattr(estimator, name))))
    if X_val is not None:
        raise InputError("X_val must be None with solver='lbfgs', which has no epochs to validate after")


def train(estimator: Any, fitted: FittedNetwork, data: Data, hooks: Hooks) -> None:
    """Train to convergence on the whole data; `n_iter_` and `loss_` are set."""
    e, trainer = estimator, fitted.trainer
    callbacks = as_callbacks(e.callbacks or ())
    weight = data.total_weight

    def as_loss(value: float) -> float:
        penalty = fitted.penalty() / weight
        return float((value - penalty) * e._loss_scale() + penalty)

    def after(value: float) -> bool:
        e.n_iter_ += 1
        e.loss_ = as_loss(value)
        if e.verbose:
            print(f"Iteration {e.n_iter_}, loss = {e.loss_:.8f}")
        metrics = {"loss": e.loss_}
        ended = [stops(callback.on_epoch(trainer, e.n_iter_, metrics), callback, "on_epoch") for callback in callbacks]
        return hooks.end_epoch(e.n_iter_ == e.max_iter) or any(ended)

    e.n_iter_ = 0
    hooks.begin()
    started: list[Callback] = []
    try:
        for callback in callbacks:
            started.append(callback)
            callback.on_start(trainer)
        value, e.n_iter_ = minimized(e, fitted, data, after)
    finally:
        end(started, trainer)
    e.loss_ = as_loss(value)


def minimized(estimator: Any, fitted: FittedNetwork, data: Data, after: Callable[[float], bool]) -> tuple[float, int]:
    """Minimize J, the loss with the penalty.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Its max_iter, max_fun and tol are used.
    fitted : FittedNetwork
        Its weights are the start and hold the result.
    data : Data
    after : function
        `after(J)` is called after each iteration; returning True stops.

    Returns
    -------
    J : float
    iterations : int
    """
    trainer = fitted.trainer

    def objective(theta: Array) -> tuple[float, Array]:
        trainer.theta[...] = theta
        value, gradient = trainer.loss_and_gradient(data.X, data.target, data.weight)
        return value, gradient.astype(np.float64)

    def step(*, intermediate_result: Any) -> None:
        trainer.theta[...] = intermediate_result.x
        if after(float(intermediate_result.fun)):
            raise StopIteration

    limits = {"maxfun": estimator.max_fun, "maxiter": estimator.max_iter, "gtol": estimator.tol}
    start = trainer.theta.astype(np.float64)
    with np.errstate(over="ignore"):
        found = minimize(objective, start, method="L-BFGS-B", jac=True, options=limits, callback=step)
        trainer.theta[...] = found.x
    if found.status in UNFINISHED:
        warnings.warn(
            f"lbfgs failed to converge after {found.nit} iteration(s) (status={found.status}): {found.message}. "
            f"It may help to increase the number of iterations (max_iter={estimator.max_iter}) or of evaluations "
            f"(max_fun={estimator.max_fun}), or to scale the data.",
            ConvergenceWarning,
            stacklevel=6,
        )
    return float(found.fun), min(int(found.nit), int(estimator.max_iter))
