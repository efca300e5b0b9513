"""The C functions of the core, which `functions` lists: most take the address of a model and return a status.

The field `status` of the descriptor holds the status of the last call. A call on a model that another thread is using
returns BUSY and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numba import types

from ..compiler.jit import jit, vector_at
from . import draws, epoch, inference, inside, pair, parameters, population, prediction, steps
from .calls import free, nan_of
from .checks import X, Y, bad_label, bad_number, bad_weight, check_data, check_x
from .functions import (
    CORE,
    DRAWS,
    EVALUATE,
    GRADIENT,
    MEMBERS,
    NUMBERS,
    PASSES,
    QUICK,
    TRAIN_EPOCH,
    TRAIN_STEP,
    TRAINING,
    check_complete,
    names_of,
)
from .helper import assist as help_with
from .layout import DESCRIPTOR, DIVERGED, OK, WRONG_GRADIENT, WRONG_OUT, WRONG_RATE, WRONG_WEIGHT
from .matmul import tiles
from .matmul.tiles import itemsize_of
from .net import FLOAT64, INT64, UINT32, ZERO, Batch, open_net
from .quick import as_float, both_given, good_out, good_x, good_y, model_of
from .slices import mean_loss, train_slice
from .team.busy import CALL, HELD, begin, enter, finish, leave
from .team.team import ALONE, Team
from .update.passes import update_in_passes
from .update.subnormals import flush_subnormals, restore
from .update.update import accept, is_good_rate, prepare, update


@jit
def _work(operation, net, data, result):
    """Do what the function called does with checked data; result[0] becomes the loss."""
    if operation == GRADIENT:
        result[0] = steps.loss_and_gradient(net, data)
        return OK
    if operation == EVALUATE:
        inference.evaluate(net, data, result)
        return OK
    if operation in (TRAIN_STEP, TRAIN_EPOCH):
        word = flush_subnormals()
        status = _train(operation, net, data, result)
        restore(word)
    else:
        status = train_slice(net, data)
    if status == OK and operation != TRAIN_STEP:
        result[0] = mean_loss(net)
    return status


@jit
def _train(operation, net, data, result):
    """A step or an epoch of training."""
    if operation == TRAIN_STEP:
        result[0] = steps.train_step(net, data)[0]
        return OK if np.isfinite(result[0]) else DIVERGED
    return epoch.train_epoch(net, data, epoch.WHOLE, epoch.ALL_STEPS, ZERO)[0]


def _on_data(dtype: np.dtype[Any]) -> dict[str, Any]:
    """C functions of x, y and weights (an address, or 0), which are checked first.

    `result` points to three float64 numbers; after any status but OK they are NaN with the status in their last bits.
    """

    @jit
    def checked(operation, model, x, y, weight, result):
        status = enter(model, itemsize_of(dtype), CALL)
        result[:] = nan_of(status)
        if status != OK:
            return status
        net = open_net(model, dtype, ZERO)
        begin(net.descriptor[0], x.address, y.address, weight, x.rows)
        status = check_data(net.descriptor[0], x, y)
        if status == OK and weight != 0 and (weight == -1 or bad_weight(vector_at(weight, x.rows, dtype)) >= 0):
            status = WRONG_WEIGHT
        if status == OK:
            status = _work(operation, net, Batch(x.address, y.address, weight, x.rows), result)
        status = finish(model, status)
        if status != OK:
            result[:] = nan_of(status)
        return status

    @jit
    def function(operation, model, x, rows, columns, y, y_rows, y_columns, y_kind, weight, result):
        target = Y(y, y_rows, y_columns, y_kind)
        return checked(operation, model, X(x, rows, columns), target, weight, vector_at(result, 3, FLOAT64))

    on_data = [name for name, row in CORE.items() if row.on_data]
    return dict.fromkeys(on_data, function) | {"quick_step": _quick_step(dtype, checked)}


def _quick_step(dtype: np.dtype[Any], checked: Any) -> Any:
    """The step as the interpreter calls it, with arrays; arrays that do not fit are left to Python."""

    @jit
    def quick_step(self, arguments, count):
        model = model_of(self)
        d = vector_at(model, 1, DESCRIPTOR)[0]
        loss = np.nan
        x, y = both_given(d, arguments, count)
        if good_x(d, x, dtype) and good_y(d, y, x.rows, dtype):
            result = vector_at(d.quick_result, 3, FLOAT64)
            target = Y(y.address, y.rows, y.columns, y.kind)
            checked(np.int64(TRAIN_STEP), model, X(x.address, x.rows, x.columns), target, ZERO, result)
            loss = result[0]
        return as_float(d, loss)

    return quick_step


def _on_model(dtype: np.dtype[Any]) -> dict[str, Any]:
    """C functions of a model alone, or of x and out."""

    @jit
    def assist(model, call):
        return help_with(model, dtype, call)

    @jit
    def hold(model):
        return enter(model, itemsize_of(dtype), HELD)

    @jit
    def let_go(model):
        leave(model)
        return OK

    @jit
    def release_memory(model):
        d = vector_at(model, 1, DESCRIPTOR)[0]
        free(d.order)
        d.order, d.order_capacity, d.order_epoch = 0, 0, -1
        return OK

    @jit
    def draw_order(model, block, rows, order):
        status = enter(model, itemsize_of(dtype), CALL)
        if status != OK:
            return status
        epoch.write_order(vector_at(model, 1, DESCRIPTOR)[0], vector_at(order, rows, UINT32), block)
        return finish(model, np.int64(OK))

    return {
        "assist": assist,
        "draw_order": draw_order,
        "hold": hold,
        "let_go": let_go,
        "predict": _predict(dtype),
        "quick_predict": _quick_predict(dtype),
        "update": _update(dtype),
        "release": release_memory,
    }


def _predict(dtype: np.dtype[Any]) -> Any:
    """Predictions for x, written to out."""

    @jit
    def predict(model, x, rows, columns, out, out_rows, out_columns):
        status = enter(model, itemsize_of(dtype), CALL)
        if status != OK:
            return status
        net = open_net(model, dtype, ZERO)
        d = net.descriptor[0]
        d.data_out = out
        begin(d, x, ZERO, ZERO, rows)
        status = check_x(d, rows, columns)
        if status == OK and (out_rows != rows or out_columns != d.outputs):
            status = WRONG_OUT
        if status == OK:
            inference.predict(net, Batch(x, ZERO, ZERO, rows), out)
        return finish(model, status)

    return predict


def _update(dtype: np.dtype[Any]) -> Any:
    """One iteration of the optimizer with the gradient as it is."""

    @jit
    def update_parameters(model):
        status = enter(model, itemsize_of(dtype), CALL)
        if status != OK:
            return status
        net = open_net(model, dtype, ZERO)
        prepare(net)
        if bad_number(net.gradient) >= 0:
            return finish(model, np.int64(WRONG_GRADIENT))
        if not is_good_rate(net):
            return finish(model, np.int64(WRONG_RATE))
        word = flush_subnormals()
        update(net, 0.0, ALONE)
        restore(word)
        accept(net)
        net.descriptor[0].iteration += 1
        net.descriptor[0].gradient_used = 1
        return finish(model, np.int64(OK))

    return update_parameters


def _quick_predict(dtype: np.dtype[Any]) -> Any:
    """Predictions as the interpreter asks for them, likewise."""

    @jit
    def quick_predict(self, arguments, count):
        model = model_of(self)
        d = vector_at(model, 1, DESCRIPTOR)[0]
        status = np.nan
        x, out = both_given(d, arguments, count)
        if good_x(d, x, dtype) and good_out(d, out, x.rows) and enter(model, itemsize_of(dtype), CALL) == OK:
            batch = Batch(x.address, ZERO, ZERO, x.rows)
            inference.predict(open_net(model, dtype, ZERO), batch, out.address)
            status = np.float64(finish(model, np.int64(OK)))
        return as_float(d, status)

    return quick_predict


def _on_numbers(dtype: np.dtype[Any]) -> dict[str, Any]:
    """C functions that check data before a model gets it -> index of the first bad element, or -1."""

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


def _on_seeds() -> dict[str, Any]:
    """C functions that draw initial weights; they need no model."""

    @jit
    def hash_seeds(entropy, length, first, last, out, words):
        draws.hash_seeds(entropy, length, first, last, out, words)
        return OK

    @jit
    def draw_uniform(states, first, last, theta, stride, bounds, layers, itemsize):
        draws.draw_uniform(states, first, last, theta, stride, bounds, layers, itemsize)
        return OK

    return {"hash_seeds": hash_seeds, "draw_uniform": draw_uniform}


def functions(dtype: np.dtype[Any], module: str = TRAINING) -> dict[str, Any]:
    """A module's functions for float32 or float64, by name, with their argument types and constant first arguments."""
    dtype, listed = np.dtype(dtype), {name: CORE[name] for name in names_of(module)}
    if module == TRAINING:
        listed |= QUICK
    found = _made(dtype, module)
    check_complete("nbtrain.core.exports", found, listed)
    made: dict[str, Any] = {}
    for name, row in listed.items():
        first = (row.operation,) if row.on_data else ()
        made[name] = found[name], (types.int64,) * len(first) + tuple(map(_numba_type, row.arguments)), *first
    return made


def _made(dtype: np.dtype[Any], module: str) -> dict[str, Any]:
    """The jit functions of a module; those of DRAWS do not depend on the dtype."""
    if module == MEMBERS:
        return population.functions(dtype)
    if module == DRAWS:
        return _on_seeds()
    found = _on_data(dtype) | _on_model(dtype) | _on_numbers(dtype) | inside.functions(dtype)
    return found | pair.functions(dtype) | parameters.functions(dtype) | prediction.functions(dtype)


def passes(dtype: np.dtype[Any]) -> dict[str, Any]:
    """The function of an update in several passes, which the core calls by address, like components."""
    dtype = np.dtype(dtype)

    @jit
    def in_passes(model, regularization, rank, size):
        d = vector_at(model, 1, DESCRIPTOR)[0]
        update_in_passes(open_net(model, dtype, rank), regularization, Team(rank, size, d.team))
        return OK

    found = {"update_in_passes": in_passes}
    check_complete("nbtrain.core.exports", found, PASSES)
    return {name: (found[name], tuple(map(_numba_type, row.arguments))) for name, row in PASSES.items()}


def _numba_type(argument: str) -> Any:
    return types.float64 if argument in NUMBERS else types.int64


def emitters(dtype: np.dtype[Any]) -> list[Callable[[Any], None]]:
    """Functions that add to an LLVM module what the jit functions call by name."""
    return [partial(tiles.emit, dtype=np.dtype(dtype))]
