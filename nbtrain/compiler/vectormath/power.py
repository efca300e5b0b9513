"""Powers and roots: pow, cbrt, hypot.

pow(x, y) = e^(y log x) needs log x with as many digits more as y log x has before the point: the logarithm
and its product with y are kept as pairs of numbers (as in SLEEF's and FreeBSD's pow, which take other steps).
"""

from __future__ import annotations

import math

from nbtrain.compiler.vectormath.arithmetic import (
    Pair,
    clamped,
    copysign,
    fabs,
    fast_two_sum,
    fma,
    minus_product,
    nearest_integer,
    plus,
    polynomial,
    power_of_two,
    scaled,
    sqrt,
    times,
    two_product,
    where,
)
from nbtrain.compiler.vectormath.exponential import LN2_DOUBLE, LN2_SINGLE, plus_expm1, reduced
from nbtrain.compiler.vectormath.logarithm import parts
from nbtrain.compiler.vectormath.rounding import rint
from nbtrain.compiler.vectormath.scalars import Condition, Real

# ((log((1 + s) / (1 - s)) - 2s) / s³ - 2/3) / s² as a polynomial in s²: error of log below 2^-36.7 and
# 2^-66.2.
TAIL_SINGLE = (0.40000152587890625, 0.2854709029197693, 0.23419685661792755)
TAIL_DOUBLE = (
    0.40000000000002256, 0.2857142857009966, 0.22222222519898366, 0.1818178437001055, 0.15386757166477052,
    0.1325682227358394, 0.13196280713539063,
)  # fmt: skip
TWO_THIRDS_SINGLE = (0.6666666865348816, -1.9868215517249155e-08)
TWO_THIRDS_DOUBLE = (0.6666666666666666, 3.700743415417188e-17)

# m^(1/3) over √½/2 <= m <= 2√2: error below 2^-9.0.
CUBE_ROOT = (
    0.44355350732803345, 0.8984413146972656, -0.47398215532302856, 0.15338432788848877, -0.019562294706702232,
)  # fmt: skip


def log_pair(x: Real) -> Pair:
    """log x for positive finite x, to about twice the precision less ten bits.

    log(1 + f) = 2s + s³ (2/3 + s² T(s²)) with s = f / (2 + f).
    """
    code = x.format
    ln2_high, ln2_low = code.pick(LN2_SINGLE, LN2_DOUBLE)
    f, k, _ = parts(x)
    divisor = fast_two_sum(2.0, f)
    inverse = 1.0 / divisor.high
    ratio = f * inverse
    rest = minus_product(minus_product(f, ratio, divisor.high), ratio, divisor.low)
    s = Pair(ratio, rest * inverse)
    square = times(s, s)
    tail = square.high * polynomial(square.high, code.pick(TAIL_SINGLE, TAIL_DOUBLE))
    third_high, third_low = code.pick(TWO_THIRDS_SINGLE, TWO_THIRDS_DOUBLE)
    factor = fast_two_sum(third_high, tail)
    factor = Pair(factor.high, factor.low + third_low)
    log_m = plus(Pair(2.0 * s.high, 2.0 * s.low), times(times(s, square), factor))
    total = fast_two_sum(k * ln2_high, log_m.high)
    return Pair(total.high, total.low + fma(k, ln2_low, log_m.low))


def magnitude(x: Real, y: Real) -> Real:
    """|x|^y for numbers that are not NaN."""
    log_x = log_pair(fabs(x))
    infinite = fabs(x).equals(math.inf)
    high = where(x.equals(0.0), -math.inf, where(infinite, math.inf, log_x.high))
    exponent = two_product(y, high)
    rest = fma(y, log_x.low, exponent.low)
    within = clamped(exponent.high, *x.format.pick((-110.0, 100.0), (-760.0, 720.0)))
    product = where(high.equals(0.0), 0.0, within)
    n, r = reduced(product)
    r = r + where(product.equals(exponent.high), rest, 0.0)
    return scaled(1.0 + plus_expm1(r, r), n)


def _is_integer(y: Real) -> Condition:
    return rint(y).equals(y)


def pow(x: Real, y: Real) -> Real:
    """x^y, with the special values of C's Annex F."""
    result = magnitude(x, y)
    odd = _is_integer(y) & ~_is_integer(0.5 * y)
    result = where(odd, copysign(result, x), result)
    result = where((x < 0.0) & (x > -math.inf) & ~_is_integer(y), math.nan, result)
    result = where(x.is_nan() | y.is_nan(), x + y, result)
    return where(x.equals(1.0) | y.equals(0.0), 1.0, result)


def cbrt(x: Real) -> Real:
    """2^q m^(1/3) with x = m 2^3q: a polynomial, and Halley's iteration, which triples the right digits."""
    f, k, _ = parts(fabs(x))
    third, q = nearest_integer(k, 1.0 / 3.0)
    _, rest = nearest_integer(fma(third, -3.0, k))
    m = (f + 1.0) * power_of_two(rest)
    root = polynomial(m, CUBE_ROOT)
    for _ in range(x.format.pick(1, 2)):
        cube = root * root * root
        root = fma(-root, (cube - m) / fma(cube, 2.0, m), root)
    result = copysign(root * power_of_two(q), x)
    return where((fabs(x) < math.inf) & ~x.equals(0.0), result, x)


def hypot(x: Real, y: Real) -> Real:
    """sqrt(x² + y²), of numbers scaled so that their squares are normal; ∞ where either is infinite."""
    a, b = fabs(x), fabs(y)
    large = where(a > b, a, b)
    border_big, down, border_small, up = x.format.pick((60, -66, -40, 90), (500, -600, -400, 700))
    big, small = large > 2.0**border_big, large < 2.0**border_small
    scale = where(big, 2.0**down, where(small, 2.0**up, 1.0))
    back = where(big, 2.0**-down, where(small, 2.0**-up, 1.0))
    a, b = a * scale, b * scale
    return where(a.equals(math.inf) | b.equals(math.inf), math.inf, sqrt(fma(a, a, b * b)) * back)
