"""Compiling: from Python functions to addresses of C functions.

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
from importlib import import_module
from typing import Any

import numpy as np

from ..errors import Error, PluginError
from . import cache, fingerprint, loader, sources
from .fingerprint import machine
from .locks import whole_in_children
from .turns import turn

__all__ = ["Compiled", "cache", "component", "core", "get", "machine", "passes", "regularized_step"]

SLOW_SECONDS = 1.0  # compilations longer than this are announced


def __getattr__(name: str) -> Any:
    """`compiler.core` and `compiler.passes`: the core compiles itself, and this package knows nothing of it."""
    if name in ("core", "passes"):
        return getattr(import_module("nbtrain.core.compiled"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class Compiled:
    """Loaded code: addresses of C functions by name."""

    def __init__(self, addresses: dict[str, int]) -> None:
        self.addresses = addresses

    def __repr__(self) -> str:
        return f"<Compiled {', '.join(self.addresses)}>"


_loaded: dict[str, Compiled] = {}
_lock = threading.RLock()
whole_in_children(_lock)
sources.loaded()  # what the code that this process loads looks like, before anybody changes it


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
        from .language.plain import forget
        from .objects import object_code

        forget()
        try:
            return object_code(functions(), may_raise=may_raise)
        except PluginError:
            raise
        except Error as error:
            raise PluginError(f"{what}: {error}") from None

    return get(key, names, make, lambda: f"{what} for {np.dtype(dtype)}")


def _roles(spec: Any) -> tuple[str, ...]:
    """Names of the C functions of a component."""
    if spec.kind == "loss":
        return ("loss", "output") if spec.owns_output else ("loss",)
    return tuple(spec.functions)


def get(key: str, names: tuple[str, ...], make: Callable[[], bytes], what: Callable[[], str]) -> Compiled:
    """The functions `names` of the code under a key: from memory, the cache, or made; `what` it is, for messages."""
    with _lock:
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
        _loaded[key] = Compiled(loader.load(code, names))
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
