"""Calling the compiled functions of components on arrays, as the training core does."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from .. import compiler
from ..components import Activation, Loss, Regularizer

Array = np.ndarray[Any, Any]
Values = tuple[float, ...]


def call(address: int, *arguments: int | float) -> None:
    """Call ``int64 f(...)``; floats are passed as double, all else as int64."""
    kinds = [ctypes.c_double if isinstance(argument, float) else ctypes.c_int64 for argument in arguments]
    status = ctypes.CFUNCTYPE(ctypes.c_int64, *kinds)(address)(*arguments)
    assert status == 0, f"a compiled function returned {status}"


def at(array: Array) -> int:
    """Address of an array's first element."""
    return int(array.ctypes.data)


def activation_value(spec: Activation, z: Array, values: Values) -> Array:
    """g(z), in the dtype of z."""
    code, a, given = compiler.component(spec, z.dtype), np.empty_like(z), np.array(values, z.dtype)
    call(code.addresses["value"], at(z), at(a), len(z), at(given))
    return a


def activation_slope(spec: Activation, z: Array, values: Values) -> Array:
    """g'(z), in the dtype of z."""
    code, a, given = compiler.component(spec, z.dtype), activation_value(spec, z, values), np.array(values, z.dtype)
    delta = np.ones_like(z)
    call(code.addresses["slope"], at(z), at(a), at(delta), len(z), at(given))
    return delta


def penalty(spec: Regularizer, w: Array, values: Values) -> Array:
    """r(w) of each weight by itself, as float64."""
    code, given, found = compiler.component(spec, w.dtype), np.array(values, w.dtype), np.zeros(len(w))
    for i in range(len(w)):
        call(code.addresses["penalty"], at(w[i:]), 1, at(given), at(found[i:]))
    return found


def penalty_slope(spec: Regularizer, w: Array, values: Values) -> Array:
    """r'(w), in the dtype of w."""
    code, given, gradient = compiler.component(spec, w.dtype), np.array(values, w.dtype), np.zeros_like(w)
    call(code.addresses["slope"], at(w), at(gradient), len(w), at(given), 1.0)
    return gradient


def loss(spec: Loss, p: Array, y: Array, values: Values, weight: Array | None = None) -> tuple[Array, Array]:
    """Losses of the rows, as float64, and their slopes with respect to p (rows, columns)."""
    code, given = compiler.component(spec, p.dtype), np.array(values, p.dtype)
    slopes, losses = np.full_like(p, np.nan), np.full(len(p), np.nan)
    shares = 0 if weight is None else at(weight)
    rows, columns = p.shape
    call(code.addresses["loss"], at(p), at(y), shares, at(slopes), at(losses), rows, columns, at(given), 1.0)
    return losses, slopes


def output(spec: Loss, z: Array, values: Values) -> Array:
    """The loss's own output activation of z (rows, columns)."""
    code, given, out = compiler.component(spec, z.dtype), np.array(values, z.dtype), np.full_like(z, np.nan)
    call(code.addresses["output"], at(z), at(out), *z.shape, at(given))
    return out
