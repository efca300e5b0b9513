"""Remainders and whole quotients: fmod, mod (Python's and NumPy's %), floor_divide (//).

The remainder of a correctly rounded quotient is a number of the format, without error, and so is x - q y for a whole
q that is at most one off. Two such steps bring quotients up to 2^48 (float32) and 2^106 (float64) down below 1; the
remainder of larger ones is NaN. C's fmod has as many steps as the quotient has digits: a loop that no vector can run.
"""

from __future__ import annotations

import math

from nbtrain.compiler.vectormath.arithmetic import copysign, fabs, minus_product, where
from nbtrain.compiler.vectormath.rounding import floor, trunc
from nbtrain.compiler.vectormath.scalars import Real


def fmod(x: Real, y: Real) -> Real:
    """x - y trunc(x / y), with the sign of x; NaN where x / y is too large."""
    a, b = fabs(x), fabs(y)
    quotient = a / b
    first = minus_product(a, trunc(quotient), b)
    second = minus_product(fabs(first), trunc(fabs(first) / b), b)
    rest = where(first < 0.0, -second, second)
    rest = where(rest < 0.0, rest + b, rest)
    rest = where(quotient < x.format.pick(2.0**48, 2.0**106), rest, math.nan)
    return copysign(where(a < b, a, rest), x)


def mod(x: Real, y: Real) -> Real:
    """x - y floor(x / y), with the sign of y."""
    rest = fmod(x, y)
    other_side = ((y < 0.0) & (rest > 0.0)) | ((y > 0.0) & (rest < 0.0))
    return where(rest.equals(0.0), copysign(rest, y), where(other_side, rest + y, rest))


def floor_divide(x: Real, y: Real) -> Real:
    """floor(x / y) of the exact quotient, as NumPy has it."""
    quotient, rest = x / y, fmod(x, y)
    other_side = ((y < 0.0) & (rest > 0.0)) | ((y > 0.0) & (rest < 0.0))
    whole = (x - rest) / y - where(other_side, 1.0, 0.0)
    below = floor(whole)
    whole = where(whole.equals(0.0), copysign(whole, quotient), where(whole - below > 0.5, below + 1.0, below))
    large = (fabs(quotient) >= x.format.pick(2.0**48, 2.0**106)) & ((fabs(x) < math.inf) | y.equals(0.0))
    return where(large, quotient, whole)
