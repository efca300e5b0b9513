"""Predictions for rows that are read when they are needed, and predictions that are written where the caller says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...checks.messages import brief, wrong
from ...errors import InputError
from .arrays import is_lazy, to_be_read
from .data import SourceData
from .filling import empty, put_inputs
from .orders import read_rows

if TYPE_CHECKING:
    from ..engine import Engine

Array = np.ndarray[Any, Any]


def predict(engine: Engine, X: Any, out: Any = None) -> Any:
    """Predictions for X, written to `out` if it is given."""
    inputs = engine.inputs
    if to_be_read(X, inputs.dtype):
        return _of_source(engine, SourceData(inputs, X), out)
    x = inputs.inputs(X)
    shape = len(x), engine.recipe.network.outputs
    if out is None:
        return engine.predict(x, new_out(shape, inputs.dtype))
    check_out(out, shape)
    if isinstance(out, np.ndarray) and np.may_share_memory(out, x):
        out[...] = engine.predict(x, new_out(shape, inputs.dtype))
        return out
    if is_direct(out, inputs.dtype):
        return engine.predict(x, out)
    rows = read_rows(max(x.itemsize * max(shape[1], x.shape[1]), 1), engine.recipe.batch_size)
    for first in range(0, len(x), rows):
        part = x[first : first + rows]
        out[first : first + len(part)] = engine.predict(part)
    return out


def _of_source(engine: Engine, source: SourceData, out: Any) -> Any:
    """Predictions block by block."""
    inputs, total = engine.inputs, len(source)
    shape = total, engine.recipe.network.outputs
    if out is None:
        out = new_out(shape, inputs.dtype)
    else:
        check_out(out, shape)
    count = min(read_rows(source.row_bytes, engine.recipe.batch_size), total)
    buffer = np.empty((count, inputs.columns), inputs.dtype)
    with engine.alone():
        for first in range(0, total, count):
            last = min(first + count, total)
            with engine.in_source():
                for numbers, part in source.x.read(first, last):
                    at = numbers.start - first
                    put_inputs(inputs, buffer[at : at + len(numbers)], part, numbers, source.x.name)
            out[first:last] = engine.predict(buffer[: last - first])
    return out


def new_out(shape: tuple[int, int], dtype: np.dtype[Any]) -> Array:
    """Memory for predictions."""
    return empty(shape, dtype, "the predictions", "out=, for example a numpy.memmap, takes them")


def is_direct(out: Any, dtype: np.dtype[Any]) -> bool:
    """Whether compiled code can write to an array itself."""
    fits = isinstance(out, np.ndarray) and out.dtype == dtype and out.flags.c_contiguous and out.flags.aligned
    return bool(fits)


def check_out(out: Any, shape: tuple[int, int]) -> None:
    """Raise InputError unless predictions can be written to `out`."""
    if not isinstance(out, np.ndarray) and not (is_lazy(out) and hasattr(type(out), "__setitem__")):
        raise InputError(wrong("out", f"be an array of shape {shape} and a float dtype", brief(out)))
    dtype = np.dtype(out.dtype)
    if tuple(out.shape) != shape or dtype.kind != "f":
        raise InputError(wrong("out", f"have shape {shape} and a float dtype", f"{tuple(out.shape)} {dtype}"))
    if isinstance(out, np.ndarray) and not out.flags.writeable:
        raise InputError(wrong("out", "be writable", "a read-only array"))
