"""Exponentials, logarithms, trigonometry and the error function in ONNX operators.

`x` and `y` are values or numbers, one of them a value. Runtimes have some operators for float32 only; only those are
written that they have for float64, too.
"""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

import numpy as np

from .arithmetic import copysign, operator_of_one, signbit, sqrt, where
from .values import Value, tracer_of

LN2, LN10 = math.log(2.0), math.log(10.0)

exp, log, tanh, sin, cos = map(operator_of_one, ("Exp", "Log", "Tanh", "Sin", "Cos"))


# ---- exponentials and logarithms


def exp2(x: Any) -> Any:
    """2^x."""
    return tracer_of(x).add("Pow", 2.0, x)


def expm1(x: Any) -> Any:
    """2 t / (1 - t) with t = tanh(x/2): e^x - 1 without cancellation near 0."""
    t = tanh(0.5 * x)
    return where(x > 1.0, exp(x) - 1.0, 2.0 * t / (1.0 - t))


def log1p(x: Any) -> Any:
    """log(u) x / (u - 1) with u = 1 + x as it is rounded, which makes up for the rounding (Kahan)."""
    u = 1.0 + x
    near = where(u == 1.0, x, log(u) * (x / (u - 1.0)))
    return where(x > 1.0, log(u), near)


def log2(x: Any) -> Any:
    """log x / log 2."""
    return log(x) / LN2


def log10(x: Any) -> Any:
    """log x / log 10."""
    return log(x) / LN10


def log_of_base(x: Any, base: Any = None) -> Any:
    """log x, or log x / log base."""
    above = log(x) if isinstance(x, Value) else math.log(x)
    if base is None:
        return above
    return above / (log(base) if isinstance(base, Value) else math.log(base))


def logaddexp(x: Any, y: Any) -> Any:
    """log(e^x + e^y)."""
    return where(x > y, x, y) + log1p(exp(-abs(x - y)))


# ---- hyperbolic and inverse functions


def sinh(x: Any) -> Any:
    """(e^x - e^-x)/2, of u = e^|x| - 1 near 0."""
    a = abs(x)
    u = expm1(a)
    half = exp(0.5 * a)
    return copysign(where(a > 1.0, 0.5 * half * half - 0.5 * exp(-a), 0.5 * (u + u / (u + 1.0))), x)


def cosh(x: Any) -> Any:
    """(e^x + e^-x)/2."""
    a = abs(x)
    half = exp(0.5 * a)
    return 0.5 * half * half + 0.5 * exp(-a)


def tan(x: Any) -> Any:
    """sin x / cos x."""
    return sin(x) / cos(x)


def atan(x: Any) -> Any:
    """The operator in float32; in float64 the polynomial that nbtrain itself has, of 1/x where |x| > 1."""
    if tracer_of(x).graph.dtype == np.float32:
        return tracer_of(x).add("Atan", x)
    from ...compiler.vectormath.inverse import ATAN_DOUBLE

    a = abs(x)
    t = where(a > 1.0, -1.0 / a, a)
    value = t + t * t * t * _polynomial(t * t, ATAN_DOUBLE)
    return copysign(where(a > 1.0, 0.5 * math.pi + value, value), x)


def atan2(y: Any, x: Any) -> Any:
    """Angle of the point (x, y)."""
    a, b = abs(y), abs(x)
    small, large = where(a > b, b, a), where(a > b, a, b)
    first = atan(where(large == 0.0, 0.0, where(small == large, 1.0, small / where(large == 0.0, 1.0, large))))
    value = where(a > b, 0.5 * math.pi - first, first)
    value = where(signbit(x), math.pi - value, value)
    return where((x != x) | (y != y), x + y, copysign(value, y))


def asin(x: Any) -> Any:
    """atan(x / √(1 - x²))."""
    return atan(x / sqrt((1.0 - x) * (1.0 + x)))


def acos(x: Any) -> Any:
    """2 atan √((1 - x) / (1 + x))."""
    return 2.0 * atan(sqrt((1.0 - x) / (1.0 + x)))


def asinh(x: Any) -> Any:
    """log(1 + a + a² / (1 + √(1 + a²))) with a = |x|; log 2a where a is large."""
    a = abs(x)
    value = log1p(a + a * a / (1.0 + sqrt(a * a + 1.0)))
    return copysign(where(a > 1e9, log(a) + LN2, value), x)


def acosh(x: Any) -> Any:
    """log(1 + u + √(u² + 2u)) with u = x - 1; log 2x where x is large."""
    u = x - 1.0
    return where(x > 1e9, log(x) + LN2, log1p(u + sqrt(u * u + 2.0 * u)))


def atanh(x: Any) -> Any:
    """log(1 + 2a / (1 - a)) / 2 with a = |x|."""
    a = abs(x)
    return copysign(0.5 * log1p(2.0 * a / (1.0 - a)), x)


def erf(x: Any) -> Any:
    """The operator in float32; in float64 the polynomials that nbtrain itself has."""
    if tracer_of(x).graph.dtype == np.float32:
        return tracer_of(x).add("Erf", x)
    from ...compiler.vectormath.errorfunction import LARGE_DOUBLE, SMALL_DOUBLE

    a = abs(x)
    small = x * 1.125 + x * _polynomial(x * x, SMALL_DOUBLE)
    large = 1.0 - exp(-_polynomial(where(a > 5.95, 5.95, a) - 2.5, LARGE_DOUBLE))
    return where(a < 1.0, small, copysign(large, x))


def erfc(x: Any) -> Any:
    """1 - erf x: right to the rounding of 1, not of small results."""
    return 1.0 - erf(x)


def _polynomial(x: Any, coefficients: tuple[float, ...]) -> Any:
    """By Horner's rule, the constant first."""
    return reduce(lambda value, coefficient: value * x + coefficient, coefficients[-2::-1], coefficients[-1])
