"""A training step is forward, loss, backward, update; each member of a team does its share of all of them.

The leader dispatches a task, does its own share and waits; the helpers do theirs in `helper`.
"""

from __future__ import annotations

import math

import numpy as np

from ..compiler.jit import jit, jit_inline, vector_at
from .backward import backward, count_hits, loss_slope, summed_loss
from .batches import next_batch, without_removed
from .forward import forward
from .functions import GRADIENT, TRAIN_EPOCH, TRAIN_STEP
from .layout import HITS_NONE, WRONG_GRADIENT, WRONG_RATE
from .net import INFERENCE, TRAINING, UINT32, ZERO, chunk_at, total_weight
from .team.team import UNSURE, any_says, barrier, current_team, dispatch, fetch, say, wait
from .update.fused import fused_update, fuses_update, is_bounded
from .update.gradient import add_sums, add_to_gradient, is_finite, sums_of
from .update.update import accept, is_good_rate, penalty, prepare, regularize, update


@jit
def train_at(net, data, position):
    """One iteration on the batch at `position` of an epoch -> its data loss, m and rows."""
    loss, weight = train(net, data, np.int64(TRAIN_EPOCH), position, weight_at(net, data, position))
    return loss, weight, min(net.descriptor[0].batch_size, data.rows - position)


@jit
def train_step(net, batch):
    """One iteration on one batch -> its data loss and its m; NaN or infinity: nothing was changed."""
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
    d.gradient_used = 1
    prepare(net)
    if not is_good_rate(net):
        d.failed = WRONG_RATE
        return np.nan, weight
    team, hits = current_team(d), d.epoch_hits
    dispatch(team, operation, position)
    loss = iteration(net, data, operation, position, team)
    wait(d, team)
    if math.isfinite(loss):
        accept(net)
        d.iteration += 1
    else:
        d.epoch_hits = hits
    return loss, weight


@jit
def iteration(net, data, operation, position, team):
    """A member's share of an iteration -> the batch's data loss; NaN where the gradient is not finite."""
    weight = net.descriptor[0].batch_total
    fetch(net.descriptor[0].theta, net.theta.size * net.theta.itemsize, team)
    batch = data if operation == TRAIN_STEP else next_batch(net, data, position, team)
    if fuses_update(net.descriptor[0], batch.rows):
        batch = without_removed(net, batch, team)
        if find_deltas(net, batch, team):
            loss = losses(net, batch, TRAINING, team) / weight
            if math.isfinite(loss):
                fused_update(net, batch, 1.0 / weight, team)
            return loss
    loss = losses_and_gradient(net, batch, TRAINING, team) / weight
    if not math.isfinite(loss):
        return loss
    if not is_finite(net, team):
        net.descriptor[0].failed = WRONG_GRADIENT
        return np.nan
    update(net, 1.0 / weight, team)
    return loss


@jit
def find_deltas(net, batch, team):
    """Every layer's delta of a whole batch -> whether they are so small that the gradient cannot overflow."""
    deltas(net, batch, ZERO, TRAINING, team)
    say(team, UNSURE, not is_bounded(net, batch, team))
    barrier(team)
    return not any_says(team, UNSURE)


@jit
def losses_and_gradient(net, batch, training, team):
    """Weighted losses of a batch, gradient of the data loss in `gradient`; chunk by chunk, added in their order."""
    d = net.descriptor[0]
    total, sums = 0.0, sums_of(d, batch.rows)
    for first in range(0, batch.rows, d.batch_size):
        if first > 0:
            barrier(team)
        chunk = without_removed(net, chunk_at(d, batch, first), team)
        deltas(net, chunk, first, training, team)
        barrier(team)
        total += losses(net, chunk, training, team)
        add_to_gradient(net, chunk, training, sums, (first > 0, first > 0), team)
    add_sums(net, sums, team)
    return total


@jit_inline
def deltas(net, chunk, first, training, team):
    """Every layer's delta for a member's rows of a chunk that begins with row `first` of its batch."""
    forward(net, chunk, first, training, team)
    loss_slope(net, chunk, 1.0 / net.descriptor[0].batch_total, team)
    backward(net, chunk, first, training, team)


@jit_inline
def losses(net, chunk, training, team):
    """Weighted losses of a chunk, once every member has computed its own."""
    d = net.descriptor[0]
    if d.hits != HITS_NONE and training and team.rank == 0:
        d.epoch_hits += count_hits(net, chunk)
    return summed_loss(net, chunk.rows)


@jit
def loss_and_gradient(net, batch):
    """J with the penalty, and its whole gradient in `gradient`; without dropout."""
    weight = total_weight(net, batch)
    net.descriptor[0].gradient_used = 0
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
    order = vector_at(d.order, data.rows, UINT32)
    total = 0.0
    for i in range(position, min(position + d.batch_size, data.rows)):
        total += np.float64(weight[order[i]])
    return total
