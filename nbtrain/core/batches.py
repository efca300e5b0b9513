"""The next batch: rows of the data as they are, or shuffled samples, which are copied to one place.

Shuffled rows are seldom in the cache. While some are copied, the next ones are prefetched, also those of the next
batch, whose first rows are then in the cache when its turn comes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..compiler.jit import jit, jit_inline, matrix_at, vector_at
from .calls import copy_8, copy_16, copy_32, copy_bytes
from .layout import CACHE_LINE
from .net import INT64, UINT32, ZERO, Batch, chunk_at
from .team.atomics import prefetch
from .team.team import share

INT32 = np.dtype(np.int32)
NEAR_BYTES = 1 << 17  # data of this size is in the cache anyway
AHEAD_BYTES, AHEAD_ROWS = 1 << 12, 64  # how far ahead rows are prefetched: at least one row


class Picks(NamedTuple):
    """Which samples a member copies: order[first:last]; its share of the next batch begins with order[following]."""

    order: np.ndarray
    first: int
    last: int
    following: int


@jit
def next_batch(net, data, position, team):
    """The batch at `position` of an epoch; a member copies its own share of shuffled rows."""
    d = net.descriptor[0]
    if d.shuffle == 0:
        return chunk_at(d, data, position)
    rows = min(d.batch_size, data.rows - position)
    first, last = share(rows, team)
    start = position + first
    picks = Picks(vector_at(d.order, data.rows, UINT32), start, position + last, start + d.batch_size)
    gather(data.x, d.inputs * d.itemsize, picks, d.batch_x, first)
    gather(data.y, d.target_bytes, picks, d.batch_y, first)
    if data.weight != 0:
        gather(data.weight, d.itemsize, picks, d.batch_weight, first)
    return Batch(d.batch_x, d.batch_y, d.batch_weight if data.weight != 0 else ZERO, rows)


@jit
def without_removed(net, batch, team):
    """A batch, or one chunk of it, with zeros as the inputs of samples of weight 0; a member fills its own rows.

    Else an input or activation that is infinite would make NaN of 0. The data are copied where they are not yet.
    """
    if batch.weight == 0:
        return batch
    d, weights = net.descriptor[0], vector_at(batch.weight, batch.rows, net.theta.dtype)
    if not has_zero(weights):
        return batch
    first, last = share(batch.rows, team)
    size = d.inputs * d.itemsize
    if batch.x != d.batch_x:
        copy_bytes(d.batch_x + first * size, batch.x + first * size, (last - first) * size)
    rows = matrix_at(d.batch_x, batch.rows, d.inputs, net.theta.dtype)
    for r in range(first, last):
        if weights[r] == 0:
            rows[r] = 0
    return Batch(d.batch_x, batch.y, batch.weight, batch.rows)


@jit
def has_zero(numbers):
    """Whether any number is 0."""
    zeros = 0
    for i in range(numbers.size):
        zeros += numbers[i] == 0
    return zeros > 0


@jit
def gather(source, size, picks, target, row):
    """Copy the picked rows of `size` bytes to `target`, from its row `row` on."""
    count = picks.last - picks.first
    if size == 8:
        copy_numbers(vector_at(source, picks.order.size, INT64), picks, vector_at(target + row * 8, count, INT64))
    elif size == 4:
        copy_numbers(vector_at(source, picks.order.size, INT32), picks, vector_at(target + row * 4, count, INT32))
    else:
        far = picks.order.size * size > NEAR_BYTES
        ahead = min(max(AHEAD_BYTES // size, 1), AHEAD_ROWS) if far else 0
        for i in range(count):
            if far:
                fetch_row(source, size, picks, i + ahead)
            copy_row(target + (row + i) * size, source + picks.order[picks.first + i] * size, size)


@jit
def copy_numbers(source, picks, target):
    """The same for rows of one number."""
    for i in range(target.size):
        target[i] = source[picks.order[picks.first + i]]


@jit_inline
def copy_row(target, source, size):
    """Copy a row; a short one as its beginning and its end, which overlap."""
    if size > 64 or size < 8:
        copy_bytes(target, source, size)
    elif size > 32:
        copy_32(target, source)
        copy_32(target + size - 32, source + size - 32)
    elif size > 16:
        copy_16(target, source)
        copy_16(target + size - 16, source + size - 16)
    else:
        copy_8(target, source)
        copy_8(target + size - 8, source + size - 8)


@jit
def fetch_row(source, size, picks, number):
    """Prefetch a row: of the picked ones, then of the next batch's."""
    place, beyond = picks.first + number, picks.first + number - picks.last
    if beyond >= 0:
        place = picks.following + beyond
    if place < picks.order.size:
        address = source + picks.order[place] * size
        for skip in range(0, size, CACHE_LINE):
            prefetch(address + skip)
        prefetch(address + size - 1)
