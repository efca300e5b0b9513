"""One call of the optimizer's step: a block of parameters and its state slots."""

from __future__ import annotations

from ...compiler.jit import jit, vector_at
from ...components.optimizers import MOST_SLOTS
from ..calls import call
from ..net import INT64


@jit
def step(net, start, n, regularization, rank):
    """The optimizer's step on `n` parameters from `start` on, `regularization` times r'(w) added for a penalty."""
    d = net.descriptor[0]
    skip, pointers = start * d.itemsize, d.slot_pointers + rank * MOST_SLOTS * 8
    slots = vector_at(pointers, d.slots, INT64)
    for slot in range(d.slots):
        slots[slot] = d.state + (slot * d.parameters + start) * d.itemsize
    operands = (d.theta + skip, d.gradient + skip, pointers, n, d.prepared_typed, d.hyper_typed)
    if regularization != 0.0 and d.slope != 0:
        call(d.regularized_step, operands + (d.regularizer_parameters, regularization))
    else:
        call(d.step, operands)
