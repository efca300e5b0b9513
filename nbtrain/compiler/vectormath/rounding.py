"""Rounding, signs and extremes: floor, ceil, trunc, rint, copysign, minimum, maximum, fmin, fmax.

Numba calls the C library for some of these or branches.
"""

from __future__ import annotations

from nbtrain.compiler.vectormath.arithmetic import copysign, fabs, where
from nbtrain.compiler.vectormath.scalars import Real


def rint(x: Real) -> Real:
    """The nearest integer, an even one if two are as near."""
    if x.format.has_rounding:
        return x.format.call("rint", x)
    # All numbers from `size` on are integers, and the sum has no place for a fraction.
    size = 2.0**x.format.fraction
    return where(fabs(x) < size, copysign((fabs(x) + size) - size, x), x)


def floor(x: Real) -> Real:
    if x.format.has_rounding:
        return x.format.call("floor", x)
    nearest = rint(x)
    return copysign(where(nearest > x, nearest - 1.0, nearest), x)


def ceil(x: Real) -> Real:
    if x.format.has_rounding:
        return x.format.call("ceil", x)
    return -floor(-x)


def trunc(x: Real) -> Real:
    if x.format.has_rounding:
        return x.format.call("trunc", x)
    return copysign(floor(fabs(x)), x)


def minimum(x: Real, y: Real) -> Real:
    """The smaller; NaN if either is."""
    return where((x < y) | x.is_nan(), x, y)


def maximum(x: Real, y: Real) -> Real:
    """The larger; NaN if either is."""
    return where((x > y) | x.is_nan(), x, y)


def fmin(x: Real, y: Real) -> Real:
    """The smaller; where one is NaN the other."""
    return where((x < y) | y.is_nan(), x, y)


def fmax(x: Real, y: Real) -> Real:
    """The larger; where one is NaN the other."""
    return where((x > y) | y.is_nan(), x, y)
