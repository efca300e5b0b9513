"""Forward and backward as two calls, between which the caller computes the derivative of a loss of its own.

A forward leaves z, a and dropout's masks in the workspace, and backward reads them there. So the two belong together:
whatever else enters the model in between ends the pair. The team shares both, and the bits are those of a step.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..compiler.jit import jit, matrix_at, matrix_in
from .backward import backward
from .calls import call, copy_bytes
from .checks import check_x
from .forward import forward
from .functions import BACKWARD, FORWARD
from .layout import NO_FORWARD, OK, TOO_MANY_ROWS, WRONG_OUT
from .matmul.products import input_slope
from .matmul.tiles import itemsize_of
from .net import ZERO, Batch, open_net
from .team.busy import CALL, begin, enter, enter_again, finish
from .team.team import barrier, current_team, dispatch, fetch, share, wait
from .update.gradient import add_sums, add_to_gradient, sums_of
from .update.subnormals import flush_subnormals, restore

# What backward does with the gradient of the parameters; helpers are told so by the task's number `first`.
SET, ADD, NOTHING = range(3)


@jit
def forward_share(net, data, team):
    """A member's rows of a forward, and of its output."""
    d = net.descriptor[0]
    training = d.forward_training != 0
    word = flush_subnormals()
    if not training:
        restore(word)
    fetch(d.theta, net.theta.size * net.theta.itemsize, team)
    forward(net, data, ZERO, training, team)
    copy_rows(net, net.layers.size - 1, share(data.rows, team), d.data_out)
    restore(word)


@jit
def copy_rows(net, index, rows, target):
    """Copy a range of the rows of a layer's a to the same rows at `target`."""
    layer, (first, last) = net.layers[index], rows
    size = layer.units * net.theta.itemsize
    copy_bytes(target + first * size, layer.a + first * size, (last - first) * size)


@jit
def backward_share(net, data, goal, team):
    """A member's share of the derivatives by parameters and inputs; `data.y` is dJ/da of the last layer.

    The derivatives by inputs come last: the caller may want them in the place of x.
    """
    d = net.descriptor[0]
    training = d.forward_training != 0
    word = flush_subnormals()
    if not training:
        restore(word)
    last_delta(net, data, team)
    backward(net, data, ZERO, training, team)
    if goal != NOTHING:
        barrier(team)
        sums = sums_of(d, data.rows)
        add_to_gradient(net, data, training, sums, (goal == ADD, False), team)
        add_sums(net, sums, team)
    if d.data_out != 0:
        barrier(team)
        by_inputs(net, data, team)
    restore(word)


@jit
def last_delta(net, data, team):
    """dJ/dz of the last layer from dJ/da, for a member's rows."""
    last, (first, stop) = net.layers[net.layers.size - 1], share(data.rows, team)
    skip, n = first * last.units * net.theta.itemsize, (stop - first) * last.units
    copy_bytes(last.delta + skip, data.y + skip, n * net.theta.itemsize)
    if last.slope != 0:
        call(last.slope, (last.z + skip, last.a + skip, last.delta + skip, n, last.parameters))


@jit
def by_inputs(net, data, team):
    """dJ/dx = delta W' of the first layer, for a member's rows."""
    layer, dtype = net.layers[0], net.theta.dtype
    delta = matrix_at(layer.delta, data.rows, layer.units, dtype)
    dx = matrix_at(net.descriptor[0].data_out, data.rows, layer.inputs, dtype)
    w = matrix_in(net.theta, layer.weights, layer.inputs, layer.units)
    input_slope(delta, w, dx, share(data.rows, team), net.panels)


# ---- the leader


@jit
def forward_pass(net, data):
    """All rows of a forward."""
    d = net.descriptor[0]
    team = current_team(d)
    dispatch(team, np.int64(FORWARD), ZERO)
    forward_share(net, data, team)
    wait(d, team)


@jit
def backward_pass(net, data, goal):
    """All rows and all derivatives."""
    d = net.descriptor[0]
    team = current_team(d)
    dispatch(team, np.int64(BACKWARD), goal)
    backward_share(net, data, goal, team)
    wait(d, team)


@jit
def check_rows(d, rows, columns):
    """x is (rows, inputs) with at least one row, and no more than the workspace holds."""
    status = check_x(d, rows, columns)
    return TOO_MANY_ROWS if status == OK and rows > d.batch_size else status


@jit
def check_backward(d, rows, delta_shape, dx_shape, goal):
    """The last call was a forward of as many rows, and delta and dx have its shapes."""
    if rows != d.forward_rows or (goal == ADD and d.gradient_used != 0):
        return NO_FORWARD
    if delta_shape[0] != rows or delta_shape[1] != d.outputs:
        return WRONG_OUT
    if d.data_out == 0:
        return WRONG_OUT if goal == NOTHING else OK
    return OK if dx_shape[0] == rows and dx_shape[1] == d.inputs else WRONG_OUT


def functions(dtype: np.dtype[Any]) -> dict[str, Any]:
    """C functions of the pair."""
    found = {"forward": _forward(dtype), "activations": _activations(dtype)}
    return found | _backward(dtype)


def _forward(dtype: np.dtype[Any]) -> Any:
    @jit
    def forward_to(model, x, rows, columns, out, out_rows, out_columns, training, draw):
        status = enter(model, itemsize_of(dtype), CALL)
        if status != OK:
            return status
        net = open_net(model, dtype, ZERO)
        d = net.descriptor[0]
        d.data_out, d.forward_training, d.draw = out, np.int64(training != 0), draw
        begin(d, x, ZERO, ZERO, rows)
        status = check_rows(d, rows, columns)
        if status == OK and (out_rows != rows or out_columns != d.outputs):
            status = np.int64(WRONG_OUT)
        if status == OK:
            forward_pass(net, Batch(x, ZERO, ZERO, rows))
            d.forward_rows = rows
            d.forwards += 1
        d.draw = 0
        return finish(model, status)

    return forward_to


def _backward(dtype: np.dtype[Any]) -> dict[str, Any]:
    @jit
    def from_delta(goal, model, x, x_shape, delta, delta_shape, dx, dx_shape):
        status = enter_again(model, itemsize_of(dtype), CALL)
        if status != OK:
            return status
        net = open_net(model, dtype, ZERO)
        d, rows = net.descriptor[0], x_shape[0]
        d.data_out = dx
        begin(d, x, delta, ZERO, rows)
        status = check_rows(d, rows, x_shape[1])
        if status == OK:
            status = check_backward(d, rows, delta_shape, dx_shape, goal)
        if status == OK:
            backward_pass(net, Batch(x, delta, ZERO, rows), goal)
            if goal != NOTHING:
                d.gradient_used = 0
        return finish(model, status)

    @jit
    def backward_from(model, x, rows, columns, delta, d_rows, d_columns, dx, dx_rows, dx_columns, accumulate):
        goal = np.int64(ADD if accumulate != 0 else SET)
        return from_delta(goal, model, x, (rows, columns), delta, (d_rows, d_columns), dx, (dx_rows, dx_columns))

    @jit
    def input_gradient(model, x, rows, columns, delta, d_rows, d_columns, dx, dx_rows, dx_columns):
        goal = np.int64(NOTHING)
        return from_delta(goal, model, x, (rows, columns), delta, (d_rows, d_columns), dx, (dx_rows, dx_columns))

    return {"backward": backward_from, "input_gradient": input_gradient}


def _activations(dtype: np.dtype[Any]) -> Any:
    @jit
    def activations_to(model, x, rows, columns, out, out_rows, out_columns):
        """Every layer's a without dropout, one matrix (rows, units) behind the other."""
        status = enter(model, itemsize_of(dtype), CALL)
        if status != OK:
            return status
        net = open_net(model, dtype, ZERO)
        d = net.descriptor[0]
        units = np.int64(0)
        for index in range(net.layers.size - 1):
            units += net.layers[index].units
        d.data_out, d.forward_training = out + rows * units * d.itemsize, 0
        begin(d, x, ZERO, ZERO, rows)
        status = check_rows(d, rows, columns)
        if status == OK and (out_rows != rows or out_columns != units + d.outputs):
            status = np.int64(WRONG_OUT)
        if status == OK:
            forward_pass(net, Batch(x, ZERO, ZERO, rows))
            for index in range(net.layers.size - 1):
                copy_rows(net, index, (ZERO, rows), out)
                out += rows * net.layers[index].units * d.itemsize
        return finish(model, status)

    return activations_to
