"""The training loop: an epoch is a sequence of steps.

Iteration i uses samples iB … (i+1)B - 1 of the current order, the last batch has the rest, and m is the number of
samples in the batch, or the sum of their weights.
"""

from __future__ import annotations

import math

import numpy as np

from ..compiler.jit import jit, vector_at
from . import random
from .calls import reallocate
from .layout import DIVERGED, NO_MEMORY, OK, PLACES
from .net import INT64, ZERO
from .steps import train_at
from .team.atomics import clock


@jit
def train_epoch(net, data, steps, end):
    """Continue the current epoch -> status, steps left; at its end `position` is 0 again.

    It stops after `steps` steps, or when the clock has passed `end`, unless that is 0: then no steps are left.
    """
    d = net.descriptor[0]
    status = begin_epoch(d, data)
    if status != OK:
        return status, steps
    position = d.position
    until_look = d.clock_steps
    while position < data.rows and steps > 0:
        loss, weight, rows = train_at(net, data, position)
        if not math.isfinite(loss):
            return np.int64(DIVERGED), steps
        position += rows
        steps -= 1
        d.epoch_loss += loss * weight
        d.epoch_weight += weight
        d.position = position
        until_look -= 1
        if until_look <= 0 and end != 0:
            until_look = d.clock_steps
            if clock() > end:
                steps = 0
    if position >= data.rows:
        d.position = 0
        d.epoch += 1
    return np.int64(OK), steps


@jit
def begin_epoch(d, data):
    """At the start of an epoch, set its sums to 0 and draw its order -> status."""
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
    """Draw the permutation of the current epoch into `order`, unless it is there; False where there is no memory."""
    if d.order_epoch == d.epoch and d.order_size == d.samples:
        return True
    if d.order_capacity < d.samples:
        moved = reallocate(d.order, d.samples * 8)
        if moved == 0:
            return False
        d.order, d.order_capacity = moved, d.samples
    places = vector_at(d.panels, PLACES, INT64)  # free: no matrix product is under way
    random.shuffle(random.stream(d, random.ORDER, d.epoch, ZERO), vector_at(d.order, d.samples, INT64), places)
    d.order_epoch, d.order_size = d.epoch, d.samples
    return True
