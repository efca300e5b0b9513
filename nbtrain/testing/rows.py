"""Checks of losses that work on whole rows of outputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checks.arrays import labels, whole_number
from ..checks.arrays import targets as as_targets
from . import blocks
from .curves import FLOAT32, FLOAT64, PLAIN_TOLERANCE, SINGLE_TOLERANCE, SLOPE_TOLERANCE
from .report import Report, Values

Array = np.ndarray[Any, Any]
WIDTHS = (1, 2, 5, 17)
ROWS = 12
STEP = 1e-5


def check_rows(report: Report, outputs: Any = None, targets: Any = None) -> None:
    """All of them; compiled code is run only after Python had no complaint about indices."""
    spec: Any = report.spec
    widths = WIDTHS if outputs is None else (whole_number(outputs, "outputs", 1),)
    cases = [_data(spec, width, targets) for width in widths]
    if outputs is None and spec.target_columns is not None:
        cases = [case for case in cases if _fits(report, *case)] or cases[-1:]
    sets = list(report.parameter_sets())
    for values in sets:
        for case in cases:
            _check_plain(report, values, *case)
    if report.findings or not report.compiled():
        return
    for values in sets:
        for z, y in cases:
            _check_against_python(report, values, z, y)
            _check_slopes(report, values, z, y)
            _check_single(report, values, z, y)
            _check_extremes(report, values, z, y)


def _data(spec: Any, width: int, targets: Any = None) -> tuple[Array, Array]:
    """z (rows, width) and targets that the loss accepts: these, or random ones."""
    random = np.random.default_rng(width)
    if targets is not None:
        y = checked_targets(spec, targets, width)
        return random.uniform(-4.0, 4.0, (len(y), width)), y
    z = random.uniform(-4.0, 4.0, (ROWS, width))
    if spec.target == "label":
        return z, random.integers(0, width, ROWS)
    low, high = _range(spec)
    return z, random.uniform(low, high, (ROWS, spec.columns(width)))


def _range(spec: Any) -> tuple[float, float]:
    """Where random targets are drawn from; what may be classes, weights and probabilities is from 0 to 1."""
    low, size = (-2.0, 3.0) if spec.target_columns is None else (0.0, 1.0)
    if spec.minimum is not None:
        low = spec.minimum
    elif spec.maximum is not None and spec.maximum <= low:
        low = spec.maximum - size
    return low, low + size if spec.maximum is None else spec.maximum


def checked_targets(spec: Any, targets: Any, outputs: int) -> Array:
    """Given targets in the form that the loss takes."""
    rows = len(np.atleast_1d(targets))
    if spec.target == "label":
        return labels(targets, rows, "targets")
    return as_targets(targets, rows, spec.columns(outputs), FLOAT64, "targets")


def _fits(report: Report, z: Array, y: Array) -> bool:
    """Whether a loss whose targets are its own can be computed for so many outputs."""
    spec: Any = report.spec
    try:
        for values in report.parameter_sets():
            for x, target in zip(z, y, strict=True):
                _plain_loss(spec, x.copy(), target, np.empty(len(x)), values)
    except Exception:  # reported where it happens with any number of outputs
        return False
    return True


def _check_plain(report: Report, values: Values, z: Array, y: Array) -> None:
    """Run row by row in Python: indices in bounds, every slope filled, z unchanged."""
    spec: Any = report.spec
    for x, target in zip(z, y, strict=True):
        given, slope = x.copy(), np.full(len(x), np.nan)
        try:
            _plain_loss(spec, given, target, slope, values)
            if spec.owns_output:
                out = np.full(len(x), np.nan)
                _plain_output(spec, given, out, values)
                if np.isnan(out).any():
                    report.wrong(f"row_output: out[{_gap(out)}] of {len(x)} outputs is left unset; fill all of them")
        except IndexError as error:
            own = "" if spec.target_columns is None else f", and y from 0 to {spec.target_columns - 1}"
            report.wrong(f"row: with {len(x)} outputs {error}; index z, slope and out from 0 to z.size - 1{own}")
            return
        except Exception as error:
            report.wrong(f"row: with {len(x)} outputs Python raises {error!r}; give a number for every input")
            return
        if np.isnan(slope).any():
            report.wrong(f"row: slope[{_gap(slope)}] of {len(x)} outputs is left unset; fill all of them")
        if (given != x).any():
            report.wrong("row: it changes z; write to slope only")


def _plain_loss(spec: Any, z: Array, target: Any, slope: Array, values: Values) -> float:
    """Python's loss of one row, whose slope is filled, whichever form the loss has."""
    if spec.row is not None:
        return float(spec.row(z, target, slope, *values))
    losses = np.full(1, np.nan)
    spec.rows(z, np.atleast_1d(target), slope, losses, z.size, *values)
    return float(losses[0])


def _plain_output(spec: Any, z: Array, out: Array, values: Values) -> None:
    if spec.row_output is not None:
        spec.row_output(z, out, *values)
    else:
        spec.rows_output(z, out, z.size, *values)


def _gap(array: Array) -> int:
    return int(np.isnan(array).argmax())


def _check_against_python(report: Report, values: Values, z: Array, y: Array) -> None:
    spec: Any = report.spec
    losses, slopes = blocks.loss(spec, z, y, values)
    for i, (x, target) in enumerate(zip(z, y, strict=True)):
        slope = np.full(len(x), np.nan)
        wanted = _plain_loss(spec, x.copy(), target, slope, values)
        if not np.allclose([losses[i], *slopes[i]], [wanted, *slope], rtol=PLAIN_TOLERANCE, atol=PLAIN_TOLERANCE):
            report.wrong(
                f"row: compiled, it gives {losses[i]:.9g} for z = {x}, in Python {wanted:.9g} (or slopes differ); use "
                "floats, math functions and indices only"
            )
            return


def _check_slopes(report: Report, values: Values, z: Array, y: Array) -> None:
    spec: Any = report.spec
    _, slopes = blocks.loss(spec, z, y, values)
    for k in range(z.shape[1]):
        above, below = z.copy(), z.copy()
        above[:, k] += STEP
        below[:, k] -= STEP
        difference = blocks.loss(spec, above, y, values)[0] - blocks.loss(spec, below, y, values)[0]
        wanted = difference / (above[:, k] - below[:, k])
        wrong = ~(np.abs(slopes[:, k] - wanted) <= SLOPE_TOLERANCE * np.maximum(1.0, np.abs(wanted)))
        if wrong.any():
            i = int(wrong.argmax())
            report.wrong(
                f"row: for z = {z[i]}, y = {y[i]}{report.with_values(values)} slope[{k}] is {slopes[i, k]:.9g}, but "
                f"central differences of the loss give {wanted[i]:.9g}; derive it again"
            )
            return


def _check_single(report: Report, values: Values, z: Array, y: Array) -> None:
    spec: Any = report.spec
    single, targets = z.astype(FLOAT32), y if spec.target == "label" else y.astype(FLOAT32)
    found = np.column_stack(blocks.loss(spec, single, targets, values))
    targets = targets if spec.target == "label" else targets.astype(FLOAT64)
    wanted = np.column_stack(blocks.loss(spec, single.astype(FLOAT64), targets, values))
    wrong = ~(np.abs(found - wanted) <= SINGLE_TOLERANCE * np.maximum(1.0, np.abs(wanted))).all(axis=1)
    if wrong.any():
        i = int(wrong.argmax())
        report.wrong(
            f"row: for z = {z[i]} float32 gives {found[i, 0]:.6g} and float64 {wanted[i, 0]:.6g} (or slopes differ); "
            "avoid differences of nearly equal numbers and intermediates that overflow"
        )


def _check_extremes(report: Report, values: Values, z: Array, y: Array) -> None:
    spec: Any = report.spec
    for dtype in (FLOAT32, FLOAT64):
        targets = y if spec.target == "label" else y.astype(dtype)
        for magnitude in (1e2, 1e4, 1e30):
            large = (np.sign(z) * magnitude).astype(dtype)
            found = np.column_stack(blocks.loss(spec, large, targets, values))
            if np.isnan(found).any():
                report.wrong(
                    f"row: for z = ±{magnitude:g} it gives NaN in {dtype}; subtract the largest z before e^z, and "
                    "have no 0 times or inf divided by inf"
                )
                return
        missing = z.astype(dtype)
        missing[:, 0] = np.nan
        if not np.isnan(blocks.loss(spec, missing, targets, values)[0]).all():
            report.wrong("row: NaN in z becomes a number, which hides a failure; let NaN fall through the comparisons")
            return
