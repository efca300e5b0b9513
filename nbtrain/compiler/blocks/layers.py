"""Block functions of activations and constraints."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import from_dtype

from ...components import Activation, Constraint
from ..jit import jit, vector_at
from ..objects import Function
from ..tuples import Streams, loader, tuple_type
from .scalar import DOUBLE, FLOAT64, INT, scalar


def activation(spec: Activation, dtype: np.dtype[Any]) -> dict[str, Function]:
    value = scalar(spec, "value", dtype, from_dtype(dtype))
    parameters_at = loader(tuple_type(dtype, len(spec.parameters)))
    streams = Streams(dtype, 2)
    z_at, put_a = streams.getter(0), streams.setter(1)

    @jit
    def value_block(z, a, n, parameters):
        given = parameters_at(parameters)
        for i in range(n):
            put_a(a, i, value(z_at(z, i), *given))
        return 0

    return {"value": (value_block, (INT,) * 4), "slope": (_slope(spec, dtype), (INT,) * 5)}


def _slope(spec: Activation, dtype: np.dtype[Any]) -> Any:
    """delta *= slope(…), of z, of a, or of both in the order in which the component's author has them."""
    arguments = spec.slope_arguments
    slope = scalar(spec, "slope", dtype, *[from_dtype(dtype)] * len(arguments))
    parameters_at = loader(tuple_type(dtype, len(spec.parameters)))
    streams = Streams(dtype, 3)
    first_at, second_at, delta_at, put_delta = (*map(streams.getter, range(3)), streams.setter(2))
    z_comes_first = arguments[0] == "z"

    @jit
    def slope_of_one(z, a, delta, n, parameters):
        given = parameters_at(parameters)
        first = z if z_comes_first else a
        for i in range(n):
            put_delta(delta, i, delta_at(delta, i) * slope(first_at(first, i), *given))
        return 0

    @jit
    def slope_of_both(z, a, delta, n, parameters):
        given = parameters_at(parameters)
        first, second = (z, a) if z_comes_first else (a, z)
        for i in range(n):
            put_delta(delta, i, delta_at(delta, i) * slope(first_at(first, i), second_at(second, i), *given))
        return 0

    return slope_of_one if len(arguments) == 1 else slope_of_both


def constraint(spec: Constraint, dtype: np.dtype[Any]) -> dict[str, Function]:
    return {"project": _projection(spec, dtype)} if spec.elementwise else {"scale": _scaling(spec)}


def _projection(spec: Constraint, dtype: np.dtype[Any]) -> Function:
    project = scalar(spec, "project", dtype, from_dtype(dtype))
    parameters_at = loader(tuple_type(dtype, len(spec.parameters)))
    streams = Streams(dtype, 1)
    w_at, put_w = streams.getter(0), streams.setter(0)

    @jit
    def project_block(w, n, parameters):
        given = parameters_at(parameters)
        for i in range(n):
            put_w(w, i, project(w_at(w, i), *given))
        return 0

    return project_block, (INT,) * 3


def _scaling(spec: Constraint) -> Function:
    scale = scalar(spec, "scale", FLOAT64, DOUBLE)
    parameters_at = loader(tuple_type(FLOAT64, len(spec.parameters)))

    @jit
    def scale_block(norms, n, parameters):
        """Each of n float64 norms becomes its factor."""
        given = parameters_at(parameters)
        factors = vector_at(norms, n, FLOAT64)
        for i in range(n):
            factors[i] = scale(factors[i], *given)
        return 0

    return scale_block, (INT,) * 3
