"""What compiled code depends on apart from its own source: the machine, the libraries, nbtrain itself.

Everything here works without Numba: a process that finds its code in the cache never imports it. A key is a digest of

- the machine: interpreter, versions of Numba, llvmlite and NumPy, processor, its features, Numba's settings in force;
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
from . import processor, settings, sources, targets
from .locks import not_during_forks
from .sources import digest


def core_key(dtype: np.dtype[Any] | str, module: str = "core") -> str:
    """Key of one of the core's modules for a dtype, or for what stands in place of one."""
    return _core_key(machine(), sources.loaded(), dtype, module)


@cache
def _core_key(machine: str, sources: tuple[str, str], dtype: np.dtype[Any] | str, module: str) -> str:
    return digest([machine, *sources, str(dtype), module])


@not_during_forks
def machine() -> str:
    """Interpreter, libraries, processor and settings; of the processor only its level, where one is forced."""
    level = targets.forced_level(processor.architecture())
    found = [_libraries(), f"level: {level}" if level else _processor(), f"AMX: {processor.has_amx()}", settings.text()]
    return "\n".join(found)


@cache
def _libraries() -> str:
    import llvmlite
    import llvmlite.binding as llvm

    libraries = [f"llvmlite {llvmlite.__version__}", f"numpy {np.__version__}", _numba_version()]
    return "\n".join([sys.version, *libraries, llvm.get_process_triple()])


@cache
def _processor() -> str:
    import llvmlite.binding as llvm

    features = sorted(name for name, present in llvm.get_host_cpu_features().items() if present)
    return "\n".join([llvm.get_host_cpu_name(), *features])


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
