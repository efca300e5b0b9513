"""Plain Python functions of components, made ready for vector code: a pass in Numba's own pipeline.

Authors write `1.0 / (1.0 + math.exp(-z))`. Taken literally, the constants are float64 and turn a float32 loop into
float64, and the call of the C library keeps LLVM from vectorizing. So, on Numba's representation of the function,

- float constants, also those named in globals and closures, become numbers of the model's dtype;
- integer constants in arithmetic become int16, which leaves a float its dtype;
- functions of `math` and `numpy` become those of `vectormath` where it has them, `x ** y` its `pow`;
- helper functions are treated likewise, and compiled with nbtrain's flags, whatever flags they had; so are functions
  and numbers of other modules;
- what could raise is refused, with its line.
"""

from __future__ import annotations

import math
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

from .door import jit
from .vectormath import functions as vector_functions

ALIASES = {
    "absolute": "fabs",
    "arctan": "atan",
    "power": "pow",
    "logistic": "sigmoid",
    "expit": "sigmoid",
}
ARITHMETIC = {
    *(operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod),
    *(operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ifloordiv, operator.imod),
    *(operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne),
}
POWERS = {operator.pow, operator.ipow}
PRODUCTS = range(17)  # exponents whose powers are a few multiplications; Numba divides for negative ones in a loop
SMALL = range(-(2**15), 2**15)


class Refused(TypingError):
    """A component's function that cannot be compiled, in words for its author."""


@cache
def plain(function: python_types.FunctionType, dtype: np.dtype[Any]) -> Any:
    """A jit function that computes what `function` says, in `dtype`.

    The same one for the same function until `forget` is called: globals and closures may have changed by then.
    """
    compiler = _compiler(dtype)
    vector_functions(dtype)  # Numba learns of new functions only before it begins to compile one
    return jit(_with_defaults(function, dtype), pipeline_class=compiler)


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


def _with_defaults(function: Any, dtype: np.dtype[Any]) -> Any:
    """The function with its default arguments in `dtype`."""
    if not function.__defaults__:
        return function
    defaults = tuple(dtype.type(d) if isinstance(d, float) else d for d in function.__defaults__)
    made = python_types.FunctionType(
        function.__code__, function.__globals__, function.__name__, defaults, function.__closure__
    )
    made.__kwdefaults__ = function.__kwdefaults__
    return made


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
        self.vector = vector_functions(dtype)
        self.modules: dict[str, python_types.ModuleType] = {}  # by the variable that holds them

    def run(self) -> None:
        for block in self.function.blocks.values():
            used = _arithmetic_operands(block)
            body: list[Any] = []
            for statement in block.body:
                self.refuse(statement)
                if isinstance(statement, ir.Assign):
                    self.assignment(statement, used, body)
                body.append(statement)
            block.body = body

    def refuse(self, statement: Any) -> None:
        """Raise for what could raise, or what has no place in a component."""
        raising = (ir.Raise, ir.StaticRaise, ir.DynamicRaise, ir.TryRaise, ir.StaticTryRaise, ir.DynamicTryRaise)
        if isinstance(statement, raising):
            raise Refused(
                f"line {statement.loc.line} can raise an exception, which compiled training cannot pass on; "
                "give a number for every input instead (NaN for what has no answer)"
            )
        value = getattr(statement, "value", None)
        if isinstance(value, ir.Expr) and value.op in (
            "yield",
            "make_function",
            "build_list",
            "build_map",
            "build_set",
        ):
            what = {"yield": "a generator", "make_function": "an inner function"}.get(value.op, "a list, dict or set")
            raise Refused(f"line {statement.loc.line} makes {what}; only numbers and tuples can be used")

    def assignment(self, statement: Any, used: set[str], body: list[Any]) -> None:
        """Replace what is assigned; `body` takes statements that come before."""
        value, where = statement.value, statement.loc
        if isinstance(value, ir.Const):
            statement.value = ir.Const(self.constant(value.value, statement.target.name in used), where)
        elif isinstance(value, ir.Global | ir.FreeVar):
            self.global_value(statement, value.name, value.value)
        elif isinstance(value, ir.Expr) and value.op == "getattr" and value.value.name in self.modules:
            module = self.modules[value.value.name]
            if hasattr(module, value.attr):
                self.global_value(statement, value.attr, getattr(module, value.attr))
        elif isinstance(value, ir.Expr) and value.op in ("binop", "inplace_binop") and value.fn in POWERS:
            self.power(statement, body)

    def global_value(self, statement: Any, name: str, value: Any) -> None:
        """Assign what a global name, a closure variable or a name in another module stands for."""
        if isinstance(value, python_types.ModuleType) and value not in (math, np):
            self.modules[statement.target.name] = value
        statement.value = ir.Global(name, self.named(value), statement.loc)

    def constant(self, value: Any, in_arithmetic: bool) -> Any:
        """A literal in the model's dtype."""
        if isinstance(value, float):
            return self.dtype.type(value)
        if isinstance(value, int) and not isinstance(value, bool) and in_arithmetic and value in SMALL:
            return np.int16(value)
        if isinstance(value, tuple):
            return tuple(self.constant(item, in_arithmetic) for item in value)
        return value

    def named(self, value: Any) -> Any:
        """What a global or closure variable stands for."""
        if isinstance(value, float | np.floating):
            return self.dtype.type(value)
        if isinstance(value, tuple) and value and all(isinstance(item, float | np.floating) for item in value):
            return (
                type(value)(*map(self.dtype.type, value))
                if hasattr(value, "_fields")
                else tuple(map(self.dtype.type, value))
            )
        if isinstance(value, python_types.ModuleType):
            return _stand_in(value, self.dtype)
        return self.callable(value)

    def callable(self, value: Any) -> Any:
        """A function that the code calls: vector mathematics, a helper, or as it is."""
        name = _math_name(value)
        if name in self.vector:
            return self.vector[name]
        helper = getattr(value, "py_func", value)
        if isinstance(helper, python_types.FunctionType):
            return plain(helper, self.dtype)
        return value

    def power(self, statement: Any, body: list[Any]) -> None:
        """x ** y: small whole numbers stay as they are (multiplications), everything else becomes pow(x, y)."""
        exponent = statement.value.rhs
        definition = self.function.get_definition(exponent) if isinstance(exponent, ir.Var) else None
        if isinstance(definition, ir.Const) and isinstance(definition.value, int) and definition.value in PRODUCTS:
            return
        scope, where = statement.target.scope, statement.loc
        target = scope.redefine("$nbtrain_pow", where)
        body.append(ir.Assign(ir.Global("nbtrain_pow", self.vector["pow"], where), target, where))
        base = statement.value.lhs
        statement.value = ir.Expr.call(target, (base, exponent), (), where)


def _arithmetic_operands(block: Any) -> set[str]:
    """Variables that only arithmetic and comparisons use, in one block."""
    inside: set[str] = set()
    elsewhere: set[str] = set()
    for statement in block.body:
        value = getattr(statement, "value", statement)
        if isinstance(value, ir.Expr) and value.op in ("binop", "inplace_binop") and value.fn in ARITHMETIC:
            inside |= {value.lhs.name, value.rhs.name}
        elif isinstance(value, ir.Expr):
            elsewhere |= {variable.name for variable in value.list_vars()}
        elif isinstance(value, ir.Var):
            elsewhere.add(value.name)
    return inside - elsewhere


def _math_name(value: Any) -> str | None:
    """The name under which vectormath would have a function of math or numpy."""
    name = getattr(value, "__name__", None)
    if not isinstance(name, str):
        return None
    if value is getattr(math, name, None) or value is getattr(np, name, None):
        return ALIASES.get(name, name)
    return None


@cache
def _stand_in(module: python_types.ModuleType, dtype: np.dtype[Any]) -> python_types.ModuleType:
    """`math` or `numpy` with vector functions in place of their own; other modules as they are."""
    if module not in (math, np):
        return module
    vector = vector_functions(dtype)
    made = python_types.ModuleType(f"nbtrain_{module.__name__}")
    for name in dir(module):
        if name.startswith("__"):
            continue
        value = getattr(module, name, None)
        made.__dict__[name] = dtype.type(value) if isinstance(value, float) else value
        found = _math_name(value)
        if found in vector:
            made.__dict__[name] = vector[found]
    return made
