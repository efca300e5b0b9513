"""Backward: the loss and its derivative, then delta = dJ/dz layer by layer."""

from __future__ import annotations

import numpy as np

from ..compiler.jit import jit, matrix_at, matrix_in, vector_at
from .calls import call
from .forward import BYTE, keep, mask_of
from .layout import FAILED, HITS_LARGEST, HITS_THRESHOLD
from .matmul.products import input_slope
from .net import FLOAT64, INT64
from .team.team import share


@jit
def loss_slope(net, batch, scale, team):
    """Losses of this thread's rows, and the last layer's delta = scale * weight * dL/dz."""
    d = net.descriptor[0]
    last = net.layers[net.layers.size - 1]
    first, stop = share(batch.rows, team)
    skip, weight = first * last.units * d.itemsize, batch.weight
    if weight != 0:
        weight += first * d.itemsize
    y, row_loss = batch.y + first * d.target_bytes, d.row_loss + first * 8
    failed = call(
        d.loss,
        (last.a + skip, y, weight, last.delta + skip, row_loss) + (stop - first, last.units, d.loss_parameters, scale),
    )
    if last.slope != 0:
        n = (stop - first) * last.units
        call(last.slope, (last.z + skip, last.a + skip, last.delta + skip, n, last.parameters))
    if weight != 0:
        delta = matrix_at(last.delta + skip, stop - first, last.units, net.theta.dtype)
        remove_rows(vector_at(weight, stop - first, net.theta.dtype), row_loss, delta)
    if failed != 0:  # then the loss is NaN and nothing is updated
        d.failed = FAILED
        vector_at(row_loss, stop - first, FLOAT64)[:] = np.nan


@jit
def remove_rows(weights, row_loss, delta):
    """The loss and delta of a sample of weight 0 are 0, even where 0 times what they were is NaN."""
    losses = vector_at(row_loss, weights.size, FLOAT64)
    for r in range(weights.size):
        if weights[r] == 0:
            losses[r] = 0.0
            delta[r] = 0


@jit
def summed_loss(net, rows):
    """The weighted losses of a chunk's rows, added in their order in float64."""
    row_loss = vector_at(net.descriptor[0].row_loss, rows, FLOAT64)
    total = 0.0
    for i in range(rows):
        total += row_loss[i]
    return total


@jit
def backward(net, batch, first_row, training, team):
    """delta of every layer below the last, for this thread's rows."""
    rows = share(batch.rows, team)
    first, stop = rows
    dtype = net.theta.dtype
    for index in range(net.layers.size - 1, 0, -1):
        above, layer = net.layers[index], net.layers[index - 1]
        delta = matrix_at(layer.delta, batch.rows, layer.units, dtype)  # (rows, units)
        delta_above = matrix_at(above.delta, batch.rows, above.units, dtype)
        w = matrix_in(net.theta, above.weights, above.inputs, above.units)
        input_slope(delta_above, w, delta, rows, net.panels)
        skip, n = first * layer.units * net.theta.itemsize, (stop - first) * layer.units
        if training and layer.mask != 0:
            mask = vector_at(mask_of(layer, first_row, first), n, BYTE)
            delta_own = vector_at(layer.delta + skip, n, dtype)
            keep(delta_own, mask, layer.keep_scale, delta_own)
        if layer.slope != 0:
            call(layer.slope, (layer.z + skip, layer.a + skip, layer.delta + skip, n, layer.parameters))


@jit
def count_hits(net, batch):
    """Sum of the weights of the rows that the last layer classifies correctly."""
    d = net.descriptor[0]
    last = net.layers[net.layers.size - 1]
    dtype = net.theta.dtype
    a = matrix_at(last.a, batch.rows, last.units, dtype)
    weight = vector_at(batch.weight, batch.rows, dtype)
    hits = 0.0
    for i in range(batch.rows):
        right = 0.0
        if d.hits == HITS_LARGEST:
            right = np.float64(is_largest(a[i], vector_at(batch.y, batch.rows, INT64)[i]))
        elif d.hits == HITS_THRESHOLD:
            right = agreement(a[i], matrix_at(batch.y, batch.rows, last.units, dtype)[i], d.hit_threshold)
        hits += right * (np.float64(weight[i]) if batch.weight != 0 else 1.0)
    return hits


@jit
def is_largest(row, index):
    """Whether an element is the first of the largest ones; False where any is NaN. Written without branches.

    The index is read again here: another thread may have changed the labels since they were checked.
    """
    lower = (index >= 0) & (index < row.size)
    peak = row[index if lower else 0]
    for k in range(row.size):
        lower &= (row[k] < peak) | ((row[k] == peak) & (k >= index))
    return lower


@jit
def agreement(row, target, threshold):
    """Fraction of the outputs that are on the target's side of the threshold."""
    right = 0
    for k in range(row.size):
        if (row[k] > threshold) == (target[k] > 0.5):
            right += 1
    return right / row.size
