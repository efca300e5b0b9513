"""The training loop: an epoch is a sequence of steps.

Iteration i uses samples iB … (i+1)B - 1 of the current order, the last batch has the rest, and m is the number of
samples in the batch, or the sum of their weights. The data of a call may be a block of the epoch's samples.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..compiler.jit import jit, vector_at
from . import random
from .calls import reallocate
from .layout import DIVERGED, NO_MEMORY, OK, PLACES
from .net import INT64, UINT32, ZERO
from .steps import train_at
from .team.atomics import clock

MOST_ROWS = np.int64(0xFFFFFFFF)  # in an order
ALL_STEPS = np.int64(1 << 62)  # typed: with a plain constant Numba would compile train_epoch twice


class Block(NamedTuple):
    """Which samples of an epoch the data of a call are."""

    streamed: int  # whether they are a block; 0: they are the whole epoch
    samples: int  # of the epoch, as the caller counts them
    first: int  # samples of the epoch before the block
    number: int  # of the block, from 0: each has an order of its own
    open: int  # whether other blocks follow


WHOLE = Block(ZERO, ZERO, ZERO, ZERO, ZERO)


@jit
def train_epoch(net, data, block, steps, end):
    """Continue the current epoch -> status, steps left; at its end `position` is 0 again.

    It stops after `steps` steps, when the clock has passed `end`, unless that is 0, and after a block that others
    follow: then no steps are left.
    """
    d = net.descriptor[0]
    status = begin_epoch(d, data, block)
    if status != OK:
        return status, steps
    position = d.position - block.first
    until_look = d.clock_steps
    while position < data.rows and steps > 0:
        loss, weight, rows = train_at(net, data, position)
        if not math.isfinite(loss):
            return np.int64(DIVERGED), steps
        position += rows
        steps -= 1
        d.epoch_loss += loss * weight
        d.epoch_weight += weight
        d.position = block.first + position
        until_look -= 1
        if until_look <= 0 and end != 0:
            until_look = d.clock_steps
            if clock() > end:
                steps = 0
    if position >= data.rows:
        if block.open != 0:
            return np.int64(OK), ZERO
        d.position = 0
        d.epoch += 1
    return np.int64(OK), steps


@jit
def begin_epoch(d, data, block):
    """At the start of an epoch, set its sums to 0 and draw its order -> status."""
    samples = block.samples if block.streamed != 0 else np.int64(data.rows)
    if d.position == 0 or d.samples != samples:
        d.position = 0
        d.samples = samples
        d.epoch_loss = 0.0
        d.epoch_weight = 0.0
        d.epoch_hits = 0.0
    if d.shuffle != 0 and not draw_order(d, data.rows, block.number):
        return NO_MEMORY
    return OK


@jit
def draw_order(d, rows, block):
    """Draw the permutation of a block of the epoch into `order`, unless it is there; False where it has no room."""
    if d.order_epoch == d.epoch and d.order_size == rows and d.order_block == block:
        return True
    if rows > MOST_ROWS:
        return False
    if d.order_capacity < rows:
        moved = reallocate(d.order, rows * 4)
        if moved == 0:
            return False
        d.order, d.order_capacity = moved, rows
    write_order(d, vector_at(d.order, rows, UINT32), block)
    d.order_epoch, d.order_size, d.order_block = d.epoch, rows, block
    return True


@jit
def write_order(d, order, block):
    """Fill `order` with the permutation of a block of the current epoch; that of block 0 is that of whole data."""
    places = vector_at(d.panels, PLACES, INT64)  # free: no matrix product is under way
    random.shuffle(random.stream(d, random.ORDER, d.epoch, block), order, places)
