"""Constants of components' functions in the model's dtype: numbers, tables, default arguments."""

from __future__ import annotations

import types as python_types
from typing import Any

import numpy as np

SMALL = range(-(2**15), 2**15)
INT64 = range(-(2**63), 2**63)


def with_defaults_in(function: Any, dtype: np.dtype[Any]) -> Any:
    """A copy with defaults in `dtype` and keyword-only arguments made positional, since Numba has none."""
    code, keywords = function.__code__, function.__kwdefaults__ or {}
    if not function.__defaults__ and not code.co_kwonlyargcount:
        return function
    defaults = [*(function.__defaults__ or ())]
    if code.co_kwonlyargcount:
        count = code.co_argcount + code.co_kwonlyargcount
        names = code.co_varnames[code.co_argcount : count]
        code = code.replace(co_argcount=count, co_kwonlyargcount=0)
        for name in names:  # after one with a default all need one: None, which is not a number
            if name in keywords or defaults:
                defaults.append(keywords.get(name))
    made_defaults = tuple(_fixed(small(number_in(dtype, default))) for default in defaults)
    return python_types.FunctionType(code, function.__globals__, function.__name__, made_defaults, function.__closure__)


def _fixed(value: Any) -> Any:
    """An array as a read-only one, as Numba treats those of globals; anything else unchanged."""
    if isinstance(value, np.ndarray):
        value = value.copy()
        value.flags.writeable = False
    return value


def number_in(dtype: np.dtype[Any], value: Any) -> Any:
    """A float, an array, or a tuple or list of numbers with a float among them, in `dtype`; all else as it is.

    Arrays become contiguous: Numba has others by their address in this process. Unsigned integers become signed ones,
    as which literal integers are computed with: a difference of unsigned ones below 0 is a large number.
    """
    if isinstance(value, np.unsignedinteger):
        return int(value)
    if isinstance(value, float | np.floating):
        return _float_in(dtype, value)
    if isinstance(value, np.ndarray):
        return np.array(value, _dtype_in(dtype, value), order="C")
    if isinstance(value, tuple) and any(isinstance(item, np.ndarray) for item in value):
        return _like(value, [number_in(dtype, item) for item in value])
    if isinstance(value, list) and all(isinstance(item, int | float | np.number) for item in value):
        value = tuple(value)
    if isinstance(value, tuple) and any(isinstance(item, np.unsignedinteger) for item in value):
        value = _like(value, [int(item) if isinstance(item, np.unsignedinteger) else item for item in value])
    if isinstance(value, tuple) and value and any(isinstance(item, float | np.floating) for item in value):
        return _like(
            value, [_float_in(dtype, item) if isinstance(item, int | float | np.number) else item for item in value]
        )
    return value


def _float_in(dtype: np.dtype[Any], value: Any) -> Any:
    """A number in `dtype`; infinite if out of range."""
    with np.errstate(over="ignore"):
        return dtype.type(value)


def _dtype_in(dtype: np.dtype[Any], array: Any) -> Any:
    """The dtype to convert an array to, or None to keep it."""
    if array.dtype.kind == "u":
        largest = int(array.max(initial=0))
        return np.int16 if largest in SMALL else np.int64 if largest in INT64 else dtype
    return dtype if array.dtype.kind == "f" else None


def whole_in(dtype: np.dtype[Any], value: int, meets_floats: bool) -> Any:
    """An integer that was unsigned, or has no place in 64 bits: a small one, or a float if it only meets floats."""
    made = small(value) if meets_floats else value
    return _float_in(dtype, value) if made is value and meets_floats else made


def called_with(function: Any, given: Any, dtype: np.dtype[Any]) -> Any:
    """What `float("inf")`, `np.float32(0.1)` or `np.uint8(3)` is, of a known argument, as a constant; else None.

    A number from np.float32 has float32's digits, as it has as a constant of the module.
    """
    if isinstance(given, str) and function in (float, np.float32):
        return dtype.type(function(given))
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    if function is np.float32:
        return _float_in(dtype, _float_in(np.dtype(np.float32), given))
    if isinstance(function, type) and issubclass(function, np.unsignedinteger) and isinstance(given, int):
        return given if 0 <= given <= np.iinfo(function).max else None
    return None


def _like(value: Any, items: list[Any]) -> Any:
    """A tuple, or a NamedTuple of the same kind, with other items."""
    return type(value)(*items) if hasattr(value, "_fields") else tuple(items)


def small(value: Any) -> Any:
    """An integer as int16 if it fits; anything else unchanged."""
    return np.int16(value) if isinstance(value, int) and not isinstance(value, bool) and value in SMALL else value
