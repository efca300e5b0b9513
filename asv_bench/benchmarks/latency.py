"""One sample at a time through a network of 10-32-32-1: from compiled code and from Python."""

from __future__ import annotations

import time

import numpy as np
from numba import njit

from nbtrain import kernel

from .workloads import WORKLOADS

CALLS = 1000


@njit
def steps(model, x, y):
    for _ in range(CALLS):
        kernel.train_step(model, x, y)


@njit
def predictions(model, x, out):
    for _ in range(CALLS):
        kernel.predict(model, x, out)


class OneSample:
    """The compiled loops make a thousand calls, so their milliseconds are microseconds per call."""

    timeout = 600
    timer = time.thread_time

    def setup(self) -> None:
        workload = WORKLOADS["10-32-32-1, batch 1"]
        self.trainer = workload.trainer()
        x, y = workload.data()
        self.x, self.y, self.out = x[:1].copy(), y[:1].copy(), np.empty((1, 1), np.float32)
        steps(self.trainer.model, self.x, self.y)
        predictions(self.trainer.model, self.x, self.out)

    def time_1000_steps_in_compiled_code(self) -> None:
        steps(self.trainer.model, self.x, self.y)

    def time_1000_predictions_in_compiled_code(self) -> None:
        predictions(self.trainer.model, self.x, self.out)

    def time_step(self) -> None:
        self.trainer.train_step(self.x, self.y)

    def time_prediction(self) -> None:
        self.trainer.predict(self.x)
