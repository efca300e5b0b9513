"""Numba's settings: those in force where Numba is imported, else those that it would take.

Numba reads `NUMBA_*` of the environment and a file when it is imported, and again before each compilation if either
has changed. A program can also assign to `numba.config`. What counts for the code is the result.
"""

from __future__ import annotations

import os
import sys
import warnings
from importlib import import_module
from types import FunctionType
from typing import Any

FILE = ".numba_config.yaml"  # in the current directory
PREFIX = "NUMBA_"
# Settings for files and messages; all others may change the code that Numba makes.
HARMLESS = {
    *("CACHE_DIR", "CACHE_LOCATOR_CLASSES", "DEBUG_CACHE", "NUM_THREADS", "THREADING_LAYER"),
    *("THREADING_LAYER_PRIORITY", "NRT_STATS", "COLOR_SCHEME", "DISABLE_ERROR_MESSAGE_HIGHLIGHTING"),
    *("DISABLE_PERFORMANCE_WARNINGS", "WARNINGS", "DEVELOPER_MODE", "FULL_TRACEBACKS", "SHOW_HELP", "DISABLE_CUDA"),
    *("DISABLE_JIT", "BOUNDSCHECK"),  # for users' own functions: `jit` and `objects` ignore both
    "CAPTURED_ERRORS",
}

Settings = dict[str, Any]

_read: tuple[Settings, Settings] = {}, {}  # the environment, and the settings in it
_evaluated: tuple[Settings, Settings] | None = None  # given settings, and the values that Numba makes of them


def text() -> str:
    """All settings that may change code, one a line: those that are given, then those that the program changed."""
    given = _given()
    lines = [f"{name}={given[name]}" for name in sorted(given) if _counts(name.removeprefix(PREFIX))]
    lines += [f"numba.config.{name}={value!r}" for name, value in sorted(_changed(given).items())]
    return "\n".join(lines)


def value(name: str) -> Any:
    """A setting's value: as the program changed it, else as it is given, else None."""
    given = _given()
    return _changed(given).get(name, given.get(PREFIX + name))


def _counts(name: str) -> bool:
    return name not in HARMLESS and not name.startswith("CUDA_")


def _given() -> Settings:
    """Settings of the file and of the environment, which counts where both have one."""
    global _read
    environment = getattr(os.environ, "_data", os.environ)  # os.environ itself decodes every name that it is asked for
    if _read[0] != environment:
        found = {name: text for name, text in os.environ.items() if name.startswith(PREFIX)}
        _read = dict(environment), found
    return _of_file() | _read[1] if os.path.exists(FILE) else _read[1]


def _of_file() -> Settings:
    try:
        yaml: Any = import_module("yaml")
    except ImportError:  # then Numba does not read the file either
        return {}
    try:
        with open(FILE, encoding="utf-8") as file:
            return {PREFIX + name.upper(): value for name, value in (yaml.safe_load(file) or {}).items()}
    except (OSError, AttributeError, ValueError, yaml.YAMLError):  # Numba will say it
        return {}


def _changed(given: Settings) -> Settings:
    """Settings whose values are not those that are given: the program has assigned them.

    Where the given ones have changed, Numba will read them before it compiles, and forget the program's.
    """
    config = sys.modules.get("numba.core.config")
    reader = getattr(config, "_env_reloader", None)  # None while another thread imports Numba
    if config is None or reader is None or reader.old_environ != given:
        return {}
    present = vars(config)
    return {
        name: present[name]
        for name, usual in _values(reader, given).items()
        if name in present and present[name] is not usual and present[name] != usual
    }


def _values(reader: Any, given: Settings) -> Settings:
    """What Numba makes of the settings that count: its own function, with a module of its own to assign to."""
    global _evaluated
    if _evaluated is None or _evaluated[0] != given:
        function = type(reader).process_environ
        made = dict(function.__globals__)
        with warnings.catch_warnings(action="ignore"):  # Numba has warned of what it cannot read
            FunctionType(function.__code__, made, closure=function.__closure__)(reader, given)
        _evaluated = dict(given), {name: made[name] for name in made if name.isupper() and _counts(name)}
    return _evaluated[1]
