"""Keys of compiled code: a digest of everything that the machine code depends on.

Computed without Numba, so that a process that finds its code in the cache never imports it. What goes in:

- the machine: interpreter, versions of Numba, llvmlite and NumPy, processor, its features, Numba's settings;
- the sources of `nbtrain.compiler`, and for the core those of `nbtrain.core`;
- of a component what its functions do (see `describe`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import fields
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from ..errors import Error
from . import processor, sources
from .keys.describe import Describer, PlainDescriber
from .keys.watch import Watch
from .sources import digest

SETTINGS_FILE = ".numba_config.yaml"  # in the current directory; Numba reads its settings from it
# Numba's settings that say where it puts things and what it tells; all others may change the code it makes.
HARMLESS_SETTINGS = {
    *("NUMBA_CACHE_DIR", "NUMBA_CACHE_LOCATOR_CLASSES", "NUMBA_DEBUG_CACHE", "NUMBA_NUM_THREADS"),
    *("NUMBA_THREADING_LAYER", "NUMBA_THREADING_LAYER_PRIORITY", "NUMBA_NRT_STATS", "NUMBA_COLOR_SCHEME"),
    *("NUMBA_DISABLE_ERROR_MESSAGE_HIGHLIGHTING", "NUMBA_DISABLE_PERFORMANCE_WARNINGS", "NUMBA_WARNINGS"),
    *("NUMBA_DEVELOPER_MODE", "NUMBA_FULL_TRACEBACKS", "NUMBA_SHOW_HELP", "NUMBA_DISABLE_CUDA", "NUMBA_DISABLE_JIT"),
    "NUMBA_BOUNDSCHECK",  # for somebody's own functions, as the one before it: `door` and `objects` leave it aside
}


def core_key(dtype: np.dtype[Any], module: str = "core") -> str:
    """Key of one of the core's modules for a dtype."""
    return _core_key(machine(), sources.loaded(), dtype, module)


@cache
def _core_key(machine: str, sources: tuple[str, str], dtype: np.dtype[Any], module: str) -> str:
    return digest([machine, *sources, str(dtype), module])


def component_key(spec: Any, dtype: np.dtype[Any], here: str | None = None) -> str:
    """Key of a component's block functions for a dtype: what its functions do, not where they stand.

    It is remembered, with the spec, for as long as everything that it was made from stays in its place (`watch`).
    `here` is what `machine()` has just said, if that is known.
    """
    known: dict[tuple[str, np.dtype[Any]], tuple[str, Watch]] = vars(spec).setdefault("_keys", {})
    place = machine() if here is None else here, dtype
    key, watch = known.get(place, ("", None))
    if watch is None or not watch.holds():
        key, watch = _described(spec, *place)
        known[place] = key, watch
    return key


def joined_key(specs: Iterable[Any], dtype: np.dtype[Any], here: str | None = None) -> str:
    """Key of one loop made of several components."""
    return digest(component_key(spec, dtype, here) for spec in specs)


def _described(spec: Any, machine: str, dtype: np.dtype[Any]) -> tuple[str, Watch]:
    """A component's key, and what it depends on."""
    described = Describer()
    key = digest([machine, sources.loaded()[0], str(dtype), *_words(spec, described)])
    return key, described.watch


def behaviour(spec: Any) -> str:
    """What a component's functions do, wherever they stand and whatever compiles them; with the interpreter.

    To be compared with what another process says of the component: where the part before the blank is another, nothing
    can be said, since interpreters have bytecodes of their own.
    """
    return f"{sys.implementation.cache_tag} {digest(_words(spec, PlainDescriber()))}"


def _words(spec: Any, described: Describer) -> list[str]:
    """A component in words."""
    parts = [spec.kind, *spec.parameters]
    for name in ("prepared_count", "slope_arguments", *(field.name for field in fields(spec))):
        described.watch.name(vars(spec), name)
        value = getattr(spec, name, None)
        if name != "name" and isinstance(value, str | int | tuple):
            parts.append(f"{name}={value!r}")
    for role, function in spec.functions.items():
        parts += [role, described.function(function)]
    return parts


def machine() -> str:
    """Interpreter, libraries, processor and settings."""
    global _told
    environment = getattr(os.environ, "_data", os.environ)  # os.environ itself decodes every name that it is asked for
    if _told[:2] != (environment, _platform()):
        names = sorted(name for name in os.environ if name.startswith("NUMBA_") and name not in HARMLESS_SETTINGS)
        settings = [f"{name}={os.environ[name]}" for name in names]
        _told = dict(environment), _platform(), "\n".join([_platform(), *settings])
    return f"{_told[2]}\n{_text(SETTINGS_FILE)}" if os.path.exists(SETTINGS_FILE) else _told[2]


_told: tuple[dict[Any, Any], str, str] = ({}, "", "")  # environment and platform, and what machine() said of them


@cache
def _platform() -> str:
    import llvmlite
    import llvmlite.binding as llvm

    features = sorted(name for name, present in llvm.get_host_cpu_features().items() if present)
    features.append(f"AMX: {processor.has_amx()}")  # which Linux may refuse
    libraries = [f"llvmlite {llvmlite.__version__}", f"numpy {np.__version__}", _numba_version()]
    return "\n".join([sys.version, *libraries, llvm.get_process_triple(), llvm.get_host_cpu_name(), *features])


def _numba_version() -> str:
    """The file in which Numba has its version and revision: importing Numba, or `importlib.metadata`, takes long."""
    found = find_spec("numba")
    if found is not None and found.origin:
        text = _text(os.path.join(os.path.dirname(found.origin), "_version.py"))
        if text:
            return text
    from importlib.metadata import version

    return version("numba")


def _text(path: str) -> str:
    """A file's text, or nothing where there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def check_sources() -> None:
    """Raise where the sources are no longer what the keys say: code of one version under the key of another is wrong.

    Raises
    ------
    Error
        If nbtrain was changed on disk, by an upgrade for instance, after this process loaded it.
    """
    if (sources.of_folder("compiler"), sources.of_folder("core")) != sources.loaded():
        raise Error(f"nbtrain in {sources.FOLDER} was changed after this process loaded it; start the process anew")
