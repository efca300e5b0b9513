"""What a function's variables stand for, and what is done with them, by Numba's representation of it."""

from __future__ import annotations

import operator
import sys
from types import ModuleType
from typing import Any

from numba.core import ir

ARITHMETIC: set[Any] = {
    *(operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod),
    *(operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ifloordiv, operator.imod),
    *(operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne),
}
RECORD = type(sys.float_info)  # of no type that Numba knows by its attributes
FREE = ("phi", "cast", "unary", "build_tuple", "getattr", "undef", "null")


def integers(function: Any, takes_any: Any) -> set[str]:
    """Variables that have to stay integers: indices, counts of loops, operands of bit operations, exponents.

    All other integers only meet floats, and Numba makes float64 of a float32 and an int64.

    Parameters
    ----------
    function
        Numba's representation.
    takes_any
        Variable's name -> whether it is a function that does not mind what kind of number it is called with.
    """
    found: set[str] = set()
    copies: list[tuple[str, str]] = []  # target, source
    for block in function.blocks.values():
        for statement in block.body:
            if isinstance(statement, ir.SetItem):
                found.add(statement.index.name)
            elif isinstance(statement, ir.StaticSetItem) and statement.index_var is not None:
                found.add(statement.index_var.name)
            elif isinstance(statement, ir.Assign):
                _of_assignment(statement, takes_any, found, copies)
    before = -1
    while len(found) != before:
        before = len(found)
        found |= {source for target, source in copies if target in found}
    return found


def _of_assignment(statement: Any, takes_any: Any, found: set[str], copies: list[tuple[str, str]]) -> None:
    value, target = statement.value, statement.target.name
    if isinstance(value, ir.Var):
        copies.append((target, value.name))
    if not isinstance(value, ir.Expr):
        return
    if value.op in ("binop", "inplace_binop") and value.fn in ARITHMETIC:
        return
    if value.op in FREE and not (value.op == "unary" and value.fn is operator.invert):
        copies.extend((target, variable.name) for variable in value.list_vars())
        return
    if value.op == "call" and takes_any(value.func.name):
        return
    used = [value.rhs] if value.op in ("binop", "inplace_binop") and _is_power(value.fn) else value.list_vars()
    found |= {variable.name for variable in used}


def _is_power(operation: Any) -> bool:
    return operation in (operator.pow, operator.ipow)


def names(function: Any) -> dict[str, Any]:
    """Variable -> the global, closure variable or attribute of a module that it stands for, where it is only one."""
    found: dict[str, Any] = {}
    twice: set[str] = set()
    for block in function.blocks.values():
        for statement in block.body:
            if not isinstance(statement, ir.Assign):
                continue
            name, value = statement.target.name, statement.value
            if name in found:
                twice.add(name)
            elif isinstance(value, ir.Global | ir.FreeVar):
                found[name] = value.value
            elif isinstance(value, ir.Var) and value.name in found:
                found[name] = found[value.name]
            elif isinstance(value, ir.Expr) and value.op == "getattr":
                owner = found.get(value.value.name)
                if isinstance(owner, ModuleType | RECORD) and hasattr(owner, value.attr):
                    found[name] = getattr(owner, value.attr)
    return {name: value for name, value in found.items() if name not in twice}


def callees(function: Any) -> dict[str, list[tuple[str, int]]]:
    """Variable -> results of the calls of it, with the numbers of arguments."""
    found: dict[str, list[tuple[str, int]]] = {}
    for block in function.blocks.values():
        for statement in block.body:
            value = getattr(statement, "value", None)
            if isinstance(statement, ir.Assign) and isinstance(value, ir.Expr) and value.op == "call":
                found.setdefault(value.func.name, []).append((statement.target.name, len(value.args)))
    return found
