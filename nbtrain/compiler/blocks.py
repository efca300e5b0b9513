"""Block functions: a component's scalar functions in loops over arrays that are named by address.

What the C functions are called with stands in `nbtrain.components`' contract; every one returns 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import from_dtype, types

from ..components import Activation, Loss, Optimizer, Regularizer, Schedule
from ..errors import PluginError
from .door import jit, vector_at
from .objects import Function
from .plain import plain
from .tuples import Streams, loader, storer, tuple_type
from .typing_checks import check_number, check_tuple

FLOAT64, INT64 = np.dtype(np.float64), np.dtype(np.int64)
INT, DOUBLE = types.int64, types.float64
NO_ADDRESS = np.int64(0)


def block_functions(spec: Any, dtype: np.dtype[Any]) -> dict[str, Function]:
    """Role -> block function with its argument types."""
    makers: dict[type, Any] = {
        Activation: _activation,
        Regularizer: _regularizer,
        Optimizer: _optimizer,
        Loss: _loss,
        Schedule: _schedule,
    }
    for kind, maker in makers.items():
        if isinstance(spec, kind):
            made: dict[str, Function] = maker(spec, dtype)
            return made
    raise PluginError(f"{spec!r} is nothing that is compiled")


def _scalar(spec: Any, role: str, dtype: np.dtype[Any], *leading: Any) -> Any:
    """The component's function for a role, typed for `leading` arguments and its parameters."""
    function = plain(spec.functions[role], dtype)
    number = from_dtype(dtype)
    check_number(spec, role, function, (*leading, *[number] * len(spec.parameters)))
    return function


def _activation(spec: Activation, dtype: np.dtype[Any]) -> dict[str, Function]:
    number, arguments = from_dtype(dtype), spec.slope_arguments
    value = _scalar(spec, "value", dtype, number)
    slope = _scalar(spec, "slope", dtype, *[number] * len(arguments))
    parameters_at = loader(tuple_type(dtype, len(spec.parameters)))
    streams = Streams(dtype, 3)
    z_at, a_at, delta_at, put_delta = (streams.getter(0), streams.getter(1), streams.getter(2), streams.setter(2))
    put_a = streams.setter(1)

    @jit
    def value_block(z, a, n, parameters):
        given = parameters_at(parameters)
        for i in range(n):
            put_a(a, i, value(z_at(z, i), *given))
        return 0

    @jit
    def slope_of_z(z, a, delta, n, parameters):
        given = parameters_at(parameters)
        for i in range(n):
            put_delta(delta, i, delta_at(delta, i) * slope(z_at(z, i), *given))
        return 0

    @jit
    def slope_of_a(z, a, delta, n, parameters):
        given = parameters_at(parameters)
        for i in range(n):
            put_delta(delta, i, delta_at(delta, i) * slope(a_at(a, i), *given))
        return 0

    @jit
    def slope_of_z_and_a(z, a, delta, n, parameters):
        given = parameters_at(parameters)
        for i in range(n):
            put_delta(delta, i, delta_at(delta, i) * slope(z_at(z, i), a_at(a, i), *given))
        return 0

    @jit
    def slope_of_a_and_z(z, a, delta, n, parameters):
        given = parameters_at(parameters)
        for i in range(n):
            put_delta(delta, i, delta_at(delta, i) * slope(a_at(a, i), z_at(z, i), *given))
        return 0

    blocks = {
        ("z",): slope_of_z,
        ("a",): slope_of_a,
        ("z", "a"): slope_of_z_and_a,
        ("a", "z"): slope_of_a_and_z,
    }
    return {"value": (value_block, (INT,) * 4), "slope": (blocks[arguments], (INT,) * 5)}


def _regularizer(spec: Regularizer, dtype: np.dtype[Any]) -> dict[str, Function]:
    number = from_dtype(dtype)
    penalty, slope = _scalar(spec, "penalty", dtype, number), _scalar(spec, "slope", dtype, number)
    parameters_at = loader(tuple_type(dtype, len(spec.parameters)))
    streams = Streams(dtype, 2)
    w_at, g_at, put_g = streams.getter(0), streams.getter(1), streams.setter(1)

    @jit
    def penalty_block(w, n, parameters, total):
        given = parameters_at(parameters)
        found = vector_at(total, 1, FLOAT64)
        added = 0.0
        for i in range(n):
            added += np.float64(penalty(w_at(w, i), *given))
        found[0] += added
        return 0

    @jit
    def slope_block(w, g, n, parameters, scale):
        given = parameters_at(parameters)
        factor = dtype.type(scale)
        for i in range(n):
            put_g(g, i, g_at(g, i) + factor * slope(w_at(w, i), *given))
        return 0

    return {"penalty": (penalty_block, (INT,) * 4), "slope": (slope_block, (INT,) * 4 + (DOUBLE,))}


def _optimizer(spec: Optimizer, dtype: np.dtype[Any]) -> dict[str, Function]:
    number, names = from_dtype(dtype), ("learning_rate", *spec.parameters)
    slots = tuple_type(dtype, spec.slots)
    prepared, hyper = tuple_type(dtype, spec.prepared_count), tuple_type(dtype, names)
    step = plain(spec.functions["step"], dtype)
    check_tuple(spec, "step", step, (number, number, slots, prepared, hyper), "(w, slots)")
    count = len(spec.slots)
    prepared_at, hyper_at = loader(prepared), loader(hyper)
    addresses_at = loader(tuple_type(INT64, count))
    streams = Streams(dtype, 2 + count)
    w_at, put_w, g_at = streams.getter(0), streams.setter(0), streams.getter(1)
    slots_at, put_slots = streams.slots_getter(2, slots), streams.slots_setter(2, count)

    @jit
    def step_block(w, g, pointers, n, prepared, hyper):
        now, given = prepared_at(prepared), hyper_at(hyper)
        addresses = addresses_at(pointers)
        for i in range(n):
            moved, values = step(w_at(w, i), g_at(g, i), slots_at(addresses, i), now, given)
            put_w(w, i, moved)
            put_slots(addresses, i, values)
        return 0

    made = {"step": (step_block, (INT,) * 6)}
    if "prepare" in spec.functions:
        made["prepare"] = (_prepare(spec, names), (INT,) * 4)
    return made


def _prepare(spec: Optimizer, names: tuple[str, ...]) -> Any:
    hyper, scalars = tuple_type(FLOAT64, names), tuple_type(FLOAT64, spec.scalars)
    prepare = plain(spec.functions["prepare"], FLOAT64)
    given = (INT, scalars, hyper) if spec.scalars else (INT, hyper)
    check_tuple(spec, "prepare", prepare, given, "(prepared, scalars)" if spec.scalars else "a tuple of numbers")
    hyper_at, scalars_at = loader(hyper), loader(scalars)
    put_prepared, put_scalars = storer(FLOAT64, spec.prepared_count), storer(FLOAT64, len(spec.scalars))

    @jit
    def prepare_block(t, kept, hyper, prepared):
        put_prepared(prepared, prepare(t, hyper_at(hyper)))
        return 0

    @jit
    def prepare_with_scalars(t, kept, hyper, prepared):
        found, scalars = prepare(t, scalars_at(kept), hyper_at(hyper))
        put_prepared(prepared, found)
        put_scalars(kept, scalars)
        return 0

    return prepare_with_scalars if spec.scalars else prepare_block


def _loss(spec: Loss, dtype: np.dtype[Any]) -> dict[str, Function]:
    made = {"loss": ((_elementwise if spec.elementwise else _rowwise)(spec, dtype), (INT,) * 8 + (DOUBLE,))}
    if spec.owns_output:
        made["output"] = ((_output if spec.elementwise else _row_output)(spec, dtype), (INT,) * 5)
    return made


def _elementwise(spec: Loss, dtype: np.dtype[Any]) -> Any:
    number = from_dtype(dtype)
    value = _scalar(spec, "value", dtype, number, number)
    slope = _scalar(spec, "slope", dtype, number, number)
    parameters_at = loader(tuple_type(dtype, len(spec.parameters)))
    streams = Streams(dtype, 3)
    p_at, y_at, put_delta = streams.getter(0), streams.getter(1), streams.setter(2)

    @jit
    def loss_block(p, y, weight, delta, row_loss, rows, columns, parameters, scale):
        given = parameters_at(parameters)
        losses = vector_at(row_loss, rows, FLOAT64)
        weights = vector_at(weight, rows, dtype)
        factor = dtype.type(scale)
        for i in range(rows * columns):
            put_delta(delta, i, factor * slope(p_at(p, i), y_at(y, i), *given))
        for r in range(rows):
            total = 0.0
            for i in range(r * columns, (r + 1) * columns):
                total += np.float64(value(p_at(p, i), y_at(y, i), *given))
            losses[r] = total
        if weight != NO_ADDRESS:
            deltas = vector_at(delta, rows * columns, dtype)
            for r in range(rows):
                losses[r] *= np.float64(weights[r])
                for i in range(r * columns, (r + 1) * columns):
                    deltas[i] *= weights[r]
        return 0

    return loss_block


def _output(spec: Loss, dtype: np.dtype[Any]) -> Any:
    output = _scalar(spec, "output", dtype, from_dtype(dtype))
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
    array = types.Array(from_dtype(dtype), 1, "C")
    labels = spec.target == "label"
    row = _scalar(spec, "row", dtype, array, INT if labels else array, array)
    parameters_at = loader(tuple_type(dtype, len(spec.parameters)))
    size = dtype.itemsize

    @jit
    def target_of_labels(y, r, columns):
        return vector_at(y, r + 1, INT64)[r]

    @jit
    def loss_block(p, y, weight, delta, row_loss, rows, columns, parameters, scale):
        given = parameters_at(parameters)
        losses = vector_at(row_loss, rows, FLOAT64)
        weights = vector_at(weight, rows, dtype)
        for r in range(rows):
            z = vector_at(p + r * columns * size, columns, dtype)
            slope = vector_at(delta + r * columns * size, columns, dtype)
            if labels:
                loss = row(z, vector_at(y, rows, INT64)[r], slope, *given)
            else:
                loss = row(z, vector_at(y + r * columns * size, columns, dtype), slope, *given)
            share = np.float64(weights[r]) if weight != NO_ADDRESS else 1.0
            losses[r] = share * np.float64(loss)
            factor = dtype.type(share * scale)
            for k in range(columns):
                slope[k] *= factor
        return 0

    return loss_block


def _row_output(spec: Loss, dtype: np.dtype[Any]) -> Any:
    array = types.Array(from_dtype(dtype), 1, "C")
    function = plain(spec.functions["row_output"], dtype)
    number = from_dtype(dtype)
    check_number(spec, "row_output", function, (array, array, *[number] * len(spec.parameters)), nothing=True)
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


def _schedule(spec: Schedule, dtype: np.dtype[Any]) -> dict[str, Function]:
    rate = _scalar(spec, "rate", FLOAT64, INT)
    parameters_at = loader(tuple_type(FLOAT64, len(spec.parameters)))

    @jit
    def rate_block(t, parameters, result):
        vector_at(result, 1, FLOAT64)[0] = rate(t, *parameters_at(parameters))
        return 0

    return {"rate": (rate_block, (INT,) * 3)}
