"""The solver "lbfgs": SciPy's L-BFGS-B over the flat parameters."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from .engine import Engine

Array = np.ndarray[Any, Any]


def minimize_loss(
    estimator: Any, engine: Engine, data: tuple[Any, Any, Any], after: Callable[[float], bool]
) -> tuple[float, int]:
    """Train to convergence on the whole data.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Its max_iter, max_fun and tol count.
    engine : Engine
        Whose weights are the start, and the result.
    data : (X, y, sample_weight)
        As the trainer takes them.
    after : function
        `after(J)` is called after each iteration; True stops.

    Returns
    -------
    J : float
        The loss with the penalty.
    iterations : int
    """
    trainer = engine.trainer
    X, y, weight = data

    def objective(theta: Array) -> tuple[float, Array]:
        trainer.theta[...] = theta
        value, gradient = trainer.loss_and_gradient(X, y, weight)
        return value, gradient.astype(np.float64)

    def told(*, intermediate_result: Any) -> None:
        trainer.theta[...] = intermediate_result.x
        if after(float(intermediate_result.fun)):
            raise StopIteration

    limits = {"maxfun": estimator.max_fun, "maxiter": estimator.max_iter, "gtol": estimator.tol}
    start = trainer.theta.astype(np.float64)
    with np.errstate(over="ignore"):
        found = minimize(objective, start, method="L-BFGS-B", jac=True, options=limits, callback=told)
        trainer.theta[...] = found.x
    if found.status in (1, 2):
        warnings.warn(
            f"lbfgs failed to converge after {found.nit} iteration(s) (status={found.status}): {found.message}. "
            f"It may help to increase the number of iterations (max_iter={estimator.max_iter}) or of evaluations "
            f"(max_fun={estimator.max_fun}), or to scale the data.",
            ConvergenceWarning,
            stacklevel=4,
        )
    return float(found.fun), min(int(found.nit), int(estimator.max_iter))
