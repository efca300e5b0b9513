"""One call of the optimizer's step: a block of parameters and its state slots."""

from __future__ import annotations

from ..compiler.door import jit, vector_at
from .calls import call
from .layout import MOST_SLOTS
from .net import INT64


@jit
def step(net, start, n, rank):
    """The optimizer's step on `n` parameters from `start` on."""
    d = net.descriptor[0]
    size, skip = d.itemsize, start * d.itemsize
    pointers = d.slot_pointers + rank * MOST_SLOTS * 8
    slots = vector_at(pointers, d.slots, INT64)
    for slot in range(d.slots):
        slots[slot] = d.state + (slot * d.parameters + start) * size
    call(d.step, (d.theta + skip, d.gradient + skip, pointers, n, d.prepared_typed, d.hyper_typed))
