"""Networks and data that the benchmarks train."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import nbtrain


@dataclass(frozen=True)
class Workload:
    """A classifier with relu units and its batches; trained with adam and L2, in float32."""

    sizes: tuple[int, ...]
    batch_size: int
    samples: int

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Normal inputs, and classes that depend on them."""
        random = np.random.default_rng(0)
        x = random.standard_normal((self.samples, self.sizes[0]), dtype=np.float32)
        scores = x @ random.standard_normal((self.sizes[0], self.sizes[-1]), dtype=np.float32)
        return x, scores.argmax(axis=1)

    def trainer(self) -> nbtrain.Trainer:
        """A new trainer, its code compiled."""
        layers = [nbtrain.Dense(units, "relu") for units in self.sizes[1:-1]]
        return nbtrain.Trainer(
            nbtrain.Network(self.sizes[0], [*layers, nbtrain.Dense(self.sizes[-1])]),
            loss="softmax_cross_entropy",
            regularizer=nbtrain.regularizer("l2", strength=1e-2),
            batch_size=self.batch_size,
            rng=0,
        )


WORKLOADS = {
    "small 30-64-64-2": Workload((30, 64, 64, 2), 32, 8192),
    "middle 784-128-10": Workload((784, 128, 10), 128, 16384),
}
