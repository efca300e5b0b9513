"""A team of threads that shares a task: the leader dispatches it, and every member does its share.

The leader, member 0, is the calling thread. Helpers register when they reach the call and wait for tasks. The leader
never waits for a helper that has not registered: a missing one costs speed and nothing else. Every member works on its
own rows and its own weights, and nothing is summed across members, so the bits of a result do not depend on how many
shared the work. Their number may differ from one task to the next.

Members synchronize by counters in memory, each in a cache line of its own. A waiting thread polls them for some
microseconds, then yields the core. A leader that has waited longer than its patience dismisses the helpers and works
alone to the end of the call, since more threads than cores would be very slow.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...compiler.jit import jit
from ..layout import CACHE_LINE
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

SPINS = 1000  # polls of a counter before the thread yields its core
SHARE_OF_TIME = 4  # a call may lose its patience and a quarter of its time by waiting

FETCHED = 1 << 16  # bytes, at most, that are prefetched at once: they must stay in the cache

# Lines of a team's memory and their contents, all int64.
LINE = 128  # two cache lines: processors fetch them in pairs
ROLL, OVER = 0, 8  # call * 256 + helpers that have registered, 0 between calls; the last call that is over
TASK = LINE  # number * 256 + members that share it
OPERATION, FIRST, START_TURN = TASK + 8, TASK + 16, TASK + 24
MEMBERS = 2 * LINE  # from here on a line for each member
TURN, LOST = 0, 8  # barriers passed; nanoseconds waited
FAULT, UNSURE = 16, 24  # whether it found something wrong; whether something may go wrong

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
def cut(count, index, shares):
    """The range of `count` things in one of several equal shares."""
    if shares == 1:  # two divisions take as long as a small layer
        return np.int64(0), count
    return count * index // shares, count * (index + 1) // shares


@jit
def coarse_cut(count, grain, first, last, shares):
    """From the `first` to the `last` of so many shares of `count` things, cut at multiples of `grain` only."""
    grains = (count + grain - 1) // grain
    return min(grains * first // shares * grain, count), min(grains * last // shares * grain, count)


@jit
def coarse_share(count, grain, team):
    """As `share`, with cuts at multiples of `grain` only."""
    return coarse_cut(count, grain, team.rank, team.rank + 1, team.size)


@jit
def fetch(address, size, team):
    """Prefetch what other members have written, all at once, before it is read."""
    if team.size > 1 and size <= FETCHED:
        for skip in range(0, size, CACHE_LINE):
            prefetch(address + skip)


@jit
def barrier(team):
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
def say(team, line, answer):
    """Write a member's answer, FAULT or UNSURE, for all members to read after the next barrier."""
    atomic_store(line_of(team.memory, team.rank) + line, np.int64(answer))


@jit
def any_says(team, line):
    """Whether any member's answer was yes."""
    found = np.int64(0)
    for rank in range(team.size):
        found |= atomic_load(line_of(team.memory, rank) + line)
    return found != 0


@jit
def wait_until(address, value, own):
    """Wait until the int64 at `address` is at least `value`; time lost beyond the spins is added to the own line."""
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
        atomic_store(d.team + TASK, (atomic_load(d.team + TASK) // 256 + 1) * 256 + LEAVE)


@jit
def current_team(d):
    """The leader, with as many members as there are now."""
    return Team(np.int64(0), 1 + atomic_load(d.team + ROLL) % 256, d.team)


@jit
def dispatch(team, operation, first):
    """Have the helpers begin a task; the leader does its own share and then calls `wait`."""
    if team.size > 1:
        memory = team.memory
        plain_store(memory + OPERATION, operation)
        plain_store(memory + FIRST, first)
        plain_store(memory + START_TURN, plain_load(line_of(memory, 0) + TURN))
        atomic_store(memory + TASK, (atomic_load(memory + TASK) // 256 + 1) * 256 + team.size)


@jit
def wait(d, team):
    """Wait until the helpers have done their share; if that takes too much of the time, dismiss them."""
    if team.size > 1:
        barrier(team)
        d.team_tasks += 1
        lost = plain_load(line_of(team.memory, 0) + LOST)
        if lost > d.team_patience and lost > d.team_patience + (clock() - d.team_began) // SHARE_OF_TIME:
            d.team_dismissed = 1
            close_team(d)


# ---- a helper


@jit
def register(memory, call, late):
    """Take part in a call once it has begun -> rank, or 0 where it is over or does not begin; the last task."""
    spins, deadline = 0, 0
    while True:
        task = atomic_load(memory + TASK)
        roll = atomic_load(memory + ROLL)
        if roll // 256 == call:
            if compare_and_swap(memory + ROLL, roll, roll + 1):
                return roll % 256 + 1, task
            continue  # another helper was first, or the call has just ended
        spins += 1
        if max(roll // 256, atomic_load(memory + OVER)) >= call or (deadline != 0 and clock() > deadline):
            return np.int64(0), task
        if spins <= SPINS:
            pause()
        elif deadline == 0:
            deadline = clock() + late
        else:
            give_way()


@jit
def next_task(memory, call, rank, last):
    """Wait for a task for this member -> its number and team; a team of 0 members: the call is over."""
    own = line_of(memory, rank)
    while True:
        wait_until(memory + TASK, last + 1, own)
        last = atomic_load(memory + TASK)
        size = last % 256
        if size == LEAVE or atomic_load(memory + ROLL) // 256 != call:
            return last, Team(rank, np.int64(0), memory)
        if rank < size:
            plain_store(own + TURN, plain_load(memory + START_TURN))
            return last, Team(rank, size, memory)


@jit
def report(team):
    """Tell the leader, who is in `wait`, that this member has done its share."""
    own = line_of(team.memory, team.rank)
    atomic_store(own + TURN, plain_load(own + TURN) + 1)
