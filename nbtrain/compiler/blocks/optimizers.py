"""Block functions of optimizers and schedules."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import from_dtype

from ...components import Optimizer, Regularizer, Schedule
from .. import processor
from ..jit import jit, matrix_at, vector_at
from ..language.loops import is_straight
from ..language.plain import plain
from ..language.typing_checks import check_number, check_tuple
from ..objects import Function
from ..tuples import Streams, loader, plus_product, storer, tuple_type
from .losses import regularizer as regularizer_blocks
from .scalar import DOUBLE, FLOAT64, INT, INT64, scalar


class _Step(NamedTuple):
    """An optimizer's step, and how a loop over blocks reads and writes what it works on."""

    step: Any
    prepared_at: Any
    hyper_at: Any
    addresses_at: Any
    w_at: Any
    g_at: Any
    put: Any
    slots_at: Any
    put_slots: Any


def _parts_of(spec: Optimizer, dtype: np.dtype[Any]) -> _Step:
    number, count = from_dtype(dtype), len(spec.slots)
    slots = tuple_type(dtype, spec.slots, "slots")
    prepared, hyper = tuple_type(dtype, spec.prepared_count), _hyper(spec, dtype)
    step = plain(spec.functions["step"], dtype, flushing=processor.flushes())
    wanted = "(w, slots)" if spec.norms is None else "(update, slots)"
    check_tuple(spec, "step", step, (number, number, slots, prepared, hyper), wanted)
    streams = Streams(dtype, 2 + count)
    target = 0 if spec.norms is None else 1  # the update takes the gradient's place until its norm is known
    ways = (*map(streams.getter, (0, 1)), streams.setter(target))
    of_slots = streams.slots_getter(2, slots), streams.slots_setter(2, count)
    return _Step(step, *map(loader, (prepared, hyper, tuple_type(INT64, count))), *ways, *of_slots)


def optimizer(spec: Optimizer, dtype: np.dtype[Any]) -> dict[str, Function]:
    step, prepared_at, hyper_at, addresses_at, w_at, g_at, put, slots_at, put_slots = _parts_of(spec, dtype)
    into_g = spec.norms is not None

    @jit
    def step_block(w, g, pointers, n, prepared, hyper):
        now, given = prepared_at(prepared), hyper_at(hyper)
        addresses = addresses_at(pointers)
        for i in range(n):
            moved, values = step(w_at(w, i), g_at(g, i), slots_at(addresses, i), now, given)
            put(g if into_g else w, i, moved)
            put_slots(addresses, i, values)
        return 0

    made = {"step": (step_block, (INT,) * 6)}
    if "prepare" in spec.functions:
        made["prepare"] = (_prepare(spec), (INT,) * 4)
    if into_g:
        made["scale"] = (_scale(spec), (INT,) * 3)
    return made


def regularized_step(spec: Optimizer, regularizer: Regularizer, dtype: np.dtype[Any]) -> dict[str, Function]:
    """The optimizer's step with `scale` times the regularizer's slope added to each gradient.

    In one loop, if the slope is of a kind that becomes vector code; else the step is kept from its loop.
    """
    arguments = (INT,) * 7 + (DOUBLE,)
    if not is_straight(regularizer.functions["slope"]):
        return {"step": (_one_after_the_other(spec, regularizer, dtype), arguments)}
    step, prepared_at, hyper_at, addresses_at, w_at, g_at, put, slots_at, put_slots = _parts_of(spec, dtype)
    slope = scalar(regularizer, "slope", dtype, from_dtype(dtype))
    parameters_at = loader(tuple_type(dtype, len(regularizer.parameters)))

    @jit
    def step_block(w, g, pointers, n, prepared, hyper, parameters, scale):
        now, given, penalized = prepared_at(prepared), hyper_at(hyper), parameters_at(parameters)
        addresses, factor = addresses_at(pointers), dtype.type(scale)
        for i in range(n):
            weight = w_at(w, i)
            gradient = plus_product(g_at(g, i), factor, slope(weight, *penalized))
            moved, values = step(weight, gradient, slots_at(addresses, i), now, given)
            put(w, i, moved)
            put_slots(addresses, i, values)
        return 0

    return {"step": (step_block, arguments)}


def _one_after_the_other(spec: Optimizer, regularizer: Regularizer, dtype: np.dtype[Any]) -> Any:
    """The regularizer's block function and the optimizer's, unchanged."""
    add_slope, step = regularizer_blocks(regularizer, dtype)["slope"][0], optimizer(spec, dtype)["step"][0]

    @jit
    def step_after_slope(w, g, pointers, n, prepared, hyper, parameters, scale):
        add_slope(w, g, n, parameters, scale)
        return step(w, g, pointers, n, prepared, hyper)

    return step_after_slope


def _hyper(spec: Optimizer, dtype: np.dtype[Any]) -> Any:
    """The type of an optimizer's hyperparameters."""
    return tuple_type(dtype, ("learning_rate", *spec.parameters), "hyper")


def _scale(spec: Optimizer) -> Any:
    hyper = _hyper(spec, FLOAT64)
    scale = plain(spec.functions["scale"], FLOAT64)
    check_number(spec, "scale", scale, (DOUBLE, DOUBLE, hyper))
    hyper_at = loader(hyper)

    @jit
    def scale_block(norms, n, hyper):
        """n rows of float64: norm of w, norm of u, and room for the scale."""
        rows, given = matrix_at(norms, n, 3, FLOAT64), hyper_at(hyper)
        for i in range(n):
            rows[i, 2] = scale(rows[i, 0], rows[i, 1], given)
        return 0

    return scale_block


def _prepare(spec: Optimizer) -> Any:
    hyper, scalars = _hyper(spec, FLOAT64), tuple_type(FLOAT64, spec.scalars, "scalars")
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


def schedule(spec: Schedule, dtype: np.dtype[Any]) -> dict[str, Function]:
    rate = scalar(spec, "rate", FLOAT64, INT)
    parameters_at = loader(tuple_type(FLOAT64, len(spec.parameters)))

    @jit
    def rate_block(t, parameters, result):
        vector_at(result, 1, FLOAT64)[0] = rate(t, *parameters_at(parameters))
        return 0

    return {"rate": (rate_block, (INT,) * 3)}
