"""A team of threads on the same step: who does which part, and the barrier at which they meet.

Every member runs the same functions and computes the same control flow; it works on its own rows (forward, backward),
its own part of the weights (their slopes, the update), and member 0 alone writes what all share. Nothing is summed
across members, so the bits do not depend on the size of the team.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ..compiler.door import jit
from .calls import ORDERING, library_call, pointer

SPINS = 4000  # looks at the barrier before the core is given away
LINE = 64  # the two counters lie a cache line apart: arrivals, and the barrier's generation
GO, STAY = 1, 2  # what member 0 tells the others at the start


class Team(NamedTuple):
    """A member of a team, and the address of the team's barrier."""

    rank: int
    size: int
    barrier: int


ALONE = Team(0, 1, 0)


@intrinsic
def atomic_load(typing_context: Any, address: Any) -> Any:
    """The int64 at `address`."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.load_atomic(pointer(builder, values[0]), ORDERING, 8)

    return types.int64(types.int64), codegen


@intrinsic
def atomic_store(typing_context: Any, address: Any, value: Any) -> Any:
    """Write the int64 at `address`."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        builder.store_atomic(values[1], pointer(builder, values[0]), ORDERING, 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


@intrinsic
def atomic_add(typing_context: Any, address: Any, amount: Any) -> Any:
    """Add to the int64 at `address`; what it was before."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.atomic_rmw("add", pointer(builder, values[0]), values[1], ORDERING)

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def give_way(typing_context: Any) -> Any:
    """Let another thread have the core: sched_yield of the C library."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        library_call(builder, "sched_yield", ir.IntType(32), [])
        return context.get_dummy_value()

    return types.void(), codegen


@jit
def share(count, team):
    """The range of `count` things that falls to a member of the team."""
    return count * team.rank // team.size, count * (team.rank + 1) // team.size


@jit
def meet(team):
    """Wait until every member of the team is here; what any of them wrote before, all see after."""
    if team.size == 1:
        return
    turn = team.barrier + LINE
    generation = atomic_load(turn)
    if atomic_add(team.barrier, np.int64(1)) == team.size - 1:
        atomic_store(team.barrier, np.int64(0))
        atomic_store(turn, generation + 1)
        return
    wait_while(turn, generation)


@jit
def wait_while(address, value):
    """Wait until the int64 at `address` is another one; a machine with more threads than cores must not crawl."""
    spins = 0
    while atomic_load(address) == value:
        spins += 1
        if spins > SPINS:
            give_way()
