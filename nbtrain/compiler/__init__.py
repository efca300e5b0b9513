"""Compiling: from Python functions to addresses of C functions.

Code comes from memory, else from the disk cache or from what came with the package (through llvmlite alone), else from
Numba, which is imported only then. Compiled code is never unloaded. `compiler.inspect` shows what became of a component
in machine code.
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
from ..version import __version__
from . import cache, fingerprint, loader, prebuilt, settings, sources
from .fingerprint import machine
from .keys.component import component_key, joined_key
from .locks import held_across_forks
from .numerics import numerics_id

__all__ = ["Compiled", "cache", "component", "core", "get", "machine", "numerics_id", "passes", "regularized_step"]

TRIED = "0.68"  # versions of Numba
SLOW_SECONDS = 1.0  # compilations longer than this are announced


def __getattr__(name: str) -> Any:
    """`compiler.core` and `compiler.passes`: the core compiles itself, and this package does not depend on it."""
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
held_across_forks(_lock)
sources.loaded()  # digests of the code that this process loads, before anything on disk changes


def component(spec: Any, dtype: Any, machine: str | None = None) -> Compiled:
    """A component's block functions for a dtype.

    They are compiled once per spec, dtype and machine, and kept with the spec: a change of a helper or of a global
    that its functions use takes effect in a new spec.

    Parameters
    ----------
    spec : Activation, Optimizer, …
    dtype : dtype
    machine : str, optional
        The result of `machine()`, for callers that need several components.

    Raises
    ------
    PluginError
        If one of its functions cannot be compiled.
    """

    number = np.dtype(dtype)

    def make(here: str) -> Compiled:
        return get(
            component_key(spec, number, here),
            _roles(spec),
            lambda: component_code(spec, number),
            lambda: f"{spec.kind} {spec.name!r} for {number}",
            lambda: prebuilt.component_name(spec, number),
        )

    return _kept(spec, (), number, machine, make)


def regularized_step(optimizer: Any, regularizer: Any, dtype: Any, machine: str | None = None) -> Compiled:
    """An optimizer's step that adds a regularizer's derivative to the gradient in the same loop.

    Parameters
    ----------
    optimizer, regularizer : Optimizer, Regularizer
        The optimizer must not use norms.
    dtype, machine
        As for `component`.

    Raises
    ------
    PluginError
        If one of their functions cannot be compiled.
    """

    number = np.dtype(dtype)

    def make(here: str) -> Compiled:
        return get(
            joined_key([optimizer, regularizer], number, here),
            ("step",),
            lambda: regularized_code(optimizer, regularizer, number),
            lambda: f"{_together(optimizer, regularizer)} for {number}",
            lambda: prebuilt.joined_name(optimizer, regularizer, number),
        )

    return _kept(optimizer, (regularizer,), number, machine, make)


def component_code(spec: Any, dtype: np.dtype[Any]) -> bytes:
    """Compile a component's block functions to object code.

    Raises
    ------
    PluginError
        If one of its functions cannot be compiled.
    """

    def functions() -> Any:
        from .blocks import block_functions

        return block_functions(spec, dtype)

    by_rows = spec.kind == "loss" and not spec.elementwise  # the core checks what its functions return
    return _code_of_components(functions, f"{spec.kind} {spec.name!r}", by_rows)


def regularized_code(optimizer: Any, regularizer: Any, dtype: np.dtype[Any]) -> bytes:
    """Compile an optimizer's step with a regularizer in it, likewise."""

    def functions() -> Any:
        from .blocks.optimizers import regularized_step

        return regularized_step(optimizer, regularizer, dtype)

    return _code_of_components(functions, _together(optimizer, regularizer))


def _together(optimizer: Any, regularizer: Any) -> str:
    return f"optimizer {optimizer.name!r} with regularizer {regularizer.name!r}"


def _kept(
    spec: Any, others: tuple[Any, ...], dtype: np.dtype[Any], here: str | None, make: Callable[[str], Compiled]
) -> Compiled:
    """What was made for a spec, alone or with others, or is made now.

    The code is kept, not its key: a key that was computed before a helper changed must never name code from after it.
    """
    here = machine() if here is None else here
    place = here, dtype, *map(id, others)
    with _lock:
        known: dict[Any, tuple[Compiled, tuple[Any, ...]]] = vars(spec).setdefault("_compiled", {})
        if place not in known:
            known[place] = make(here), others  # which keeps them alive, and their ids
        return known[place][0]


def _code_of_components(functions: Callable[[], Any], what: str, may_raise: bool = False) -> bytes:
    """Object code of block functions; errors name the component."""
    from .language.plain import forget
    from .objects import object_code

    forget()
    try:
        return object_code(functions(), may_raise=may_raise)
    except PluginError:
        raise
    except Error as error:
        raise PluginError(f"{what}: {error}") from None


def _roles(spec: Any) -> tuple[str, ...]:
    """Names of the C functions of a component."""
    if spec.kind == "loss":
        return ("loss", "output") if spec.owns_output else ("loss",)
    return tuple(spec.functions)


def get(
    key: str,
    names: tuple[str, ...],
    make: Callable[[], bytes],
    what: Callable[[], str],
    shipped: Callable[[], str | None],
) -> Compiled:
    """The functions `names` of the code under a key: from memory, the disk cache, the package, or `make`.

    `what` names the code in messages, and `shipped` in the package; it returns None where the package has none.
    """
    with _lock:
        if key not in _loaded:
            code = _cached(key, make, what, shipped) if all(sources.loaded()) else _in_memory(make, what)
            _loaded[key] = Compiled(loader.load(code, names))
        return _loaded[key]


def _cached(key: str, make: Callable[[], bytes], what: Callable[[], str], shipped: Callable[[], str | None]) -> bytes:
    """Code from the disk cache or the package; if it is in neither it is made and stored."""
    code = _complete(cache.read(key))
    if code is None:
        code = _complete(prebuilt.find(shipped()))
    if code is None:
        with _Announcement(what()), _uncollected(), _parts_of_numba(), cache.compile_lock(key):
            code = _complete(cache.read(key))  # from the process that held the lock before
            if code is None:
                before = settings.text()
                code = make()
                fingerprint.check_sources()
                _store(key, code, before)
    return code


def _complete(code: bytes | None) -> bytes | None:
    """Stored code, if this process has all functions that it calls; LLVM would crash at the first that it lacks."""
    try:
        lacking = [] if code is None else loader.lacking(code)
        fault = f"this process has no function {', '.join(lacking)}" if lacking else ""
    except Error as error:
        fault = str(error)
    if fault:
        cache.warn_once(f"nbtrain: stored code is not used: {fault}; it is compiled again")
        return None
    return code


def _store(key: str, code: bytes, before: str) -> None:
    """Write to the disk cache, unless Numba's settings were changed: the key says those from before."""
    from .objects import made_with

    if made_with() in (before, None) and settings.text() == before:
        cache.write(key, code)
    else:
        cache.warn_once(
            "nbtrain: Numba's settings were changed after the first compilation; code that has been compiled since is "
            "kept in memory only"
        )


def _in_memory(make: Callable[[], bytes], what: Callable[[], str]) -> bytes:
    """Code without the disk cache: the key does not say which version of nbtrain it was made from."""
    cache.warn_once(
        "nbtrain cannot read its own source files, so it could not recognize cached code of another version; "
        "compiled code is kept in memory only"
    )
    with _Announcement(what()), _uncollected(), _parts_of_numba():
        return make()


@contextmanager
def _parts_of_numba() -> Iterator[None]:
    """Explain what is raised where Numba or llvmlite lacks a private part that nbtrain uses, or has changed it."""
    try:
        yield
    except (ImportError, AttributeError, TypeError, NotImplementedError) as error:
        raise Error(
            f"nbtrain {__version__} cannot compile with Numba {_version('numba')} and llvmlite {_version('llvmlite')}: "
            f"{type(error).__name__}: {' '.join(str(error).split())}; it has been tried with Numba {TRIED}"
        ) from error


def _version(package: str) -> str:
    try:
        return str(getattr(import_module(package), "__version__", "of an unknown version"))
    except ImportError as error:
        return f"that cannot be imported ({error})"


@contextmanager
def _uncollected() -> Iterator[None]:
    """Switch off garbage collection: Numba's import and its compilations make many objects and little garbage."""
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
        self.timer = threading.Timer(SLOW_SECONDS, self.announce)
        self.timer.daemon = True
        self.announced = False

    def announce(self) -> None:
        if not os.environ.get("NBTRAIN_QUIET"):
            self.announced = True
            print(f"nbtrain: compiling {self.what}, once on this machine ...", file=sys.stderr, flush=True)

    def __enter__(self) -> None:
        self.start = time.perf_counter()
        self.timer.start()

    def __exit__(self, *failure: object) -> None:
        self.timer.cancel()
        if self.announced and failure[0] is None:
            print(f"nbtrain: compiled in {time.perf_counter() - self.start:.0f} s", file=sys.stderr, flush=True)
