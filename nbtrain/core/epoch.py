"""The training loop: an epoch is a sequence of steps, a step is forward, loss, backward, update.

SPEC's words in code: iteration i uses samples iB … (i+1)B - 1 of the current order, the last batch holds what is
left, and m is the number of samples in the batch, or the sum of their weights.
"""

from __future__ import annotations

import math

import numpy as np

from ..compiler.door import jit, matrix_at, vector_at
from . import random
from .backward import backward, count_hits, loss_slope, parameter_slopes, summed_loss
from .calls import call, reallocate
from .forward import forward
from .layout import DIVERGED, HITS_NONE, NO_MEMORY, OK
from .net import FLOAT64, INFERENCE, INT64, TRAINING, ZERO, Batch, chunk, total_weight
from .team import ALONE, meet, share
from .update import penalty, prepare, regularize, update


@jit
def train_epoch(net, data, steps, team):
    """Go on in the current epoch for at most `steps` steps -> status, steps left; at its end `position` is 0 again."""
    d = net.descriptor[0]
    if team.rank == 0:
        d.team_status = begin_epoch(d, data)
    meet(team)
    if d.team_status != OK:
        return d.team_status, steps
    position = d.position
    while position < data.rows and steps > 0:
        batch = next_batch(net, data, position, team)
        loss, weight = train_step(net, batch, team)
        if not math.isfinite(loss):
            return np.int64(DIVERGED), steps
        position += batch.rows
        steps -= 1
        if team.rank == 0:
            d.epoch_loss += loss * weight
            d.epoch_weight += weight
            d.position = position
    meet(team)
    if position >= data.rows and team.rank == 0:
        d.position = 0
        d.epoch += 1
    meet(team)
    return np.int64(OK), steps


@jit
def train_step(net, batch, team):
    """One iteration on one batch -> its data loss and its m; a loss that is not finite changes no parameter."""
    loss, weight = losses_and_slopes(net, batch, TRAINING, team)
    if weight > 0.0 and math.isfinite(loss):
        if team.rank == 0:
            prepare(net)
            net.descriptor[0].iteration += 1
        meet(team)
        update(net, 1.0 / weight, team)
    meet(team)
    return loss, weight


@jit
def losses_and_slopes(net, batch, training, team):
    """Data loss and m of a batch, gradient of the data loss in `gradient`; chunk by chunk, added in their order."""
    d = net.descriptor[0]
    weight = total_weight(net, batch)
    if weight == 0.0:
        return 0.0, 0.0
    total = 0.0
    for first in range(0, batch.rows, d.batch_size):
        if first > 0:
            meet(team)
        part = chunk(d, batch, first)
        forward(net, part, first, training, team)
        loss_slope(net, part, 1.0 / weight, team)
        backward(net, part, first, training, team)
        meet(team)
        total += summed_loss(net, part.rows)
        if d.hits != HITS_NONE and training and team.rank == 0:
            d.epoch_hits += count_hits(net, part)
        parameter_slopes(net, part, training, first > 0, team)
    return total / weight, weight


@jit
def loss_and_gradient(net, batch, team):
    """J with the penalty, and its whole gradient in `gradient`; without dropout."""
    loss, weight = losses_and_slopes(net, batch, INFERENCE, team)
    if weight == 0.0:
        net.gradient[:] = 0.0
        return 0.0
    regularize(net, 1.0 / weight)
    return loss + penalty(net) / weight


@jit
def begin_epoch(d, data):
    """At an epoch's start set the sums to 0 and draw the order -> status."""
    if d.position == 0 or d.samples != data.rows:
        d.position = 0
        d.samples = data.rows
        d.epoch_loss = 0.0
        d.epoch_weight = 0.0
        d.epoch_hits = 0.0
    if d.shuffle != 0 and not draw_order(d):
        return NO_MEMORY
    return OK


@jit
def draw_order(d):
    """Make `order` the permutation of the current epoch, unless it is; False where there is no memory."""
    if d.order_epoch == d.epoch and d.order_size == d.samples:
        return True
    if d.order_capacity < d.samples:
        moved = reallocate(d.order, d.samples * 8)
        if moved == 0:
            return False
        d.order, d.order_capacity = moved, d.samples
    random.shuffle(random.stream(d, random.ORDER, d.epoch, ZERO), vector_at(d.order, d.samples, INT64))
    d.order_epoch, d.order_size = d.epoch, d.samples
    return True


@jit
def next_batch(net, data, position, team):
    """The batch at `position`: a part of the data where it lies, or its shuffled rows, gathered."""
    d = net.descriptor[0]
    if d.shuffle == 0:
        return chunk(d, data, position)
    rows = min(d.batch_size, data.rows - position)
    first, last = share(rows, team)
    order = vector_at(d.order, data.rows, INT64)[position + first : position + last]
    gather_rows(net, data, order, first)
    if data.weight == 0:
        return Batch(d.batch_x, d.batch_y, ZERO, rows)
    meet(team)  # every member sums up all weights
    return Batch(d.batch_x, d.batch_y, d.batch_weight, rows)


@jit
def gather_rows(net, data, order, first):
    """Copy the samples named by `order` to the batch's rows from `first` on."""
    d, dtype, rows = net.descriptor[0], net.theta.dtype, order.size
    x = matrix_at(d.batch_x + first * d.inputs * d.itemsize, rows, d.inputs, dtype)
    gather(matrix_at(data.x, data.rows, d.inputs, dtype), order, x)
    y = d.batch_y + first * d.target_bytes
    if d.target_columns == 0:
        labels = matrix_at(data.y, data.rows, 1, INT64)
        gather(labels, order, matrix_at(y, rows, 1, INT64))
    else:
        targets = matrix_at(data.y, data.rows, d.target_columns, dtype)
        gather(targets, order, matrix_at(y, rows, d.target_columns, dtype))
    if data.weight != 0:
        weight = matrix_at(d.batch_weight + first * d.itemsize, rows, 1, dtype)
        gather(matrix_at(data.weight, data.rows, 1, dtype), order, weight)


@jit
def gather(source, order, target):
    """target[i] = source[order[i]]."""
    for i in range(order.size):
        row = source[order[i]]
        for j in range(row.size):
            target[i, j] = row[j]


@jit
def predict(net, x, rows, out):
    """What the loss's output activation gives for the rows at x, at `out`: (rows, outputs)."""
    d = net.descriptor[0]
    data = Batch(x, ZERO, ZERO, rows)
    for first in range(0, rows, d.batch_size):
        part = chunk(d, data, first)
        forward(net, part, ZERO, INFERENCE, ALONE)
        predictions(net, part.rows, out + first * d.outputs * d.itemsize)


@jit
def predictions(net, rows, out):
    """The loss's output activation of the last layer's a, at `out`."""
    d = net.descriptor[0]
    last = net.layers[net.layers.size - 1]
    if d.output != 0:
        call(d.output, (last.a, out, rows, d.outputs, d.loss_parameters))
        return
    a = vector_at(last.a, rows * d.outputs, net.theta.dtype)
    written = vector_at(out, rows * d.outputs, net.theta.dtype)
    for i in range(a.size):
        written[i] = a[i]


@jit
def evaluate(net, data, sums):
    """Add up in float64: weighted losses, weights and hits, and per output the squared errors of the predictions."""
    d = net.descriptor[0]
    errors = vector_at(d.squared_errors, d.outputs, FLOAT64)
    errors[:] = 0.0
    sums[0], sums[1], sums[2] = 0.0, total_weight(net, data), 0.0
    for first in range(0, data.rows, d.batch_size):
        part = chunk(d, data, first)
        forward(net, part, ZERO, INFERENCE, ALONE)
        loss_slope(net, part, 1.0, ALONE)
        sums[0] += summed_loss(net, part.rows)
        if d.hits != HITS_NONE:
            sums[2] += count_hits(net, part)
        elif d.target_columns > 0:
            squared_errors(net, part, errors)


@jit
def squared_errors(net, batch, sums):
    """sums[k] += weight * (prediction - target)**2 over the rows of a batch."""
    d = net.descriptor[0]
    scratch = net.layers[net.layers.size - 1].delta
    predictions(net, batch.rows, scratch)
    out = matrix_at(scratch, batch.rows, d.outputs, net.theta.dtype)
    y = matrix_at(batch.y, batch.rows, d.outputs, net.theta.dtype)
    weight = vector_at(batch.weight, batch.rows, net.theta.dtype)
    for i in range(batch.rows):
        w = np.float64(weight[i]) if batch.weight != 0 else 1.0
        for k in range(d.outputs):
            error = np.float64(out[i, k]) - np.float64(y[i, k])
            sums[k] += w * error * error
