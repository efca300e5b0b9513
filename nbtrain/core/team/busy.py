"""Who is inside a model: one call of the core at a time, or Python, which works on its memory itself.

Nobody waits here. Who finds another inside is told BUSY and has touched nothing; Python then tries again, and says so
in `wanted`.
"""

from __future__ import annotations

import numpy as np

from ...compiler.jit import jit, vector_at
from .. import layout
from ..layout import BUSY, DESCRIPTOR, OK, WRONG_MODEL
from .atomics import atomic_store, clock, compare_and_swap, give_way, plain_load
from .team import close_team, open_team

BUSY_OFFSET = DESCRIPTOR.fields["busy"][1]
FREE, CALL, HELD = (np.int64(who) for who in (layout.FREE, layout.CALL, layout.HELD))
COURTESY = 300_000  # nanoseconds; several of Python's attempts to get inside


@jit
def begin(d, x, y, weight, rows):
    """Tell helpers what the call works on, and let them in."""
    d.data_x, d.data_y, d.data_weight, d.data_rows = x, y, weight, rows
    open_team(d)


@jit
def enter(address, itemsize, inside):
    """Let nobody else into the model at `address`, if it is one of this core's -> status."""
    d = vector_at(address, 1, DESCRIPTOR)[0]
    if d.here != address or d.itemsize != itemsize:
        return WRONG_MODEL
    return OK if compare_and_swap(address + BUSY_OFFSET, FREE, inside) else BUSY


@jit
def finish(address, status):
    """Let nobody else in any more, and say how the call went."""
    d = vector_at(address, 1, DESCRIPTOR)[0]
    close_team(d)
    if d.failed != 0:
        status, d.failed = d.failed, 0
    d.status = status
    atomic_store(address + BUSY_OFFSET, FREE)
    if d.wanted != 0:
        give_turn(d, address + BUSY_OFFSET)
    return status


@jit
def give_turn(d, busy):
    """Wait a moment for somebody in Python, whom a caller that comes again at once would never let in."""
    d.wanted = 0
    end = clock() + COURTESY
    while plain_load(busy) == FREE and clock() < end:
        give_way()


@jit
def leave(address):
    """Python has done its work; if it was not inside, nothing happens."""
    compare_and_swap(address + BUSY_OFFSET, HELD, FREE)
