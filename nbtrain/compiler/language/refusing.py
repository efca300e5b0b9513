"""What a component's function may not contain, by Numba's representation of it, in words for its author."""

from __future__ import annotations

import builtins
import ctypes
from collections.abc import Callable, Mapping
from typing import Any

from numba.core import ir
from numba.core.ccallback import CFunc
from numba.core.errors import TypingError

from . import bytecode, vocabulary
from . import tables as lookup
from .messages import PLACE
from .unset import unset_variable

RAISING = (ir.Raise, ir.StaticRaise, ir.DynamicRaise, ir.TryRaise, ir.StaticTryRaise, ir.DynamicTryRaise)
MAKING = {
    "yield": "a generator",
    "make_function": "an inner function",
    **dict.fromkeys(("build_list", "build_map", "build_set"), "a list, dict or set"),
}


class Refused(TypingError):
    """A component's function that cannot be compiled."""

    def within(self, code: Any) -> Refused:
        """The same, with the function's name and file, for where a helper's line is told of its caller."""
        return type(self)(f"{self}{PLACE.format(name=code.co_name, file=code.co_filename)}")


def refuse(statement: Any, names: Mapping[str, Any]) -> None:
    """Raise for a statement that could raise, or that has no place in a component.

    Parameters
    ----------
    statement
        Of Numba's representation.
    names
        What variables stand for.
    """
    line = f"line {statement.loc.line}"
    if isinstance(statement, RAISING):
        raise Refused(
            f"{line} can raise an exception, which compiled training cannot pass on; "
            "give a number for every input instead (NaN for what has no answer)"
        )
    if isinstance(statement, ir.Print):
        raise Refused(f"{line}: {vocabulary.refusal(print)}")
    if isinstance(statement, ir.SetAttr):
        raise Refused(
            f"{line} sets .{statement.attr} of a tuple, which is fixed; return the new values, such as (m, v)"
        )
    if not isinstance(statement, ir.Assign):
        return
    value = statement.value
    if isinstance(value, ir.Expr) and value.op in MAKING:
        raise Refused(f"{line} makes {MAKING[value.op]}; only numbers and tuples can be used")
    if isinstance(value, ir.Expr) and value.op == "getattr" and value.attr == "flat":
        raise Refused(f"{line} uses .flat, whose indices are not looked at; take elements of the array itself")
    named = names.get(statement.target.name)
    if isinstance(named, CFunc | ctypes._CFuncPtr):  # type: ignore[attr-defined]
        raise Refused(
            f"{line} uses a function of C, which is code at a place of this process alone; write a plain function"
        )
    refused = vocabulary.refusal(named)
    if refused:
        raise Refused(f"{line}: {refused}")


def refuse_step(call: Any, names: Mapping[str, Any], definition: Callable[[Any], Any]) -> None:
    """Raise for a call of range whose step may be 0; `definition` is `Rewriter`'s."""
    if names.get(call.func.name) is not builtins.range or len(call.args) != 3:
        return
    known = lookup.constant(call.args[2], definition)
    if known == 0 or (known is None and not isinstance(definition(call.args[2]), ir.Arg)):
        raise Refused(f"line {call.loc.line} has a range whose step may be 0; a constant or an argument is wanted")


def refuse_recursion(helper: Any, where: Any) -> None:
    """Raise for a call of a function that is being compiled: it calls itself, how often depends on numbers."""
    if helper.is_compiling:
        raise Refused(
            f"line {where.line} calls {helper.py_func.__name__} from within itself, which may never end; write a loop"
        )


def refuse_walrus(function: Any) -> None:
    """Numba gives the value in `(e := f(z)) / (1.0 + e)` to e alone, and has none for the quotient."""
    for block in function.blocks.values():
        for statement in block.body:
            for variable in statement.list_vars():
                if variable.name.startswith("$") and not function._definitions.get(variable.name):
                    line = statement.loc.line
                    if line in bytecode.star_lines(function.func_id.code):
                        raise Refused(f"line {line} makes arguments or items of a tuple by `*`; write them one by one")
                    raise Refused(f"line {line} uses the value of `:=`; assign it on a line of its own")


def refuse_unset(function: Any) -> None:
    """Raise for a variable that has no value on some way to where it is used."""
    found = unset_variable(function)
    if found:
        name, where = found
        raise Refused(
            f"line {where.line} uses {name!r}, which may have no value there, as far as can be seen; give it one before"
        )
