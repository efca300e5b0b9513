"""The core's C functions as Python calls them: through ctypes, by address."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

from ..core.layout import SIGNATURES

# The core's functions for hosts in C; the others are for Trainer, its threads and its checks.
HOST_FUNCTIONS = ("train_step", "train_epoch", "loss_and_gradient", "update", "evaluate", "predict")


class Native:
    """The core's functions as attributes: `train_step(model, x, …) -> status`, every argument an int.

    `holding` offers the same functions without giving up the interpreter lock: for calls of a few microseconds, where
    to give it up and take it again costs more than others could gain.
    """

    def __init__(self, addresses: dict[str, int], holding: bool = False) -> None:
        for name, arguments in SIGNATURES.items():
            setattr(self, name, _prototype(holding, len(arguments))(addresses[name]))

    def __getattr__(self, name: str) -> Any:  # for type checkers: the functions are set by name
        raise AttributeError(name)


@cache
def native(core: Any, holding: bool = False) -> Native:
    """The functions of a compiled core, which is kept for as long as the process lives."""
    return Native(core.addresses, holding)


@cache
def _prototype(holding: bool, arguments: int) -> Any:
    """The ctypes class of functions of so many int64; to make one takes as long as to call it a hundred times."""
    make: Any = ctypes.PYFUNCTYPE if holding else ctypes.CFUNCTYPE
    return make(ctypes.c_int64, *[ctypes.c_int64] * arguments)


def c_signature(name: str) -> str:
    """The C declaration of one of the core's functions."""
    arguments = ", ".join(f"int64_t {argument}" for argument in SIGNATURES[name])
    return f"int64_t {name}({arguments})"
