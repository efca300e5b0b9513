"""Constants of components' functions in the model's dtype: numbers, tables, default arguments."""

from __future__ import annotations

import types as python_types
from typing import Any

import numpy as np

SMALL = range(-(2**15), 2**15)


def with_defaults_in(function: Any, dtype: np.dtype[Any]) -> Any:
    """The function with its default arguments in `dtype`, and keyword-only ones, which Numba has not, as others."""
    code, keywords = function.__code__, function.__kwdefaults__ or {}
    if not function.__defaults__ and not code.co_kwonlyargcount:
        return function
    defaults = [*(function.__defaults__ or ())]
    if code.co_kwonlyargcount:
        count = code.co_argcount + code.co_kwonlyargcount
        names = code.co_varnames[code.co_argcount : count]
        code = code.replace(co_argcount=count, co_kwonlyargcount=0)
        for name in names:  # after one that has a default all have to have one: None, which is no number
            if name in keywords or defaults:
                defaults.append(keywords.get(name))
    made_defaults = tuple(_fixed(small(number_in(dtype, default))) for default in defaults)
    return python_types.FunctionType(code, function.__globals__, function.__name__, made_defaults, function.__closure__)


def _fixed(value: Any) -> Any:
    """An array that nobody can write to, as Numba has those of globals; all else as it is."""
    if isinstance(value, np.ndarray):
        value = value.copy()
        value.flags.writeable = False
    return value


def number_in(dtype: np.dtype[Any], value: Any) -> Any:
    """A float, an array, or a tuple or list of numbers with a float among them, in `dtype`; all else as it is.

    Arrays become contiguous: Numba has others by their address in this process.
    """
    if isinstance(value, float | np.floating):
        return dtype.type(value)
    if isinstance(value, np.ndarray):
        return np.array(value, dtype if value.dtype.kind == "f" else None, order="C")
    if isinstance(value, tuple) and any(isinstance(item, np.ndarray) for item in value):
        return _like(value, [number_in(dtype, item) for item in value])
    if isinstance(value, list) and all(isinstance(item, int | float | np.number) for item in value):
        value = tuple(value)
    if isinstance(value, tuple) and value and any(isinstance(item, float | np.floating) for item in value):
        return _like(value, [dtype.type(item) if isinstance(item, int | float | np.number) else item for item in value])
    return value


def _like(value: Any, items: list[Any]) -> Any:
    """A tuple, or a NamedTuple of the same kind, with other items."""
    return type(value)(*items) if hasattr(value, "_fields") else tuple(items)


def small(value: Any) -> Any:
    """An integer as int16, if it has place there; all else as it is."""
    return np.int16(value) if isinstance(value, int) and not isinstance(value, bool) and value in SMALL else value
