"""Networks and data for the benchmarks, from a few units to two million parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import nbtrain

Array = np.ndarray[Any, Any]
LEARNING_RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8
STRENGTH = 1e-4  # of L2, per step: not divided by the batch size


@dataclass(frozen=True)
class Workload:
    """A network with its batches; trained with Adam and L2, in float32, shuffled."""

    sizes: tuple[int, ...]
    batch_size: int
    samples: int  # a multiple of the batch size
    activation: str = "relu"
    loss: str = "softmax_cross_entropy"

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return self.samples // self.batch_size

    @property
    def flops(self) -> int:
        """Multiplications and additions of a step's matrix products: forward, gradients of weights and of inputs."""
        pairs = list(zip(self.sizes[:-1], self.sizes[1:], strict=True))
        return self.batch_size * (6 * sum(a * b for a, b in pairs) - 2 * pairs[0][0] * pairs[0][1])

    def data(self) -> tuple[Array, Array]:
        """Normal inputs, and targets that depend on them: floats (samples, outputs), or classes."""
        random = np.random.default_rng(0)
        x = random.standard_normal((self.samples, self.sizes[0]), dtype=np.float32)
        hidden = np.tanh(1.5 / np.sqrt(self.sizes[0]) * (x @ random.standard_normal((self.sizes[0], 24))))
        scores = hidden @ random.standard_normal((24, self.sizes[-1]))
        if self.loss == "softmax_cross_entropy":
            return x, scores.argmax(axis=1)
        return x, (scores / scores.std(axis=0)).astype(np.float32)

    def weights(self) -> list[tuple[Array, Array]]:
        """Initial weights (inputs, units) and biases of every layer."""
        random, made = np.random.default_rng(1), []
        for inputs, units in zip(self.sizes[:-1], self.sizes[1:], strict=True):
            bound = np.sqrt((6.0 if self.activation == "relu" else 3.0) / inputs)
            w = random.uniform(-bound, bound, (inputs, units)).astype(np.float32)
            made.append((w, np.zeros(units, np.float32)))
        return made

    def trainer(self, **options: Any) -> nbtrain.Trainer:
        """A new trainer with these weights, its code compiled."""
        import nbtrain  # here, since the peers' environments have none

        layers = [nbtrain.Dense(units, self.activation) for units in self.sizes[1:-1]]
        rates = {"learning_rate": LEARNING_RATE, "beta1": BETA1, "beta2": BETA2, "epsilon": EPSILON}
        trainer = nbtrain.Trainer(
            nbtrain.Network(self.sizes[0], [*layers, nbtrain.Dense(self.sizes[-1])]),
            loss=self.loss,
            optimizer=nbtrain.optimizer("adam", **rates),
            regularizer=nbtrain.regularizer("l2", strength=STRENGTH * self.batch_size),
            batch_size=self.batch_size,
            rng=0,
            **options,
        )
        trainer.set_weights(self.weights())
        return trainer


def _named(*workloads: Workload) -> dict[str, Workload]:
    return {f"{'-'.join(map(str, w.sizes))}, batch {w.batch_size}": w for w in workloads}


WORKLOADS = _named(
    Workload((4, 16, 1), 32, 2048, "tanh", "mse"),
    Workload((30, 64, 64, 2), 32, 8192),
    Workload((30, 64, 64, 2), 256, 8192),
    Workload((64, 128, 10), 64, 8192),
    Workload((784, 128, 10), 128, 16384),
    Workload((784, 512, 256, 10), 128, 16384),
    Workload((784, 1024, 1024, 10), 256, 8192),
    Workload((64, 256, 256, 10), 128, 8192, "tanh"),
    Workload((10, 32, 32, 1), 1, 2048, loss="mse"),
)
