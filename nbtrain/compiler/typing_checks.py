"""What the functions of components return, and short messages where Numba's are long."""

from __future__ import annotations

import re
from typing import Any

from numba import types

from ..errors import PluginError
from .objects import deferred


def returned(spec: Any, role: str, function: Any, arguments: tuple[Any, ...]) -> Any:
    """The Numba type that a function returns for these argument types."""
    try:
        with deferred():
            function.compile(arguments)
    except RecursionError:
        words = "is too long, or calls too many functions within one another, to be compiled; split or shorten it"
        raise PluginError(f"{_where(spec, role, function)} {words}") from None
    except Exception as error:  # Numba has many, not all of its own kind
        raise PluginError(f"{_where(spec, role, function)}: {_short(error)}") from None
    return function.overloads[arguments].signature.return_type


def check_number(spec: Any, role: str, function: Any, arguments: tuple[Any, ...], nothing: bool = False) -> None:
    """A function returns a real number, or `nothing`."""
    found = returned(spec, role, function, arguments)
    wanted = isinstance(found, types.NoneType) if nothing else isinstance(found, types.Number | types.Boolean)
    if not wanted or isinstance(found, types.Complex):
        want = "nothing: it writes to its second argument" if nothing else "a number"
        raise PluginError(f"{_where(spec, role, function)} returns {_words(found)}; it has to return {want}")


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
        raise PluginError(f"{_where(spec, role, function)} returns {_words(found)}; it has to return {want}")


def _is_pair(found: Any) -> bool:
    return isinstance(found, types.BaseTuple) and len(found) == 2


def _numbers(found: Any, count: int | None) -> bool:
    if not isinstance(found, types.BaseTuple) or (count is not None and len(found) != count):
        return False
    items: Any = found
    return all(isinstance(item, types.Number | types.Boolean) for item in items.types)


def _words(found: Any) -> str:
    return "nothing" if isinstance(found, types.NoneType) else f"{found}"


def _where(spec: Any, role: str, function: Any) -> str:
    code = function.py_func.__code__
    return f"{spec.kind} {spec.name!r}: {role} ({code.co_name}, {code.co_filename}:{code.co_firstlineno})"


LIST = "docs/components.md lists what can be"


def _short(error: Exception) -> str:
    """What Numba found, in a line or two: the innermost message and its line."""
    imports = re.search(r"\(IMPORT_NAME\).*?\((\d+)\)", str(error), re.DOTALL)
    if imports:
        return f"line {imports[1]} imports a module; import it at the top of the file"
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    dull = ("Failed in", "During:", "File ", "def ", "^", "<source", "There are", "- Of", "Overload", "Enable", ">>>")
    telling = [line for line in lines if not line.startswith(dull)]
    place = re.findall(r'File "[^"]*", line (\d+)', text)
    told = _told(text)
    if told:
        return f"line {place[-1]} {told}" if place else told
    where = f" (line {place[-1]})" if place and "line " not in " ".join(telling[:1]) else ""
    return (telling[0] if telling else lines[0]) + where


def _told(text: str) -> str | None:
    """What stands in some of Numba's messages, in words for somebody who does not know it."""
    of_ours = re.search(r"TypingError: (\w+: .* (?:is|are) wanted.*)", text)
    if of_ours:
        return f"calls {of_ours[1]}"
    if re.search(r"setitem\((unaligned )?readonly array", text):
        return "writes to an array that it may only read: z, y and constant tables are such; use variables, or slope"
    attribute = re.search(r"Unknown attribute '(\w+)' of type (\w+)", text)
    if attribute and attribute[2] in ("float32", "float64", "int64"):
        return f"takes `.{attribute[1]}` of a number, which has no methods here; {LIST} used"
    of_module = re.search(r"Unknown attribute '(\w+)' of type Module\(<module '([\w.]+)'", text)
    if of_module:
        return f"uses {of_module[2]}.{of_module[1]}, which cannot be compiled; {LIST} used"
    untyped = re.search(r"Untyped global name '(\w+)'.*Cannot determine Numba type of <class '([\w.]+)'>", text)
    if untyped:
        what = {"type": "class", "builtin_function_or_method": "built-in function"}.get(untyped[2], untyped[2])
        return (
            f"uses {untyped[1]}, a {what.rpartition('.')[2]}; a component can use numbers, tuples and arrays of "
            "constants, modules and plain functions"
        )
    call = re.search(r"No implementation of function .*?>>> (.+?)\n", text, re.DOTALL)
    return f"has {call[1]}, which cannot be compiled; {LIST} used" if call else None
