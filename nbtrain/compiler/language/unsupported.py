"""Refuses what a component's function may not contain: `line 3: `with` is not supported; see docs/…/language.md`.

Some of it Numba could not compile, and would say so without a line. The rest it would compile, to code that does not
do what Python does.
"""

from __future__ import annotations

import builtins
import ctypes
import dis
from collections.abc import Callable, Mapping
from typing import Any

from numba.core import ir
from numba.core.ccallback import CFunc
from numba.core.errors import TypingError

from . import tables, vocabulary
from .unset import unset_variable

UNSET = "'{}' may be used before it is assigned; assign it on every path"
SEE = "see docs/reference/language.md"
PLACE = " <in {name}, {file}>"  # of what is refused; removed where it is the component's own function

_INNER = "an inner function, lambda, comprehension or generator"
# Python's instructions -> what the author has written; of several the first one in this order is reported.
_STATEMENTS = {
    "RAISE_VARARGS": "`raise` or `assert`",
    "IMPORT_NAME": "`import` inside a function",
    "BEFORE_WITH": "`with`",
    "LOAD_SPECIAL": "`with`",  # from Python 3.14 on
    "PUSH_EXC_INFO": "`try`",  # after `with`, which has it too
    "DELETE_FAST": "`del`",
    "STORE_GLOBAL": "`global`",
    "YIELD_VALUE": "`yield`",
    "UNPACK_EX": "unpacking with `*`",
    **dict.fromkeys(("MAKE_FUNCTION", "LIST_APPEND", "SET_ADD", "MAP_ADD"), _INNER),
    **dict.fromkeys(("FORMAT_VALUE", "FORMAT_SIMPLE", "FORMAT_WITH_SPEC"), "an f-string"),
}
_MAKING = dict.fromkeys(("build_list", "build_map", "build_set"), "a list, dict or set")


class Refused(TypingError):
    """A component's function that cannot be compiled."""

    def within(self, code: Any) -> Refused:
        """The same, with the name and file of the function, which may be a helper."""
        return type(self)(f"{self}{PLACE.format(name=code.co_name, file=code.co_filename)}")


def unsupported(line: int, what: str) -> Refused:
    """The error for something on a line that cannot be compiled."""
    return Refused(f"line {line}: {what} is not supported; {SEE}")


def refuse_statements(code: Any) -> None:
    """Raise for a statement in a function's bytecode that cannot be compiled."""
    line, lines = code.co_firstlineno, dict[str, int]()
    starts = {start: number for start, _, number in code.co_lines() if number is not None}
    for instruction in dis.get_instructions(code):
        line = starts.get(instruction.offset, line)
        lines.setdefault(instruction.opname, line)
    for name, what in _STATEMENTS.items():
        if name in lines:
            raise unsupported(lines[name], what)


def refuse(statement: Any, names: Mapping[str, Any]) -> None:
    """Raise for a statement of Numba's representation; `names` says what variables stand for."""
    line = statement.loc.line
    if isinstance(statement, ir.SetAttr):
        raise unsupported(line, f"setting `.{statement.attr}`")
    if not isinstance(statement, ir.Assign):
        return
    value, named = statement.value, names.get(statement.target.name)
    if isinstance(value, ir.Expr) and value.op in _MAKING:
        raise unsupported(line, _MAKING[value.op])
    if isinstance(value, ir.Expr) and value.op == "getattr" and value.attr == "flat":
        raise unsupported(line, "`.flat`")  # its indices would not be checked
    if isinstance(named, CFunc | ctypes._CFuncPtr):  # type: ignore[attr-defined]
        raise unsupported(line, "a function of C")  # an address of this process, which would go to the disk cache
    if vocabulary.is_unsupported(named):
        raise unsupported(line, f"`{vocabulary.full_name(named)}`")


def refuse_step(call: Any, names: Mapping[str, Any], definition: Callable[[Any], Any]) -> None:
    """Raise for a call of range whose step may be 0; `definition` is `Rewriter`'s."""
    if names.get(call.func.name) is not builtins.range or len(call.args) != 3:
        return
    known = tables.constant(call.args[2], definition)
    if known == 0 or (known is None and not isinstance(definition(call.args[2]), ir.Arg)):
        raise unsupported(call.loc.line, "a `range` whose step may be 0")


def refuse_recursion(helper: Any, where: Any) -> None:
    """Raise for a call of a function that is being compiled."""
    if helper.is_compiling:
        raise unsupported(where.line, f"recursion (of {helper.py_func.__name__})")


def refuse_unknown_values(function: Any) -> None:
    """Raise where Numba has lost a value: of `(e := f(z)) / (1.0 + e)` it gives `e` the value, the quotient none."""
    for block in function.blocks.values():
        for statement in block.body:
            for variable in statement.list_vars():
                if variable.name.startswith("$") and not function._definitions.get(variable.name):
                    raise unsupported(statement.loc.line, "`:=` inside an expression, or `*` before an argument,")


def refuse_unset(function: Any) -> None:
    """Raise for a variable that may be used before it is assigned, where Python raises and compiled code does not."""
    found = unset_variable(function)
    if found:
        name, where = found
        raise Refused(f"line {where.line}: {UNSET.format(name)}")
