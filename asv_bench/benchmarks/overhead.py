"""What is around the steps of small networks: making a trainer, calling fit, validation after each epoch, ensembles."""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np

import nbtrain
from nbtrain.callbacks import EarlyStopping

CALLS = 100  # so that the milliseconds of a benchmark are ten microseconds of a call
SIZES = {"8-16-1": (8, 16, 1), "30-64-64-2": (30, 64, 64, 2)}


def network(sizes: tuple[int, ...]) -> nbtrain.Network:
    """A network of these sizes, inputs first."""
    hidden = [nbtrain.Dense(units, "relu") for units in sizes[1:-1]]
    return nbtrain.Network(sizes[0], [*hidden, nbtrain.Dense(sizes[-1])])


class Making:
    """Trainers of a network, initial weights included."""

    timeout = 600
    timer = time.thread_time
    params = tuple(SIZES)
    param_names = ("network",)

    def setup(self, name: str) -> None:
        self.network, self.regularizer = network(SIZES[name]), nbtrain.regularizer("l2", strength=1e-4)
        self.time_100_trainers(name)

    def time_100_trainers(self, name: str) -> None:
        for seed in range(CALLS):
            nbtrain.Trainer(self.network, loss="mse", regularizer=self.regularizer, rng=seed)

    def time_100_trainers_with_networks_of_their_own(self, name: str) -> None:
        for seed in range(CALLS):
            nbtrain.Trainer(network(SIZES[name]), loss="mse", regularizer=self.regularizer, rng=seed)


class Fit:
    """Calls of fit on 64 rows, two steps an epoch, for 8-16-1."""

    timeout = 600
    timer = time.thread_time

    def setup(self) -> None:
        random = np.random.default_rng(0)
        self.X, self.y = random.standard_normal((64, 8), np.float32), random.standard_normal((64, 1), np.float32)
        self.trainer = nbtrain.Trainer(network(SIZES["8-16-1"]), loss="mse", rng=0)
        self.time_100_calls()

    def time_100_calls(self) -> None:
        for _ in range(CALLS):
            self.trainer.fit(self.X, self.y)

    def time_100_epochs(self) -> None:
        self.trainer.fit(self.X, self.y, CALLS)

    def time_100_epochs_with_validation_and_early_stopping(self) -> None:
        stopping = EarlyStopping(patience=CALLS)
        self.trainer.fit(self.X, self.y, CALLS, validation_data=(self.X, self.y), callbacks=stopping)


class Ensemble:
    """Estimators of many networks, data checks included."""

    timeout = 600
    timer = time.thread_time
    params = (1, 20)
    param_names = ("networks",)

    def setup(self, networks: int) -> None:
        random = np.random.default_rng(0)
        self.X = random.standard_normal((1000, 8))
        self.y = np.sin(self.X[:, 0]) + 0.1 * random.standard_normal(1000)
        self.group = np.arange(1000) % networks
        self.time_ensemble(networks)
        self.time_grouped(networks)

    def fitted(self, kind: str, *arguments: Any, groups: Any = None, **options: Any) -> None:
        """Fit one of the estimators of `nbtrain.sklearn`."""
        try:
            from nbtrain import sklearn
        except ImportError as error:
            raise NotImplementedError(str(error)) from error  # asv's word for a benchmark that is left out
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it has not converged
            model = getattr(sklearn, kind)(*arguments, hidden_layer_sizes=16, max_iter=10, random_state=0, **options)
            model.fit(self.X, self.y) if groups is None else model.fit(self.X, self.y, groups=groups)

    def time_ensemble(self, networks: int) -> None:
        self.fitted("MLPEnsembleRegressor", networks)

    def time_ensemble_of_bootstrap_samples_with_early_stopping(self, networks: int) -> None:
        self.fitted("MLPEnsembleRegressor", networks, bootstrap=True, early_stopping=True)

    def time_grouped(self, networks: int) -> None:
        self.fitted("GroupedMLPRegressor", groups=self.group)
