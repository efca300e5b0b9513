"""The exponential function and what is made of it: exp, exp2, expm1, sinh, cosh, tanh, sigmoid.

All but exp2 write x = n ln 2 + r with |r| <= ln 2 / 2 (Cody and Waite, Software Manual for the Elementary
Functions, 1980, chapter 6: ln 2 in two parts, the first so short that its product with n is exact) and

    e^r - 1 = r + r² q(r)

with a polynomial q.  The coefficients here and in the modules beside are our own: minimax by Remez exchange
in 220-bit arithmetic, of the error relative to the value of the function that is named, over an interval
slightly wider than the one used.  Each coefficient in turn, from the lowest, is rounded to the format and the
rest fitted anew; the errors given are those of the rounded ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from nbtrain.compiler.vectormath.arithmetic import (
    at_least,
    at_most,
    clamped,
    copysign,
    fabs,
    fast_two_sum,
    fma,
    halved,
    nearest_integer,
    polynomial,
    power_of_two,
    scaled,
    where,
)
from nbtrain.compiler.vectormath.scalars import Integer, Real

LOG2_E = 1.4426950408889634
LN2_SINGLE = (0.693145751953125, 1.428606765330187e-06)  # 15 + 24 bits, 2^-44 left
LN2_DOUBLE = (0.6931471805601177, -1.7239444525614835e-13)  # 41 + 53 bits, 2^-102 left

# q: error of e^r - 1 below 2^-28.2 and 2^-61.6 of its value.
Q_SINGLE = (
    0.5, 0.16666635870933533, 0.041666511446237564, 0.008341509848833084, 0.0013930543791502714,
    0.00015046582848299295,
)  # fmt: skip
Q_DOUBLE = (
    0.5, 0.16666666666666677, 0.041666666666666685, 0.00833333333332179, 0.0013888888888893684,
    0.00019841269885373578, 2.4801587279082544e-05, 2.7557245108250756e-06, 2.7557329342587345e-07,
    2.5108705501230316e-08, 2.0894008986616877e-09,
)  # fmt: skip

# (2^r - 1) / r over |r| <= 1/2: error below 2^-26.2 and 2^-57.0 of 2^r.
EXP2_SINGLE = (
    0.6931471824645996, 0.24022594094276428, 0.055503662675619125, 0.009625439532101154,
    0.0013387957587838173, 0.00013338058488443494,
)  # fmt: skip
EXP2_DOUBLE = (
    0.6931471805599453, 0.24022650695910175, 0.05550410866482458, 0.009618129107575889, 0.0013333558145565195,
    0.000154035304803311, 1.5252734740323144e-05, 1.3215423775447608e-06, 1.0177655249702362e-07,
    7.075732135000484e-09, 4.5193869022209515e-10,
)  # fmt: skip

# (sinh x - x) / x³ for |x| <= 1: error of sinh below 2^-31.6 and 2^-61.7; (tanh x - x) / x³ for |x| <= 0.6:
# of tanh below 2^-28.3; polynomials in x².
SINH_SINGLE = (0.1666666716337204, 0.00833331048488617, 0.00019842891197185963, 2.782266619760776e-06)
SINH_DOUBLE = (
    0.16666666666666669, 0.008333333333332912, 0.00019841269841593392, 2.7557319106693056e-06,
    2.50521310282367e-08, 1.6056654997604884e-10, 7.776788754372532e-13,
)  # fmt: skip
TANH_SINGLE = (
    -0.33333298563957214, 0.13331934809684753, -0.05378450080752373, 0.020797651261091232,
    -0.0058965799398720264,
)  # fmt: skip


def reduced(x: Real) -> tuple[Integer, Real]:
    """`n` and `r` with x = n ln 2 + r."""
    high, low = x.format.pick(LN2_SINGLE, LN2_DOUBLE)
    n, integer = nearest_integer(x, LOG2_E)
    return integer, fma(n, -low, fma(n, -high, x))


def plus_expm1(base: Real, r: Real) -> Real:
    """`base + r² q(r)`: e^r - 1 where the base is r."""
    return fma(r * r, polynomial(r, r.format.pick(Q_SINGLE, Q_DOUBLE)), base)


def normal_exp(x: Real) -> Real:
    """e^x where it is known to be a normal number."""
    n, r = reduced(x)
    return (1.0 + plus_expm1(r, r)) * power_of_two(n)


def exp(x: Real) -> Real:
    n, r = reduced(clamped(x, *x.format.pick((-104.0, 89.0), (-746.0, 710.0))))
    return scaled(1.0 + plus_expm1(r, r), n)


def exp2(x: Real) -> Real:
    x = clamped(x, *x.format.pick((-151.0, 129.0), (-1076.0, 1025.0)))
    n, integer = nearest_integer(x)
    r = x - n
    return scaled(fma(r, polynomial(r, x.format.pick(EXP2_SINGLE, EXP2_DOUBLE)), 1.0), integer)


def expm1(x: Real) -> Real:
    """2^n ((r + (1 - 2^-n)) + r² q(r)): in this order nothing cancels (the idea of FreeBSD's s_expm1.c)."""
    n, r = reduced(clamped(x, *x.format.pick((-20.0, 89.0), (-40.0, 710.0))))
    first, second = halved(n)
    inverse = power_of_two(0 - first) * power_of_two(0 - second)
    result = plus_expm1(r + (1.0 - inverse), r) * power_of_two(first) * power_of_two(second)
    return where(x.equals(0.0), x, result)


def half_exp(x: Real) -> Real:
    """e^|x| / 2, which overflows only where sinh and cosh do."""
    n, r = reduced(at_most(fabs(x), x.format.pick(91.0, 712.0)))
    return scaled(1.0 + plus_expm1(r, r), n - 1)


def odd_polynomial(x: Real, coefficients: Sequence[float]) -> Real:
    """x + x³ P(x²)."""
    z = x * x
    return fma(x * z, polynomial(z, coefficients), x)


def sinh(x: Real) -> Real:
    """A polynomial below 1; beyond, h - 1 / 4h with h = e^|x| / 2."""
    h = half_exp(x)
    small = odd_polynomial(x, x.format.pick(SINH_SINGLE, SINH_DOUBLE))
    return where(fabs(x) < 1.0, small, copysign(h - 0.25 / h, x))


def cosh(x: Real) -> Real:
    """h + 1 / 4h with h = e^|x| / 2."""
    h = half_exp(x)
    return h + 0.25 / h


def tanh(x: Real) -> Real:
    """In float32 1 - 2 / (e^2|x| + 1) and a polynomial below 0.6; in float64 E / (E + 2), E = e^2|x| - 1.

    The first is more accurate; the second, one ulp worse, spares float64 a polynomial of a dozen terms.
    """
    a = fabs(x)
    n, r = reduced(2.0 * at_most(a, x.format.pick(10.0, 20.0)))
    power = power_of_two(n)
    if x.format.single:
        large = 1.0 - 2.0 / fma(power, plus_expm1(r, r), power + 1.0)
        return copysign(where(a < 0.6, odd_polynomial(a, TANH_SINGLE), large), x)
    e = plus_expm1(r + (1.0 - power_of_two(0 - n)), r) * power
    return copysign(e / (e + 2.0), x)


def sigmoid(x: Real) -> Real:
    """1 / (1 + e^-x), for negative x e^x / (1 + e^x): no overflow, and small results are accurate.

    What rounding took from the two sums is made good at the end.
    """
    n, r = reduced(at_least(-fabs(x), x.format.pick(-104.0, -746.0)))
    p = fast_two_sum(1.0, plus_expm1(r, r))
    e = scaled(p.high, n)
    negative, divisor = x < 0.0, fast_two_sum(1.0, e)
    result = where(negative, e, 1.0) / divisor.high
    return fma(result, where(negative, p.low, 0.0) - divisor.low, result)
