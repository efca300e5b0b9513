"""The rewriting of a component's function, statement by statement, on Numba's representation: see `plain`."""

from __future__ import annotations

import builtins
import operator
import types as python_types
from collections.abc import Callable
from typing import Any

import numpy as np
from numba.core import ir

from . import tables, vocabulary
from .constants import INT64, called_with, number_in, small, whole_in
from .unsupported import (
    Refused,
    refuse,
    refuse_recursion,
    refuse_step,
    refuse_unknown_values,
    refuse_unset,
    unsupported,
)
from .usage import callees, integers, names
from .whole_arrays import put_part

POWERS: set[Any] = {operator.pow, operator.ipow}
INSTEAD: dict[Any, Any] = {
    **{operator.mod: "%", operator.imod: "%", operator.floordiv: "//", operator.ifloordiv: "//"},
    **{operator.lshift: "<<", operator.ilshift: "<<", operator.rshift: ">>", operator.irshift: ">>"},
}
MIXED: dict[Any, Any] = {
    **{operator.add: "+", operator.sub: "-", operator.mul: "*", operator.truediv: "/"},
    **{operator.iadd: "+", operator.isub: "-", operator.imul: "*", operator.itruediv: "/"},
}
PRODUCTS_OF_ROWS: set[Any] = {operator.matmul, operator.imatmul}
METHODS = {"max", "min"}  # of arrays, for which Numba would allocate memory
PRODUCTS = range(17)  # exponents whose powers are a few multiplications; Numba divides for negative ones in a loop


class Rewriter:
    """The rewriting of one function.

    Parameters
    ----------
    function
        Numba's representation of it.
    dtype
        The model's.
    vector
        What vectormath has for it, by name.
    compiled
        A helper of the function -> a jit function that computes the same in `dtype`.
    """

    function: Any
    dtype: np.dtype[Any]
    vector: dict[str, Any]
    compiled: Callable[[Any], Any]
    names: dict[str, Any]
    callees: dict[str, list[tuple[str, int]]]
    integers: set[str]
    counts: set[str]

    def __init__(
        self, function: Any, dtype: np.dtype[Any], vector: dict[str, Any], compiled: Callable[[Any], Any]
    ) -> None:
        self.function, self.dtype, self.vector, self.compiled = function, dtype, vector, compiled
        refuse_unknown_values(function)
        refuse_unset(function)
        self.names = names(function)
        self.callees = callees(function)
        self.integers = integers(function, self.takes_any)  # constants among them stay integers
        self.counts = integers(function, self.is_vector)  # so do the results of int and round among these

    def run(self) -> None:
        for block in self.function.blocks.values():
            body: list[Any] = []
            for statement in block.body:
                refuse(statement, self.names)
                if isinstance(statement, ir.Assign):
                    self.assignment(statement, body)
                elif isinstance(statement, ir.SetItem):
                    statement = self.part(statement, body)
                body.append(statement)
            block.body = body

    def is_vector(self, name: str) -> bool:
        """Whether a variable is a function that becomes one of vectormath, or an operator."""
        value = self.names.get(name)
        found = vocabulary.replacement(value)
        return found in self.vector or found == vocabulary.WHOLE or id(value) in vocabulary.OPERATORS

    def takes_any(self, name: str) -> bool:
        """Whether it is a vector function or the author's helper."""
        return self.is_vector(name) or is_helper(self.names.get(name))

    def assignment(self, statement: Any, body: list[Any]) -> None:
        """Replace what is assigned; `body` takes statements that come before."""
        value, where, name = statement.value, statement.loc, statement.target.name
        if isinstance(value, ir.Const):
            statement.value = ir.Const(self.constant(value.value, name not in self.integers), where)
        elif isinstance(value, ir.Global | ir.FreeVar):
            statement.value = ir.Global(value.name, self.named(value.value, name, where), where)
        elif isinstance(value, ir.Expr) and value.op == "getattr" and name in self.names:
            made = self.named(self.names[name], name, where)
            if made is not self.names[name]:
                statement.value = ir.Global(value.attr, made, where)
        elif isinstance(value, ir.Expr) and value.op in ("binop", "inplace_binop"):
            if value.fn in POWERS:
                self.power(statement, body)
            elif value.fn in PRODUCTS_OF_ROWS:
                raise unsupported(where.line, "`@`")
            elif value.fn in INSTEAD:
                self.call(statement, INSTEAD[value.fn], (value.lhs, value.rhs), body)
            elif value.fn in MIXED and (self.is_count(value.lhs) or self.is_count(value.rhs)):
                self.call(statement, MIXED[value.fn], (value.lhs, value.rhs), body)
        elif isinstance(value, ir.Expr) and value.op == "call":
            self.method(statement, body)
            self.known_number(statement)
            refuse_step(value, self.names, self.definition)
        elif isinstance(value, ir.Expr) and value.op == "getitem":
            self.element(statement, body)

    def element(self, statement: Any, body: list[Any]) -> None:
        """An element of a table, by an index that may be out of range."""
        base, index, where = statement.value.value, statement.value.index, statement.loc
        place, known = self.definition(index), tables.constant(index, self.definition)
        table, take = tables.table_of(self.names.get(base.name), self.definition(base)), tables.element
        if table is None:
            if tables.is_slice(place, self.names) or tables.is_several(place) or isinstance(known, tuple):
                return
            take = tables.argument_element
        else:
            problem = tables.problem(table, place, known, self.names)
            if problem:
                raise Refused(f"line {where.line}: {problem}")
            if problem is not None:
                self.known_element(statement, table, known)
                return
            if isinstance(table, tuple | list) and not isinstance(table[0], ir.Var):
                base = self.assigned(ir.Global("nbtrain_table", np.array(table, self.dtype), where), statement, body)
        target = self.assigned(ir.Global("nbtrain_element", take(self.dtype), where), statement, body)
        statement.value = ir.Expr.call(target, (base, index), (), where)

    def known_element(self, statement: Any, table: Any, place: Any) -> None:
        """An element of a table of unsigned integers, by a constant index: a constant as a literal is one."""
        if not (isinstance(table, np.ndarray) and table.dtype.kind == "u") and not isinstance(table, tuple):
            return
        found = table[place] if place is not None else None
        if isinstance(found, np.unsignedinteger):
            self.become(statement, whole_in(self.dtype, int(found), statement.target.name not in self.integers))

    def become(self, statement: Any, value: Any) -> None:
        """Assign a constant instead."""
        made = statement.value = ir.Const(value, statement.loc)
        if len(self.function._definitions[statement.target.name]) == 1:
            self.function._definitions[statement.target.name][0] = made

    def part(self, statement: Any, body: list[Any]) -> Any:
        """`row[1:] = other`, where `other` may be a row: it is copied without new memory."""
        is_constant = isinstance(self.definition(statement.value), ir.Const | ir.Global | ir.FreeVar)
        if is_constant or not tables.is_slice(self.definition(statement.index), self.names):
            return statement
        where = statement.loc
        function = self.assigned(ir.Global("nbtrain_put", put_part(), where), statement, body)
        call = ir.Expr.call(function, (statement.target, statement.index, statement.value), (), where)
        self.assigned(call, statement, body)
        return body.pop()

    def constant(self, value: Any, to_small: bool) -> Any:
        """A literal in the model's dtype; `to_small` allows int16 for an integer."""
        if isinstance(value, int) and value not in INT64 and to_small:
            return whole_in(self.dtype, value, to_small)
        if to_small:
            value = small(value)
        if isinstance(value, tuple) and not any(isinstance(item, float) for item in value):
            return tuple(self.constant(item, to_small) for item in value)
        return number_in(self.dtype, value)

    def named(self, value: Any, target: str, where: Any) -> Any:
        """What a global, a closure variable or a name in a module becomes, assigned to the variable `target`."""
        if isinstance(value, int) and not isinstance(value, bool):
            return self.constant(value, target not in self.integers)
        if isinstance(value, np.unsignedinteger):
            return whole_in(self.dtype, int(value), target not in self.integers)
        made = number_in(self.dtype, value)
        return self.callable(made, target, where) if made is value else made

    def callable(self, value: Any, target: str, where: Any) -> Any:
        """A function that the code calls: vector mathematics, a helper, or unchanged."""
        if id(value) in vocabulary.OPERATORS:
            return vocabulary.OPERATORS[id(value)]
        name = vocabulary.replacement(value)
        if name == vocabulary.WHOLE:
            calls = self.callees.get(target, [])
            if not calls or any(count != 1 for _, count in calls):
                return value
            if any(result in self.counts for result, _ in calls):
                return self.vector["whole_by_rint" if value is builtins.round else "whole_by_trunc"]
            return self.vector["rint" if value is builtins.round else "trunc"]
        if name in self.vector and not (isinstance(value, type) and not self.callees.get(target)):
            return self.vector[name]
        if not is_helper(value):
            return value
        helper = self.compiled(getattr(value, "py_func", value))
        refuse_recursion(helper, where)
        return helper

    def method(self, statement: Any, body: list[Any]) -> None:
        """row.max() is np.max(row)."""
        call = statement.value
        method = self.definition(call.func)
        if not isinstance(method, ir.Expr) or method.op != "getattr" or call.func.name in self.names:
            return
        if method.attr in METHODS and not call.args:
            self.call(statement, method.attr, (method.value,), body)

    def known_number(self, statement: Any) -> None:
        """float("inf") and np.float32(0.1) are constants."""
        call = statement.value
        if call.op != "call" or len(call.args) != 1 or call.kws:
            return
        given = self.definition(call.args[0])
        if isinstance(given, ir.Const | ir.Global | ir.FreeVar):
            made = called_with(self.names.get(call.func.name), given.value, self.dtype)
            if made is not None:
                is_whole = isinstance(made, int)
                self.become(
                    statement,
                    whole_in(self.dtype, made, statement.target.name not in self.integers) if is_whole else made,
                )

    def power(self, statement: Any, body: list[Any]) -> None:
        """x ** y: small whole numbers are multiplications, 0.5 a square root, everything else becomes pow(x, y)."""
        base, exponent = statement.value.lhs, statement.value.rhs
        definition = self.definition(exponent)
        known = definition.value if isinstance(definition, ir.Const | ir.Global | ir.FreeVar) else None
        if isinstance(known, int | float) and not isinstance(known, bool) and known in PRODUCTS:
            whole = self.assigned(ir.Const(int(known), statement.loc), statement, body)
            if statement.value.op == "binop":
                self.call(statement, "whole_power", (base, whole), body)
            else:
                statement.value.rhs = whole
        elif isinstance(known, float) and known == 0.5:
            self.call(statement, "root", (base,), body)
        else:
            self.call(statement, "pow", (base, exponent), body)

    def call(self, statement: Any, name: str, arguments: tuple[Any, ...], body: list[Any]) -> None:
        """Assign a call of a vector function instead."""
        target = self.assigned(ir.Global(f"nbtrain_{name}", self.vector[name], statement.loc), statement, body)
        statement.value = ir.Expr.call(target, arguments, (), statement.loc)

    def assigned(self, value: Any, statement: Any, body: list[Any]) -> Any:
        """A new variable with a value."""
        target = statement.target.scope.redefine("$nbtrain", statement.loc)
        body.append(ir.Assign(value, target, statement.loc))
        self.function._definitions[target.name].append(value)
        return target

    def is_count(self, variable: Any) -> bool:
        """Whether a variable may be a computed integer: of a loop, a length, a sum or product of such."""
        found = self.definition(variable)
        if not isinstance(found, ir.Expr):
            return False
        if found.op in ("binop", "inplace_binop") and (found.fn in MIXED or found.fn in POWERS):
            return all(self.is_count(side) or self.is_whole(side) for side in (found.lhs, found.rhs))
        is_length = found.op == "call" and self.names.get(found.func.name) is len
        return found.op == "pair_first" or is_length or (found.op == "getattr" and found.attr == "size")

    def is_whole(self, variable: Any) -> bool:
        """Whether it is an integer constant."""
        found = self.definition(variable)
        return isinstance(found, ir.Const | ir.Global | ir.FreeVar) and isinstance(found.value, int | np.int16)

    def definition(self, variable: Any) -> Any:
        """What is assigned to a variable that is assigned once, through copies."""
        seen = variable
        while isinstance(seen, ir.Var):
            found = self.function._definitions.get(seen.name, [])
            if len(found) != 1:
                return None
            seen = found[0]
        return seen


def is_helper(value: Any) -> bool:
    """Whether it is a function of the author's, jitted or not."""
    function = getattr(value, "py_func", value)
    return isinstance(function, python_types.FunctionType) and not _is_numpys(function)


def _is_numpys(function: Any) -> bool:
    """Whether a plain function is one of NumPy's, of which Numba has its own; code without a module's name is not."""
    return str(function.__module__ or "").partition(".")[0] == "numpy"
