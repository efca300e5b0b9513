"""Arithmetic of values beyond ONNX's operators: choices, powers, remainders, signs, the larger and the smaller one.

`x` and `y` are values or numbers, one of them a value.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import Any

from .tracing import Untranslatable
from .values import NAMED, Value, tracer_of

LARGEST_POWER = 16  # whole powers up to it are multiplications


def where(condition: Any, yes: Any, no: Any) -> Any:
    """`yes` where the condition is true, else `no`."""
    if not isinstance(condition, Value):
        return yes if condition else no
    return condition.tracer.where(condition, yes, no)


def operator_of_one(name: str) -> Callable[[Any], Any]:
    def apply(x: Any) -> Any:
        return tracer_of(x).add(name, x)

    return apply


sqrt, floor, ceil, rint = map(operator_of_one, ("Sqrt", "Floor", "Ceil", "Round"))


# ---- powers, signs, quotients


def power(x: Any, y: Any) -> Any:
    """x^y; whole powers are multiplications, the power 1/2 a root."""
    if isinstance(y, Value):
        return tracer_of(y).add("Pow", x, y)
    if y == 0.5:
        return sqrt(x)
    if y != int(y) or abs(y) > LARGEST_POWER:
        return tracer_of(x).add("Pow", x, y)
    if y == 0:
        return 1.0
    found = reduce(lambda z, digit: z * z * x if digit == "1" else z * z, f"{int(abs(y)):b}"[1:], x)
    return 1.0 / found if y < 0 else found


def square(x: Any) -> Any:
    """x²."""
    return x * x


def cbrt(x: Any) -> Any:
    """The cube root, of negative numbers, too."""
    return copysign(tracer_of(x).add("Pow", abs(x), 1.0 / 3.0), x)


def hypot(x: Any, y: Any) -> Any:
    """√(x² + y²), without overflow."""
    a, b = abs(x), abs(y)
    large, small = where(a > b, a, b), where(a > b, b, a)
    ratio = small / where(large == 0.0, 1.0, large)
    return large * sqrt(1.0 + ratio * ratio)


def signbit(x: Any) -> Any:
    """Whether the sign is minus, that of -0 included."""
    return (x < 0.0) | ((x == 0.0) & (1.0 / x < 0.0)) if isinstance(x, Value) else math.copysign(1.0, x) < 0.0


def copysign(x: Any, y: Any) -> Any:
    """|x| with the sign of y."""
    return where(signbit(y), -abs(x), abs(x))


def sign(x: Any) -> Any:
    """1, -1, or x where it is 0 or NaN."""
    return where(x > 0.0, 1.0, where(x < 0.0, -1.0, x))


def heaviside(x: Any, at_zero: Any) -> Any:
    """0, `at_zero`, 1, or NaN."""
    return where(x > 0.0, 1.0, where(x < 0.0, 0.0, where(x == 0.0, at_zero, x)))


def fmod(x: Any, y: Any) -> Any:
    """The remainder with the sign of x."""
    return tracer_of(x, y).add("Mod", x, y, fmod=1)


def mod(x: Any, y: Any) -> Any:
    """The remainder with the sign of y."""
    rest = fmod(x, y)
    return where((rest != 0.0) & ((rest < 0.0) ^ (y < 0.0)), rest + y, rest)


def floor_divide(x: Any, y: Any) -> Any:
    """⌊x/y⌋, whole also where x/y is rounded."""
    return rint((x - mod(x, y)) / y)


def trunc(x: Any) -> Any:
    """Towards 0."""
    return where(x < 0.0, ceil(x), floor(x))


# ---- the larger and the smaller one


def smallest(*given: Any) -> Any:
    """Python's min: the first of the smallest; NaN only where it comes first."""
    return reduce(lambda best, item: where(item < best, item, best), given[0] if len(given) == 1 else given)


def largest(*given: Any) -> Any:
    """Python's max."""
    return reduce(lambda best, item: where(item > best, item, best), given[0] if len(given) == 1 else given)


def minimum(x: Any, y: Any) -> Any:
    """NaN where either is."""
    return where((x < y) | (x != x), x, y)


def maximum(x: Any, y: Any) -> Any:
    """NaN where either is."""
    return where((x > y) | (x != x), x, y)


def fmin(x: Any, y: Any) -> Any:
    """NaN where both are."""
    return where((x < y) | (y != y), x, y)


def fmax(x: Any, y: Any) -> Any:
    """NaN where both are."""
    return where((x > y) | (y != y), x, y)


def clip(x: Any, a_min: Any = None, a_max: Any = None) -> Any:
    """x, at least `a_min` and at most `a_max`."""
    x = x if a_min is None else maximum(x, a_min)
    return x if a_max is None else minimum(x, a_max)


def number(x: Any) -> Any:
    """x unchanged; a truth as 0 or 1."""
    return x.number()


def whole(x: Any) -> Any:
    """Python's int, which stays a float."""
    return trunc(x)


def nearest(x: Any, digits: Any = None) -> Any:
    """Python's round, to whole numbers."""
    if digits is not None:
        raise Untranslatable("it rounds to digits")
    return rint(x)


def isnan(x: Any) -> Any:
    """Whether it is NaN."""
    return x != x


def isinf(x: Any) -> Any:
    """Whether it is ∞ or -∞."""
    return abs(x) == math.inf


def isfinite(x: Any) -> Any:
    """Whether it is a number other than ±∞."""
    return abs(x) < math.inf


def reciprocal(x: Any) -> Any:
    """1/x."""
    return 1.0 / x


def degrees(x: Any) -> Any:
    """Of radians."""
    return x * (180.0 / math.pi)


def radians(x: Any) -> Any:
    """Of degrees."""
    return x * (math.pi / 180.0)


NAMED.update(floor_divide=floor_divide, largest=largest, mod=mod, power=power, smallest=smallest)
