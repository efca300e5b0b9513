"""What the members' module has the core do: functions of a model that it has entered, which it calls by address.

So that module, which is compiled for programs with populations alone, has no training code of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..compiler.jit import jit, vector_at
from . import inference
from .epoch import ALL_STEPS, WHOLE, train_epoch
from .layout import DESCRIPTOR, OK
from .net import FLOAT64, ZERO, Batch, open_net
from .slices import keep_epoch
from .update.subnormals import flush_subnormals, restore
from .watch import watch_epoch


@jit
def failed_or(model, status):
    """The status of what made the call fail, if anything did, else `status`."""
    d = vector_at(model, 1, DESCRIPTOR)[0]
    if d.failed != 0:
        status, d.failed = d.failed, 0
    return status


@jit
def member_epoch(net, data, end):
    """An epoch, or the rest of it, as far as time allows; its parameters are kept if they are finite -> status."""
    d = net.descriptor[0]
    word = flush_subnormals()
    status = train_epoch(net, data, WHOLE, ALL_STEPS, end)[0]
    if status == OK and d.position == 0:
        d.log_count = 0
        status = keep_epoch(net)
    restore(word)
    return status


@jit
def member_steps(net, data, steps):
    """So many steps, or as many as succeed -> status."""
    word = flush_subnormals()
    status = np.int64(OK)
    while status == OK and steps > 0:
        status, steps = train_epoch(net, data, WHOLE, steps, ZERO)
    restore(word)
    return status


def functions(dtype: np.dtype[Any]) -> dict[str, Any]:
    """The C functions, for float32 or float64, by name."""

    @jit
    def epoch_inside(model, x, y, weight, rows, end):
        return failed_or(model, member_epoch(open_net(model, dtype, ZERO), Batch(x, y, weight, rows), end))

    @jit
    def steps_inside(model, x, y, weight, rows, steps):
        return failed_or(model, member_steps(open_net(model, dtype, ZERO), Batch(x, y, weight, rows), steps))

    @jit
    def watch_inside(model):
        return watch_epoch(open_net(model, dtype, ZERO))

    @jit
    def predict_inside(model, x, rows, out):
        inference.predict(open_net(model, dtype, ZERO), Batch(x, ZERO, ZERO, rows), out)
        return OK

    @jit
    def evaluate_inside(model, x, y, weight, rows, result):
        net, found = open_net(model, dtype, ZERO), vector_at(result, 3, FLOAT64)
        inference.evaluate(net, Batch(x, y, weight, rows), found)
        return OK

    return {
        "epoch_inside": epoch_inside,
        "steps_inside": steps_inside,
        "watch_inside": watch_inside,
        "predict_inside": predict_inside,
        "evaluate_inside": evaluate_inside,
    }
