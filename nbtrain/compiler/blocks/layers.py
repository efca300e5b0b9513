"""Block functions of activations and constraints."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import from_dtype

from ...components import Activation, Constraint
from ..door import jit, vector_at
from ..objects import Function
from ..tuples import Streams, loader, tuple_type
from .scalar import DOUBLE, FLOAT64, INT, scalar


def activation(spec: Activation, dtype: np.dtype[Any]) -> dict[str, Function]:
    number, arguments = from_dtype(dtype), spec.slope_arguments
    value = scalar(spec, "value", dtype, number)
    slope = scalar(spec, "slope", dtype, *[number] * len(arguments))
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
