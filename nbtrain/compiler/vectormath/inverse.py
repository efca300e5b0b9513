"""Inverse functions: asin, acos, atan, atan2, and of the hyperbolic ones asinh, acosh, atanh."""

from __future__ import annotations

import math

from nbtrain.compiler.vectormath.arithmetic import Pair, copysign, fabs, fma, minus_product, polynomial, sqrt, where
from nbtrain.compiler.vectormath.exponential import odd_polynomial
from nbtrain.compiler.vectormath.logarithm import log1p
from nbtrain.compiler.vectormath.scalars import Real
from nbtrain.compiler.vectormath.trigonometry import HALF_PI_DOUBLE, HALF_PI_SINGLE

# (atan t - t) / t³ in t², |t| <= 1: errors below 2^-28.4 and 2^-54.9.
ATAN_SINGLE = (
    -0.33333298563957214, 0.1999852955341339, -0.14264015853405, 0.10950879752635956, -0.08399298787117004,
    0.057881079614162445, -0.031096378341317177, 0.010868129320442677, -0.00178262940607965,
)  # fmt: skip
ATAN_DOUBLE = (
    -0.3333333333333186, 0.19999999999755194, -0.1428571427134249, 0.11111110678933091, -0.09090901238138623,
    0.0769221295804453, -0.06665860558065387, 0.05877308782549095, -0.052392369330410124,
    0.046739612376120905, -0.04092664633400036, 0.03406827305405512, -0.025827418343465695,
    0.016978672455930145, -0.0091850464944714, 0.0038562447025021363, -0.0011641737757707952,
    0.0002230459632043734, -2.0261060281515437e-05,
)  # fmt: skip

# (asin s - s) / s³ in s², |s| <= 1/2: errors below 2^-27.5 and 2^-55.6; (asinh x - x) / x³ for |x| <= 1/2: of asinh
# below 2^-29.4.
ASIN_SINGLE = (
    0.16666758060455322, 0.07495039701461792, 0.045506179332733154, 0.023987777531147003, 0.04251500591635704,
)  # fmt: skip
ASIN_DOUBLE = (
    0.1666666666666518, 0.07500000000393314, 0.04464285678023492, 0.0303819611777085, 0.022371707913432935,
    0.017360476905588267, 0.01387746681450627, 0.012221061197308187, 0.006300403458334821,
    0.020159435964079268, -0.017226883757704144, 0.03260730513315016,
)  # fmt: skip
ASINH_SINGLE = (
    -0.1666664183139801, 0.07498567551374435, -0.044372495263814926, 0.028103815391659737, -0.013117644004523754,
)  # fmt: skip
LN2 = math.log(2.0)


def _half_pi(x: Real) -> Pair:
    """π/2 as a sum of two numbers."""
    high, low, _ = x.format.pick(HALF_PI_SINGLE, HALF_PI_DOUBLE)
    return Pair(x.format.real(high), x.format.real(low))


def _atan_series(t: Real) -> Real:
    """atan t for |t| <= 1."""
    return odd_polynomial(t, t.format.pick(ATAN_SINGLE, ATAN_DOUBLE))


def atan(x: Real) -> Real:
    """π/2 - atan(1/|x|) beyond 1."""
    high, low = _half_pi(x)
    a = fabs(x)
    beyond = a > 1.0
    value = _atan_series(where(beyond, -1.0, a) / where(beyond, a, 1.0))
    return copysign(where(beyond, high + (value + low), value), x)


def atan2(y: Real, x: Real) -> Real:
    """Angle of the point (x, y): atan of the smaller magnitude by the larger, turned to its octant; C's Annex F."""
    high, low = _half_pi(x)
    a, b = fabs(y), fabs(x)
    steep = a > b
    small, large = where(steep, b, a), where(steep, a, b)
    t = where(small.equals(large), 1.0, small / large)  # 1 also of two infinities
    t = where(large.equals(0.0), 0.0, t)
    value = _atan_series(t)
    behind = copysign(x.format.real(1.0), x) < 0.0
    turned = where(behind, 2.0 * high + (2.0 * low - value), value)
    value = where(steep, high + (low - copysign(value, x)), turned)
    return where(x.is_nan() | y.is_nan(), x + y, copysign(value, y))


def _asin_parts(x: Real) -> tuple[Real, Real]:
    """`s` and a small `d` with asin |x| = s + d up to 1/2, π/2 - 2 (s + d) beyond, s² = (1 - |x|) / 2.

    `d` holds also what rounding took from s, which is a square root.
    """
    a = fabs(x)
    beyond = a > 0.5
    square = where(beyond, 0.5 - 0.5 * a, a * a)
    s = where(beyond, sqrt(square), a)
    lost = where(beyond & (s > 0.0), minus_product(square, s, s) / where(beyond, 2.0 * s, 1.0), 0.0)
    series = s * square * polynomial(square, x.format.pick(ASIN_SINGLE, ASIN_DOUBLE))
    return s, series + lost


def asin(x: Real) -> Real:
    """x + x³ P(x²) up to 1/2, π/2 - 2 asin(sqrt((1 - |x|) / 2)) beyond."""
    high, low = _half_pi(x)
    s, d = _asin_parts(x)
    return copysign(where(fabs(x) > 0.5, high - 2.0 * s + (low - 2.0 * d), s + d), x)


def acos(x: Real) -> Real:
    """π/2 - asin x up to 1/2; beyond, 2 asin(sqrt((1 - |x|) / 2)), or π minus that for negative x."""
    high, low = _half_pi(x)
    s, d = _asin_parts(x)
    near = high - (copysign(s, x) - (low - copysign(d, x)))
    far = where(x < 0.0, 2.0 * (high - s) + 2.0 * (low - d), 2.0 * (s + d))
    return where(fabs(x) > 0.5, far, near)


def asinh(x: Real) -> Real:
    """log(1 + (a + a² / (1 + sqrt(1 + a²)))) with a = |x|, log(2a) where a² is far above 1.

    In float32 a polynomial below 1/2, where rounding would else add up to more than it should.
    """
    code, a = x.format, fabs(x)
    far = a > 2.0 ** (code.fraction + 2)
    square = a * a
    t = where(far, a, a + square / (1.0 + sqrt(square + 1.0)))
    value = log1p(t) + where(far, LN2, 0.0)
    if code.single:
        value = where(a < 0.5, odd_polynomial(a, ASINH_SINGLE), value)
    return copysign(value, x)


def acosh(x: Real) -> Real:
    """log(1 + (u + sqrt(u² + 2u))) with u = x - 1, log(2x) where x is far above 1; NaN below 1."""
    far = x > 2.0 ** (x.format.fraction + 2)
    u = x - 1.0
    t = where(far, x, u + sqrt(fma(u, u, 2.0 * u)))
    return where(x < 1.0, math.nan, log1p(t) + where(far, LN2, 0.0))


def atanh(x: Real) -> Real:
    """log(1 + 2a / (1 - a)) / 2 with a = |x|."""
    a = fabs(x)
    return copysign(0.5 * log1p(2.0 * a / (1.0 - a)), x)
