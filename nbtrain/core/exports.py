"""The C functions of the core: every one takes a model's descriptor by address and returns a status.

The model's status field holds the status of the last call that went through; a call that finds another thread inside
the model returns BUSY and touches nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import types

from ..compiler.door import jit, vector_at
from . import epoch
from .calls import acquire, free, release
from .checks import bad_label, bad_number, bad_weight, check_data, check_x
from .layout import BUSY, DESCRIPTOR, DIVERGED, OK, WRONG_OUT, WRONG_WEIGHT
from .net import FLOAT64, INT64, Batch, Team, open_net
from .slices import mean_loss, train_slice
from .update import prepare, update

ALONE = Team(0, 1)
BUSY_OFFSET = DESCRIPTOR.fields["busy"][1]
ALL_STEPS = 1 << 62


class X(NamedTuple):
    """Rows of inputs."""

    address: int
    rows: int
    columns: int


class Y(NamedTuple):
    """Targets: kind 0 floats (rows, columns), kind 1 int64 labels (rows,), columns 1."""

    address: int
    rows: int
    columns: int
    kind: int


@jit
def _finish(address, status):
    vector_at(address, 1, DESCRIPTOR)[0].status = status
    release(address + BUSY_OFFSET)
    return status


@jit
def _train_step(net, batch, result):
    result[0] = epoch.train_step(net, batch, ALONE)[0]
    return OK if np.isfinite(result[0]) else DIVERGED


@jit
def _train_epoch(net, data, result):
    status, _ = epoch.train_epoch(net, data, ALL_STEPS, ALONE)
    if status == OK:
        result[0] = mean_loss(net)
    return status


@jit
def _train_slice(net, data, result):
    status = train_slice(net, data, net.descriptor[0].slice_steps, ALONE)
    if status == OK:
        result[0] = mean_loss(net)
    return status


@jit
def _loss_and_gradient(net, batch, result):
    result[0] = epoch.loss_and_gradient(net, batch, ALONE)
    return OK


@jit
def _evaluate(net, data, result):
    epoch.evaluate(net, data, result)
    return OK


def _on_data(body: Any, dtype: np.dtype[Any]) -> Any:
    """A C function of x, y and weights (an address, or 0) that checks them all before `body` works on them.

    `result` points to 3 + outputs float64 numbers; the first is NaN after any status but OK.
    """

    @jit
    def function(model, x, rows, columns, y, y_rows, y_columns, y_kind, weight, result):
        results = vector_at(result, 1, FLOAT64)
        results[0] = np.nan
        if not acquire(model + BUSY_OFFSET):
            return BUSY
        net = open_net(model, dtype)
        d = net.descriptor[0]
        status = check_data(d, X(x, rows, columns), Y(y, y_rows, y_columns, y_kind))
        if status == OK and weight != 0 and bad_weight(vector_at(weight, rows, dtype)) >= 0:
            status = WRONG_WEIGHT
        if status == OK:
            status = body(net, Batch(x, y, weight, rows), vector_at(result, 3 + d.outputs, FLOAT64))
        return _finish(model, status)

    return function


def _on_model(dtype: np.dtype[Any]) -> dict[str, Any]:
    """C functions of a model alone, or of x and out."""

    @jit
    def predict(model, x, rows, columns, out, out_rows, out_columns):
        if not acquire(model + BUSY_OFFSET):
            return BUSY
        net = open_net(model, dtype)
        d = net.descriptor[0]
        status = check_x(d, rows, columns)
        if status == OK and (out_rows != rows or out_columns != d.outputs):
            status = WRONG_OUT
        if status == OK:
            epoch.predict(net, x, rows, out)
        return _finish(model, status)

    @jit
    def update_parameters(model):
        if not acquire(model + BUSY_OFFSET):
            return BUSY
        net = open_net(model, dtype)
        prepare(net)
        update(net, 0.0, ALONE)
        net.descriptor[0].iteration += 1
        return _finish(model, OK)

    @jit
    def release_memory(model):
        d = vector_at(model, 1, DESCRIPTOR)[0]
        free(d.order)
        d.order, d.order_capacity, d.order_epoch = 0, 0, -1
        return OK

    return {"predict": predict, "update": update_parameters, "release": release_memory}


def _on_numbers(dtype: np.dtype[Any]) -> dict[str, Any]:
    """C functions that look through data before a model sees it; the index of the first bad element, or -1."""

    @jit
    def first_bad_number(address, count):
        return bad_number(vector_at(address, count, dtype))

    @jit
    def first_bad_weight(address, count):
        return bad_weight(vector_at(address, count, dtype))

    @jit
    def first_bad_label(address, count, classes):
        return bad_label(vector_at(address, count, INT64), classes)

    return {"bad_number": first_bad_number, "bad_weight": first_bad_weight, "bad_label": first_bad_label}


# Arguments of each function, all int64; layout.DESCRIPTOR has a place for those that a model's table holds.
ARGUMENTS = {
    "train_step": 10,
    "train_epoch": 10,
    "train_slice": 10,
    "loss_and_gradient": 10,
    "evaluate": 10,
    "predict": 7,
    "update": 1,
    "release": 1,
    "bad_number": 2,
    "bad_weight": 2,
    "bad_label": 3,
}


def functions(dtype: np.dtype[Any]) -> dict[str, tuple[Any, tuple[Any, ...]]]:
    """The core's functions for float32 or float64, by name, with their argument types."""
    dtype = np.dtype(dtype)
    bodies = {
        "train_step": _train_step,
        "train_epoch": _train_epoch,
        "train_slice": _train_slice,
        "loss_and_gradient": _loss_and_gradient,
        "evaluate": _evaluate,
    }
    found = {name: _on_data(body, dtype) for name, body in bodies.items()}
    found |= _on_model(dtype) | _on_numbers(dtype)
    return {name: (found[name], (types.int64,) * count) for name, count in ARGUMENTS.items()}
