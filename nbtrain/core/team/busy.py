"""The lock of a model: one call of the core at a time, or Python, which then works on its memory itself.

Nothing waits here. A call on a model in use returns BUSY and changes nothing; Python then sets `wanted`
and tries again.
"""

from __future__ import annotations

import numpy as np

from ...compiler.jit import jit, vector_at
from .. import layout
from ..layout import BUSY, DESCRIPTOR, OK, WRONG_MODEL
from .atomics import atomic_store, clock, compare_and_swap, give_way, plain_load
from .team import close_team, open_team

BUSY_OFFSET = DESCRIPTOR.fields["busy"][1]
FREE, CALL, HELD = (np.int64(user) for user in (layout.FREE, layout.CALL, layout.HELD))
COURTESY = 300_000  # nanoseconds; Python tries several times while they pass


@jit
def begin(d, x, y, weight, rows):
    """Note what the call works on, and let helpers register."""
    d.data_x, d.data_y, d.data_weight, d.data_rows = x, y, weight, rows
    open_team(d)


@jit
def enter(address, itemsize, user):
    """Lock the model at `address`, if it is one of this core's and no copy -> status.

    Whoever enters may overwrite what the last forward left for its backward, so that is given up.
    """
    status = enter_again(address, itemsize, user)
    if status == OK:
        vector_at(address, 1, DESCRIPTOR)[0].forward_rows = 0
    return status


@jit
def enter_again(address, itemsize, user):
    """The same for a caller that leaves the results of the last forward as they are."""
    d = vector_at(address, 1, DESCRIPTOR)[0]
    if d.here != address or d.itemsize != itemsize:
        return WRONG_MODEL
    return OK if compare_and_swap(address + BUSY_OFFSET, FREE, user) else BUSY


@jit
def finish(address, status):
    """End the call: dismiss the helpers, note the status and unlock the model."""
    d = vector_at(address, 1, DESCRIPTOR)[0]
    close_team(d)
    if d.failed != 0:
        status, d.failed = d.failed, 0
    d.status = status
    give_back(address)
    return status


@jit
def give_back(address):
    """Unlock the model, with the status of its last call unchanged."""
    d = vector_at(address, 1, DESCRIPTOR)[0]
    atomic_store(address + BUSY_OFFSET, FREE)
    if d.wanted != 0:
        give_turn(d, address + BUSY_OFFSET)


@jit
def give_turn(d, busy):
    """Give Python a moment to lock the model: a caller that calls again at once would never let it."""
    d.wanted = 0
    end = clock() + COURTESY
    while plain_load(busy) == FREE and clock() < end:
        give_way()


@jit
def leave(address):
    """Unlock the model that Python had locked; if it had not, nothing happens."""
    compare_and_swap(address + BUSY_OFFSET, HELD, FREE)
