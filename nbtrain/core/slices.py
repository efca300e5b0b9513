"""A slice of training: a number of steps or epochs, then back to the caller; a snapshot keeps every finite epoch."""

from __future__ import annotations

import numpy as np

from ..compiler.jit import jit, vector_at
from .epoch import WHOLE, Block, train_epoch
from .functions import CHECK, SNAPSHOT
from .layout import DIVERGED, OK, WATCH
from .magnitudes import all_finite
from .net import FLOAT64, ZERO
from .team.atomics import clock
from .team.team import FAULT, any_says, coarse_share, current_team, dispatch, say, wait
from .update.subnormals import flush_subnormals, restore
from .watch import watch_epoch

GRAIN = 1024  # parameters that one member checks or copies, at least


@jit
def train_slice(net, data):
    """Train until the steps or the time of a slice are used up, the log of epochs is full, or a monitor says stop."""
    d = net.descriptor[0]
    status, steps = np.int64(OK), d.slice_steps
    end = clock() + d.slice_time
    block = WHOLE
    if d.streamed != 0:
        block = Block(d.streamed, d.block_samples, d.block_first, d.block_number, d.block_open)
    if d.snapshot_due != 0:
        keep_snapshot(net)
        d.snapshot_due = 0
    while status == OK and steps > 0 and d.log_count < d.log_size:
        word = flush_subnormals()
        status, steps = train_epoch(net, data, block, steps, end)
        ended = status == OK and d.position == 0
        if ended:
            status = keep_epoch(net)
        restore(word)
        if ended and status == OK and d.watch != 0:
            status = watch_epoch(net)
            if vector_at(d.watch, 1, WATCH)[0].stopped != 0 or clock() > end:
                break
    return status


@jit
def keep_epoch(net):
    """Log the epoch that has just ended and keep its parameters, if they are finite -> status."""
    d = net.descriptor[0]
    team = current_team(d)
    dispatch(team, np.int64(CHECK), ZERO)
    check_share(net, team)
    wait(d, team)
    if any_says(team, FAULT):
        return np.int64(DIVERGED)
    keep_snapshot(net)
    log_epoch(d)
    return np.int64(OK)


@jit
def keep_snapshot(net):
    """Keep how the model stands: theta, state, scalars and counters."""
    d = net.descriptor[0]
    team = current_team(d)
    dispatch(team, np.int64(SNAPSHOT), ZERO)
    copy_share(net, team)
    wait(d, team)
    copy(vector_at(d.scalars, d.scalar_count, FLOAT64), vector_at(kept_scalars(d), d.scalar_count, FLOAT64))
    d.snapshot_iteration, d.snapshot_epoch, d.snapshot_start = d.iteration, d.epoch, d.optimizer_start


@jit
def mean_loss(net):
    """Mean data loss of the current epoch so far."""
    d = net.descriptor[0]
    return d.epoch_loss / d.epoch_weight if d.epoch_weight > 0.0 else 0.0


@jit
def check_share(net, team):
    """Check a member's share of the parameters and of the optimizer's state; its FAULT is whether any is not finite."""
    d = net.descriptor[0]
    state = vector_at(d.state, d.slots * d.parameters, net.theta.dtype)
    first, last = coarse_share(net.theta.size, GRAIN, team)
    fine = all_finite(net.theta[first:last])
    first, last = coarse_share(state.size, GRAIN, team)
    say(team, FAULT, not (fine and all_finite(state[first:last])))


@jit
def copy_share(net, team):
    """Copy a member's share of theta and state to the snapshot."""
    d = net.descriptor[0]
    dtype, count, kept = net.theta.dtype, d.slots * d.parameters, d.snapshot
    first, last = coarse_share(net.theta.size, GRAIN, team)
    copy(net.theta[first:last], vector_at(kept, d.parameters, dtype)[first:last])
    kept += d.parameters * d.itemsize
    first, last = coarse_share(count, GRAIN, team)
    copy(vector_at(d.state, count, dtype)[first:last], vector_at(kept, count, dtype)[first:last])


@jit
def kept_scalars(d):
    """Where the snapshot keeps the optimizer's scalars: after theta and state."""
    return d.snapshot + ((1 + d.slots) * d.parameters * d.itemsize + 7) // 8 * 8


@jit
def copy(source, target):
    """target = source."""
    for i in range(source.size):
        target[i] = source[i]


@jit
def log_epoch(d):
    """One line of the log: weighted loss, m and hits of an epoch."""
    log = vector_at(d.log + d.log_count * 24, 3, FLOAT64)
    log[0], log[1], log[2] = d.epoch_loss, d.epoch_weight, d.epoch_hits
    d.log_count += 1
