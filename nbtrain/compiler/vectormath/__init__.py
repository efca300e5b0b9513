"""Elementary functions that LLVM vectorizes when they are called in a loop.

A scalar call to the C library stops vectorization.  `functions(dtype)` gives branch-free functions for
compiled code that use neither the C library nor, in float32, float64.  What holds for each:

- at most 2 ulp from the true value in float32 and 4 in float64, subnormal arguments and results included;
- NaN for NaN, the sign of zero and the infinities as in C;
- the same bits wherever the function stands: in a vectorized loop, in its scalar rest, alone;
- on a host without fused multiply-add the results differ in the last bits; the bounds hold;
- the square roots of code that takes subnormal numbers for zero may do so too.

`sin`, `cos` and `tan` are NaN beyond 2^20 (float32) and 2^45 (float64) in magnitude, `fmod` and `mod` where the
quotient is beyond 2^48 and 2^106.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import from_dtype, types
from numba.extending import intrinsic

from nbtrain.compiler.vectormath import (
    arithmetic,
    choices,
    division,
    errorfunction,
    exponential,
    inverse,
    logarithm,
    power,
    rounding,
    trigonometry,
)
from nbtrain.compiler.vectormath.forms import check_numbers, forms
from nbtrain.compiler.vectormath.rows import rows
from nbtrain.compiler.vectormath.scalars import Condition, Format, Real, Rule
from nbtrain.compiler.vectormath.whole import whole

RULES: tuple[Rule, ...] = (
    *(exponential.exp, exponential.exp2, exponential.expm1),
    *(exponential.sinh, exponential.cosh, exponential.tanh, exponential.sigmoid),
    *(logarithm.log, logarithm.log2, logarithm.log10, logarithm.log1p, logarithm.logaddexp),
    *(errorfunction.erf, errorfunction.erfc),
    *(trigonometry.sin, trigonometry.cos, trigonometry.tan),
    *(inverse.asin, inverse.acos, inverse.atan, inverse.atan2),
    *(inverse.asinh, inverse.acosh, inverse.atanh),
    *(power.pow, power.cbrt, power.hypot, arithmetic.sqrt),
    *(rounding.floor, rounding.ceil, rounding.trunc, rounding.rint),
    *(rounding.minimum, rounding.maximum, rounding.fmin, rounding.fmax),
    *(arithmetic.fabs, arithmetic.copysign, choices.number, choices.sign, choices.heaviside),
    *(choices.square, choices.reciprocal, choices.root),
    *(division.fmod, division.mod, division.floor_divide),
)
TESTS: tuple[Callable[[Real], Condition], ...] = (*(choices.isnan, choices.isinf, choices.isfinite, choices.signbit),)


def functions(dtype: np.dtype[Any], flushing: bool = False) -> dict[str, Any]:
    """The functions by name, each taking any real numbers and working in `dtype`, float32 or float64.

    They are Numba intrinsics: for compiled code alone, and written into it, not called. Those for code that takes
    subnormal numbers for zero (`flushing`) may do so themselves.
    """
    return _functions(np.dtype(dtype), flushing)


@cache
def _functions(dtype: np.dtype[Any], flushing: bool) -> dict[str, Any]:
    number = from_dtype(dtype)
    if flushing:
        faster = {"sqrt": arithmetic.sqrt_when_flushing, "root": choices.root_when_flushing}
        return functions(dtype) | {name: _compiled(rule, dtype, number) for name, rule in faster.items()}
    made = {rule.__name__: _compiled(rule, dtype, number) for rule in RULES}
    tests = {rule.__name__: _compiled(rule, dtype, types.boolean) for rule in TESTS}
    return made | tests | forms(dtype) | rows(dtype) | whole()


def _compiled(rule: Any, dtype: np.dtype[Any], result: Any) -> Any:
    number, name = from_dtype(dtype), rule.__name__

    def lowered(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = Format(builder, dtype)
        return rule(
            *(
                Real(code, context.cast(builder, argument, argument_type, number))
                for argument, argument_type in zip(arguments, signature.args, strict=True)
            )
        ).value

    def typed(*arguments: Any) -> Any:
        check_numbers(name, *arguments)
        return result(*arguments), lowered

    def unary(typing_context: Any, x: Any) -> Any:
        return typed(x)

    def binary(typing_context: Any, x: Any, y: Any) -> Any:
        return typed(x, y)

    function = unary if len(inspect.signature(rule).parameters) == 1 else binary
    function.__name__ = function.__qualname__ = name
    function.__doc__ = rule.__doc__
    return intrinsic(function)
