"""Slices of training: so many steps or epochs, then back to the caller, every finite epoch kept as a snapshot."""

from __future__ import annotations

import numpy as np

from ..compiler.door import jit, vector_at
from .checks import bad_number
from .epoch import train_epoch
from .layout import DIVERGED, OK
from .net import FLOAT64
from .team import meet


@jit
def train_slice(net, data, steps, team):
    """Train for at most `steps` steps and until the log of epochs is full."""
    d = net.descriptor[0]
    status = np.int64(OK)
    while status == OK and steps > 0 and d.log_count < d.log_size:
        status, steps = train_epoch(net, data, steps, team)
        if status == OK and d.position == 0:
            status = keep_epoch(net, team)
    return status


@jit
def keep_epoch(net, team):
    """Log the epoch that has just ended and keep its parameters, if they are finite -> status."""
    d = net.descriptor[0]
    if team.rank == 0:
        d.team_status = OK if finite(net) else DIVERGED
        if d.team_status == OK:
            snapshot(net)
            log_epoch(d)
    meet(team)
    return d.team_status


@jit
def mean_loss(net):
    """Mean data loss of the current epoch so far."""
    d = net.descriptor[0]
    return d.epoch_loss / d.epoch_weight if d.epoch_weight > 0.0 else 0.0


@jit
def finite(net):
    """Whether all parameters and all of the optimizer's state are finite."""
    d = net.descriptor[0]
    state = vector_at(d.state, d.slots * d.parameters, net.theta.dtype)
    return bad_number(net.theta) < 0 and bad_number(state) < 0


@jit
def snapshot(net):
    """Keep theta, state and scalars of the epoch that has just ended."""
    d = net.descriptor[0]
    dtype, count, kept = net.theta.dtype, d.slots * d.parameters, d.snapshot
    copy(net.theta, vector_at(kept, d.parameters, dtype))
    kept += d.parameters * d.itemsize
    copy(vector_at(d.state, count, dtype), vector_at(kept, count, dtype))
    kept = (kept + count * d.itemsize + 7) // 8 * 8
    copy(vector_at(d.scalars, d.scalar_count, FLOAT64), vector_at(kept, d.scalar_count, FLOAT64))
    d.snapshot_iteration, d.snapshot_epoch = d.iteration, d.epoch


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
