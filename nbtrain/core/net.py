"""What the core's functions work on: a model opened from its descriptor, and a batch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..compiler.jit import jit, vector_at
from .layout import DESCRIPTOR, LAYER

FLOAT64, INT64 = np.dtype(np.float64), np.dtype(np.int64)
UINT32 = np.dtype(np.uint32)  # of an order: half the memory of int64, for up to 2**32 - 1 samples


class Net(NamedTuple):
    """A model as the core sees it."""

    descriptor: np.ndarray  # (1,) record
    layers: np.ndarray  # (layers,) records
    theta: np.ndarray  # (parameters,)
    gradient: np.ndarray  # (parameters,)
    panels: np.ndarray  # workspace in which matrix products pack their operands


class Batch(NamedTuple):
    """Rows of data by their addresses: x (rows, inputs), y (rows, outputs) or labels, weight (rows,) or 0."""

    x: int
    y: int
    weight: int
    rows: int


# Typed constants: with plain ones Numba compiles a function once more for each value.
ZERO = np.int64(0)  # also the address of nothing
TRAINING, INFERENCE = np.bool_(True), np.bool_(False)


@jit
def open_net(address, dtype, rank):
    """The model whose descriptor is at `address`, with the workspace of one member of a team."""
    descriptor = vector_at(address, 1, DESCRIPTOR)
    d = descriptor[0]
    return Net(
        descriptor,
        vector_at(d.layers, d.layer_count, LAYER),
        vector_at(d.theta, d.parameters, dtype),
        vector_at(d.gradient, d.parameters, dtype),
        vector_at(d.panels + rank * d.panel_size * d.itemsize, d.panel_size, dtype),
    )


@jit
def chunk_at(d, batch, first):
    """A chunk of a batch: the rows from `first` on, at most as many as the workspace holds."""
    rows = min(batch.rows - first, d.batch_size)
    weight = batch.weight + first * d.itemsize if batch.weight != 0 else ZERO
    x = batch.x + first * d.inputs * d.itemsize
    return Batch(x, batch.y + first * d.target_bytes, weight, rows)


@jit
def total_weight(net, batch):
    """m: the number of samples, or the sum of their weights in float64."""
    return add_weights(net, batch, 0.0)


@jit
def add_weights(net, batch, total):
    """Add the samples, or their weights in their order, to a total."""
    if batch.weight == 0:
        return total + np.float64(batch.rows)
    weight = vector_at(batch.weight, batch.rows, net.theta.dtype)
    for i in range(batch.rows):
        total += np.float64(weight[i])
    return total
