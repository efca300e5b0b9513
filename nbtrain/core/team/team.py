"""A team of threads on one piece of work: the leader gives orders, helpers that are there take their share.

The leader, member 0, is the thread that called. Helpers register when they reach the call and wait for orders; the
leader never waits for a helper that has not registered, so that a missing one costs speed and nothing else. Every
member works on its own rows and its own part of the weights, and nothing is summed across members: the bits of a
result do not depend on how many shared the work, which may differ from one piece to the next.

The members meet by counters in memory, each in a cache line of its own. Who waits looks at them for some microseconds,
then lets other threads have the core; a leader that has waited for more than its patience sends the helpers away and
works alone to the end of the call, as more threads than cores would crawl.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...compiler.jit import jit
from .atomics import (
    atomic_load,
    atomic_store,
    clock,
    compare_and_swap,
    give_way,
    pause,
    plain_load,
    plain_store,
    prefetch,
)

SPINS = 1000  # looks at a counter before the core is given away
SHARE_OF_TIME = 4  # a call may lose a quarter of its time by waiting, and its patience

CACHE_LINE = 64
FETCHED = 1 << 16  # bytes, at most, that are fetched at once: they must stay in the cache

# Lines of a team's memory, and what stands in them. All are int64.
LINE = 128  # two cache lines: processors fetch them in pairs
ROLL, OVER = 0, 8  # call * 256 + helpers that have registered, 0 between calls; the last call that is over
ORDER = LINE  # number * 256 + members that it is for
OPERATION, FIRST, START_TURN = ORDER + 8, ORDER + 16, ORDER + 24
MEMBERS = 2 * LINE  # from here on a line for each member
TURN, LOST, FAULT = 0, 8, 16  # how often it has met the others; nanoseconds waited; what it found

LEAVE = 255  # instead of a number of members: the call is over


class Team(NamedTuple):
    """A member of a team, and the address of the team's memory."""

    rank: int
    size: int
    memory: int


ALONE = Team(0, 1, 0)


@jit
def line_of(memory, rank):
    """Address of a member's line."""
    return memory + MEMBERS + rank * LINE


@jit
def share(count, team):
    """The range of `count` things that falls to a member of the team."""
    return cut(count, team.rank, team.size)


@jit
def cut(count, index, pieces):
    """The range of `count` things in one of so many pieces."""
    if pieces == 1:  # two divisions take as long as a small layer
        return np.int64(0), count
    return count * index // pieces, count * (index + 1) // pieces


@jit
def coarse_cut(count, grain, first, last, pieces):
    """From the `first` to the `last` of so many pieces of `count` things, cut at multiples of `grain` only."""
    grains = (count + grain - 1) // grain
    return min(grains * first // pieces * grain, count), min(grains * last // pieces * grain, count)


@jit
def coarse_share(count, grain, team):
    """As `share`, with cuts at multiples of `grain` only."""
    return coarse_cut(count, grain, team.rank, team.rank + 1, team.size)


@jit
def fetch(address, size, team):
    """Have what other members have written brought here all at once, before it is read piece by piece."""
    if team.size > 1 and size <= FETCHED:
        for skip in range(0, size, CACHE_LINE):
            prefetch(address + skip)


@jit
def meet(team):
    """Wait until every member of the team is here; what any of them wrote before, all see after."""
    if team.size == 1:
        return
    own = line_of(team.memory, team.rank)
    turn = plain_load(own + TURN) + 1
    atomic_store(own + TURN, turn)
    for rank in range(team.size):
        if rank != team.rank:
            wait_until(line_of(team.memory, rank) + TURN, turn, own)


@jit
def wait_until(address, value, own):
    """Wait until the int64 at `address` is at least `value`; what is lost beyond some spins goes to the own line."""
    for _ in range(SPINS):
        if atomic_load(address) >= value:
            return
        pause()
    begin = clock()
    while atomic_load(address) < value:
        give_way()
    plain_store(own + LOST, plain_load(own + LOST) + clock() - begin)


# ---- the leader


@jit
def open_team(d):
    """Let helpers register for this call, if any were sent."""
    d.team_dismissed = 0
    if d.team_call == 0:
        return
    plain_store(line_of(d.team, 0) + LOST, np.int64(0))
    d.team_began = clock()
    atomic_store(d.team + ROLL, d.team_call * 256)
    d.team_call = 0
    while atomic_load(d.team + ROLL) % 256 < d.team_awaited:
        give_way()


@jit
def close_team(d):
    """The call is over for the helpers."""
    roll = atomic_load(d.team + ROLL)
    if roll != 0:
        atomic_store(d.team + OVER, roll // 256)
        atomic_store(d.team + ROLL, np.int64(0))
        atomic_store(d.team + ORDER, (atomic_load(d.team + ORDER) // 256 + 1) * 256 + LEAVE)


@jit
def muster(d):
    """The team as it is now."""
    return Team(np.int64(0), 1 + atomic_load(d.team + ROLL) % 256, d.team)


@jit
def give_order(team, operation, first):
    """Have the team's helpers begin a piece of work; the leader does its own share and then calls `join`."""
    if team.size > 1:
        memory = team.memory
        plain_store(memory + OPERATION, operation)
        plain_store(memory + FIRST, first)
        plain_store(memory + START_TURN, plain_load(line_of(memory, 0) + TURN))
        atomic_store(memory + ORDER, (atomic_load(memory + ORDER) // 256 + 1) * 256 + team.size)


@jit
def join(d, team):
    """Wait until the helpers have done their share; if that takes too much of the time, they are sent away."""
    if team.size > 1:
        meet(team)
        d.team_pieces += 1
        lost = plain_load(line_of(team.memory, 0) + LOST)
        if lost > d.team_patience and lost > d.team_patience + (clock() - d.team_began) // SHARE_OF_TIME:
            d.team_dismissed = 1
            close_team(d)


# ---- a helper


@jit
def register(memory, call, late):
    """Take part in a call, once it has begun -> rank, or 0 where it is over or does not begin; the last order."""
    spins, deadline = 0, 0
    while True:
        order = atomic_load(memory + ORDER)
        roll = atomic_load(memory + ROLL)
        if roll // 256 == call:
            if compare_and_swap(memory + ROLL, roll, roll + 1):
                return roll % 256 + 1, order
            continue  # another came first, or the call has just ended
        spins += 1
        if max(roll // 256, atomic_load(memory + OVER)) >= call or (deadline != 0 and clock() > deadline):
            return np.int64(0), order
        if spins <= SPINS:
            pause()
        elif deadline == 0:
            deadline = clock() + late
        else:
            give_way()


@jit
def next_order(memory, call, rank, last):
    """Wait for an order for this member -> the order and its team; a team of 0 members: the call is over."""
    own = line_of(memory, rank)
    while True:
        wait_until(memory + ORDER, last + 1, own)
        last = atomic_load(memory + ORDER)
        size = last % 256
        if size == LEAVE or atomic_load(memory + ROLL) // 256 != call:
            return last, Team(rank, np.int64(0), memory)
        if rank < size:
            plain_store(own + TURN, plain_load(memory + START_TURN))
            return last, Team(rank, size, memory)


@jit
def report(team):
    """Tell the leader, who waits in `join`, that this member has done its share."""
    own = line_of(team.memory, team.rank)
    atomic_store(own + TURN, plain_load(own + TURN) + 1)
