"""What takes conditions, bounds, or any number of arguments: where, clip, min, max, log with a base, operators.

Like the functions of numbers they are intrinsics for one dtype, and select without a branch.
"""

from __future__ import annotations

import operator
from functools import reduce
from typing import Any

import numpy as np
from numba import from_dtype, types
from numba.core.errors import TypingError
from numba.extending import intrinsic

from nbtrain.compiler.vectormath import arithmetic, division, logarithm, rounding
from nbtrain.compiler.vectormath.scalars import Condition, Format, Real

OPERATIONS: dict[Any, Any] = {
    "+": (operator.add, "fadd"),
    "-": (operator.sub, "fsub"),
    "*": (operator.mul, "fmul"),
    "/": (operator.truediv, "fdiv"),
}


def check_numbers(name: str, *arguments: Any) -> None:
    """Raise for an argument type that is no real number."""
    for argument in arguments:
        if isinstance(argument, types.Complex) or not isinstance(argument, types.Number | types.Boolean):
            is_row = isinstance(argument, types.Array)
            hint = "; call it for one number at a time, in a loop" if is_row else ""
            raise TypingError(f"{name} must be called with real numbers, got {'a row' if is_row else argument}{hint}")


def forms(dtype: np.dtype[Any]) -> dict[str, Any]:
    """They, by name."""
    return {
        "where": _where(dtype),
        "clip": _clip(dtype),
        "smallest": _extreme(dtype, "min"),
        "largest": _extreme(dtype, "max"),
        "log_of_base": _log(dtype),
        "whole_power": _whole_power(dtype),
        "%": _operator(dtype, operator.mod, division.mod),
        "//": _operator(dtype, operator.floordiv, division.floor_divide),
        **{sign: _operator(dtype, operation, _with(name)) for sign, (operation, name) in OPERATIONS.items()},
    }


def _with(name: str) -> Any:
    """A rule of one of LLVM's operations, that may be fused with others as operators are."""

    def rule(x: Real, y: Real) -> Real:
        return Real(x.format, getattr(x.format.builder, name)(x.value, y.value))

    return rule


def _named(function: Any, name: str) -> Any:
    """An intrinsic by the name that authors know."""
    function.__name__ = function.__qualname__ = name
    return intrinsic(function)


def _widest(dtype: np.dtype[Any], *kinds: Any) -> np.dtype[Any]:
    """`dtype`, but float64 where an argument is that: the author asked for it."""
    return np.dtype(np.float64) if types.float64 in kinds else dtype


def _is_given(kind: Any) -> bool:
    return kind is not None and not isinstance(kind, types.NoneType | types.Omitted)


def _reals(context: Any, code: Format, kinds: Any, values: Any) -> list[Real]:
    number = from_dtype(code.dtype)
    return [
        Real(code, context.cast(code.builder, value, kind, number)) for kind, value in zip(kinds, values, strict=True)
    ]


def _where(dtype: np.dtype[Any]) -> Any:
    def where(typing_context: Any, condition: Any, x: Any, y: Any) -> Any:
        """x where the condition holds, else y; both are evaluated."""
        check_numbers("where", condition, x, y)
        wide = _widest(dtype, x, y)

        def lowered(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            code = Format(builder, wide)
            truth = context.cast(builder, arguments[0], condition, types.boolean)
            return arithmetic.where(Condition(code, truth), *_reals(context, code, (x, y), arguments[1:])).value

        return from_dtype(wide)(condition, x, y), lowered

    return _named(where, "where")


def _clip(dtype: np.dtype[Any]) -> Any:
    def clip(
        typing_context: Any, a: Any, a_min: Any = None, a_max: Any = None, min: Any = None, max: Any = None
    ) -> Any:
        """minimum(maximum(a, a_min), a_max), a bound that is None left out; NaN anywhere gives NaN."""
        bounds = (a_min, a_max, min, max)
        check_numbers("clip", a, *filter(_is_given, bounds))
        wide = _widest(dtype, a)

        def lowered(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            code = Format(builder, wide)
            (value,) = _reals(context, code, (a,), arguments[:1])
            steps = (rounding.maximum, rounding.minimum) * 2
            for bound, given, step in zip(bounds, arguments[1:], steps, strict=True):
                if _is_given(bound):
                    value = step(value, *_reals(context, code, (bound,), (given,)))
            return value.value

        return from_dtype(wide)(a, *(types.Omitted(None) if bound is None else bound for bound in bounds)), lowered

    return _named(clip, "clip")


def _extreme(dtype: np.dtype[Any], name: str) -> Any:
    """Python's min or max of two numbers or more, or of a tuple: the first one, unless another is beyond it."""
    relation = "<" if name == "min" else ">"

    def beyond(best: Real, item: Real) -> Real:
        return arithmetic.where(item < best if name == "min" else item > best, item, best)

    def extreme(typing_context: Any, *arguments: Any) -> Any:
        in_tuple = len(arguments) == 1 and isinstance(arguments[0], types.BaseTuple)
        kinds = tuple(arguments[0]) if in_tuple else arguments
        if not kinds or (len(arguments) == 1 and not in_tuple):
            of_a_row = f"; of a row: np.{name}(z)" if any(isinstance(kind, types.Array) for kind in kinds) else ""
            raise TypingError(f"{name} must be called with two numbers or more{of_a_row}")
        check_numbers(name, *kinds)
        whole = all(isinstance(kind, types.Integer | types.Boolean) for kind in kinds)
        wide = _widest(dtype, *kinds)

        def lowered(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            items = builder.extract_value(given[0], 0) if in_tuple else given[0]
            values = [builder.extract_value(items, i) for i in range(len(kinds))]
            if not whole:
                return reduce(beyond, _reals(context, Format(builder, wide), kinds, values)).value
            integers = [
                context.cast(builder, value, kind, types.int64) for kind, value in zip(kinds, values, strict=True)
            ]
            return reduce(
                lambda best, item: builder.select(builder.icmp_signed(relation, item, best), item, best), integers
            )

        return (types.int64 if whole else from_dtype(wide))(types.StarArgTuple.from_types(arguments)), lowered

    return _named(extreme, name)


def _log(dtype: np.dtype[Any]) -> Any:
    number = from_dtype(dtype)

    def log(typing_context: Any, x: Any, base: Any = None) -> Any:
        """Natural logarithm, or to a base."""
        check_numbers("log", *filter(_is_given, (x, base)))

        def lowered(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            code = Format(builder, dtype)
            given = 2 if _is_given(base) else 1
            parts = _reals(context, code, (x, base)[:given], arguments[:given])
            return reduce(operator.truediv, map(logarithm.log, parts)).value

        return number(x, types.Omitted(None) if base is None else base), lowered

    return _named(log, "log")


def _whole_power(dtype: np.dtype[Any]) -> Any:
    """A number to a constant power 0, 1, 2, … by multiplications; for arrays Numba's own power."""

    def whole_power(typing_context: Any, x: Any, exponent: Any) -> Any:
        if isinstance(x, types.Float | types.Integer):
            kind = x if isinstance(x, types.Float) else types.int64
            return kind(x, exponent), _multiplied
        power = typing_context.resolve_value_type(operator.pow)
        usual = typing_context.resolve_function_type(power, (x, types.int64), {})
        if usual is None:
            return None

        def called(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            count = context.get_constant(types.int64, exponent.literal_value)
            base = context.cast(builder, arguments[0], x, usual.args[0])
            return context.get_function(power, usual)(
                builder, (base, context.cast(builder, count, types.int64, usual.args[1]))
            )

        return usual.return_type(x, exponent), called

    return intrinsic(prefer_literal=True)(whole_power)


def _multiplied(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """x to a constant power: squares, multiplied for each bit of the exponent."""
    kind, count = signature.return_type, signature.args[1].literal_value
    factor = context.cast(builder, arguments[0], signature.args[0], kind)
    multiply = builder.fmul if isinstance(kind, types.Float) else builder.mul
    result = None
    while count:
        if count & 1:
            result = factor if result is None else multiply(result, factor)
        count >>= 1
        factor = multiply(factor, factor)
    return context.get_constant(kind, 1) if result is None else result


def _operator(dtype: np.dtype[Any], operation: Any, rule: Any) -> Any:
    """An operator: of a float and an integer in the float's dtype, by `rule`; of integers what Numba has."""

    def apply(typing_context: Any, x: Any, y: Any) -> Any:
        if all(isinstance(kind, types.Integer | types.Boolean) for kind in (x, y)):
            return numbas(typing_context, operation, x, y)
        check_numbers(operation.__name__, x, y)
        wide = _widest(dtype, x, y)

        def lowered(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return rule(*_reals(context, Format(builder, wide), (x, y), arguments)).value

        return from_dtype(wide)(x, y), lowered

    return _named(apply, operation.__name__)


def numbas(typing_context: Any, operation: Any, x: Any, y: Any) -> Any:
    """Numba's own operation on two values."""
    whole = typing_context.resolve_function_type(operation, (x, y), {})

    def lowered(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        given = [
            context.cast(builder, value, kind, wanted)
            for value, kind, wanted in zip(arguments, (x, y), whole.args, strict=True)
        ]
        return context.get_function(operation, whole)(builder, given)

    return whole.return_type(x, y), lowered


def call_of(function: Any, *kinds: Any) -> Any:
    """Signature and code, for an intrinsic, of a call of a jit function that takes arguments of these types."""
    function.compile(kinds)
    compiled = function.overloads[kinds]

    def lowered(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        context.active_code_library.add_linking_library(compiled.library)
        given = [
            context.cast(builder, value, kind, wanted)
            for value, kind, wanted in zip(arguments, signature.args, kinds, strict=True)
        ]
        return context.call_internal(builder, compiled.fndesc, compiled.signature, given)

    return compiled.signature.return_type(*kinds), lowered
