"""Signs, steps and kinds of numbers, as NumPy has them: sign, heaviside, isnan, isinf, isfinite, signbit, ..."""

from __future__ import annotations

import math

from nbtrain.compiler.vectormath.arithmetic import fabs, sqrt, sqrt_when_flushing, where
from nbtrain.compiler.vectormath.scalars import Condition, Real


def number(x: Real) -> Real:
    """x itself, in the format."""
    return x


def sign(x: Real) -> Real:
    """-1, 0, 1 or NaN."""
    return where(x > 0.0, 1.0, where(x < 0.0, -1.0, where(x.equals(0.0), 0.0, x)))


def heaviside(x: Real, at_zero: Real) -> Real:
    """0 below 0, 1 above, `at_zero` there."""
    return where(x > 0.0, 1.0, where(x < 0.0, 0.0, where(x.equals(0.0), at_zero, x)))


def square(x: Real) -> Real:
    return x * x


def reciprocal(x: Real) -> Real:
    return 1.0 / x


def root(x: Real) -> Real:
    """x ** 0.5, which differs from sqrt(x) at -0 and -∞ alone."""
    return where(x.equals(-math.inf), math.inf, sqrt(x + 0.0))


def root_when_flushing(x: Real) -> Real:
    """The same by `sqrt_when_flushing`."""
    return where(x.equals(-math.inf), math.inf, sqrt_when_flushing(x + 0.0))


def isnan(x: Real) -> Condition:
    return x.is_nan()


def isinf(x: Real) -> Condition:
    return fabs(x).equals(math.inf)


def isfinite(x: Real) -> Condition:
    return fabs(x) < math.inf


def signbit(x: Real) -> Condition:
    return ~(x.bits() & x.format.sign_bit).is_zero()
