"""Finds in a component's function, by its bytecode, what keeps it from vector code: loops and computed indices."""

from __future__ import annotations

import dis
import types as python_types
from collections.abc import Iterable, Iterator
from typing import Any

LIBRARIES = {"numpy", "math", "numba", "scipy"}
DEEPEST = 20  # helpers of helpers; recursion is refused anyway


def reached(functions: Iterable[Any]) -> list[Any]:
    """Plain functions and those that they call by name, each once."""
    found: dict[int, Any] = {}
    waiting = [(function, 0) for function in functions]
    while waiting:
        given, depth = waiting.pop()
        function = getattr(given, "py_func", given)
        if not isinstance(function, python_types.FunctionType) or id(function) in found or depth > DEEPEST:
            continue
        if str(function.__module__ or "").partition(".")[0] in LIBRARIES:
            continue
        found[id(function)] = function
        waiting += [(value, depth + 1) for value in _named(function)]
    return list(found.values())


def _named(function: Any) -> Iterator[Any]:
    """What the names in a function stand for; attributes of modules, and of modules in those, too."""
    names = function.__code__.co_names
    waiting = [(function.__globals__.get(name), 0) for name in names]
    for cell in function.__closure__ or ():
        try:
            waiting.append((cell.cell_contents, 0))
        except ValueError:  # not set yet
            continue
    seen: set[int] = set()
    while waiting:
        value, depth = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        yield value
        if _is_authors_module(value) and depth < DEEPEST:
            waiting += [(getattr(value, attribute, None), depth + 1) for attribute in names]


def _is_authors_module(value: Any) -> bool:
    """Whether it is a module of the component's author, not of a library."""
    return isinstance(value, python_types.ModuleType) and value.__name__.partition(".")[0] not in LIBRARIES


def has_while(function: Any) -> bool:
    """Whether there is a `while` in a function: a jump back to anything but the next iteration of a `for`."""
    instructions = list(dis.get_instructions(function.__code__))
    by_offset = {instruction.offset: instruction for instruction in instructions}
    for instruction in instructions:
        if "JUMP" in instruction.opname and isinstance(instruction.argval, int):
            target = by_offset.get(instruction.argval)
            while target is not None and target.opname == "EXTENDED_ARG":  # a long body's `for` begins with it
                target = by_offset.get(target.offset + 2)
            if target is not None and target.offset <= instruction.offset and target.opname != "FOR_ITER":
                return True
    return False


def has_for(function: Any) -> bool:
    """Whether there is a `for` in a function."""
    return any(instruction.opname == "FOR_ITER" for instruction in dis.get_instructions(function.__code__))


def has_computed_index(function: Any) -> bool:
    """Whether an element is taken by an index that is not a constant."""
    before = None
    for instruction in dis.get_instructions(function.__code__):
        if instruction.opname in ("CACHE", "EXTENDED_ARG"):
            continue
        takes = instruction.opname == "BINARY_SUBSCR" or instruction.argrepr == "[]"
        if takes and before is not None and before.opname not in ("LOAD_CONST", "BUILD_SLICE", "LOAD_SMALL_INT"):
            return True
        before = instruction
    return False


def is_straight(function: Any) -> bool:
    """Whether a function and those that it calls have no loop and take no element by a computed index."""
    obstacles = has_while, has_for, has_computed_index
    return not any(has(known) for known in reached([function]) for has in obstacles)
