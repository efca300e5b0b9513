"""Calls of a few microseconds: the core's functions as builtin functions of the interpreter.

A call of C through ctypes costs about a microsecond, and reading an array's address another: more than a small
network's step. So the core has functions in the form of the interpreter's own (`METH_FASTCALL`), which read address,
shape and dtype from the array objects themselves, check everything, and return NaN for whatever they cannot do at once.
The caller then goes the long way, which accepts more, waits and explains.

Quick calls take no lock: each is atomic, since it holds the interpreter lock. Work of several calls, such as the slices
of fit, has to be atomic too: it sets the rows that quick calls take to 0, so that they go the long way and wait.
"""

from __future__ import annotations

import ctypes
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

from ..core.layout import ARRAY_OFFSETS

METH_FASTCALL = 0x80
LOW = 0xFFFFFFFF
Function = Callable[..., float]


class _MethodDef(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


def decline(*arguments: Any) -> float:
    """Stands in for a quick function where there is none: it always declines."""
    return float("nan")


def address(array: np.ndarray[Any, Any]) -> int:
    """Where an array's elements are: as `array.ctypes.data`, which takes eight times as long."""
    if possible():
        return ctypes.c_int64.from_address(id(array) + ARRAY_OFFSETS["data"]).value
    return int(array.ctypes.data)


def fill(d: np.ndarray[Any, Any], dtype: np.dtype[Any]) -> None:
    """Note in a descriptor what the core has to know of the interpreter's objects."""
    if possible():
        d["ndarray_type"] = id(np.ndarray)
        d["number_type"], d["label_type"] = id(dtype), id(np.dtype(np.int64))
        d["make_float"] = ctypes.cast(ctypes.pythonapi.PyFloat_FromDouble, ctypes.c_void_p).value


def builtin(name: str, address: int, descriptor: np.ndarray[Any, Any]) -> Function:
    """The core's function at `address` as a builtin function bound to a descriptor, whose memory it keeps alive."""
    if not possible():
        return decline
    definition = _definition(name, address)
    made: Function = _maker()(ctypes.addressof(definition), descriptor, None)
    return made


@contextmanager
def alone(lock: threading.RLock, rows: np.ndarray[Any, Any]) -> Iterator[None]:
    """Hold a trainer's lock, with no quick calls by any thread meanwhile; `rows` is a view of its `quick_rows`.

    It is reentrant: quick calls are possible again after the outermost one. An interrupt between these lines may leave
    a trainer slower, but neither locked nor open to others.
    """
    with lock:
        before = rows[0]
        try:
            rows[0] = 0
            yield
        finally:
            rows[0] = before


@cache
def _maker() -> Any:
    """CPython's PyCFunction_NewEx; its ctypes class takes longest to make."""
    prototype: Any = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)
    return prototype(("PyCFunction_NewEx", ctypes.pythonapi))


@cache
def _definition(name: str, address: int) -> _MethodDef:
    """The interpreter's record of a function, which has to live as long as the function."""
    return _MethodDef(name.encode(), address, METH_FASTCALL, None)


@cache
def possible() -> bool:
    """Whether objects of this interpreter have the expected layout, tested on an array."""
    if sys.implementation.name != "cpython" or sysconfig.get_config_var("Py_GIL_DISABLED"):
        return False
    if object.__basicsize__ != 16 or np.ndarray.__basicsize__ < max(ARRAY_OFFSETS.values()) + 8:
        return False
    probe = np.zeros((3, 5), np.float32)
    found = {name: ctypes.c_int64.from_address(id(probe) + at).value for name, at in ARRAY_OFFSETS.items()}
    if found["type"] != id(np.ndarray) or found["data"] != probe.ctypes.data or found["dtype"] != id(probe.dtype):
        return False
    if (found["dimension_count"] & LOW, found["flags"] & LOW) != (2, probe.flags.num):
        return False
    return tuple((ctypes.c_int64 * 2).from_address(found["dimensions"])) == probe.shape
