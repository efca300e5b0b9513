"""What the rules share: selection, fused and compensated arithmetic, polynomials, powers of two."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from nbtrain.compiler.vectormath.scalars import Condition, Integer, Real


class Pair(NamedTuple):
    """The unevaluated sum of two numbers, the second a small part of the first: twice the precision."""

    high: Real
    low: Real


def where(condition: Condition, yes: Any, no: Any) -> Real:
    """`yes` or `no`; both are evaluated."""
    code = condition.format
    return Real(code, code.builder.select(condition.value, code.real(yes).value, code.real(no).value))


def clamped(x: Real, lowest: float, highest: float) -> Real:
    """`x` kept between two bounds; NaN stays NaN."""
    return at_most(at_least(x, lowest), highest)


def at_least(x: Real, lowest: float) -> Real:
    """The larger of the two; NaN stays NaN."""
    return where(x < lowest, lowest, x)


def at_most(x: Real, highest: float) -> Real:
    """The smaller of the two; NaN stays NaN."""
    return where(x > highest, highest, x)


def fabs(x: Real) -> Real:
    return x.format.call("fabs", x)


def copysign(x: Real, sign: Real) -> Real:
    return x.format.call("copysign", x, sign)


def sqrt(x: Real) -> Real:
    """LLVM's own square root: an instruction everywhere, also in the scalar rest of a vectorized loop."""
    return x.format.call("sqrt", x)


def sqrt_when_flushing(x: Real) -> Real:
    """The same within 1.3 ulp where subnormal numbers are taken for 0, by multiplications where these are faster.

    y, which is 1/sqrt(x) but for 3.5 per cent, comes from the exponent halved in the bits; sqrt(x) is
    xy / sqrt(1 + t), t = x y² - 1, where ∞ makes every step ∞. (D. H. Eberly, Fast inverse square root, 2010, has the
    history; the numbers of the power series, minimax over that range of t, are our own.)
    """
    code = x.format
    if not code.slow_sqrt:
        return sqrt(x)
    y = (int(1.5 * (code.bias - 0.04504656791687) * 2.0**code.fraction) - (x.bits() >> 1)).as_bits()
    s = x * y
    t = fma(s, y, -1.0)
    pairs = fma(t, 0.27410888671875, -0.31393539905548096), fma(t, 0.3750002682209015, -0.4999983310699463)
    rest = fma(t * t, *pairs) * t
    if code.single:
        s = fma(s, rest, s)
    else:  # 1/sqrt(x) to 2e-8, and once more
        y = fma(y, rest, y)
        s = x * y
        t = fma(-s, y, 1.0)
        s = fma(s, fma(t, 0.375, 0.5) * t, s)
    return where(x < 0.0, math.nan, s)


def fma(a: Real, b: Any, c: Any) -> Real:
    """`a * b + c`, with one rounding where the host can, with two elsewhere."""
    return a.format.call("fmuladd", a, b, c)


def minus_product(c: Real, a: Real, b: Any) -> Real:
    """`c - a * b`; rounded once where the host can, else exact if `c` and `a * b` nearly cancel."""
    if a.format.has_fma:
        return a.format.call("fma", -a, b, c)
    product = two_product(a, b)
    return (c - product.high) - product.low


def polynomial(x: Real, coefficients: Sequence[float]) -> Real:
    """Polynomial with these coefficients, from the constant term upwards.

    In float64 in pairs (Estrin's scheme): its long polynomials would else be chains in which every step waits
    for the one before. In float32 by Horner's scheme, which has fewer instructions.
    """
    terms = [x.format.real(coefficient) for coefficient in coefficients]
    if x.format.single:
        total = terms.pop()
        while terms:
            total = fma(total, x, terms.pop())
        return total
    while len(terms) > 1:
        pairs = [fma(odd, x, even) for even, odd in zip(terms[::2], terms[1::2], strict=False)]
        terms, x = pairs + terms[2 * len(pairs) :], x * x
    return terms[0]


def two_sum(a: Real, b: Any) -> Pair:
    """`a + b` without error (Knuth, The Art of Computer Programming 2, 4.2.2, theorem B)."""
    high = a + b
    part = high - a
    return Pair(high, (a - (high - part)) + (b - part))


def fast_two_sum(a: Any, b: Real) -> Pair:
    """`a + b` without error where `|a| >= |b|` (Dekker, Numerische Mathematik 18, 1971)."""
    high = a + b
    return Pair(high, b - (high - a))


def two_product(a: Real, b: Any) -> Pair:
    """`a * b` without error: by a fused multiply-add, or by Dekker's product of halves."""
    code, b = a.format, a.format.real(b)
    high = a * b
    if code.has_fma:
        return Pair(high, code.call("fma", a, b, -high))
    (a1, a2), (b1, b2) = _halves(a), _halves(b)
    return Pair(high, (((a1 * b1 - high) + a1 * b2) + a2 * b1) + a2 * b2)


def _halves(x: Real) -> tuple[Real, Real]:
    """`x` as a sum of two numbers of half its digits, so that their products are exact."""
    cut = (x.format.fraction + 2) // 2
    upper = (x.bits() & -(1 << cut)).as_bits()
    return upper, x - upper


def nearest_integer(x: Real, scale: float = 1.0) -> tuple[Real, Integer]:
    """The integer nearest to `x * scale`, as `Real` and as `Integer`; it must be below 2**22 or 2**51."""
    shifted = fma(x, scale, x.format.shifter)
    return shifted - x.format.shifter, shifted.bits() - x.format.bits(x.format.shifter)


def power_of_two(n: Integer) -> Real:
    """`2**n` for exponents of normal numbers."""
    return ((n + n.format.bias) << n.format.fraction).as_bits()


def halved(n: Integer) -> tuple[Integer, Integer]:
    """Two halves of `n`: 2**n may overflow where a product with it does not."""
    half = ((n + 4 * n.format.bias) >> 1) - 2 * n.format.bias
    return half, n - half


def scaled(x: Real, n: Integer) -> Real:
    """`x * 2**n`, right also when the result is subnormal (rounded once) or infinite."""
    first, second = halved(n)
    return x * power_of_two(first) * power_of_two(second)


def plus(a: Pair, b: Pair) -> Pair:
    """Sum of two pairs, the first the larger one; the second number of the sum may exceed half an ulp."""
    high = fast_two_sum(a.high, b.high)
    return Pair(high.high, high.low + (a.low + b.low))


def times(a: Pair, b: Pair) -> Pair:
    """Product of two pairs; the second number may exceed half an ulp."""
    high = two_product(a.high, b.high)
    return Pair(high.high, high.low + fma(a.high, b.low, a.low * b.high))
