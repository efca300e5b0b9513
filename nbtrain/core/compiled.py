"""The core, compiled and loaded, for a dtype."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..compiler import Compiled, fingerprint, get
from .functions import CORE, PASSES, QUICK


def core(dtype: Any) -> Compiled:
    """The core for float32 or float64."""
    return _module(np.dtype(dtype), "core", (*CORE, *QUICK), "the training core")


def passes(dtype: Any) -> Compiled:
    """The update in several passes, for float32 or float64: for models with clipping, norms or constraints."""
    return _module(np.dtype(dtype), "passes", (*PASSES,), "the update in passes")


def _module(dtype: np.dtype[Any], name: str, names: tuple[str, ...], what: str) -> Compiled:
    """One of the modules in `exports`."""

    key = fingerprint.core_key(dtype, name)
    return get(key, names, lambda: code_of(dtype, name), lambda: f"{what} for {dtype}", lambda: f"{name}.{dtype}")


def code_of(dtype: np.dtype[Any], name: str) -> bytes:
    """Compile one of the modules to object code."""
    from ..compiler.objects import CORE_LEVEL, object_code
    from . import exports

    if name == "passes":
        return object_code(exports.passes(dtype), level=CORE_LEVEL)
    return object_code(exports.functions(dtype), exports.emitters(dtype), CORE_LEVEL)
