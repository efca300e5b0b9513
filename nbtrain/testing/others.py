"""check_schedule and check_initializer."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import compiler
from ..components import Component, Initializer, Schedule
from . import blocks
from .report import Report, Values

TIMES = (*range(1, 41), 99, 100, 101, 999, 1000, 1001, 10_000, 10**6, 10**9)
TOLERANCE = 1e-12
SHAPES = ((1, 1), (3, 5), (64, 1), (100, 40))


def check_schedule(schedule: str | Schedule | Component) -> None:
    """Check a learning-rate schedule: finite, not negative, not always zero, compiled as in Python.

    Parameters
    ----------
    schedule : str, nbtrain.Schedule or component

    Raises
    ------
    AssertionError
        It says, for each thing that is wrong, where it is and what to change.

    Examples
    --------
    >>> from nbtrain import testing
    >>> testing.check_schedule("cosine")
    """
    report = Report("schedule", schedule)
    if report.compiled():
        for values in report.parameter_sets():
            _check_rates(report, values)
    report.finish()


def rates(spec: Any, times: Any, values: Values) -> Any:
    """The compiled schedule's learning rates at these iterations, as float64."""
    code, given, found = compiler.component(spec, np.float64), np.array(values, np.float64), np.empty(1)
    result = []
    for t in times:
        blocks.call(code.addresses["rate"], int(t), blocks.at(given), blocks.at(found))
        result.append(float(found[0]))
    return np.array(result)


def _check_rates(report: Report, values: Values) -> None:
    spec: Any = report.spec
    where = report.with_values(values)
    found = rates(spec, TIMES, values)
    for t, rate in zip(TIMES, found, strict=True):
        if not (np.isfinite(rate) and rate >= 0.0):
            report.wrong(f"rate: at t = {t}{where} it must be finite and >= 0, got {rate:g}")
            return
        try:
            wanted = float(spec.rate(t, *values))
        except Exception as error:
            report.wrong(f"rate: at t = {t}{where} Python raises {error!r}; give a number for every t = 1, 2, …")
            return
        if not abs(rate - wanted) <= TOLERANCE * max(1.0, abs(wanted)):
            report.wrong(
                f"rate: at t = {t}{where} the compiled function gives {rate:.9g}, Python {wanted:.9g}; use floats, "
                "math functions and conditional expressions only"
            )
            return
    if not found.any():
        report.wrong(f"rate: it is always 0{where}")


def check_initializer(initializer: str | Initializer | Component) -> None:
    """Check an initializer: shape, finite numbers, the same for the same generator, nothing drawn from elsewhere.

    Parameters
    ----------
    initializer : str, nbtrain.Initializer or component

    Raises
    ------
    AssertionError
        It says, for each thing that is wrong, where it is and what to change.

    Examples
    --------
    >>> from nbtrain import testing
    >>> testing.check_initializer("he_normal")
    """
    report = Report("initializer", initializer)
    for values in report.parameter_sets():
        for shape in SHAPES:
            _check_draw(report, shape, values)
    report.finish()


def _check_draw(report: Report, shape: tuple[int, int], values: Values) -> None:
    spec: Any = report.spec
    where = f"for fan_in, fan_out = {shape}{report.with_values(values)}"
    try:
        drawn = [np.asarray(spec.function(*shape, np.random.default_rng(3), *values)) for _ in range(2)]
    except Exception as error:
        report.wrong(f"function: {where} it raises {error!r}")
        return
    if drawn[0].shape != shape or drawn[0].dtype.kind != "f":
        report.wrong(
            f"function: {where} it must return floats of shape (fan_in, fan_out), got {drawn[0].dtype} of shape "
            f"{drawn[0].shape}"
        )
    elif not np.isfinite(drawn[0]).all():
        report.wrong(f"function: {where} some weights are NaN or infinite")
    elif not np.array_equal(drawn[0], drawn[1]):
        report.wrong(f"function: {where} two equal generators give different weights; draw from rng only")
