"""The core's C functions as Python calls them: through ctypes, by address."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

from ..core.functions import SIGNATURES


class Native:
    """The core's functions as attributes: `train_step(model, x, …) -> status`, every argument an int.

    `holding` keeps the interpreter lock during a call: for calls of a few microseconds, where releasing and taking it
    again costs more than other threads could gain.
    """

    def __init__(self, addresses: dict[str, int], holding: bool = False) -> None:
        for name, arguments in SIGNATURES.items():
            setattr(self, name, _prototype(holding, len(arguments))(addresses[name]))

    def __getattr__(self, name: str) -> Any:  # for type checkers: the functions are set by name
        raise AttributeError(name)


@cache
def native(core: Any, holding: bool = False) -> Native:
    """The functions of a compiled core, which is kept until the process ends."""
    return Native(core.addresses, holding)


@cache
def _prototype(holding: bool, arguments: int) -> Any:
    """The ctypes class of functions of this many int64; making one takes as long as a hundred calls."""
    make: Any = ctypes.PYFUNCTYPE if holding else ctypes.CFUNCTYPE
    return make(ctypes.c_int64, *[ctypes.c_int64] * arguments)


def c_signature(name: str) -> str:
    """The C declaration of one of the core's functions."""
    arguments = ", ".join(f"int64_t {argument}" for argument in SIGNATURES[name])
    return f"int64_t {name}({arguments})"
