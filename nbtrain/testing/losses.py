"""check_loss and check_regularizer."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..components import Component, Loss, Regularizer
from ..errors import InputError
from . import blocks
from .curves import EXTREMES, ORDINARY, POINTS, Curve, check_curve, check_single
from .report import Report, Values
from .rows import check_rows

WEIGHTS = POINTS[np.abs(POINTS) < 8.0]


def check_regularizer(regularizer: str | Regularizer | Component) -> None:
    """Check a regularizer: its penalty and slope as `check_activation` checks value and slope.

    Parameters
    ----------
    regularizer : str, nbtrain.Regularizer or component

    Raises
    ------
    AssertionError
        It says, for each thing that is wrong, where it is and what to change.

    Examples
    --------
    >>> from nbtrain import testing
    >>> testing.check_regularizer("l2")
    """
    report = Report("regularizer", regularizer)
    if report.compiled():
        for values in report.parameter_sets():
            check_curve(report, _penalty_curve(report, values), WEIGHTS)
    report.finish()
    report.warn_where_slow()


def _penalty_curve(report: Report, values: Values) -> Curve:
    spec: Any = report.spec
    return Curve(
        lambda w: blocks.penalty(spec, w, values),
        lambda w: blocks.penalty_slope(spec, w, values),
        lambda w: spec.penalty(w, *values),
        "w",
        ("penalty", "slope"),
        report.with_values(values),
    )


def check_loss(loss: str | Loss | Component, *, outputs: int | None = None, targets: Any = None) -> None:
    """Check a loss: its slope against central differences, for targets within its bounds, and all else.

    An elementwise loss is checked as an activation is, as a function of the prediction. A loss that works on rows is
    first run in Python, where writing beyond a row is an error and not a crash. An output activation of the loss's own
    gives finite predictions within the bounds of the targets.

    Parameters
    ----------
    loss : str, nbtrain.Loss or component
    outputs : int, optional
        The only number of outputs for which a loss that works on rows makes sense; several are tried by default.
    targets : array_like, optional
        Targets for a loss that works on rows: (rows, outputs), (rows, target_columns) or labels (rows,). By default
        they are drawn within the loss's bounds; with `target_columns`, from 0 to 1 where there are none. Give your own
        where they mean something, such as the number of an action, and then `outputs` too.

    Raises
    ------
    AssertionError
        It says, for each thing that is wrong, where it is and what to change.
    InputError
        If outputs or targets are given for an elementwise loss, or do not fit the loss.

    Examples
    --------
    >>> from nbtrain import testing
    >>> testing.check_loss("mse")
    """
    report = Report("loss", loss)
    spec: Any = report.spec
    if not spec.elementwise:
        check_rows(report, outputs, targets)
    elif outputs is None and targets is None:
        _check_elementwise(report)
    else:
        raise InputError(f"outputs and targets are for losses that work on rows; loss {spec.name!r} is elementwise")
    report.finish()
    report.warn_where_slow()


def _check_elementwise(report: Report) -> None:
    spec: Any = report.spec
    if not report.compiled():
        return
    for values in report.parameter_sets():
        for target in targets(spec):
            check_curve(report, _loss_curve(report, values, target))
        if spec.output is not None:
            _check_output(report, values)


def targets(spec: Loss) -> tuple[float, ...]:
    """Targets that the loss accepts."""
    low, high = spec.minimum, spec.maximum
    if low is not None and high is not None:
        return (low, high, 0.7 * low + 0.3 * high)
    if low is not None:
        return (low, low + 0.5, low + 3.25)
    if high is not None:
        return (high, high - 0.5, high - 3.25)
    return (-2.25, 0.7, 5.125)


def _loss_curve(report: Report, values: Values, y: float) -> Curve:
    spec: Any = report.spec

    def columns(p: Any) -> tuple[Any, Any]:
        losses, slopes = blocks.loss(spec, np.ascontiguousarray(p[:, None]), np.full((len(p), 1), y, p.dtype), values)
        return losses, slopes[:, 0]

    where = f", y = {y:g}{report.with_values(values)}"
    return Curve(
        lambda p: columns(p)[0],
        lambda p: columns(p)[1],
        lambda p: spec.value(p, y, *values),
        "p",
        ("value", "slope"),
        where,
    )


def _check_output(report: Report, values: Values) -> None:
    spec: Any = report.spec

    def column(z: Any) -> Any:
        return blocks.output(spec, np.ascontiguousarray(z[:, None]), values)[:, 0]

    unknown = ("output", "output")
    curve = Curve(column, np.zeros_like, None, "z", unknown, report.with_values(values))
    check_single(report, curve, POINTS)
    low = -np.inf if spec.minimum is None else spec.minimum
    high = np.inf if spec.maximum is None else spec.maximum
    for z, found in zip(EXTREMES, column(EXTREMES), strict=True):
        if np.isnan(found) or (abs(z) <= ORDINARY and not low <= found <= high):
            report.wrong(
                f"{curve.at(float(z), 'output')} the prediction must be between {low:g} and {high:g}, where "
                f"the loss's targets are, got {found:g}"
            )
            return
    if not np.isnan(column(np.array([np.nan]))[0]):
        report.wrong("output: NaN becomes a number, which hides a failure; let NaN fall through the comparisons")
