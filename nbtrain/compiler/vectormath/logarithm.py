"""Logarithms: log, log2, log10, log1p, logaddexp.

x = m 2^k with √½ <= m < √2 and f = m - 1, log(1 + f) = f - t, where t is about f²/2:

- float32: t = f² (1/2 - f P(f)) with a polynomial P;
- float64: with s = f / (2 + f), log(1 + f) = 2s + s R(s²), hence t = f²/2 - s (f²/2 + R(s²)), which keeps the
  rounding errors of s out of the leading term (FreeBSD's e_log.c).

The constant that turns the natural logarithm into another one is a sum of two numbers.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from nbtrain.compiler.vectormath.arithmetic import fabs, fma, polynomial, power_of_two, two_sum, where
from nbtrain.compiler.vectormath.exponential import LN2_DOUBLE, LN2_SINGLE, exp
from nbtrain.compiler.vectormath.scalars import Real

# 1/2 - f P(f), from the constant term: error of log below 2^-27.3 of its value.
T_SINGLE = (
    0.5, -0.3333333134651184, 0.250008225440979, -0.20001260936260223, 0.16623333096504211,
    -0.142009437084198, 0.13159482181072235, -0.12766966223716736, 0.07643289119005203,
)  # fmt: skip
# R(z) / z: error of log below 2^-59.4 of its value.
R_DOUBLE = (
    0.6666666666666734, 0.399999999994166, 0.28571428742043375, 0.22222198602919943, 0.1818356298239647,
    0.1531408040723751, 0.14795786649039358,
)  # fmt: skip


class Base(NamedTuple):
    """A logarithm's base: log(e) and log(2) in it, each as a sum of two, log(2)'s first part short."""

    e: tuple[float, float]
    two: tuple[float, float]


NATURAL = Base((1.0, 0.0), LN2_SINGLE), Base((1.0, 0.0), LN2_DOUBLE)
BINARY = (
    Base((1.4426950216293335, 1.925963033500011e-08), (1.0, 0.0)),
    Base((1.4426950408889634, 2.0355273740931033e-17), (1.0, 0.0)),
)
DECIMAL = (
    Base((0.4342944920063019, -1.0103049952192578e-08), (0.301025390625, 4.605039066518657e-06)),
    Base((0.4342944819032518, 1.098319650216765e-17), (0.3010299956640665, -8.532344317057107e-14)),
)


class Parts(NamedTuple):
    """x = (1 + f) 2^k."""

    f: Real
    k: Real
    inverse: Real  # 2^-k; where k is too large for that, anything


def parts(x: Real, subnormal: bool = True) -> Parts:
    """Split a positive number; `subnormal` tells whether it may be one."""
    code = x.format
    least = code.bits(math.sqrt(0.5))
    offset = x.format.real(0.0)
    if subnormal:
        tiny = x < code.smallest_normal
        steps = code.fraction + 2
        offset = where(tiny, float(steps), 0.0)
        x = where(tiny, x * 2.0**steps, x)
    shifted = x.bits() + (code.bits(1.0) - least)
    k = (shifted >> code.fraction) - code.bias
    m = ((shifted & ((1 << code.fraction) - 1)) + least).as_bits()
    return Parts(m - 1.0, k.as_real() - offset, power_of_two(0 - k))


def curved(f: Real) -> Real:
    """t = f - log(1 + f)."""
    if f.format.single:
        return f * f * polynomial(f, T_SINGLE)
    half_square = 0.5 * f * f
    s = f / (2.0 + f)
    z = s * s
    return half_square - s * fma(z, polynomial(z, R_DOUBLE), half_square)


def assembled(f: Real, k: Real, base: Base) -> Real:
    """log(1 + f) + k log(2) in a base."""
    t = curved(f)
    if base.e == (1.0, 0.0):
        main = f + fma(k, base.two[1], -t)
    else:
        main = fma(f, base.e[0], fma(k, base.two[1], fma(f, base.e[1], -(t * base.e[0]))))
    return fma(k, base.two[0], main)


def with_limits(x: Real, result: Real, pole: float) -> Real:
    """`result`, but -∞ at the pole, NaN below it, and NaN and +∞ for themselves."""
    result = where(x.equals(pole), -math.inf, where(x < pole, math.nan, result))
    return where(x < math.inf, result, x)


def _logarithm(x: Real, bases: tuple[Base, Base]) -> Real:
    f, k, _ = parts(x)
    return with_limits(x, assembled(f, k, x.format.pick(*bases)), 0.0)


def log(x: Real) -> Real:
    return _logarithm(x, NATURAL)


def log2(x: Real) -> Real:
    return _logarithm(x, BINARY)


def log10(x: Real) -> Real:
    return _logarithm(x, DECIMAL)


def log1p(x: Real) -> Real:
    """log(u) with u = 1 + x rounded, and what that lost added to f; where k = 0, f becomes x itself."""
    u = two_sum(x, 1.0)
    f, k, inverse = parts(u.high, subnormal=False)
    lost = where(u.high < 2.0 ** (2 * x.format.fraction), u.low * inverse, 0.0)
    result = assembled(f + lost, k, x.format.pick(*NATURAL))
    return where(x.equals(0.0), x, with_limits(x, result, -1.0))


def logaddexp(x: Real, y: Real) -> Real:
    """log(e^x + e^y): the larger one and log(1 + e^-|x - y|).

    With a first argument of 0, which is softplus, it is accurate to 2 and 4 ulp; else to as many of the larger
    argument's: near 0 the sum cancels.
    """
    larger = where(x > y, x, y)
    apart = where(x.equals(y), 0.0, fabs(x - y))  # infinities may be equal
    return where(x.is_nan() | y.is_nan(), x + y, larger + log1p(exp(-apart)))
