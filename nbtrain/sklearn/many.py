"""What estimators of many networks share: parameters, the population, validation splits, stopping."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from ..callbacks import EarlyStopping
from ..components import Component
from ..components.by_name import bound, registry
from ..errors import InputError
from ..population import Population
from . import declare
from .data import DTYPES, Array
from .parameters import check_parameters

AUTO_BATCH = 200  # scikit-learn's batch_size="auto"


class ManyNetworks(BaseEstimator):
    """Base of the estimators that train a population of networks.

    Attributes
    ----------
    population_ : nbtrain.Population
    """

    n_iter_: Array
    population_: Population

    def _loss(self) -> str | Component:
        raise NotImplementedError

    def _checked_parameters(self) -> Any:
        """Check the parameters -> the random state."""
        check_parameters(self)
        if isinstance(self.solver, str) and self.solver == "lbfgs":
            raise InputError("solver: 'lbfgs' trains one network (MLPClassifier, MLPRegressor); use 'adam' or another")
        return check_random_state(self.random_state)

    def _checked_data(self, X: Any, y: Any, sample_weight: Any, **options: Any) -> tuple[Array, Array, Array | None]:
        X, y = validate_data(self, X, y, dtype=DTYPES, **options)
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, X, dtype=X.dtype)
        return X, y, weight

    def _make(self, members: int, inputs: int, outputs: int, rows: int, dtype: Any, random: Any) -> Population:
        """A population for data of so many columns, and of so many rows for each member."""
        size = min(AUTO_BATCH, rows) if isinstance(self.batch_size, str) else self.batch_size
        return Population(
            declare.network(self, inputs, outputs, initializer="glorot_uniform"),
            members,
            loss=self._loss(),
            optimizer=self._optimizer(),
            regularizer=declare.regularizer(self),
            batch_size=size,
            shuffle=self.shuffle,
            dtype=dtype,
            rng=int(random.randint(0, 2**32, dtype=np.uint64)),
            clip_value=self.clip_value,
            clip_norm=self.clip_norm,
            threads=self.threads,
        )

    def _optimizer(self) -> Component:
        if isinstance(self.solver, Component):
            return self.solver
        return bound(registry.get("optimizer", self.solver), {"learning_rate": float(self.learning_rate_init)})

    def _stopping(self) -> EarlyStopping:
        """By the validation loss where there is one; otherwise by the training loss, as in scikit-learn."""
        patience = np.iinfo(np.int32).max if np.isinf(self.n_iter_no_change) else self.n_iter_no_change
        metric = "val_loss" if self.early_stopping else "loss"
        return EarlyStopping(metric, patience=patience, min_delta=float(self.tol), restore_best=self.early_stopping)

    def _train(self, population: Population, X: Array, y: Array, **options: Any) -> None:
        """Train all members, and warn where some are not finished, unless all epochs were asked for."""
        self.population_ = population
        population.fit(X, y, int(self.max_iter), early_stopping=self._stopping(), **options)
        self.n_iter_ = population.epoch
        unfinished = int(np.count_nonzero((self.n_iter_ >= self.max_iter) & (population.status == 0)))
        if unfinished and not np.isinf(self.n_iter_no_change):
            warnings.warn(
                f"Stochastic Optimizer: {unfinished:,} of {len(population):,} networks have been trained for the "
                f"maximum of {self.max_iter} epochs (max_iter) and have not converged yet.",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _checked_inputs(self, X: Any) -> Array:
        check_is_fitted(self)
        found: Array = validate_data(self, X, dtype=DTYPES, reset=False)
        return found


def held_out(rows: int, fraction: float) -> int:
    """How many of so many rows are for validation: at least one.

    Raises
    ------
    ValueError
        If none would be left for training.
    """
    count = max(1, round(fraction * rows))
    if count >= rows:
        raise ValueError(
            f"The validation set of {count} of {rows} samples leaves none for training. Decrease 'validation_fraction' "
            "or set early_stopping=False."
        )
    return count
