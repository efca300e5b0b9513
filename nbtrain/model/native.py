"""The core's C functions as Python calls them, through ctypes by address, and their declarations in C."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

from ..core.functions import NUMBERS, SIGNATURES


class Native:
    """The core's functions as attributes: `train_step(model, x, …) -> status`, every argument a number.

    `holding` keeps the interpreter lock during a call: for calls of a few microseconds, where releasing and taking it
    again costs more than other threads could gain.
    """

    def __init__(self, addresses: dict[str, int], holding: bool = False) -> None:
        for name, arguments in SIGNATURES.items():
            floats = tuple(argument in NUMBERS for argument in arguments)
            setattr(self, name, _prototype(holding, floats)(addresses[name]))

    def __getattr__(self, name: str) -> Any:  # for type checkers: the functions are set by name
        raise AttributeError(name)


@cache
def native(core: Any, holding: bool = False) -> Native:
    """The functions of a compiled core, which is kept until the process ends."""
    return Native(core.addresses, holding)


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
