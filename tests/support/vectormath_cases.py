"""What the tests of the vector mathematics compare with what, at which numbers, and how far off it may be."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import mpmath
import numpy as np
from numba import njit, types

from nbtrain.compiler.jit import FLAGS
from nbtrain.compiler.vectormath import functions

INF, NAN, PI = math.inf, math.nan, math.pi
DTYPES = (np.float32, np.float64)
LIMITS = {np.float32: 2.0, np.float64: 4.0}  # ulp


class Case(NamedTuple):
    """A function, what it is compared with, and where its interesting arguments lie."""

    name: str
    exact: Callable[..., Any]  # in mpmath
    double: Callable[..., Any]  # in NumPy
    span: tuple[float, float] = (0, 0)
    borders: tuple[float, ...] = ()  # where the rule changes its way, or the result its kind
    largest: dict[type, float] = {np.float32: INF, np.float64: INF}  # noqa: RUF012


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def softplus(x: Any) -> Any:
    return np.logaddexp(0, x)


def exact_sigmoid(x: Any) -> Any:
    return 1 / (1 + mpmath.exp(-x))


def exact_cbrt(x: Any) -> Any:
    return mpmath.sign(x) * mpmath.cbrt(abs(x))


# Beyond it results are 0, infinite or constant, which SPECIAL covers and mpmath takes too long for.
FAR = {np.float32: INF, np.float64: 1100.0}
WAVES = {np.float32: 2.0**20, np.float64: 2.0**45}
UNIT = {np.float32: 1.0, np.float64: 1.0}
ROOT, RECIPROCAL = math.sqrt(2), math.sqrt(0.5)
LEAST = (2.0**-126, 2.0**-1022)  # normal numbers
erf, erfc = np.vectorize(math.erf), np.vectorize(math.erfc)

CASES = (
    Case("exp", mpmath.exp, np.exp, (-746, 710), (88.72283, -87.33654, 709.7827, -708.4, -745.13), FAR),
    Case("exp2", lambda x: mpmath.mpf(2) ** x, np.exp2, (-1076, 1024), (128, -126, -149, -1022), FAR),
    Case("expm1", mpmath.expm1, np.expm1, (-40, 710), (0.34657, -0.34657, 1.03972, -17.4, -37.5), FAR),
    Case("sinh", mpmath.sinh, np.sinh, (-711, 711), (1, -1, 88.73, 89.41, 709.8, 710.47), FAR),
    Case("cosh", mpmath.cosh, np.cosh, (-711, 711), (0.34657, 88.73, 89.41, 709.8, 710.47), FAR),
    Case("tanh", mpmath.tanh, np.tanh, (-20, 20), (0.6, -0.6, 0.17329, 9.0109, 19.06, 10, 20), FAR),
    Case("sigmoid", exact_sigmoid, sigmoid, (-746, 40), (0, -87.33654, -103.97), FAR),
    Case("log", mpmath.log, np.log, (0.25, 4), (RECIPROCAL, ROOT, 1, *LEAST)),
    Case("log2", lambda x: mpmath.log(x, 2), np.log2, (0.25, 4), (RECIPROCAL, ROOT, 1, *LEAST)),
    Case("log10", mpmath.log10, np.log10, (0.25, 4), (RECIPROCAL, ROOT, 1, *LEAST)),
    Case("log1p", mpmath.log1p, np.log1p, (-1, 4), (RECIPROCAL - 1, ROOT - 1, 2.0**46, 2.0**104)),
    Case("erf", mpmath.erf, erf, (-6, 6), (0.875, -0.875, 1, 3.92, 3.95, 5.92, 5.95), FAR),
    Case("erfc", mpmath.erfc, erfc, (-6, 27.3), (0.47, -0.47, 9.19, 10.06, 26.54), FAR),
    Case("sin", mpmath.sin, np.sin, (-50, 50), (math.pi, math.pi / 2, math.pi / 4, 2.0**20), WAVES),
    Case("cos", mpmath.cos, np.cos, (-50, 50), (math.pi, math.pi / 2, math.pi / 4, 2.0**20), WAVES),
    Case("tan", mpmath.tan, np.tan, (-50, 50), (math.pi, math.pi / 2, math.pi / 4, 2.0**20), WAVES),
    Case("asin", mpmath.asin, np.arcsin, (-1, 1), (0.5, -0.5, 1, -1), UNIT),
    Case("acos", mpmath.acos, np.arccos, (-1, 1), (0.5, -0.5, 1, -1), UNIT),
    Case("atan", mpmath.atan, np.arctan, (-3, 3), (1, -1)),
    Case("asinh", mpmath.asinh, np.arcsinh, (-9, 9), (0.5, -0.5, 2.0**25, 2.0**54)),
    Case("acosh", mpmath.acosh, np.arccosh, (1, 9), (1, 2, 2.0**25, 2.0**54)),
    Case("atanh", mpmath.atanh, np.arctanh, (-1, 1), (0.5, -0.5, RECIPROCAL, 0.17, 1), UNIT),
    Case("softplus", lambda x: mpmath.log1p(mpmath.exp(x)), softplus, (-746, 40), (0, -87.3, -104), FAR),
    Case("cbrt", exact_cbrt, np.cbrt, (0, 9), (1, 8, *LEAST)),
    Case("sqrt", mpmath.sqrt, np.sqrt, (0, 9), (1, 4, *LEAST)),
)
OF_TWO = (
    Case("pow", mpmath.power, np.power),
    Case("hypot", mpmath.hypot, np.hypot),
    Case("atan2", mpmath.atan2, np.arctan2),
)
NAMES = [case.name for case in CASES]
EXACT = ("floor", "ceil", "trunc", "rint", "minimum", "maximum", "fmin", "fmax", "fabs", "copysign")
EXACT += ("sign", "heaviside", "square", "reciprocal")
BINARY = {"pow", "hypot", "atan2", "minimum", "maximum", "fmin", "fmax", "copysign", "logaddexp", "heaviside"}
BINARY |= {"fmod", "mod", "floor_divide"}


@cache
def block(name: str, dtype: type, **flags: Any) -> Any:
    """A compiled loop over one function; `flags` replace those that all of nbtrain is compiled with."""
    table = functions(np.dtype(dtype))
    function = table["logaddexp" if name == "softplus" else name]

    def of_zero(x: Any, out: Any) -> None:
        for i in range(x.size):
            out[i] = function(0, x[i])

    def unary(x: Any, out: Any) -> None:
        for i in range(x.size):
            out[i] = function(x[i])

    def binary(x: Any, y: Any, out: Any) -> None:
        for i in range(x.size):
            out[i] = function(x[i], y[i])

    shared = {key: FLAGS[key] for key in ("error_model", "fastmath")}
    return njit(**{**shared, **flags})(of_zero if name == "softplus" else binary if name in BINARY else unary)


def computed(name: str, *arguments: Any, dtype: type = np.float32, **flags: Any) -> Any:
    arrays = [np.array(argument, dtype, ndmin=1) for argument in arguments]
    out = np.full_like(arrays[0], -7)
    block(name, dtype, **flags)(*arrays, out)
    return out


def assembly(name: str, dtype: type) -> str:
    """Of the compiled loop, without Numba's wrapper for calls from Python."""
    array = types.Array(types.float32 if dtype is np.float32 else types.float64, 1, "C")
    signature = (array,) * (3 if name in BINARY else 2)
    loop = block(name, dtype)
    loop.compile(signature)
    text = str(loop.inspect_asm(signature))
    return text[: text.index("_ZN7cpython")] if "_ZN7cpython" in text else text


def every_binade(rng: np.random.Generator, dtype: type, count: int, step: int = 1) -> Any:
    """Numbers of both signs, `count` for each `step`th exponent, its smallest and its largest included."""
    width = np.dtype(dtype).itemsize
    fraction, kind = np.finfo(dtype).nmant, f"u{width}"
    exponents = np.arange(0, 2 ** (8 * width - fraction), step, kind)[:, None] << np.array(fraction, kind)
    bits = exponents | rng.integers(0, 2**fraction, (exponents.size, count), dtype=kind)
    bits[:, 0], bits[:, 1] = exponents[:, 0], exponents[:, 0] | np.array(2**fraction - 1, kind)
    numbers = bits.ravel().view(dtype)
    return numbers[np.isfinite(numbers)]


def near(borders: tuple[float, ...], dtype: type) -> Any:
    """The borders and the two numbers on each side of them."""
    with np.errstate(over="ignore"):
        numbers = [np.array(borders, dtype)]
    for direction in (dtype(-INF), dtype(INF)):
        beside = np.nextafter(numbers[0], direction)
        numbers += [beside, np.nextafter(beside, direction)]
    return np.concatenate(numbers)


def arguments_of(case: Case, dtype: type, count: int, step: int, uniform: int) -> Any:
    """Numbers for which the function has a value: of all sizes, in its span, around 0 and at its borders."""
    rng = np.random.default_rng(20)
    spread = rng.uniform(*case.span, uniform).astype(dtype)
    small = (rng.standard_normal(uniform) * 2).astype(dtype)
    x = np.concatenate([every_binade(rng, dtype, count, step), spread, small, near(case.borders, dtype)])
    lowest = {"log1p": -1, "log": 0, "log2": 0, "log10": 0}.get(case.name, -INF)
    x = x[x >= 1] if case.name == "acosh" else x
    return x[(x > lowest) & (np.abs(x) <= case.largest[dtype]) & ((x >= 0) | (case.name != "sqrt"))]


def powers(dtype: type, count: int) -> tuple[Any, Any]:
    """Bases of every size with exponents that give results of every size, and some that give none."""
    rng = np.random.default_rng(21)
    largest = math.log(float(np.finfo(dtype).max)) * 1.05
    x = np.exp(rng.uniform(-largest * 0.95, largest * 0.95, count))
    x[: count // 3] = 1 + rng.standard_normal(count // 3) * 1e-2
    y = rng.uniform(-largest, largest, count) / np.log(x)
    whole = (np.arange(count) > count // 2) & (rng.random(count) < 0.3)
    x, y = np.where(whole, -x, x), np.where(whole, np.round(np.clip(y, -50, 50)), y)
    return x.astype(dtype), y.astype(dtype)


def quotients(dtype: type, count: int) -> tuple[Any, Any]:
    """Pairs whose quotients are of every size that fmod knows, many whole or nearly so."""
    rng = np.random.default_rng(27)
    y = (rng.choice([-1, 1], count) * np.exp(rng.uniform(-20, 20, count))).astype(dtype)
    ratio = rng.choice([-1, 1], count) * np.exp(rng.uniform(-3, 33 if dtype is np.float32 else 73, count))
    ratio = np.where(rng.random(count) < 0.5, np.rint(ratio), ratio)
    return (y * ratio.astype(dtype)), y


def ulps32(got: Any, exact: Any) -> Any:
    """Errors of float32 numbers in units of the exact value's last place; infinity counts as 2^128."""
    top = 2.0**128
    wanted = np.clip(exact, -top, top)
    exponent = np.clip(np.frexp(wanted)[1] - 1, -126, 127)
    return np.abs(np.clip(got.astype(float), -top, top) - wanted) / 2.0 ** (exponent - 23)


def ulps64(got: float, exact: Any) -> float:
    """Error of a float64 number in units of the exact value's last place; infinity counts as 2^1024."""
    top = mpmath.mpf(2) ** 1024
    wanted = max(-top, min(top, exact))
    exponent = -1022 if not wanted else min(max(int(mpmath.frexp(wanted)[1]) - 1, -1022), 1023)
    number = max(-top, min(top, mpmath.mpf(got)))
    return INF if math.isnan(got) else float(abs(number - wanted) * mpmath.mpf(2) ** (52 - exponent))


def largest_error32(case: Case, *arguments: Any) -> float:
    """In ulp, against float64 (functions of one number) or long double (of two)."""
    wide = np.float64 if len(arguments) == 1 else np.longdouble
    with np.errstate(all="ignore"):
        exact = case.double(*(argument.astype(wide) for argument in arguments)).astype(float)
    return float(np.max(ulps32(computed(case.name, *arguments), exact)))


def largest_error64(case: Case, *arguments: Any) -> tuple[float, Any]:
    """In ulp, against mpmath, and where it is."""
    got = computed(case.name, *arguments, dtype=np.float64)
    with mpmath.workprec(160):
        return max(
            (ulps64(value, mpmath.re(case.exact(*map(mpmath.mpf, numbers)))), numbers)
            for value, *numbers in zip(got.tolist(), *(argument.tolist() for argument in arguments), strict=True)
        )


# Argument and result.
SPECIAL: dict[str, list[tuple[float, float]]] = {
    "exp": [(0, 1), (-0.0, 1), (INF, INF), (-INF, 0), (1000, INF), (-1000, 0)],
    "exp2": [(0, 1), (-0.0, 1), (INF, INF), (-INF, 0), (5000, INF), (-5000, 0), (10, 1024), (-3, 0.125)],
    "expm1": [(0, 0), (-0.0, -0.0), (INF, INF), (-INF, -1), (1000, INF), (-1000, -1)],
    "sinh": [(0, 0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (1000, INF), (-1000, -INF)],
    "cosh": [(0, 1), (-0.0, 1), (INF, INF), (-INF, INF), (1000, INF), (-1000, INF)],
    "tanh": [(0, 0), (-0.0, -0.0), (INF, 1), (-INF, -1), (1000, 1), (-1000, -1)],
    "sigmoid": [(0, 0.5), (-0.0, 0.5), (INF, 1), (-INF, 0), (1000, 1), (-1000, 0)],
    "log": [(0, -INF), (-0.0, -INF), (1, 0), (INF, INF), (-1, NAN), (-INF, NAN), (-1e-40, NAN)],
    "log2": [(0, -INF), (-0.0, -INF), (1, 0), (INF, INF), (-1, NAN), (-INF, NAN), (8, 3), (0.25, -2)],
    "log10": [(0, -INF), (-0.0, -INF), (1, 0), (INF, INF), (-1, NAN), (-INF, NAN), (1000, 3)],
    "log1p": [(0, 0), (-0.0, -0.0), (-1, -INF), (INF, INF), (-1.5, NAN), (-INF, NAN)],
    "erf": [(0, 0), (-0.0, -0.0), (INF, 1), (-INF, -1), (10, 1), (-10, -1)],
    "erfc": [(0, 1), (-0.0, 1), (INF, 0), (-INF, 2), (100, 0), (-100, 2)],
    "sin": [(0, 0), (-0.0, -0.0), (INF, NAN), (-INF, NAN), (1e30, NAN), (-1e30, NAN)],
    "cos": [(0, 1), (-0.0, 1), (INF, NAN), (-INF, NAN), (1e30, NAN), (-1e30, NAN)],
    "tan": [(0, 0), (-0.0, -0.0), (INF, NAN), (-INF, NAN), (1e30, NAN), (-1e30, NAN)],
    "asin": [(0, 0), (-0.0, -0.0), (1.5, NAN), (-1.5, NAN), (INF, NAN), (-INF, NAN)],
    "acos": [(1, 0), (1.5, NAN), (-1.5, NAN), (INF, NAN), (-INF, NAN)],
    "atan": [(0, 0), (-0.0, -0.0)],
    "asinh": [(0, 0), (-0.0, -0.0), (INF, INF), (-INF, -INF)],
    "acosh": [(1, 0), (0.5, NAN), (0, NAN), (-2, NAN), (-3, NAN), (INF, INF), (-INF, NAN)],
    "atanh": [(0, 0), (-0.0, -0.0), (1, INF), (-1, -INF), (1.5, NAN), (-3, NAN), (INF, NAN), (-INF, NAN)],
    "softplus": [(INF, INF), (-INF, 0), (-1000, 0), (1000, 1000)],
    "sign": [(0, 0), (-0.0, 0), (3, 1), (-1e-40, -1), (INF, 1), (-INF, -1)],
    "root": [(0, 0), (-0.0, 0), (4, 2), (INF, INF), (-INF, INF), (-1, NAN)],
    "cbrt": [(0, 0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (27, 3), (-8, -2)],
    "sqrt": [(0, 0), (-0.0, -0.0), (INF, INF), (-1, NAN), (-INF, NAN), (4, 2)],
    "floor": [
        (-0.0, -0.0),
        (0.7, 0),
        (-0.3, -1),
        (2.5, 2),
        (-2.5, -3),
        (INF, INF),
        (-INF, -INF),
        (1e30, 1e30),
    ],
    "ceil": [
        (-0.0, -0.0),
        (0.7, 1),
        (-0.3, -0.0),
        (2.5, 3),
        (-2.5, -2),
        (INF, INF),
        (-INF, -INF),
        (-1e30, -1e30),
    ],
    "trunc": [(-0.0, -0.0), (0.7, 0), (-0.3, -0.0), (2.5, 2), (-2.5, -2), (INF, INF), (-INF, -INF)],
    "rint": [(-0.0, -0.0), (0.7, 1), (-0.3, -0.0), (2.5, 2), (3.5, 4), (-2.5, -2), (INF, INF), (-INF, -INF)],
    "fabs": [(0, 0), (-0.0, 0), (-2, 2), (INF, INF), (-INF, INF)],
}

# Two arguments and result.
SPECIAL_PAIRS: dict[str, list[tuple[float, float, float]]] = {
    "pow": [
        *((x, 0.0, 1) for x in (0.0, -0.0, 1, -1, 2, -2, INF, -INF, NAN)),
        *((1.0, y, 1) for y in (0.0, 2, -0.5, INF, -INF, NAN)),
        *((0.0, y, 0) for y in (1, 2, 0.5, INF)),
        *((0.0, y, INF) for y in (-1, -2, -0.5, -INF)),
        *((-0.0, 1, -0.0), (-0.0, 3, -0.0), (-0.0, 2, 0), (-0.0, 0.5, 0), (-0.0, INF, 0)),
        *((-0.0, -1, -INF), (-0.0, -3, -INF), (-0.0, -2, INF), (-0.0, -0.5, INF), (-0.0, -INF, INF)),
        *((INF, 2, INF), (INF, 0.5, INF), (INF, -1, 0), (INF, INF, INF), (INF, -INF, 0)),
        *(
            (-INF, 3, -INF),
            (-INF, 2, INF),
            (-INF, 0.5, INF),
            (-INF, -3, -0.0),
            (-INF, -2, 0),
            (-INF, INF, INF),
        ),
        *((-1, INF, 1), (-1, -INF, 1), (0.5, INF, 0), (0.5, -INF, INF), (-0.5, INF, 0), (2, INF, INF)),
        *((-2, 3, -8), (-2, 2, 4), (-2, -1, -0.5), (-8, 1 / 3, NAN), (-2, 0.5, NAN), (-1, 1e6 + 1, -1)),
        *((2, 10, 1024), (2, 5000, INF), (2, -5000, 0), (-2, 5001, -INF), (-2, -5001, -0.0), (3, 1, 3)),
        *((-1, 2.0**24, 1), (NAN, 1, NAN), (2, NAN, NAN), (0, NAN, NAN), (NAN, INF, NAN)),
    ],
    "hypot": [
        *((0.0, -0.0, 0), (3, -4, 5), (INF, 1, INF), (1, -INF, INF), (NAN, INF, INF), (-INF, NAN, INF)),
        *((NAN, 1, NAN), (1, NAN, NAN), (INF, INF, INF), (1e-40, 0, 1e-40)),
    ],
    "atan2": [
        *((0.0, 1, 0.0), (-0.0, 1, -0.0), (0.0, 0.0, 0.0), (-0.0, 0.0, -0.0)),
        *((0.0, -1, PI), (-0.0, -1, -PI), (0.0, -0.0, PI), (-0.0, -0.0, -PI), (0.0, -INF, PI), (-1, -INF, -PI)),
        *((1, 0.0, PI / 2), (1, -0.0, PI / 2), (-1, 0.0, -PI / 2), (INF, 3, PI / 2), (-INF, -3, -PI / 2)),
        *((2, INF, 0.0), (-2, INF, -0.0), (NAN, 1, NAN), (1, NAN, NAN), (NAN, INF, NAN), (INF, NAN, NAN)),
    ],
    "logaddexp": [
        *((INF, INF, INF), (-INF, -INF, -INF), (INF, -INF, INF), (-INF, INF, INF), (-INF, 2, 2), (3, -INF, 3)),
        *((NAN, 1, NAN), (1, NAN, NAN), (NAN, INF, NAN), (-INF, NAN, NAN), (1000, 0, 1000), (-1000, -2000, -1000)),
    ],
    "heaviside": [(0, 0.5, 0.5), (-0.0, 0.5, 0.5), (2, 0.5, 1), (-2, 0.5, 0), (NAN, 0.5, NAN), (2, NAN, 1)],
    "fmod": [
        *((5, 3, 2), (-5, 3, -2), (5, -3, 2), (-5, -3, -2), (6, 3, 0), (-6, 3, -0.0), (0, 3, 0), (-0.0, 3, -0.0)),
        *((1, 0, NAN), (0, 0, NAN), (INF, 1, NAN), (1, INF, 1), (-1, -INF, -1), (INF, INF, NAN), (NAN, 1, NAN)),
        *((1, NAN, NAN), (1e-40, 3, 1e-40)),
    ],
    "mod": [
        *((5, 3, 2), (-5, 3, 1), (5, -3, -1), (-5, -3, -2), (6, -3, -0.0), (-6, 3, 0), (0, 3, 0), (-0.0, 3, 0)),
        *((1, 0, NAN), (INF, 1, NAN), (1, INF, 1), (-1, INF, INF), (1, -INF, -INF), (NAN, 1, NAN), (1, NAN, NAN)),
    ],
    "floor_divide": [
        *((5, 3, 1), (-5, 3, -2), (5, -3, -2), (-5, -3, 1), (6, 3, 2), (0, 3, 0), (-0.0, 3, -0.0), (1, 0, INF)),
        *((-1, 0, -INF), (0, 0, NAN), (1, INF, 0), (-1, INF, -1), (INF, 1, NAN), (NAN, 1, NAN), (1, NAN, NAN)),
        *((INF, 0.0, INF), (INF, -0.0, -INF), (-INF, 0.0, -INF), (-INF, -0.0, INF), (INF, INF, NAN), (INF, NAN, NAN)),
    ],
    "minimum": [(1, 2, 1), (2, 1, 1), (-INF, 1, -INF), (NAN, 1, NAN), (1, NAN, NAN), (INF, INF, INF)],
    "maximum": [(1, 2, 2), (2, 1, 2), (-INF, 1, 1), (NAN, 1, NAN), (1, NAN, NAN), (-INF, -INF, -INF)],
    "fmin": [(1, 2, 1), (2, 1, 1), (-INF, 1, -INF), (NAN, 1, 1), (1, NAN, 1), (NAN, NAN, NAN)],
    "fmax": [(1, 2, 2), (2, 1, 2), (-INF, 1, 1), (NAN, 1, 1), (1, NAN, 1), (NAN, NAN, NAN)],
    "copysign": [(1, -2, -1), (-1, 2, 1), (0, -0.0, -0.0), (INF, -1, -INF), (-3, 0, 3)],
}
