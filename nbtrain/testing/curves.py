"""Checks of a function of one number and its slope: what activations, penalties and elementwise losses share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .report import Report

Array = np.ndarray[Any, Any]
FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)

STEP = 1e-5  # of central differences, relative to numbers above 1; truncation and rounding are then about 1e-10
SLOPE_TOLERANCE = 1e-6
PLAIN_TOLERANCE = 1e-12
SINGLE_TOLERANCE = 1e-5
ORDINARY = 80.0  # up to here e^x is finite in float32, and a function has no excuse
LARGE = 1e4  # up to here float32 is finite where float64 is below the largest float32

_random = np.random.default_rng(20)
# Irregular, so that no kink lies within a step of them; the second part are rarer, larger arguments.
POINTS = np.concatenate([_random.uniform(-8.0, 8.0, 400), _random.uniform(-ORDINARY, ORDINARY, 100)])
POINTS.flags.writeable = False
_MAGNITUDES = [0.0, 1e-40, 1e-30, 1e-8, 1e-3, 1.0, 20.0, 79.0, 89.0, 105.0, 700.0, 711.0, 1e3, 1e4, 1e10, 1e20, 3e38]
EXTREMES = np.array([sign * magnitude for magnitude in _MAGNITUDES for sign in (1.0, -1.0)])
EXTREMES.flags.writeable = False


@dataclass(frozen=True)
class Curve:
    """A compiled function and its slope, of arrays in float32 or float64.

    Parameters
    ----------
    value, slope : function
        Array -> array.
    plain : function or None
        The author's own value function of one float, or None.
    variable : str
        What messages call the argument.
    roles : (str, str)
        What they call the functions.
    where : str
        Values of parameters, for messages.
    """

    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    plain: Callable[[float], float] | None
    variable: str
    roles: tuple[str, str]
    where: str = ""

    def at(self, x: float, role: str) -> str:
        """Beginning of a message."""
        return f"{role}: at {self.variable} = {x:.6g}{self.where}"


def check_curve(report: Report, curve: Curve, points: Array = POINTS, extremes: Array = EXTREMES) -> None:
    """All of them, for one set of parameters; `points` and `extremes` are where the function has to make sense."""
    check_plain(report, curve, points)
    check_slope(report, curve, points)
    check_single(report, curve, points)
    check_extremes(report, curve, extremes)
    check_pieces(report, curve, points)


def first(wrong: Array) -> int | None:
    """Index of the first True."""
    found = np.flatnonzero(wrong)
    return int(found[0]) if len(found) else None


def check_plain(report: Report, curve: Curve, points: Array) -> None:
    """Compiled, a function does what Python says."""
    if curve.plain is None:
        return
    compiled = curve.value(points)
    for x, found in zip(points, compiled, strict=True):
        try:
            wanted = float(curve.plain(float(x)))
        except Exception as error:
            report.wrong(
                f"{curve.at(x, curve.roles[0])} Python raises {error!r}; give a number for every input, and write "
                "the formula so that no intermediate overflows"
            )
            return
        if not abs(found - wanted) <= PLAIN_TOLERANCE * max(1.0, abs(wanted)):
            report.wrong(
                f"{curve.at(x, curve.roles[0])} the compiled function gives {found:.9g}, Python {wanted:.9g}; use "
                "floats, math functions and conditional expressions only (no integer arithmetic, no state)"
            )
            return


def check_slope(report: Report, curve: Curve, points: Array) -> None:
    """The slope is that of the value."""
    step = STEP * np.maximum(1.0, np.abs(points))
    above, below = points + step, points - step
    with np.errstate(all="ignore"):
        wanted = (curve.value(above) - curve.value(below)) / (above - below)
        found = curve.slope(points).astype(np.float64)
        scale = np.maximum(1.0, np.abs(curve.value(points)))
        wrong = ~(np.abs(found - wanted) <= SLOPE_TOLERANCE * np.maximum(scale, np.abs(wanted)))
    i = first(wrong & np.isfinite(wanted))
    if i is not None:
        report.wrong(
            f"{curve.at(points[i], curve.roles[1])} it gives {found[i]:.9g}, but central differences of "
            f"{curve.roles[0]} give {wanted[i]:.9g}; derive it again ({int(wrong.sum())} of {len(points)} differ)"
        )


def check_single(report: Report, curve: Curve, points: Array) -> None:
    """float32 gives what float64 gives, to float32 accuracy."""
    single = points.astype(FLOAT32)
    for role, function in zip(curve.roles, (curve.value, curve.slope), strict=True):
        with np.errstate(all="ignore"):
            found, wanted = function(single).astype(np.float64), function(single.astype(FLOAT64)).astype(np.float64)
            steep = np.abs(single * curve.slope(single.astype(FLOAT64)))
            tolerance = SINGLE_TOLERANCE * np.maximum(np.maximum(1.0, np.abs(wanted)), steep)
            wrong = ~(np.abs(found - wanted) <= tolerance) & (np.abs(wanted) < 1e37)
        i = first(wrong)
        if i is not None:
            report.wrong(
                f"{curve.at(single[i], role)} float32 gives {found[i]:.6g} and float64 {wanted[i]:.6g}; avoid "
                "differences of nearly equal numbers and intermediates that overflow (expm1, log1p, e^-|x| help)"
            )


def check_extremes(report: Report, curve: Curve, extremes: Array) -> None:
    """Finite where it can be, never NaN for a number, always NaN for NaN."""
    for dtype in (FLOAT32, FLOAT64):
        x = extremes.astype(dtype)
        with np.errstate(all="ignore"):
            values = [function(x).astype(FLOAT64) for function in (curve.value, curve.slope)]
            exact = [function(x.astype(FLOAT64)).astype(FLOAT64) for function in (curve.value, curve.slope)]
        values[1] = np.where(np.isfinite(values[0]), values[1], 0.0)
        for role, found, wanted in zip(curve.roles, values, exact, strict=True):
            needless = np.isinf(found) & ((np.abs(x) <= ORDINARY) | ((np.abs(x) <= LARGE) & (np.abs(wanted) < 1e37)))
            i = first(np.isnan(found) | needless)
            if i is not None:
                report.wrong(
                    f"{curve.at(float(x[i]), role)} it gives {found[i]} in {dtype}; write the formula so that no "
                    "intermediate overflows: e^-|x| instead of e^x, and no 0 times or inf divided by inf; sin, cos, "
                    "tan and % need arguments that are not huge: … if abs(x) < 1e5 else …"
                )
        missing = float(curve.value(np.array([np.nan], dtype))[0])
        if not np.isnan(missing):
            report.wrong(
                f"{curve.roles[0]}: NaN becomes {missing:g} in {dtype}{curve.where}, which hides a failure from "
                "training; reverse comparisons so that NaN passes through (`0.0 if z < 0.0 else z`, not "
                "`z if z > 0.0 else 0.0`)"
            )


def check_pieces(report: Report, curve: Curve, points: Array) -> None:
    """A number's result does not depend on where the loop is cut, nor on its neighbours."""
    for dtype in (FLOAT32, FLOAT64):
        x = points.astype(dtype)
        for role, function in zip(curve.roles, (curve.value, curve.slope), strict=True):
            whole = function(x)
            cuts = [0, 1, 4, 11, 28, 61, 126, len(x)]
            pieces = np.concatenate([function(x[a:b]) for a, b in zip(cuts[:-1], cuts[1:], strict=True)])
            i = first(pieces.view(np.uint8).reshape(len(x), -1).any(axis=1) & (pieces != whole) & ~np.isnan(whole))
            if i is not None:
                report.wrong(
                    f"{curve.at(float(x[i]), role)} the result in {dtype} depends on the numbers around it; a "
                    "function may use its arguments and constants only"
                )
