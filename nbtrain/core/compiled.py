"""The core's modules, each compiled and loaded when something of it is first needed.

The first one trains and predicts. The others are for populations, for many initial weights at once, and for updates in
several passes; those that work on models call the first one by its addresses, or are called by it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..compiler import Compiled, fingerprint, get
from .functions import CORE, DRAWS, MEMBERS, MODULES, PASSES, QUICK, TRAINING, names_of

UPDATES = "passes"
WHAT = {
    TRAINING: "the training core",
    MEMBERS: "the training of populations",
    DRAWS: "the drawing of weights",
    UPDATES: "the update in passes",
}
EVERY_DTYPE = "every dtype"  # in place of one, for what works on all


def core(dtype: Any) -> Compiled:
    """The core for float32 or float64."""
    return module(TRAINING, dtype)


def passes(dtype: Any) -> Compiled:
    """The update in several passes, for float32 or float64: for models with clipping, norms or constraints."""
    return module(UPDATES, dtype)


def address_of(name: str, dtype: Any) -> int:
    """The address of one of the core's functions; its module is compiled now if it was not needed before."""
    return module(CORE[name].module, dtype).addresses[name]


def module(name: str, dtype: Any) -> Compiled:
    """One of the modules in `exports`, for float32 or float64."""
    number = np.dtype(dtype)
    dtypes = "" if name == DRAWS else f" for {number}"
    return get(
        fingerprint.core_key(EVERY_DTYPE if name == DRAWS else number, name),
        _names(name),
        lambda: code_of(number, name),
        lambda: f"{WHAT[name]}{dtypes}",
        lambda: object_name(name, number),
    )


def object_name(name: str, dtype: np.dtype[Any]) -> str:
    """What a module is called in files of compiled code."""
    return name if name == DRAWS else f"{name}.{dtype}"


def code_of(dtype: np.dtype[Any], name: str) -> bytes:
    """Compile one of the modules to object code."""
    from ..compiler.objects import CORE_LEVEL, object_code
    from . import exports

    if name == UPDATES:
        return object_code(exports.passes(dtype), level=CORE_LEVEL)
    parts = exports.emitters(dtype) if name == TRAINING else []
    return object_code(exports.functions(dtype, name), parts, CORE_LEVEL)


def _names(name: str) -> tuple[str, ...]:
    if name == UPDATES:
        return (*PASSES,)
    return (*names_of(name), *QUICK) if name == TRAINING else names_of(name)


ALL = (*MODULES, UPDATES)
