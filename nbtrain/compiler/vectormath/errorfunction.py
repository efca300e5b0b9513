"""The error function and its complement: erf, erfc."""

from __future__ import annotations

from nbtrain.compiler.vectormath.arithmetic import (
    at_most,
    copysign,
    fabs,
    fast_two_sum,
    fma,
    minus_product,
    polynomial,
    scaled,
    two_product,
    two_sum,
    where,
)
from nbtrain.compiler.vectormath.exponential import normal_exp, plus_expm1, reduced
from nbtrain.compiler.vectormath.scalars import Real

# erf(x) / x - 1.125 as a polynomial in x²: error of erf below 2^-26.7 for |x| < 0.875, 2^-56.8 for |x| < 1.
SMALL_SINGLE = (
    0.0033791575115174055, -0.3761255145072937, 0.11282464861869812, -0.026791781187057495,
    0.005032618995755911, -0.0006205381359905005,
)  # fmt: skip
SMALL_DOUBLE = (
    0.0033791670955125655, -0.37612638903183515, 0.11283791670943992, -0.026866170643079248,
    0.005223977605844113, -0.000854832591575065, 0.00012055293160464032, -1.4924704117747247e-05,
    1.6447028536365363e-06, -1.6205510296888833e-07, 1.3707447532020605e-08, -7.772773609863553e-10,
)  # fmt: skip

# -log(erfc(x)) as a polynomial in x (from 0.875 to 3.95) and in x - 2.5 (from 1 to 5.95): error of erf below
# 2^-28.9 and 2^-56.8 of its value.
LARGE_SINGLE = (
    0.00013360749289859086, 1.1279360055923462, 0.6367374062538147, 0.10432738065719604, -0.02242017723619938,
    0.0030922892037779093, -0.00020099715038668364,
)  # fmt: skip
LARGE_DOUBLE = (
    7.806815272727254, 5.352680750986517, 0.9438937335257167, 0.01085807274005902, -0.002165476917443889,
    0.00042093251586123817, -7.703077857553321e-05, 1.2756022850252243e-05, -1.7688677533692102e-06,
    1.5575160726647554e-07, 1.2321602586598771e-08, -1.0895003173913343e-08, 3.725790120749389e-09,
    -7.756982885916377e-10, 1.0443671671643701e-10, -5.6520632686058035e-11, 5.1874804962318845e-12,
    4.989881250361041e-12,
)  # fmt: skip

# (1 + 2x) e^(x²) erfc(x) - 1.25 as a polynomial in (x - K) / (x + K), K = 3 and 4: error below 2^-28.6 up to
# x = 10.1 and 2^-52.9 up to x = 27.3.
COMPLEMENT_SINGLE = (
    0.003008059225976467, -0.13562114536762238, -0.047562409192323685, 0.12964661419391632,
    -0.11927075684070587, 0.06829433888196945, -0.023799311369657516, 0.0025700554251670837,
    0.002006213180720806, -0.0007769146468490362, -0.0002688441891223192,
)  # fmt: skip
COMPLEMENT_DOUBLE = (
    -0.01700488137444745, -0.13962111684056316, 0.015379652102607015, 0.06809705425476176,
    -0.10103906603560871, 0.09373283499646255, -0.06633036582749793, 0.037167515563612995,
    -0.016197733882074045, 0.005031969783133777, -0.0007577744754647344, -0.00019925591701200533,
    0.00015062665041062386, -2.4400663048508673e-05, -1.123521059247518e-05, 5.709701914344269e-06,
    3.1558514812140265e-07, -8.202551033950856e-07, 5.343071421391591e-08, 1.0105695594528109e-07,
    -7.323152259644185e-09, -8.041071813605785e-09,
)  # fmt: skip


def small_erf(x: Real) -> Real:
    """erf(x) near 0."""
    return fma(x, 1.125, x * polynomial(x * x, x.format.pick(SMALL_SINGLE, SMALL_DOUBLE)))


def erf(x: Real) -> Real:
    """x times a polynomial near 0, beyond it 1 - e^-g(x) (the form is Njuffa's, the coefficients are not)."""
    code, a = x.format, fabs(x)
    border, center, limit = code.pick((0.875, 0.0, 3.95), (1.0, 2.5, 5.95))
    large = 1.0 - normal_exp(-polynomial(at_most(a, limit) - center, code.pick(LARGE_SINGLE, LARGE_DOUBLE)))
    return where(a < border, small_erf(x), copysign(large, x))


def erfc(x: Real) -> Real:
    """e^(-a²) erfcx(a) for a = |x|, 2 minus that for negative x, 1 - erf(x) near 0.

    erfcx(a) (1 + 2a) is a smooth function of t = (a - K) / (a + K) (Shepherd and Laframboise, Chebyshev
    approximation of (1 + 2x) exp(x²) erfc x, Mathematics of Computation 36, 1981). The square and the
    quotient by 1 + 2a are pairs of numbers and t is corrected once, so that small results are as accurate as
    large ones; near 0 even a correctly rounded t would be too coarse.
    """
    code = x.format
    k, limit = code.pick((3.0, 10.1), (4.0, 27.3))
    a = at_most(fabs(x), limit)
    inverse = 1.0 / (a + k)
    t = (a - k) * inverse
    t = fma(minus_product(minus_product(a, 1.0 + t, k), t, a), inverse, t)
    series = polynomial(t, code.pick(COMPLEMENT_SINGLE, COMPLEMENT_DOUBLE))
    over, under = fast_two_sum(1.25, series), two_sum(2.0 * a, 1.0)
    quotient = over.high / under.high
    rest = minus_product(over.high, quotient, under.high) + minus_product(over.low, quotient, under.low)
    square = two_product(a, a)
    n, r = reduced(-square.high)
    e = plus_expm1(r, r)
    rest = quotient * (rest - square.low)  # over is about 1, and so rest / under about rest * quotient
    result = scaled(quotient + fma(quotient, e, fma(rest, e, rest)), n)
    result = where(x < 0.0, 2.0 - result, result)
    return where(fabs(x) < 0.47, 1.0 - small_erf(x), result)
