"""Where a training stands: parameters, optimizer state and counters, as one value of contiguous bytes."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np

from ..core.layout import MEMBER
from .memory import Memory
from .recipe import Recipe

Array = np.ndarray[Any, Any]
SEED = ("seed_0", "seed_1", "seed_2", "seed_3")
COUNTERS = ("iteration", "epoch", "position", "samples")
START = "optimizer_start"
NUMBERS = ("learning_rate", "rate_scale", "epoch_loss", "epoch_weight", "epoch_hits")
NAMES = [*SEED, *COUNTERS, START, *NUMBERS]
RECORD = MEMBER  # the descriptor's words that training changes
SNAPSHOT = {"snapshot_iteration": "iteration", "snapshot_epoch": "epoch", "snapshot_start": START}
FLOAT64 = np.dtype(np.float64)


class RowLayout(NamedTuple):
    """The layout of a row in memory: theta, the optimizer's state, and from the next multiple of 8 bytes its scalars.

    The core writes the snapshot of the last finite epoch in this form.
    """

    parameters: int
    slots: int
    scalars: int
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, recipe: Recipe) -> Self:
        """The layout of a recipe's row."""
        spec = recipe.optimizer.spec
        return cls(recipe.network.parameter_count, len(spec.slots), len(spec.scalars), recipe.dtype)

    @property
    def start_of_scalars(self) -> int:
        """In bytes."""
        return ((1 + self.slots) * self.parameters * self.dtype.itemsize + 7) // 8 * 8

    @property
    def nbytes(self) -> int:
        """Size of a row."""
        return self.start_of_scalars + self.scalars * FLOAT64.itemsize

    def views(self, row: Array) -> tuple[Array, Array, Array]:
        """theta (parameters,), state (slots, parameters) and scalars (scalars,) of a row of bytes."""
        middle = self.parameters * self.dtype.itemsize
        end = (1 + self.slots) * middle
        state = row[middle:end].view(self.dtype).reshape(self.slots, self.parameters)
        scalars = row[self.start_of_scalars : self.nbytes].view(FLOAT64)
        return row[:middle].view(self.dtype), state, scalars


class State:
    """A copy of where a training stands: the row theta | state | scalars, and a record of counters.

    Parameters
    ----------
    layout : RowLayout
    data : ndarray of uint8, optional
        The record and the row behind it; by default zeros.

    Attributes
    ----------
    data : ndarray of shape (bytes,), uint8
        Everything, contiguous.
    counters : ndarray of shape (1,), structured
        `seed_0` to `seed_3`, `iteration`, `epoch`, `position`, `samples`, `optimizer_start`, `learning_rate`,
        `rate_scale`, and the sums of an epoch that was begun.
    theta : ndarray of shape (parameters,)
    state : ndarray of shape (slots, parameters)
    scalars : ndarray of shape (scalars,), float64
    """

    layout: RowLayout
    data: Array
    counters: Array
    theta: Array
    state: Array
    scalars: Array

    def __init__(self, layout: RowLayout, data: Array | None = None) -> None:
        size = RECORD.itemsize + layout.nbytes
        self.layout, self.data = layout, np.zeros(size, np.uint8) if data is None else data
        if self.data.shape != (size,):
            raise ValueError(f"a state of {self.data.size:,} bytes where the model has {size:,}")
        self.counters = self.data[: RECORD.itemsize].view(RECORD)
        self.theta, self.state, self.scalars = layout.views(self.data[RECORD.itemsize :])

    @classmethod
    def take(cls, memory: Memory, recipe: Recipe) -> Self:
        """Copy where a model stands. It must not be trained meanwhile."""
        found, descriptor = cls(RowLayout.of(recipe)), memory.array("descriptor")
        for name in NAMES:
            found.counters[name] = descriptor[name]
        for kept, current in zip((found.theta, found.state, found.scalars), row_of(memory), strict=True):
            kept[...] = current
        return found

    def put(self, memory: Memory) -> None:
        """Set a model to where this state stands. It must not be trained meanwhile."""
        descriptor = memory.array("descriptor")
        if any(descriptor[name] != self.counters[name] for name in SEED):
            descriptor["order_epoch"] = -1  # the order that was drawn belongs to the other seed
        for name in NAMES:
            descriptor[name] = self.counters[name]
        for current, kept in zip(row_of(memory), (self.theta, self.state, self.scalars), strict=True):
            current[...] = kept

    @property
    def seed(self) -> tuple[int, ...]:
        """The words of the random stream's seed."""
        return tuple(int(self.counters[name][0]) for name in SEED)


def row_of(memory: Memory) -> tuple[Array, Array, Array]:
    """theta, state and scalars of a model."""
    return memory.array("theta"), memory.array("state"), memory.array("scalars")


def keep_snapshot(memory: Memory) -> None:
    """Have the core keep how a model stands as its last finite epoch, before its next slice of training."""
    memory.array("descriptor")["snapshot_due"] = 1


def write_snapshot(memory: Memory, recipe: Recipe) -> None:
    """Keep how a model stands as its last finite epoch, now: for what changes it without the core."""
    descriptor = memory.array("descriptor")
    for kept, current in zip(RowLayout.of(recipe).views(memory.array("snapshot")), row_of(memory), strict=True):
        kept[...] = current
    for name, counter in SNAPSHOT.items():
        descriptor[name] = descriptor[counter]
    descriptor["snapshot_due"] = 0


def restore_snapshot(memory: Memory, recipe: Recipe) -> None:
    """Set a model back to its last finite epoch."""
    descriptor = memory.array("descriptor")
    if descriptor["snapshot_due"][0]:  # nothing has been trained since
        return
    for current, kept in zip(row_of(memory), RowLayout.of(recipe).views(memory.array("snapshot")), strict=True):
        current[...] = kept
    for name, counter in SNAPSHOT.items():
        descriptor[counter] = descriptor[name]
    descriptor["position"] = 0


def reset_optimizer(memory: Memory) -> None:
    """Clear the optimizer's state and scalars, and let its t begin anew."""
    descriptor = memory.array("descriptor")
    memory.array("state")[...] = 0.0
    memory.array("scalars")[...] = 0.0
    descriptor[START] = descriptor["iteration"]
