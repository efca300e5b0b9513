"""The core's C functions as Python calls them, through ctypes by address, and their declarations in C."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np

from ..core import compiled
from ..core.functions import NUMBERS, SIGNATURES, TRAINING, names_of


class Native:
    """The core's functions as attributes: `train_step(model, x, …) -> status`, every argument a number.

    `holding` keeps the interpreter lock during a call: for calls of a few microseconds, where releasing and taking it
    again costs more than other threads could gain.

    Functions of the modules that most programs do not need are compiled or loaded when they are first asked for.
    """

    def __init__(self, addresses: dict[str, int], dtype: Any, holding: bool = False) -> None:
        self._dtype, self._holding = np.dtype(dtype), holding
        for name in names_of(TRAINING):
            self._set(name, addresses[name])

    def _set(self, name: str, address: int) -> None:
        floats = tuple(argument in NUMBERS for argument in SIGNATURES[name])
        setattr(self, name, _prototype(self._holding, floats)(address))

    def __getattr__(self, name: str) -> Any:
        if name not in SIGNATURES:
            raise AttributeError(name)
        self._set(name, compiled.address_of(name, self._dtype))
        return vars(self)[name]


@cache
def native(core: Any, dtype: Any, holding: bool = False) -> Native:
    """The functions of a compiled core, which is kept until the process ends."""
    return Native(core.addresses, dtype, holding)


@cache
def _prototype(holding: bool, floats: tuple[bool, ...]) -> Any:
    """The ctypes class of functions with float64 and int64 arguments; making one takes as long as a hundred calls."""
    make: Any = ctypes.PYFUNCTYPE if holding else ctypes.CFUNCTYPE
    return make(ctypes.c_int64, *[ctypes.c_double if is_float else ctypes.c_int64 for is_float in floats])


def c_signature(name: str) -> str:
    """The C declaration of one of the core's functions."""
    kinds = ["double" if argument in NUMBERS else "int64_t" for argument in SIGNATURES[name]]
    arguments = ", ".join(map(" ".join, zip(kinds, SIGNATURES[name], strict=True)))
    return f"int64_t {name}({arguments})"
