"""Trigonometric functions for moderate arguments: sin, cos, tan.

x = n π/2 + r with |r| <= 0.82 (Cody and Waite, with π/2 in three parts and fused or exact products), then a
polynomial in r² for the sine or the cosine.  This finds n up to |x| = 2^20 (float32) and 2^45 (float64);
beyond, the result is NaN: an error that shows, where a wrong value in [-1, 1] would not.
"""

from __future__ import annotations

import math

from nbtrain.compiler.vectormath.arithmetic import (
    Pair,
    fabs,
    fast_two_sum,
    fma,
    minus_product,
    nearest_integer,
    polynomial,
    two_product,
    two_sum,
    where,
)
from nbtrain.compiler.vectormath.scalars import Integer, Real

HALF_PI_SINGLE = (1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15)
HALF_PI_DOUBLE = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33)

# (sin r - r) / r³ and (cos r - 1 + r²/2) / r⁴ in r², |r| <= 0.83: errors below 2^-27.3 and 2^-32.1, 2^-56.8
# and 2^-62.6.
SIN_SINGLE = (-0.16666650772094727, 0.008331910707056522, -0.00019481327035464346)
SIN_DOUBLE = (
    -0.166666666666666, 0.008333333333314288, -0.00019841269823386105, 2.7557311502445522e-06,
    -2.5050422309988007e-08, 1.587777496157954e-10,
)  # fmt: skip
COS_SINGLE = (0.04166663810610771, -0.0013886952074244618, 2.4392413251916878e-05)
COS_DOUBLE = (
    0.04166666666666652, -0.0013888888888860624, 2.4801587281355774e-05, -2.7557312089839794e-07,
    2.0875426898095084e-09, -1.1344858332418948e-11,
)  # fmt: skip


def reduced(x: Real) -> tuple[Integer, Real]:
    """`n` and `r` with x = n π/2 + r."""
    first, second, third = x.format.pick(HALF_PI_SINGLE, HALF_PI_DOUBLE)
    n, integer = nearest_integer(x, 2.0 / math.pi)
    r = minus_product(minus_product(x, n, first), n, second)
    return integer, fma(n, -third, r)


def wave(r: Real, quarter: Integer) -> Real:
    """sin(r + quarter π/2)."""
    code, z = r.format, r * r
    sine = fma(r * z, polynomial(z, code.pick(SIN_SINGLE, SIN_DOUBLE)), r)
    cosine = 1.0 - fma(-(z * z), polynomial(z, code.pick(COS_SINGLE, COS_DOUBLE)), 0.5 * z)
    value = where((quarter & 1).is_zero(), sine, cosine)
    sign = (quarter >> 1) << (8 * code.dtype.itemsize - 1)
    return (value.bits() ^ sign).as_bits()


def within_range(x: Real, result: Real) -> Real:
    return where(fabs(x) <= x.format.pick(2.0**20, 2.0**45), result, math.nan)


def sin(x: Real) -> Real:
    """Of |x|, with the sign of x turned over to the result, so that sin(-0) is -0."""
    n, r = reduced(fabs(x))
    negative = x.bits() & -(1 << (8 * x.format.dtype.itemsize - 1))
    return within_range(x, (wave(r, n).bits() ^ negative).as_bits())


def cos(x: Real) -> Real:
    n, r = reduced(x)
    return within_range(x, wave(r, n + 1))


def tan(x: Real) -> Real:
    """sin r / cos r, or -cos r / sin r: a quotient of pairs of numbers, since four roundings would be too many.

    `r` has a second part too, which decides near the poles.
    """
    code = x.format
    first, second, third = code.pick(HALF_PI_SINGLE, HALF_PI_DOUBLE)
    n, integer = nearest_integer(x, 2.0 / math.pi)
    product = two_product(n, second)
    r, low = two_sum(minus_product(x, n, first), -product.high)
    r, low = fast_two_sum(r, fma(n, -third, low - product.low))
    z = r * r
    sine = fast_two_sum(r, r * z * polynomial(z, code.pick(SIN_SINGLE, SIN_DOUBLE)))
    fall = fma(-(z * z), polynomial(z, code.pick(COS_SINGLE, COS_DOUBLE)), 0.5 * z)
    cosine = fast_two_sum(1.0, -fall)
    sine = Pair(sine.high, sine.low + low * cosine.high)
    cosine = Pair(cosine.high, cosine.low - low * sine.high)
    even = (integer & 1).is_zero()
    over = Pair(where(even, sine.high, -cosine.high), where(even, sine.low, -cosine.low))
    under = Pair(where(even, cosine.high, sine.high), where(even, cosine.low, sine.low))
    quotient = over.high / under.high
    rest = minus_product(over.high, quotient, under.high) + fma(-quotient, under.low, over.low)
    return within_range(x, where(x.equals(0.0), x, quotient + rest / under.high))
