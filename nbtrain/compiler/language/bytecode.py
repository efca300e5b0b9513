"""What a component's function says, by Python's own bytecode: statements that nothing can be compiled of, and loops.

Numba stops at the first instruction that it does not know, and names that; an author is told what was written.
"""

from __future__ import annotations

import dis
import inspect
import types as python_types
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

RAISES = (
    "can raise an exception ({}), which compiled training cannot pass on; give a number for every input instead "
    "(NaN for what has no answer)"
)
COMPREHENSION = "has a comprehension, which makes a list, set or dict; write a `for` loop that adds up numbers"
GENERATOR = "has a generator; write a `for` loop that adds up numbers"
INNER = "makes an inner function{}; move it to the module, and give it what it uses as arguments"
WORDS = {
    "UNPACK_EX": "unpacks with `*`; take elements and parts, such as z[0] and z[1:]",
    "DELETE_FAST": "has `del`, which nothing is gained by; leave it out",
    "STORE_GLOBAL": "sets a variable of the module; a component's results depend on its arguments alone, return them",
    "BEFORE_WITH": "has `with`, which has no place in a component; write it without",
    "LOAD_SPECIAL": "has `with`, which has no place in a component; write it without",  # from Python 3.14 on
    **dict.fromkeys(("LIST_APPEND", "SET_ADD", "MAP_ADD"), COMPREHENSION),
}
MADE = {"<lambda>": INNER.format(" (a lambda)"), "<genexpr>": GENERATOR}
COMPREHENSIONS = {"<listcomp>", "<setcomp>", "<dictcomp>"}  # before Python 3.12
STARS = {"LIST_EXTEND", "CALL_FUNCTION_EX", "LIST_TO_TUPLE"}
LIBRARIES = {"numpy", "math", "numba", "scipy"}
DEEPEST = 20  # helpers of helpers; recursion is refused anyway


def refused(code: Any, scope: Mapping[str, Any]) -> str | None:
    """`line N …` for something in a function's code that has no form in compiled code, or None.

    Exceptions and `print` come first: they explain the strings that are made for them. `scope` holds the globals.
    """
    found: list[tuple[int, str]] = []
    instructions = list(_instructions(code))
    for i, (instruction, line) in enumerate(instructions):
        name = instruction.opname
        if name == "RAISE_VARARGS":
            how = "assert" if _is_assertion(instructions[:i], line) else "raise"
            return f"line {line} {RAISES.format(how)}"
        if name in WORDS:
            found.append((line, WORDS[name]))
        elif name == "MAKE_FUNCTION":
            found.append((line, _made(instructions[:i])))
    for instruction, line in instructions:
        is_print = instruction.opname == "LOAD_GLOBAL" and instruction.argval == "print"
        if is_print and scope.get("print", print) is print:
            return _print(line)
    if code.co_flags & inspect.CO_GENERATOR:
        return f"line {code.co_firstlineno} is a generator (it has `yield`); return a number"
    return f"line {found[0][0]} {found[0][1]}" if found else None


def _print(line: int) -> str:
    from .vocabulary import refusal

    return f"line {line}: {refusal(print)}"


def _is_assertion(before: list[tuple[Any, int]], line: int) -> bool:
    """Whether the exception that is raised on a line was made by `assert`."""
    for instruction, _ in reversed(before):
        if instruction.opname == "LOAD_ASSERTION_ERROR" or "AssertionError" in instruction.argrepr:
            return str(instruction.opname) != "LOAD_GLOBAL"
        if instruction.opname in ("RETURN_VALUE", "RAISE_VARARGS") or "JUMP" in instruction.opname:
            return False
    return False


def _made(before: list[tuple[Any, int]]) -> str:
    """What kind of function is made, from the code object that was loaded for it."""
    codes = (item.argval for item, _ in reversed(before) if isinstance(item.argval, python_types.CodeType))
    name = getattr(next(codes, None), "co_name", "")
    return COMPREHENSION if name in COMPREHENSIONS else MADE.get(name, INNER.format(f" ({name})"))


def star_lines(code: Any) -> set[int]:
    """Lines on which `*` stands before an argument or an item."""
    return {line for instruction, line in _instructions(code) if instruction.opname in STARS}


def _instructions(code: Any) -> Iterator[tuple[Any, int]]:
    """Instructions with their lines."""
    line = code.co_firstlineno
    starts = {start: number for start, _, number in code.co_lines() if number is not None}
    for instruction in dis.get_instructions(code):
        line = starts.get(instruction.offset, line)
        yield instruction, line


# ---- loops, and what keeps a function from vector code


def reached(functions: Iterable[Any]) -> list[Any]:
    """Plain functions and those that they call by name, each once."""
    found: dict[int, Any] = {}
    waiting = [(function, 0) for function in functions]
    while waiting:
        given, depth = waiting.pop()
        function = getattr(given, "py_func", given)
        if not isinstance(function, python_types.FunctionType) or id(function) in found or depth > DEEPEST:
            continue
        if str(function.__module__ or "").partition(".")[0] in ("numpy", "numba"):
            continue
        found[id(function)] = function
        waiting += [(value, depth + 1) for value in _named(function)]
    return list(found.values())


def _named(function: Any) -> Iterator[Any]:
    """What the names in a function stand for, attributes of modules, and of modules in them, too."""
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
        if is_authors_module(value) and depth < DEEPEST:
            waiting += [(getattr(value, attribute, None), depth + 1) for attribute in names]


def is_authors_module(value: Any) -> bool:
    """Whether it is a module whose functions may be looked into."""
    return isinstance(value, python_types.ModuleType) and value.__name__.partition(".")[0] not in LIBRARIES


def has_while(function: Any) -> bool:
    """Whether there is a `while` in a function: a jump back to something else than a `for`'s next turn."""
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
    """Whether an element is taken by an index that is no constant."""
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
