"""The core's C functions as Python calls them: through ctypes, by address."""

from __future__ import annotations

import ctypes
from typing import Any

from .core.layout import SIGNATURES


class Native:
    """The core's functions as attributes: `train_step(model, x, …) -> status`, every argument an int.

    `holding` offers the same functions without giving up the interpreter lock: for calls of a few microseconds, where
    to give it up and take it again costs more than others could gain.
    """

    def __init__(self, addresses: dict[str, int], holding: bool = False) -> None:
        prototype: Any = ctypes.PYFUNCTYPE if holding else ctypes.CFUNCTYPE
        for name, arguments in SIGNATURES.items():
            kind = prototype(ctypes.c_int64, *[ctypes.c_int64] * len(arguments))
            setattr(self, name, kind(addresses[name]))

    def __getattr__(self, name: str) -> Any:  # for type checkers: the functions are set by name
        raise AttributeError(name)


def c_signature(name: str) -> str:
    """The C declaration of one of the core's functions."""
    arguments = ", ".join(f"int64_t {argument}" for argument in SIGNATURES[name])
    return f"int64_t {name}({arguments})"
