"""What compiled code depends on apart from its own source: the machine, the libraries, nbtrain itself.

Everything here works without Numba: a process that finds its code in the cache never imports it. A key is a digest of

- the machine: interpreter, versions of Numba, llvmlite and NumPy, processor, its features, Numba's settings;
- the sources of `nbtrain.compiler`, and for the core those of `nbtrain.core`;
- for a component, what its functions do (see `keys`).
"""

from __future__ import annotations

import os
import sys
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from ..errors import Error
from . import processor, sources
from .sources import digest

SETTINGS_FILE = ".numba_config.yaml"  # in the current directory; Numba reads its settings from it
# Numba's settings for files and messages; all others may change the code that it makes.
HARMLESS_SETTINGS = {
    *("NUMBA_CACHE_DIR", "NUMBA_CACHE_LOCATOR_CLASSES", "NUMBA_DEBUG_CACHE", "NUMBA_NUM_THREADS"),
    *("NUMBA_THREADING_LAYER", "NUMBA_THREADING_LAYER_PRIORITY", "NUMBA_NRT_STATS", "NUMBA_COLOR_SCHEME"),
    *("NUMBA_DISABLE_ERROR_MESSAGE_HIGHLIGHTING", "NUMBA_DISABLE_PERFORMANCE_WARNINGS", "NUMBA_WARNINGS"),
    *("NUMBA_DEVELOPER_MODE", "NUMBA_FULL_TRACEBACKS", "NUMBA_SHOW_HELP", "NUMBA_DISABLE_CUDA", "NUMBA_DISABLE_JIT"),
    "NUMBA_BOUNDSCHECK",  # for users' own functions, as the one before it: `jit` and `objects` ignore both
}


def core_key(dtype: np.dtype[Any], module: str = "core") -> str:
    """Key of one of the core's modules for a dtype."""
    return _core_key(machine(), sources.loaded(), dtype, module)


@cache
def _core_key(machine: str, sources: tuple[str, str], dtype: np.dtype[Any], module: str) -> str:
    return digest([machine, *sources, str(dtype), module])


def machine() -> str:
    """Interpreter, libraries, processor and settings."""
    global _known
    environment = getattr(os.environ, "_data", os.environ)  # os.environ itself decodes every name that it is asked for
    if _known[:2] != (environment, _platform()):
        names = sorted(name for name in os.environ if name.startswith("NUMBA_") and name not in HARMLESS_SETTINGS)
        settings = [f"{name}={os.environ[name]}" for name in names]
        _known = dict(environment), _platform(), "\n".join([_platform(), *settings])
    return f"{_known[2]}\n{_text(SETTINGS_FILE)}" if os.path.exists(SETTINGS_FILE) else _known[2]


_known: tuple[dict[Any, Any], str, str] = ({}, "", "")  # environment, platform, and the result of machine()


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
    """Raise where the sources have changed since they were digested: new code must not get the key of the old.

    Raises
    ------
    Error
        If nbtrain was changed on disk, by an upgrade for instance, after this process loaded it.
    """
    if (sources.of_folder("compiler"), sources.of_folder("core")) != sources.loaded():
        raise Error(f"nbtrain in {sources.FOLDER} was changed after this process loaded it; restart the process")
