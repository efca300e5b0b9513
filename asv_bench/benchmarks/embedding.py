"""The smaller functions of compiled callers: prediction that many threads share, target networks, norms."""

from __future__ import annotations

import time

import numpy as np
from numba import njit

import nbtrain
from nbtrain import kernel

CALLS = 1000  # so that the milliseconds of a benchmark are microseconds of a call
SIZES = {"8-16-2": (8, 16, 2), "30-64-64-2": (30, 64, 64, 2), "784-128-10": (784, 128, 10)}
ROWS = 32


@njit
def predictions(model, x, out, count):  # type: ignore[no-untyped-def]
    for _ in range(count):
        kernel.predict(model, x, out)


@njit
def shared_predictions(model, x, out, work, count):  # type: ignore[no-untyped-def]
    for _ in range(count):
        kernel.predict_with(model, x, out, work)


@njit
def blends(target, source, count):  # type: ignore[no-untyped-def]
    for _ in range(count):
        kernel.blend(target, source, 0.005)


@njit
def copies(target, source, count):  # type: ignore[no-untyped-def]
    for _ in range(count):
        kernel.copy(target, source)


@njit
def norms(model, count):  # type: ignore[no-untyped-def]
    total = 0.0
    for _ in range(count):
        total += kernel.gradient_norm(model)
    return total


class Embedding:
    """A thousand calls each, in one compiled function, for 32 rows."""

    timeout = 600
    timer = time.thread_time
    params = tuple(SIZES)
    param_names = ("network",)

    def setup(self, name: str) -> None:
        sizes = SIZES[name]
        layers = [nbtrain.Dense(units, "relu") for units in sizes[1:-1]]
        network = nbtrain.Network(sizes[0], [*layers, nbtrain.Dense(sizes[-1])])
        self.trainers = [nbtrain.Trainer(network, loss="mse", batch_size=ROWS, rng=seed) for seed in range(2)]
        self.model, self.target = (trainer.model for trainer in self.trainers)
        self.x = np.random.default_rng(0).standard_normal((ROWS, sizes[0]), np.float32)
        self.out = np.empty((ROWS, sizes[-1]), np.float32)
        self.work = np.empty(kernel.work_size(self.model, ROWS), np.uint8)
        for method in (self.time_predict, self.time_predict_with, self.time_blend, self.time_copy, self.time_norm):
            method(name)

    def time_predict(self, name: str) -> None:
        predictions(self.model, self.x, self.out, CALLS)

    def time_predict_with(self, name: str) -> None:
        shared_predictions(self.model, self.x, self.out, self.work, CALLS)

    def time_blend(self, name: str) -> None:
        blends(self.target, self.model, CALLS)

    def time_copy(self, name: str) -> None:
        copies(self.target, self.model, CALLS)

    def time_norm(self, name: str) -> None:
        norms(self.model, CALLS)
