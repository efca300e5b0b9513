"""What a helper does in a call: its share of every order, until the call is over."""

from __future__ import annotations

import numpy as np

from ..compiler.jit import jit, vector_at
from .inference import evaluate_rows, predict_rows
from .layout import DESCRIPTOR, OK
from .net import INFERENCE, Batch, open_net
from .slices import check_part, copy_part
from .steps import BATCH, CHECK, EVALUATION, GRADIENT, PREDICTION, SNAPSHOT, losses_and_slopes, own_share
from .team.atomics import plain_load
from .team.team import FIRST, OPERATION, next_order, register, report
from .update.subnormals import flush_subnormals, restore


@jit
def assist(model, dtype, call):
    """Help with call number `call` of a model, if it is not over."""
    d = vector_at(model, 1, DESCRIPTOR)[0]
    if d.here != model:  # it was overwritten
        return np.int64(OK)
    memory = d.team
    rank, order = register(memory, call, d.team_late)
    if rank > 0:
        net = open_net(model, dtype, rank)
        while True:
            order, team = next_order(memory, call, rank, order)
            if team.size == 0:
                break
            follow(net, plain_load(memory + OPERATION), plain_load(memory + FIRST), team)
            report(team)
    return np.int64(OK)


@jit
def follow(net, operation, first, team):
    """A member's share of one piece of work."""
    d = net.descriptor[0]
    data = Batch(d.data_x, d.data_y, d.data_weight, d.data_rows)
    if operation <= BATCH:
        word = flush_subnormals()
        own_share(net, data, operation, first, team)
        restore(word)
    elif operation == GRADIENT:
        losses_and_slopes(net, data, INFERENCE, team)
    elif operation == EVALUATION:
        evaluate_rows(net, data, first, team)
    elif operation == PREDICTION:
        predict_rows(net, data, first, d.data_out, team)
    elif operation == CHECK:
        check_part(net, team)
    elif operation == SNAPSHOT:
        copy_part(net, team)
