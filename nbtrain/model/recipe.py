"""What a model is built from, and how much work it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..components import Component
from ..components.network import Network

SUM_ROWS = 128  # rows of a batch for each sum that its gradient is made of, at least
MOST_SUMS = 8


@dataclass(frozen=True)
class Recipe:
    """Everything that a model is built from."""

    network: Network
    loss: Component
    optimizer: Component
    regularizer: Component | None
    batch_size: int
    shuffle: bool
    dtype: np.dtype[Any]
    seed: tuple[int, ...] = (0, 0, 0, 0)
    seeded: bool = True  # whether the user gave the seed; a drawn one need not be matched on resume
    threads: int = 1
    automatic: bool = False  # whether the number of threads was left to nbtrain
    clip_value: float | None = None
    clip_norm: float | None = None

    @property
    def passes(self) -> bool:
        """Whether the update takes several passes over the parameters."""
        clipped = self.clip_value is not None or self.clip_norm is not None
        constrained = any(layer.constraint is not None for layer in self.network.layers)
        return clipped or constrained or self.optimizer.spec.norms is not None

    @property
    def gradient_count(self) -> int:
        """Sums that a batch's gradient is made of, where a team exchanges less that way (`core.update.gradient`)."""
        sizes = self.network.sizes
        activations = self.batch_size * (sum(sizes[:-1]) + sum(sizes[1:]))  # which the gradient is made of
        worth = activations // (2 * self.network.parameter_count)
        return max(1, min(self.batch_size // SUM_ROWS, worth, MOST_SUMS))

    @property
    def work_per_step(self) -> float:
        """Floating-point operations of an iteration, about."""
        return 6.0 * self.network.parameter_count * self.batch_size
