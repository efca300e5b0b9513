"""Prediction and evaluation, in chunks of at most batch_size rows, whose rows a team shares."""

from __future__ import annotations

import numpy as np

from ..compiler.jit import jit, matrix_at, vector_at
from .backward import count_hits, loss_slope, summed_loss
from .calls import call
from .forward import forward
from .functions import EVALUATE, PREDICT
from .layout import FAILED, HITS_NONE, OK
from .net import FLOAT64, INFERENCE, ZERO, add_weights, chunk_at
from .team.team import current_team, dispatch, share, wait


@jit
def predict(net, data, out):
    """Write the output of the loss's output activation for the rows of x to `out`: (rows, outputs)."""
    d = net.descriptor[0]
    for first in range(0, data.rows, d.batch_size):
        team = current_team(d)
        dispatch(team, np.int64(PREDICT), first)
        predict_rows(net, data, first, out, team)
        wait(d, team)


@jit
def predict_rows(net, data, first, out, team):
    """A member's rows of the chunk that begins at row `first`: their predictions."""
    d = net.descriptor[0]
    chunk = chunk_at(d, data, first)
    forward(net, chunk, ZERO, INFERENCE, team)
    rows = share(chunk.rows, team)
    predictions(net, rows, out + (first + rows[0]) * d.outputs * d.itemsize)


@jit
def predictions(net, rows, out):
    """Write the loss's output activation of a range of the last layer's rows to `out`."""
    d = net.descriptor[0]
    last = net.layers[net.layers.size - 1]
    source = last.a + rows[0] * d.outputs * d.itemsize
    if output_of_loss(net, source, rows[1] - rows[0], out) != OK:
        d.failed = FAILED


@jit
def output_of_loss(net, source, count, out):
    """Write the loss's output activation of the `count` rows at `source` to `out` -> status."""
    d = net.descriptor[0]
    if d.output != 0:
        done = call(d.output, (source, out, count, d.outputs, d.loss_parameters)) == 0
        return OK if done else FAILED
    a = vector_at(source, count * d.outputs, net.theta.dtype)
    written = vector_at(out, count * d.outputs, net.theta.dtype)
    for i in range(a.size):
        written[i] = a[i]
    return OK


@jit
def evaluate(net, data, sums):
    """Add up in float64: weighted losses, weights and hits, and per output the squared errors of the predictions.

    If the call continues the last one, all sums go on from there, as if the rows had been given together.
    """
    d = net.descriptor[0]
    errors = vector_at(d.squared_errors, d.outputs, FLOAT64)
    if d.continues == 0:
        errors[:] = 0.0
        d.loss_sum, d.weight_sum, d.hit_sum = 0.0, 0.0, 0.0
    sums[0], sums[1], sums[2] = d.loss_sum, add_weights(net, data, d.weight_sum), d.hit_sum
    for first in range(0, data.rows, d.batch_size):
        team = current_team(d)
        dispatch(team, np.int64(EVALUATE), first)
        evaluate_rows(net, data, first, team)
        wait(d, team)
        chunk = chunk_at(d, data, first)
        sums[0] += summed_loss(net, chunk.rows)
        if d.hits != HITS_NONE:
            sums[2] += count_hits(net, chunk)
        if d.squares != 0:
            squared_errors(net, chunk, errors)
    d.loss_sum, d.weight_sum, d.hit_sum = sums[0], sums[1], sums[2]


@jit
def evaluate_rows(net, data, first, team):
    """A member's rows of the chunk that begins at row `first`: their losses and, if needed, predictions."""
    d = net.descriptor[0]
    chunk = chunk_at(d, data, first)
    forward(net, chunk, ZERO, INFERENCE, team)
    loss_slope(net, chunk, 1.0, team)
    if d.squares != 0:
        rows = share(chunk.rows, team)
        scratch = net.layers[net.layers.size - 1].delta
        predictions(net, rows, scratch + rows[0] * d.outputs * d.itemsize)


@jit
def squared_errors(net, batch, sums):
    """sums[k] += weight * (prediction - target)**2 over the rows of a batch."""
    d = net.descriptor[0]
    out = matrix_at(net.layers[net.layers.size - 1].delta, batch.rows, d.outputs, net.theta.dtype)
    y = matrix_at(batch.y, batch.rows, d.outputs, net.theta.dtype)
    weight = vector_at(batch.weight, batch.rows, net.theta.dtype)
    for i in range(batch.rows):
        w = np.float64(weight[i]) if batch.weight != 0 else 1.0
        if w == 0.0:  # the error may be infinite
            continue
        for k in range(d.outputs):
            error = np.float64(out[i, k]) - np.float64(y[i, k])
            sums[k] += w * error * error
