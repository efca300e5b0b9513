"""Checks what the functions of components return, by Numba's types."""

from __future__ import annotations

from typing import Any

from numba import types

from ...errors import PluginError
from ..objects import deferred
from .messages import short


def returned(spec: Any, role: str, function: Any, arguments: tuple[Any, ...]) -> Any:
    """The Numba type that a function returns for these argument types."""
    try:
        with deferred():
            function.compile(arguments)
    except RecursionError:
        words = "is too long, or calls too many functions within one another, to be compiled; split or shorten it"
        raise PluginError(f"{_where(spec, role, function)} {words}") from None
    except Exception as error:  # Numba raises many kinds, not only its own
        raise PluginError(f"{_where(spec, role, function)}: {short(error, function, arguments)}") from None
    return function.overloads[arguments].signature.return_type


def check_number(spec: Any, role: str, function: Any, arguments: tuple[Any, ...], nothing: bool = False) -> None:
    """A function returns a real number, or `nothing`."""
    found = returned(spec, role, function, arguments)
    fits = isinstance(found, types.NoneType) if nothing else isinstance(found, types.Number | types.Boolean)
    if not fits or isinstance(found, types.Complex):
        want = "nothing: it writes to its second argument" if nothing else "a number"
        raise PluginError(f"{_where(spec, role, function)} returns {_words(found)}; it must return {want}")


def check_tuple(spec: Any, role: str, function: Any, arguments: tuple[Any, ...], want: str) -> None:
    """`step` and `prepare` return tuples that hold as many numbers as the component has places for."""
    found = returned(spec, role, function, arguments)
    slots = len(spec.slots)
    if role == "step":
        fits = _is_pair(found) and isinstance(found[0], types.Number) and _numbers(found[1], slots)
        want += f" with {slots} slots"
    elif spec.scalars:
        fits = _is_pair(found) and _numbers(found[0], None) and _numbers(found[1], len(spec.scalars))
    else:
        fits = _numbers(found, None)
    if not fits:
        raise PluginError(f"{_where(spec, role, function)} returns {_words(found)}; it must return {want}")


def _is_pair(found: Any) -> bool:
    return isinstance(found, types.BaseTuple) and len(found) == 2


def _numbers(found: Any, count: int | None) -> bool:
    if not isinstance(found, types.BaseTuple) or (count is not None and len(found) != count):
        return False
    items: Any = found
    return all(isinstance(item, types.Number | types.Boolean) for item in items.types)


def _words(found: Any) -> str:
    if isinstance(found, types.NoneType):
        return "nothing"
    if isinstance(found, types.Optional):
        return "nothing (None) on some paths; add the missing `return`"
    if isinstance(found, types.Array):
        return "an array"
    if isinstance(found, types.BaseTuple):
        items: Any = found
        return f"({', '.join(map(_words, items.types))}{',' * (len(found) == 1)})"
    return f"{found}"


def _where(spec: Any, role: str, function: Any) -> str:
    code = function.py_func.__code__
    return f"{spec.kind} {spec.name!r}: {role} ({code.co_name}, {code.co_filename}:{code.co_firstlineno})"
