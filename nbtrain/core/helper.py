"""What a helper does in a call: its share of every task, until the call is over."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..compiler.jit import jit, vector_at
from .functions import (
    BACKWARD,
    CHECK,
    EVALUATE,
    FORWARD,
    GRADIENT,
    OPERATIONS,
    PREDICT,
    SHARED,
    SNAPSHOT,
    TRAIN_EPOCH,
    TRAIN_STEP,
    check_complete,
)
from .inference import evaluate_rows, predict_rows
from .layout import DESCRIPTOR, OK
from .net import INFERENCE, Batch, open_net
from .pair import backward_share, forward_share
from .slices import check_share, copy_share
from .steps import iteration, losses_and_gradient
from .team.atomics import plain_load
from .team.team import FIRST, OPERATION, next_task, register, report
from .update.subnormals import flush_subnormals, restore


@jit
def assist(model, dtype, call):
    """Help with call number `call` of a model, if it is not over."""
    d = vector_at(model, 1, DESCRIPTOR)[0]
    memory = d.team
    rank, task = register(memory, call, d.team_late)
    if rank > 0:
        net = open_net(model, dtype, rank)
        while True:
            task, team = next_task(memory, call, rank, task)
            if team.size == 0:
                break
            data = Batch(d.data_x, d.data_y, d.data_weight, d.data_rows)
            do_share(net, data, plain_load(memory + OPERATION), plain_load(memory + FIRST), team)
            report(team)
    return np.int64(OK)


@jit
def _iteration(net, data, operation, first, team):
    word = flush_subnormals()
    iteration(net, data, operation, first, team)
    restore(word)


@jit
def _gradient(net, data, operation, first, team):
    losses_and_gradient(net, data, INFERENCE, team)


@jit
def _evaluation(net, data, operation, first, team):
    evaluate_rows(net, data, first, team)


@jit
def _prediction(net, data, operation, first, team):
    predict_rows(net, data, first, net.descriptor[0].data_out, team)


@jit
def _check(net, data, operation, first, team):
    check_share(net, team)


@jit
def _copy(net, data, operation, first, team):
    copy_share(net, team)


@jit
def _forward(net, data, operation, first, team):
    forward_share(net, data, team)


@jit
def _backward(net, data, operation, first, team):
    backward_share(net, data, first, team)


# A helper's share of every operation that a leader may dispatch: rows that were missing here would not be computed.
SHARES = {
    TRAIN_EPOCH: _iteration,
    TRAIN_STEP: _iteration,
    GRADIENT: _gradient,
    EVALUATE: _evaluation,
    PREDICT: _prediction,
    CHECK: _check,
    SNAPSHOT: _copy,
    FORWARD: _forward,
    BACKWARD: _backward,
}
check_complete("nbtrain.core.helper.SHARES", [OPERATIONS[operation] for operation in SHARES], SHARED)


def _chosen(shares: list[tuple[int, Any]]) -> Any:
    """A function that does the share of whichever operation it is given; `shares` in the order of their numbers."""
    (number, share), *others = shares
    if not others:
        return share
    other = _chosen(others)
    if others[0][1] is share:  # one condition for both
        return other

    @jit
    def choose(net, data, operation, first, team):
        if operation <= number:
            share(net, data, operation, first, team)
        else:
            other(net, data, operation, first, team)

    return choose


do_share = _chosen(sorted(SHARES.items(), key=lambda item: item[0]))
