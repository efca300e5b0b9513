"""Rounds of nbtrain.distributed: what they cost beside their steps, in this process and with a pool of processes."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np

import nbtrain

SHARDS, STEPS, ROUNDS = 4, 16, 8  # of an epoch


class Epoch:
    """An epoch of 8 rounds of 16 steps on 4 shards; `fit` makes as many steps without rounds."""

    timeout = 600
    params = ((30, 128), ("fit", "serial", "processes"))
    param_names = ("inputs", "way")

    def setup(self, inputs: int, way: str) -> None:
        hidden, self.batch = ((64, 64), 32) if inputs == 30 else ((256, 256), 64)
        self.network = nbtrain.Network(inputs, [*(nbtrain.Dense(units, "relu") for units in hidden), nbtrain.Dense(10)])
        random = np.random.default_rng(0)
        rows = SHARDS * STEPS * ROUNDS * self.batch
        self.X = random.standard_normal((rows, inputs)).astype(np.float32)
        self.y = random.integers(0, 10, rows)
        self.pool: Any = ProcessPoolExecutor(2) if way == "processes" else None
        self.time_epoch(inputs, way)

    def teardown(self, inputs: int, way: str) -> None:
        if self.pool is not None:
            self.pool.shutdown()

    def time_epoch(self, inputs: int, way: str) -> None:
        trainer = nbtrain.Trainer(self.network, loss="softmax_cross_entropy", batch_size=self.batch, rng=0)
        if way == "fit":
            trainer.fit(self.X, self.y)
        else:
            nbtrain.distributed.fit(trainer, (self.X, self.y), shards=SHARDS, executor=self.pool)
