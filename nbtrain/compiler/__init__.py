"""Compiling the core and components: from Python functions to addresses of C functions.

Code comes from memory, else from the disk cache (through llvmlite alone), else from Numba, which is imported only
then. What is compiled once is never unloaded. `compiler.inspect` tells what became of a component in machine code.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..errors import Error, PluginError
from ..locks import whole_in_children
from . import cache, engine, fingerprint
from .fingerprint import machine
from .turns import turn

__all__ = ["Compiled", "cache", "component", "core", "machine", "regularized_step"]

SLOW_SECONDS = 1.0  # compilations longer than this are announced


class Compiled:
    """Loaded code: addresses of C functions by name."""

    def __init__(self, addresses: dict[str, int]) -> None:
        self.addresses = addresses

    def __repr__(self) -> str:
        return f"<Compiled {', '.join(self.addresses)}>"


_loaded: dict[str, Compiled] = {}
_lock = threading.RLock()
whole_in_children(_lock)
fingerprint.sources()  # what the code that this process loads looks like, before anybody changes it


def core(dtype: Any) -> Compiled:
    """The core for float32 or float64."""
    from ..core.layout import QUICK, SIGNATURES

    return _part_of_core(dtype, "core", (*SIGNATURES, *QUICK), "the training core")


def passes(dtype: Any) -> Compiled:
    """The update in several passes, for float32 or float64: for models with clipping, norms or constraints."""
    from ..core.layout import PASSES

    return _part_of_core(dtype, "passes", (*PASSES,), "the update in passes")


def _part_of_core(dtype: Any, part: str, names: tuple[str, ...], what: str) -> Compiled:
    """One of the modules in `core.exports`."""
    dtype = np.dtype(dtype)

    def make() -> bytes:
        from ..core import exports
        from .objects import CORE_LEVEL, object_code

        if part == "passes":
            return object_code(exports.passes(dtype), level=CORE_LEVEL)
        return object_code(exports.functions(dtype), exports.parts(dtype), CORE_LEVEL)

    with _lock:
        return _get(fingerprint.core_key(dtype, part), names, make, lambda: f"{what} for {dtype}")


def component(spec: Any, dtype: Any, machine: str | None = None) -> Compiled:
    """A component's block functions for a dtype.

    Parameters
    ----------
    spec : Activation, Optimizer, …
    dtype : dtype
    machine : str, optional
        What `machine()` has said a moment ago: for those who want several components.

    Raises
    ------
    PluginError
        If one of its functions cannot be compiled.
    """

    def functions() -> Any:
        from .blocks import block_functions

        return block_functions(spec, np.dtype(dtype))

    by_rows = spec.kind == "loss" and not spec.elementwise  # what its functions return is looked at
    what = f"{spec.kind} {spec.name!r}"
    with _lock:
        key = fingerprint.component_key(spec, np.dtype(dtype), machine)
        return _loaded.get(key) or _of_components(key, _roles(spec), functions, what, dtype, by_rows)


def regularized_step(optimizer: Any, regularizer: Any, dtype: Any, machine: str | None = None) -> Compiled:
    """An optimizer's step that adds a regularizer's slope to the gradient on the way.

    Parameters
    ----------
    optimizer, regularizer : Optimizer, Regularizer
        The optimizer needs no norms.
    dtype, machine
        As for `component`.

    Raises
    ------
    PluginError
        If one of their functions cannot be compiled.
    """

    def functions() -> Any:
        from .blocks.optimizers import regularized_step

        return regularized_step(optimizer, regularizer, np.dtype(dtype))

    what = f"optimizer {optimizer.name!r} with regularizer {regularizer.name!r}"
    with _lock:
        key = fingerprint.joined_key([optimizer, regularizer], np.dtype(dtype), machine)
        return _loaded.get(key) or _of_components(key, ("step",), functions, what, dtype)


def _of_components(
    key: str, names: tuple[str, ...], functions: Callable[[], Any], what: str, dtype: Any, may_raise: bool = False
) -> Compiled:
    """Block functions of components."""

    def make() -> bytes:
        from .objects import object_code
        from .plain import forget

        forget()
        try:
            return object_code(functions(), may_raise=may_raise)
        except PluginError:
            raise
        except Error as error:
            raise PluginError(f"{what}: {error}") from None

    return _get(key, names, make, lambda: f"{what} for {np.dtype(dtype)}")


def _roles(spec: Any) -> tuple[str, ...]:
    """Names of the C functions of a component."""
    if spec.kind == "loss":
        return ("loss", "output") if spec.owns_output else ("loss",)
    return tuple(spec.functions)


def _get(key: str, names: tuple[str, ...], make: Callable[[], bytes], what: Callable[[], str]) -> Compiled:
    if key in _loaded:
        return _loaded[key]
    code = cache.read(key)
    if code is None:
        with _Announcement(what()), _uncollected(), turn(key):
            code = cache.read(key)  # from whoever had the turn before
            if code is None:
                code = make()
                fingerprint.check_sources()
                cache.write(key, code)
    _loaded[key] = Compiled(engine.load(code, names))
    return _loaded[key]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Numba's import and its compilations make many objects and little garbage: a tenth of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


class _Announcement:
    """A line on stderr when a compilation takes longer than a second, unless NBTRAIN_QUIET is set."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.timer = threading.Timer(SLOW_SECONDS, self.tell)
        self.timer.daemon = True
        self.told = False

    def tell(self) -> None:
        if not os.environ.get("NBTRAIN_QUIET"):
            self.told = True
            print(f"nbtrain: compiling {self.what}, once on this machine ...", file=sys.stderr, flush=True)

    def __enter__(self) -> None:
        self.start = time.perf_counter()
        self.timer.start()

    def __exit__(self, *failure: object) -> None:
        self.timer.cancel()
        if self.told and failure[0] is None:
            print(f"nbtrain: compiled in {time.perf_counter() - self.start:.0f} s", file=sys.stderr, flush=True)
