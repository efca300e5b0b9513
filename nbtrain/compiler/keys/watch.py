"""What a description of functions was made from, so that it need not be made again while all of that is the same.

A description (`describe`) takes a good part of a millisecond, and a model has some five components. Nearly everything
that it reads is either immutable or stands under a name: it is noted which object stood where, and found in a
microsecond that the very same objects still stand there. Where something can change without another object taking its
place (an array, an object known by its representation) nothing is remembered.
"""

from __future__ import annotations

import os
import types as python_types
from typing import Any

import numpy as np

ABSENT: Any = object()  # what a name stands for that is not there, or a closure's cell that is empty
IMMUTABLE = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis))
OWN = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "")
Stamp = tuple[int, ...] | None


class Watch:
    """Notes where objects stand, and tells whether they still do."""

    def __init__(self) -> None:
        self.volatile = False  # whether something may change unseen
        self._names: list[tuple[dict[str, Any], str, Any]] = []
        self._functions: list[tuple[Any, Any, Any]] = []
        self._cells: list[tuple[Any, Any]] = []
        self._wrapped: list[tuple[Any, Any]] = []
        self._files: list[tuple[str, Stamp]] = []

    def name(self, namespace: dict[str, Any], name: str) -> Any:
        """What a name stands for in a module or object."""
        value = namespace.get(name, ABSENT)
        self._names.append((namespace, name, value))
        return value

    def function(self, function: Any) -> None:
        """A function's code and defaults; cells and globals are noted as they are read."""
        self._functions.append((function, function.__code__, function.__defaults__))
        if function.__kwdefaults__:
            self.volatile = True

    def cell(self, cell: Any) -> Any:
        """What a cell of a closure holds."""
        value = contents(cell)
        self._cells.append((cell, value))
        return value

    def unwrapped(self, value: Any) -> Any:
        """The plain function of a jitted one; anything else as it is."""
        found = getattr(value, "py_func", ABSENT)
        if found is ABSENT:
            return value
        self._wrapped.append((value, found))
        return found

    def file(self, path: str) -> None:
        """A file that is about to be read. nbtrain's own are loaded for good: what they hold now does not matter."""
        if not path.startswith(OWN):
            self._files.append((path, stamp(path)))

    def value(self, value: Any) -> None:
        """A value that is described by what it looks like."""
        kind = type(value)
        scalar = isinstance(value, np.generic) and kind.__module__ == "numpy" and kind is not np.void
        plain_dtype = isinstance(value, np.dtype) and value.names is None
        function = isinstance(value, python_types.BuiltinFunctionType | np.ufunc)
        if not (kind in IMMUTABLE or scalar or plain_dtype or function):
            self.volatile = True

    def holds(self) -> bool:
        """Whether the same objects stand in the same places, and can be trusted to be what they were."""
        if self.volatile:
            return False
        for namespace, name, value in self._names:
            if namespace.get(name, ABSENT) is not value:
                return False
        for function, code, defaults in self._functions:
            if function.__code__ is not code or function.__defaults__ is not defaults or function.__kwdefaults__:
                return False
        return (
            all(contents(cell) is value for cell, value in self._cells)
            and all(getattr(value, "py_func", ABSENT) is found for value, found in self._wrapped)
            and all(stamp(path) == before for path, before in self._files)
        )


def contents(cell: Any) -> Any:
    """What a cell holds."""
    try:
        return cell.cell_contents
    except ValueError:
        return ABSENT


def stamp(path: str) -> Stamp:
    """What changes when a file is written; None where there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
