"""Whole numbers, where Numba leaves open what comes out: shifts by odd counts, and floats that no integer holds."""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic

from nbtrain.compiler.vectormath.forms import numbas

LOWEST = -(2**63)
INT64: Any = ir.IntType(64)


def whole() -> dict[str, Any]:
    """They, by name."""
    return {
        "<<": _shift("<<", operator.lshift),
        ">>": _shift(">>", operator.rshift),
        "whole_by_trunc": _number("int", "trunc"),
        "whole_by_rint": _number("round", "rint"),
    }


def _shift(sign: str, operation: Any) -> Any:
    """x << n and x >> n: by 64 or more all bits are gone, and 0 comes out for n < 0, where Python raises."""

    def shifted(typing_context: Any, x: Any, n: Any) -> Any:
        if not all(isinstance(kind, types.Integer | types.Boolean) for kind in (x, n)):
            raise TypingError(f"{sign} must have integers on both sides, got {x} {sign} {n}")
        signature, usual = numbas(typing_context, operation, types.unliteral(x), types.unliteral(n))

        def lowered(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
            count = context.cast(builder, arguments[1], n, types.int64)
            far = builder.icmp_signed(">", count, ir.Constant(INT64, 63))
            if operation is operator.rshift:
                count = builder.select(far, ir.Constant(INT64, 63), count)
            kept = context.cast(builder, builder.and_(count, ir.Constant(INT64, 63)), types.int64, types.unliteral(n))
            given = (context.cast(builder, arguments[0], x, types.unliteral(x)), kept)
            result = usual(context, builder, signature, given)
            none = builder.icmp_signed("<", count, ir.Constant(INT64, 0))
            if operation is operator.lshift:
                none = builder.or_(none, far)
            return builder.select(none, ir.Constant(result.type, 0), result)

        return signature.return_type(x, n), lowered

    return intrinsic(shifted)


def _number(name: str, rounding: str) -> Any:
    """int(x) and round(x) as an index or a count: of what is no number of 64 bits, the lowest one."""

    def number(typing_context: Any, x: Any) -> Any:
        if isinstance(x, types.Integer | types.Boolean):
            return types.int64(x), lambda context, builder, _, values: context.cast(builder, values[0], x, types.int64)
        if not isinstance(x, types.Float):
            raise TypingError(f"{name} must be called with a number, got {x}")

        def lowered(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
            (value,) = arguments
            value = builder.call(builder.module.declare_intrinsic(f"llvm.{rounding}", [value.type]), [value])
            low, high = (ir.Constant(value.type, limit) for limit in (float(LOWEST), -float(LOWEST)))
            held = builder.and_(builder.fcmp_ordered(">=", value, low), builder.fcmp_ordered("<", value, high))
            safe = builder.select(held, value, ir.Constant(value.type, 0.0))
            return builder.select(held, builder.fptosi(safe, INT64), ir.Constant(INT64, LOWEST))

        return types.int64(x), lowered

    return intrinsic(number)
