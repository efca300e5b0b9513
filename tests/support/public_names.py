"""The public names of nbtrain with what they stand for: what its users read the docstrings of."""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

GROUPS = Path(__file__).parents[2] / "docs" / "_ext"


class Name(NamedTuple):
    """A class or function, or a method or property of a class.

    `owner` is the class that a member belongs to, or None. `documented` is what has the docstring: the function of a
    property, of a class method or of a compiled function.
    """

    name: str
    owner: type | None
    documented: Any


@functools.cache
def groups() -> ModuleType:
    """The module that says which names the reference shows."""
    sys.path.insert(0, str(GROUPS))
    try:
        return importlib.import_module("api_groups")
    finally:
        sys.path.remove(str(GROUPS))
        sys.modules.pop("api_groups", None)


def public_names() -> list[Name]:
    """Each once, where several modules have it. Members that a class takes over from another package are left out."""
    found: dict[int, Name] = {}
    for module in groups().present():
        try:
            imported = importlib.import_module(module)
            names = groups().public(module)
        except ImportError:  # of an extra
            continue
        for name in names:
            value = getattr(imported, name)
            function = _documented(value)
            if function is not None:
                found.setdefault(id(function), Name(f"{module}.{name}", None, function))
            if inspect.isclass(value):
                for member in _members(f"{module}.{name}", value):
                    found.setdefault(id(member.documented), member)
    return list(found.values())


def _members(title: str, kind: type) -> list[Name]:
    """Methods and properties with docstrings of their own; one that overrides another without is documented there."""
    found = []
    for name in dir(kind):
        function = None if name.startswith("_") else _documented(inspect.getattr_static(kind, name))
        if function is not None and (function.__doc__ or not _inherits(kind, name)):
            found.append(Name(f"{title}.{name}", kind, function))
    return found


def _inherits(kind: type, name: str) -> bool:
    """Whether a base class documents the member of this name."""
    return any(getattr(_documented(vars(base)[name]), "__doc__", None) for base in kind.__mro__ if name in vars(base))


def _documented(value: Any) -> Any:
    """What has the docstring of a class, function or property of nbtrain; None for other values."""
    if isinstance(value, property):
        value = value.fget
    value = getattr(value, "__func__", getattr(value, "func", getattr(value, "fn", value)))
    value = getattr(value, "py_func", value)
    ours = (getattr(value, "__module__", None) or "").partition(".")[0] == "nbtrain"
    return value if ours and (inspect.isclass(value) or inspect.isfunction(value)) else None
