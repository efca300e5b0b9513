"""A training step is forward, loss, backward, update; each member of a team does its share of all of them.

The leader dispatches a task, does its own share and waits; the helpers do theirs in `helper`.
"""

from __future__ import annotations

import math

import numpy as np

from ..compiler.jit import jit, vector_at
from .backward import backward, count_hits, loss_slope, summed_loss
from .batches import next_batch, without_removed
from .forward import forward
from .functions import GRADIENT, TRAIN_EPOCH, TRAIN_STEP
from .layout import HITS_NONE, WRONG_RATE
from .net import INFERENCE, INT64, TRAINING, ZERO, chunk_at, total_weight
from .team.team import barrier, current_team, dispatch, fetch, wait
from .update.fused import fused_update, fuses_update
from .update.gradient import add_sums, add_to_gradient, sums_of
from .update.update import accept, is_good_rate, penalty, prepare, regularize, update


@jit
def train_at(net, data, position):
    """One iteration on the batch at `position` of an epoch -> its data loss, m and rows."""
    loss, weight = train(net, data, np.int64(TRAIN_EPOCH), position, weight_at(net, data, position))
    return loss, weight, min(net.descriptor[0].batch_size, data.rows - position)


@jit
def train_step(net, batch):
    """One iteration on one batch -> its data loss and its m; a loss that is not finite changes no parameter."""
    d = net.descriptor[0]
    hits = d.epoch_hits
    found = train(net, batch, np.int64(TRAIN_STEP), ZERO, total_weight(net, batch))
    d.epoch_hits = hits  # this batch does not belong to the epoch under way
    return found


@jit
def train(net, data, operation, position, weight):
    """An iteration: what the leader does alone, and its share of the work."""
    d = net.descriptor[0]
    if weight == 0.0:
        return 0.0, 0.0
    d.batch_total = weight
    prepare(net)
    if not is_good_rate(net):
        d.failed = WRONG_RATE
        return np.nan, weight
    team = current_team(d)
    dispatch(team, operation, position)
    loss = iteration(net, data, operation, position, team)
    wait(d, team)
    if math.isfinite(loss):
        accept(net)
        d.iteration += 1
    return loss, weight


@jit
def iteration(net, data, operation, position, team):
    """A member's share of an iteration -> the batch's data loss."""
    weight = net.descriptor[0].batch_total
    fetch(net.descriptor[0].theta, net.theta.size * net.theta.itemsize, team)
    batch = data if operation == TRAIN_STEP else next_batch(net, data, position, team)
    if fuses_update(net.descriptor[0], batch.rows):
        batch = without_removed(net, batch, team)
        loss = losses_and_deltas(net, batch, ZERO, TRAINING, team) / weight
        if math.isfinite(loss):
            fused_update(net, batch, 1.0 / weight, team)
        return loss
    loss = losses_and_gradient(net, batch, TRAINING, team) / weight
    if math.isfinite(loss):
        update(net, 1.0 / weight, team)
    return loss


@jit
def losses_and_gradient(net, batch, training, team):
    """Weighted losses of a batch, gradient of the data loss in `gradient`; chunk by chunk, added in their order."""
    d = net.descriptor[0]
    total, sums = 0.0, sums_of(d, batch.rows)
    for first in range(0, batch.rows, d.batch_size):
        if first > 0:
            barrier(team)
        chunk = without_removed(net, chunk_at(d, batch, first), team)
        total += losses_and_deltas(net, chunk, first, training, team)
        add_to_gradient(net, chunk, training, sums, first > 0, team)
    add_sums(net, sums, team)
    return total


@jit
def losses_and_deltas(net, chunk, first, training, team):
    """Weighted losses of a chunk that begins with row `first` of its batch, and every layer's delta of all its rows."""
    d = net.descriptor[0]
    forward(net, chunk, first, training, team)
    loss_slope(net, chunk, 1.0 / d.batch_total, team)
    backward(net, chunk, first, training, team)
    barrier(team)
    if d.hits != HITS_NONE and training and team.rank == 0:
        d.epoch_hits += count_hits(net, chunk)
    return summed_loss(net, chunk.rows)


@jit
def loss_and_gradient(net, batch):
    """J with the penalty, and its whole gradient in `gradient`; without dropout."""
    weight = total_weight(net, batch)
    if weight == 0.0:
        net.gradient[:] = 0.0
        return 0.0
    d = net.descriptor[0]
    d.batch_total = weight
    team = current_team(d)
    dispatch(team, np.int64(GRADIENT), ZERO)
    loss = losses_and_gradient(net, batch, INFERENCE, team) / weight
    wait(d, team)
    regularize(net, 1.0 / weight)
    return loss + penalty(net) / weight


@jit
def weight_at(net, data, position):
    """m of the batch at `position`: its samples, or the sum of their weights in the batch's order."""
    d = net.descriptor[0]
    if data.weight == 0 or d.shuffle == 0:
        return total_weight(net, chunk_at(d, data, position))
    weight = vector_at(data.weight, data.rows, net.theta.dtype)
    order = vector_at(d.order, data.rows, INT64)
    total = 0.0
    for i in range(position, min(position + d.batch_size, data.rows)):
        total += np.float64(weight[order[i]])
    return total
