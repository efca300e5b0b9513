"""Populations: construction, fit of many small networks, validation between epochs, single steps, predictions."""

from __future__ import annotations

import time

import numpy as np

import nbtrain
from nbtrain import kernel

MEMBERS = 200


class Small:
    """Networks 8-16-1 with 64 rows each; milliseconds for 200 of them."""

    timeout = 600
    timer = time.thread_time

    def setup(self) -> None:
        random = np.random.default_rng(0)
        self.network = nbtrain.Network(8, [nbtrain.Dense(16, "tanh"), nbtrain.Dense(1)])
        self.x = random.standard_normal((MEMBERS, 64, 8)).astype(np.float32)
        self.y = random.standard_normal((MEMBERS, 64, 1)).astype(np.float32)
        self.many = self.make()
        self.many.fit(self.x, self.y, 1)
        kernel.train_members(self.many.model, self.x, self.y, 0, MEMBERS, 1)

    def make(self) -> nbtrain.Population:
        return nbtrain.Population(self.network, MEMBERS, loss="mse", rng=0)

    def time_construction(self) -> None:
        self.make()

    def time_100_steps(self) -> None:
        self.many.fit(self.x, self.y, 50)

    def time_50_epochs_with_validation_and_early_stopping(self) -> None:
        stopping = {"patience": 1000}
        self.many.fit(self.x, self.y, 50, validation_data=(self.x, self.y), early_stopping=stopping)

    def time_one_step_each(self) -> None:
        kernel.train_members(self.many.model, self.x, self.y, 0, MEMBERS, 1)

    def time_prediction_of_64_rows(self) -> None:
        self.many.predict(self.x[0])

    def time_one_member_as_a_trainer(self) -> None:
        self.many[7]


class Memory:
    """1,000 networks 30-64-64-2, made and trained."""

    timeout = 600

    def peakmem_1000_members(self) -> None:
        random = np.random.default_rng(0)
        layers = [nbtrain.Dense(64, "relu"), nbtrain.Dense(64, "relu"), nbtrain.Dense(2)]
        many = nbtrain.Population(nbtrain.Network(30, layers), 1000, loss="mse", rng=0)
        many.fit(random.standard_normal((64, 30)), random.standard_normal((64, 2)), 1)
