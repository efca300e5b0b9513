"""Plain Python functions of components, made ready for vector code: a pass in Numba's own pipeline.

Authors write `1.0 / (1.0 + math.exp(-z))`. Taken literally, the constants are float64 and turn a float32 loop into
float64, and the call of the C library keeps LLVM from vectorizing. So, on Numba's representation of the function,

- float constants, also those named in globals and closures, become numbers of the model's dtype;
- integer constants that only meet floats become int16, which leaves a float its dtype, and so do int and round;
- functions of `math`, `numpy` and Python become those of `vectormath` where it has them, and so do `**`, `%` and `//`;
- helper functions are treated likewise, and compiled with nbtrain's flags, whatever flags they had; so are functions
  and numbers of other modules;
- what could raise is refused, with its line, and what has no form in compiled code, with what to write instead.
"""

from __future__ import annotations

import builtins
import operator
import types as python_types
from functools import cache
from typing import Any

import numpy as np
from numba.core import ir
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.errors import TypingError
from numba.core.untyped_passes import IRProcessing

from . import lookup, vocabulary
from .constants import number_in, small, with_defaults_in
from .door import jit
from .usage import callees, integers, names
from .vectormath import functions as vector_functions

POWERS = {operator.pow, operator.ipow}
DIVISIONS = {operator.mod: "%", operator.imod: "%", operator.floordiv: "//", operator.ifloordiv: "//"}
MIXED = {
    **{operator.add: "+", operator.sub: "-", operator.mul: "*", operator.truediv: "/"},
    **{operator.iadd: "+", operator.isub: "-", operator.imul: "*", operator.itruediv: "/"},
}
PRODUCTS = range(17)  # exponents whose powers are a few multiplications; Numba divides for negative ones in a loop
RAISING = (ir.Raise, ir.StaticRaise, ir.DynamicRaise, ir.TryRaise, ir.StaticTryRaise, ir.DynamicTryRaise)


class Refused(TypingError):
    """A component's function that cannot be compiled, in words for its author."""


@cache
def plain(function: python_types.FunctionType, dtype: np.dtype[Any]) -> Any:
    """A jit function that computes what `function` says, in `dtype`.

    The same one for the same function until `forget` is called: globals and closures may have changed by then.
    """
    compiler = _compiler(dtype)
    lookup.argument_element(dtype)
    vector_functions(dtype)  # Numba learns of new functions only before it begins to compile one
    return jit(with_defaults_in(function, dtype), pipeline_class=compiler, boundscheck=not _is_ours(function))


def forget() -> None:
    """Have `plain` make new functions."""
    plain.cache_clear()


@cache
def _compiler(dtype: np.dtype[Any]) -> type[CompilerBase]:
    """Numba's compiler with the pass for one dtype."""

    class Compiler(CompilerBase):
        number = dtype

        def define_pipelines(self) -> list[Any]:
            passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
            passes.add_pass_after(_PASSES[dtype], IRProcessing)
            passes.finalize()
            return [passes]

    return Compiler


def _make_pass(dtype: np.dtype[Any]) -> type[FunctionPass]:
    class Plain(FunctionPass):
        _name = f"nbtrain_plain_{dtype}"

        def __init__(self) -> None:
            FunctionPass.__init__(self)

        def run_pass(self, state: Any) -> bool:
            _Rewriter(state.func_ir, dtype).run()
            return True

    made: type[FunctionPass] = register_pass(mutates_CFG=False, analysis_only=False)(Plain)
    return made


_PASSES = {np.dtype(kind): _make_pass(np.dtype(kind)) for kind in (np.float32, np.float64)}


class _Rewriter:
    """The rewriting of one function."""

    def __init__(self, function: Any, dtype: np.dtype[Any]) -> None:
        self.function, self.dtype = function, dtype
        _refuse_walrus(function)
        self.vector = vector_functions(dtype)
        self.names = names(function)
        self.callees = callees(function)
        self.integers = integers(function, self.takes_any)  # constants among them stay integers
        self.counts = integers(function, self.is_vector)  # so do the results of int and round among these

    def run(self) -> None:
        for block in self.function.blocks.values():
            body: list[Any] = []
            for statement in block.body:
                self.refuse(statement)
                if isinstance(statement, ir.Assign):
                    self.assignment(statement, body)
                body.append(statement)
            block.body = body

    def is_vector(self, name: str) -> bool:
        """Whether a variable is a function that becomes one of vectormath, or an operator."""
        value = self.names.get(name)
        found = vocabulary.replacement(value)
        return found in self.vector or found == vocabulary.WHOLE or id(value) in vocabulary.OPERATORS

    def takes_any(self, name: str) -> bool:
        """Whether it is that, or a helper of the author's."""
        return self.is_vector(name) or _is_helper(self.names.get(name))

    def refuse(self, statement: Any) -> None:
        """Raise for what could raise, or what has no place in a component."""
        line = f"line {statement.loc.line}"
        if isinstance(statement, RAISING):
            raise Refused(
                f"{line} can raise an exception, which compiled training cannot pass on; "
                "give a number for every input instead (NaN for what has no answer)"
            )
        if isinstance(statement, ir.Print):
            raise Refused(f"{line}: {vocabulary.refusal(print)}")
        value = getattr(statement, "value", None)
        if isinstance(value, ir.Expr) and value.op in (
            "yield",
            "make_function",
            "build_list",
            "build_map",
            "build_set",
        ):
            what = {"yield": "a generator", "make_function": "an inner function"}.get(value.op, "a list, dict or set")
            raise Refused(f"{line} makes {what}; only numbers and tuples can be used")
        refused = (
            vocabulary.refusal(self.names.get(statement.target.name)) if isinstance(statement, ir.Assign) else None
        )
        if refused:
            raise Refused(f"{line}: {refused}")

    def assignment(self, statement: Any, body: list[Any]) -> None:
        """Replace what is assigned; `body` takes statements that come before."""
        value, where, name = statement.value, statement.loc, statement.target.name
        if isinstance(value, ir.Const):
            statement.value = ir.Const(self.constant(value.value, name not in self.integers), where)
        elif isinstance(value, ir.Global | ir.FreeVar):
            statement.value = ir.Global(value.name, self.named(value.value, name), where)
        elif isinstance(value, ir.Expr) and value.op == "getattr" and name in self.names:
            made = self.named(self.names[name], name)
            if made is not self.names[name]:
                statement.value = ir.Global(value.attr, made, where)
        elif isinstance(value, ir.Expr) and value.op in ("binop", "inplace_binop"):
            if value.fn in POWERS:
                self.power(statement, body)
            elif value.fn in DIVISIONS:
                self.call(statement, DIVISIONS[value.fn], (value.lhs, value.rhs), body)
            elif value.fn in MIXED and (self.is_count(value.lhs) or self.is_count(value.rhs)):
                self.call(statement, MIXED[value.fn], (value.lhs, value.rhs), body)
        elif isinstance(value, ir.Expr) and value.op == "call":
            self.number_in_words(statement)
            self.range_of_steps(value)
        elif isinstance(value, ir.Expr) and value.op == "getitem":
            self.element(statement, body)

    def element(self, statement: Any, body: list[Any]) -> None:
        """An element of a table, by an index that may be out of range."""
        base, index, where = statement.value.value, statement.value.index, statement.loc
        place, known = self.definition(index), lookup.constant(index, self.definition)
        table, take = lookup.table_of(self.names.get(base.name), self.definition(base)), lookup.element
        if table is None:
            computed = known is None and not lookup.is_slice(place, self.names) and not lookup.is_several(place)
            if not computed or not isinstance(self.definition(base), ir.Arg):
                return
            take = lookup.argument_element
        else:
            problem = lookup.problem(table, place, known, self.names)
            if problem:
                raise Refused(f"line {where.line}: {problem}")
            if problem is not None:
                return
            if isinstance(table, tuple | list) and not isinstance(table[0], ir.Var):
                base = self.assigned(ir.Global("nbtrain_table", np.array(table, self.dtype), where), statement, body)
        target = self.assigned(ir.Global("nbtrain_element", take(self.dtype), where), statement, body)
        statement.value = ir.Expr.call(target, (base, index), (), where)

    def constant(self, value: Any, to_small: bool) -> Any:
        """A literal in the model's dtype; `to_small` allows int16 for an integer."""
        if to_small:
            value = small(value)
        if isinstance(value, tuple) and not any(isinstance(item, float) for item in value):
            return tuple(self.constant(item, to_small) for item in value)
        return number_in(self.dtype, value)

    def named(self, value: Any, target: str) -> Any:
        """What a global, a closure variable or a name in a module becomes, assigned to the variable `target`."""
        if isinstance(value, int) and not isinstance(value, bool):
            return self.constant(value, target not in self.integers)
        made = number_in(self.dtype, value)
        return self.callable(made, target) if made is value else made

    def callable(self, value: Any, target: str) -> Any:
        """A function that the code calls: vector mathematics, a helper, or as it is."""
        if id(value) in vocabulary.OPERATORS:
            return vocabulary.OPERATORS[id(value)]
        name = vocabulary.replacement(value)
        if name == vocabulary.WHOLE:
            calls = self.callees.get(target, [])
            if calls and not any(result in self.counts or count != 1 for result, count in calls):
                return self.vector["trunc" if value is builtins.int else "rint"]
            return value
        if name in self.vector and not (isinstance(value, type) and not self.callees.get(target)):
            return self.vector[name]
        return plain(getattr(value, "py_func", value), self.dtype) if _is_helper(value) else value

    def number_in_words(self, statement: Any) -> None:
        """float("inf") is a constant."""
        call = statement.value
        if self.names.get(call.func.name) is builtins.float and len(call.args) == 1:
            given = self.definition(call.args[0])
            if isinstance(given, ir.Const) and isinstance(given.value, str):
                statement.value = ir.Const(self.dtype.type(given.value), statement.loc)

    def range_of_steps(self, call: Any) -> None:
        """A range whose step may be 0 could raise."""
        if self.names.get(call.func.name) is not builtins.range or len(call.args) != 3:
            return
        known = lookup.constant(call.args[2], self.definition)
        if known == 0 or (known is None and not isinstance(self.definition(call.args[2]), ir.Arg)):
            raise Refused(f"line {call.loc.line} has a range whose step may be 0; a constant or an argument is wanted")

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
        """Whether a variable may be an integer that is no constant: of a loop, a length, a sum or product of such."""
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


def _is_helper(value: Any) -> bool:
    """Whether it is a function of the author's, jitted or not."""
    function = getattr(value, "py_func", value)
    return isinstance(function, python_types.FunctionType) and not _is_numpys(function)


def _is_ours(function: Any) -> bool:
    """Whether a function is a built-in component's, whose indices are known to be in range; checks cost time."""
    return str(function.__module__ or "").startswith(f"{__name__.partition('.')[0]}.builtin.")


def _refuse_walrus(function: Any) -> None:
    """Numba gives the value in `(e := f(z)) / (1.0 + e)` to e alone, and has none for the quotient."""
    for block in function.blocks.values():
        for statement in block.body:
            for variable in statement.list_vars():
                if variable.name.startswith("$") and not function._definitions.get(variable.name):
                    raise Refused(f"line {statement.loc.line} uses the value of `:=`; assign it on a line of its own")


def _is_numpys(function: Any) -> bool:
    """Whether a plain function is one of NumPy's, of which Numba has its own; code without a module's name is not."""
    return str(function.__module__ or "").partition(".")[0] == "numpy"
