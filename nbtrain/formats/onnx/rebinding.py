"""Copies Python functions with other objects behind their names."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping
from types import CellType, FunctionType, ModuleType
from typing import Any


class Copies:
    """Makes them, each function's once.

    Parameters
    ----------
    exchange : function
        `exchange(value)` -> what a name stands for in the copies, where the functions have `value`; it may ask for a
        copy of a function or of a module.
    own : dict, optional
        Names that stand for something else than Python's own ones.
    """

    def __init__(self, exchange: Callable[[Any], Any], own: Mapping[str, Any] | None = None) -> None:
        self._exchange = exchange
        self._builtins = vars(builtins) | dict(own or {})
        self._made: dict[int, Any] = {}

    def function(self, function: Any) -> Callable[..., Any]:
        """The same code; of a jitted function the Python function behind it."""
        given: FunctionType = getattr(function, "py_func", function)
        if id(given) in self._made:
            return self._made[id(given)]  # type: ignore[no-any-return]
        scope = given.__globals__ | {"__builtins__": self._builtins}  # a function looks for these when it is made
        cells = tuple(CellType() for _ in given.__closure__ or ())
        copy = FunctionType(given.__code__, scope, given.__name__, given.__defaults__, cells)
        copy.__kwdefaults__ = given.__kwdefaults__
        self._made[id(given)] = copy  # before what it names, which may be itself
        for name in given.__code__.co_names:
            if name in given.__globals__:
                scope[name] = self._exchange(given.__globals__[name])
        for cell, known in zip(cells, given.__closure__ or (), strict=True):
            try:
                cell.cell_contents = self._exchange(known.cell_contents)
            except ValueError:  # not set yet
                continue
        return copy

    def module(self, module: ModuleType) -> Any:
        """A module whose attributes are exchanged when they are asked for."""
        return _Module(self._exchange, module)


class _Module:
    def __init__(self, exchange: Callable[[Any], Any], module: ModuleType) -> None:
        self._exchange, self._module = exchange, module

    def __getattr__(self, name: str) -> Any:
        return self._exchange(getattr(self._module, name))
