"""Data that do not fit in memory, made small: trainers, arrays of many kinds in files, and batches of any sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nbtrain
from nbtrain.training.sources import arrays, orders

Array = np.ndarray[Any, Any]
ROWS, INPUTS, OUTPUTS, BATCH = 1003, 3, 2, 16


def make(loss: str = "mse", **options: Any) -> nbtrain.Trainer:
    """A trainer with dropout, whose numbers depend on the order of the samples."""
    network = nbtrain.Network(INPUTS, [nbtrain.Dense(5, "tanh", dropout=0.25), nbtrain.Dense(OUTPUTS)])
    return nbtrain.Trainer(network, loss=loss, batch_size=BATCH, **({"rng": 5} | options))


def data(loss: str = "mse", rows: int = ROWS) -> tuple[Array, Array, Array]:
    """X, y and sample weights, some of which are 0; small whole numbers, which every dtype holds."""
    random = np.random.default_rng(3)
    X = random.integers(0, 9, (rows, INPUTS)).astype(np.float64)
    y = random.integers(0, OUTPUTS, rows) if loss == "softmax_cross_entropy" else X[:, :OUTPUTS] - 4
    return X, y, random.integers(0, 4, rows).astype(np.float64)


def small(monkeypatch: pytest.MonkeyPatch, rows: int = 100) -> None:
    """Read everything that can be read, in blocks of about so many rows."""
    monkeypatch.setattr(arrays, "SMALL_BYTES", 0)
    monkeypatch.setattr(orders, "READ_BYTES", rows * INPUTS * 4)


def mapped(folder: Path, array: Array, dtype: Any = None, order: Any = "C", name: str = "") -> Array:
    """The array in a file, as a memmap."""
    path = folder / f"{name or len(list(folder.iterdir()))}.bin"
    found = np.memmap(path, dtype or array.dtype, "w+", shape=array.shape, order=order)
    found[...] = array
    return found


def in_pieces(*data: Array, sizes: Callable[[], int]) -> Callable[[], Iterator[tuple[Array, ...]]]:
    """A function that returns an iterator of batches of these sizes."""

    def batches() -> Iterator[tuple[Array, ...]]:
        first = 0
        while first < len(data[0]):
            last = first + sizes()
            yield tuple(array[first:last] for array in data)
            first = last

    return batches


def stop_at(iteration: int) -> nbtrain.callbacks.Callback:
    """A callback that ends the training within an epoch."""

    class Stop(nbtrain.callbacks.Callback):
        every_steps = 1

        def on_step(self, trainer: Any, now: int, metrics: Any) -> bool:
            return now == iteration

    return Stop()


def same(one: nbtrain.Trainer, other: nbtrain.Trainer) -> None:
    """Assert that two trainers stand at the same bits and have the same history."""
    assert one.iteration == other.iteration
    assert np.array_equal(one.theta, other.theta)
    assert dict(one.history) == dict(other.history)
