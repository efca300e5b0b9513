"""The next batch: where it lies in the data, or shuffled samples, which are copied to one place.

Rows that are picked at random come from far away. While some are copied, those that are next are fetched already, the
next batch's among them: its first rows then are near when its turn comes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..compiler.jit import jit, vector_at
from .calls import copy_bytes
from .net import INT64, ZERO, Batch, chunk
from .team.atomics import prefetch
from .team.team import CACHE_LINE, share

INT32 = np.dtype(np.int32)
NEAR_BYTES = 1 << 17  # so much data a processor has near, wherever its rows lie
AHEAD_BYTES, AHEAD_ROWS = 1 << 12, 64  # so far ahead rows are fetched: one at least


class Picks(NamedTuple):
    """Which samples a member copies: order[first:last]; its share of the next batch begins with order[following]."""

    order: np.ndarray
    first: int
    last: int
    following: int


@jit
def next_batch(net, data, position, team):
    """The batch at `position` of an epoch; of shuffled rows a member copies its own."""
    d = net.descriptor[0]
    if d.shuffle == 0:
        return chunk(d, data, position)
    rows = min(d.batch_size, data.rows - position)
    first, last = share(rows, team)
    start = position + first
    picks = Picks(vector_at(d.order, data.rows, INT64), start, position + last, start + d.batch_size)
    gather(data.x, d.inputs * d.itemsize, picks, d.batch_x, first)
    gather(data.y, d.target_bytes, picks, d.batch_y, first)
    if data.weight != 0:
        gather(data.weight, d.itemsize, picks, d.batch_weight, first)
    return Batch(d.batch_x, d.batch_y, d.batch_weight if data.weight != 0 else ZERO, rows)


@jit
def gather(source, size, picks, target, row):
    """Copy the rows that are picked, of `size` bytes, to `target`, from its `row` on."""
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
            copy_bytes(target + (row + i) * size, source + picks.order[picks.first + i] * size, size)


@jit
def copy_numbers(source, picks, target):
    """The same for rows of one number."""
    for i in range(target.size):
        target[i] = source[picks.order[picks.first + i]]


@jit
def fetch_row(source, size, picks, number):
    """Have a row fetched: of those that are picked, then of the next batch's."""
    place, beyond = picks.first + number, picks.first + number - picks.last
    if beyond >= 0:
        place = picks.following + beyond
    if place < picks.order.size:
        address = source + picks.order[place] * size
        for skip in range(0, size, CACHE_LINE):
            prefetch(address + skip)
        prefetch(address + size - 1)
