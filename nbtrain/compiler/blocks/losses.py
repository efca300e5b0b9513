"""Block functions of losses and regularizers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import from_dtype, types

from ...components import Loss, Regularizer
from ..jit import jit, vector_at
from ..language.plain import plain
from ..language.tables import row_that_is_read
from ..language.typing_checks import check_number
from ..objects import Function
from ..tuples import Streams, added, loader, plus_product, tuple_type
from .scalar import DOUBLE, FLOAT64, INT, INT64, scalar

NO_ADDRESS = np.int64(0)


@jit
def weigh(losses, deltas, weights, columns, scale):
    """Multiply each row's loss by its weight, and its slopes by weight * scale, which is never too large or small."""
    for r in range(weights.size):
        weight = np.float64(weights[r])
        losses[r] *= weight
        factor = deltas.dtype.type(weight * scale)
        for i in range(r * columns, (r + 1) * columns):
            deltas[i] *= factor


def loss(spec: Loss, dtype: np.dtype[Any]) -> dict[str, Function]:
    make, make_output = _elementwise, _output
    if not spec.elementwise:
        make, make_output = (_rowwise, _row_output) if spec.rows is None else (_all_rows, _all_rows_output)
    made = {"loss": (make(spec, dtype), (INT,) * 8 + (DOUBLE,))}
    if spec.owns_output:
        made["output"] = (make_output(spec, dtype), (INT,) * 5)
    return made


def loss_loops(spec: Loss, dtype: np.dtype[Any]) -> dict[str, Function]:
    """The loops over numbers in an elementwise loss: `value`, `slope`, and `output` if it has one."""
    value, slope = _value_loop(spec, dtype), _slope_loop(spec, dtype)
    made = {"value": (value, (INT,) * 5), "slope": (slope, (INT,) * 5 + (DOUBLE,))}
    if spec.owns_output:
        made["output"] = (_output(spec, dtype), (INT,) * 5)
    return made


def _value_loop(spec: Loss, dtype: np.dtype[Any]) -> Any:
    number = from_dtype(dtype)
    value = scalar(spec, "value", dtype, number, number)
    parameters_at = loader(tuple_type(dtype, len(spec.parameters)))
    streams = Streams(dtype, 3)
    p_at, y_at, put_value = streams.getter(0), streams.getter(1), streams.setter(2)

    @jit
    def values(p, y, out, n, parameters):
        given = parameters_at(parameters)
        for i in range(n):
            put_value(out, i, value(p_at(p, i), y_at(y, i), *given))
        return 0

    return values


def _slope_loop(spec: Loss, dtype: np.dtype[Any]) -> Any:
    number = from_dtype(dtype)
    slope = scalar(spec, "slope", dtype, number, number)
    parameters_at = loader(tuple_type(dtype, len(spec.parameters)))
    streams = Streams(dtype, 3)
    p_at, y_at, put_delta = streams.getter(0), streams.getter(1), streams.setter(2)

    @jit
    def slopes(p, y, delta, n, parameters, scale):
        given = parameters_at(parameters)
        factor = dtype.type(scale)
        for i in range(n):
            put_delta(delta, i, factor * slope(p_at(p, i), y_at(y, i), *given))
        return 0

    return slopes


def _elementwise(spec: Loss, dtype: np.dtype[Any]) -> Any:
    values, slopes = _value_loop(spec, dtype), _slope_loop(spec, dtype)

    @jit
    def loss_block(p, y, weight, delta, row_loss, rows, columns, parameters, scale):
        values(p, y, delta, rows * columns, parameters)  # delta holds them until they are summed
        losses = vector_at(row_loss, rows, FLOAT64)
        deltas = vector_at(delta, rows * columns, dtype)
        for r in range(rows):
            total = 0.0
            for i in range(r * columns, (r + 1) * columns):
                total += np.float64(deltas[i])
            losses[r] = total
        if weight == NO_ADDRESS:
            slopes(p, y, delta, rows * columns, parameters, scale)
        else:
            slopes(p, y, delta, rows * columns, parameters, 1.0)
            weigh(losses, deltas, vector_at(weight, rows, dtype), columns, scale)
        return 0

    return loss_block


def _output(spec: Loss, dtype: np.dtype[Any]) -> Any:
    output = scalar(spec, "output", dtype, from_dtype(dtype))
    parameters_at = loader(tuple_type(dtype, len(spec.parameters)))
    streams = Streams(dtype, 2)
    z_at, put_out = streams.getter(0), streams.setter(1)

    @jit
    def output_block(z, out, rows, columns, parameters):
        given = parameters_at(parameters)
        for i in range(rows * columns):
            put_out(out, i, output(z_at(z, i), *given))
        return 0

    return output_block


def _rowwise(spec: Loss, dtype: np.dtype[Any]) -> Any:
    read = row_that_is_read(from_dtype(dtype))
    labels = spec.target == "label"
    row = scalar(spec, "row", dtype, read, INT if labels else read, types.Array(from_dtype(dtype), 1, "C"))
    parameters_at = loader(tuple_type(dtype, len(spec.parameters)))
    size, own_width = dtype.itemsize, spec.target_columns or 0

    @jit
    def loss_block(p, y, weight, delta, row_loss, rows, columns, parameters, scale):
        given = parameters_at(parameters)
        losses = vector_at(row_loss, rows, FLOAT64)
        weights = vector_at(weight, rows, dtype)
        width = own_width if own_width > 0 else columns
        for r in range(rows):
            z = vector_at(p + r * columns * size, columns, dtype)
            slope = vector_at(delta + r * columns * size, columns, dtype)
            if labels:
                loss = row(z, vector_at(y, rows, INT64)[r], slope, *given)
            else:
                loss = row(z, vector_at(y + r * width * size, width, dtype), slope, *given)
            share = np.float64(weights[r]) if weight != NO_ADDRESS else 1.0
            losses[r] = share * np.float64(loss)
            factor = dtype.type(share * scale)
            for k in range(columns):
                slope[k] *= factor
        return 0

    return loss_block


def _row_output(spec: Loss, dtype: np.dtype[Any]) -> Any:
    array = types.Array(from_dtype(dtype), 1, "C")
    function = _writer(spec, "row_output", dtype, row_that_is_read(from_dtype(dtype)), array)
    parameters_at = loader(tuple_type(dtype, len(spec.parameters)))
    size = dtype.itemsize

    @jit
    def output_block(z, out, rows, columns, parameters):
        given = parameters_at(parameters)
        for r in range(rows):
            skip = r * columns * size
            function(vector_at(z + skip, columns, dtype), vector_at(out + skip, columns, dtype), *given)
        return 0

    return output_block


def _all_rows(spec: Loss, dtype: np.dtype[Any]) -> Any:
    """All rows at once; that there is a column at least shows LLVM that no index r * columns is negative."""
    array, losses_type = types.Array(from_dtype(dtype), 1, "C"), types.Array(DOUBLE, 1, "C")
    labels = spec.target == "label"
    read, target = row_that_is_read(from_dtype(dtype)), row_that_is_read(INT if labels else from_dtype(dtype))
    function = _writer(spec, "rows", dtype, read, target, array, losses_type, INT)
    parameters_at = loader(tuple_type(dtype, len(spec.parameters)))
    own_width = spec.target_columns or 0

    @jit
    def loss_block(p, y, weight, delta, row_loss, rows, columns, parameters, scale):
        given = parameters_at(parameters)
        losses = vector_at(row_loss, rows, FLOAT64)
        deltas = vector_at(delta, rows * columns, dtype)
        width = own_width if own_width > 0 else columns
        targets = vector_at(y, rows, INT64) if labels else vector_at(y, rows * width, dtype)
        function(vector_at(p, rows * columns, dtype), targets, deltas, losses, max(columns, 1), *given)
        if weight != NO_ADDRESS:
            weigh(losses, deltas, vector_at(weight, rows, dtype), columns, scale)
            return 0
        factor = dtype.type(scale)
        for i in range(rows * columns):
            deltas[i] *= factor
        return 0

    return loss_block


def _all_rows_output(spec: Loss, dtype: np.dtype[Any]) -> Any:
    array = types.Array(from_dtype(dtype), 1, "C")
    function = _writer(spec, "rows_output", dtype, row_that_is_read(from_dtype(dtype)), array, INT)
    parameters_at = loader(tuple_type(dtype, len(spec.parameters)))

    @jit
    def output_block(z, out, rows, columns, parameters):
        given = parameters_at(parameters)
        function(vector_at(z, rows * columns, dtype), vector_at(out, rows * columns, dtype), max(columns, 1), *given)
        return 0

    return output_block


def _writer(spec: Loss, role: str, dtype: np.dtype[Any], *leading: Any) -> Any:
    """The component's function for a role that fills arrays and returns nothing."""
    function = plain(spec.functions[role], dtype)
    check_number(spec, role, function, (*leading, *[from_dtype(dtype)] * len(spec.parameters)), nothing=True)
    return function


def regularizer(spec: Regularizer, dtype: np.dtype[Any]) -> dict[str, Function]:
    number = from_dtype(dtype)
    penalty, slope = scalar(spec, "penalty", dtype, number), scalar(spec, "slope", dtype, number)
    parameters_at = loader(tuple_type(dtype, len(spec.parameters)))
    streams = Streams(dtype, 2)
    w_at, g_at, put_g = streams.getter(0), streams.getter(1), streams.setter(1)

    @jit
    def penalty_block(w, n, parameters, total):
        given = parameters_at(parameters)
        found = vector_at(total, 1, FLOAT64)
        penalties = 0.0
        for i in range(n):
            penalties = added(penalties, np.float64(penalty(w_at(w, i), *given)))
        found[0] += penalties
        return 0

    @jit
    def slope_block(w, g, n, parameters, scale):
        given = parameters_at(parameters)
        factor = dtype.type(scale)
        for i in range(n):
            put_g(g, i, plus_product(g_at(g, i), factor, slope(w_at(w, i), *given)))
        return 0

    return {"penalty": (penalty_block, (INT,) * 4), "slope": (slope_block, (INT,) * 4 + (DOUBLE,))}
