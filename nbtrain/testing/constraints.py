"""check_constraint."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..components import Component, Constraint
from ..components.by_name import bound
from ..components.network import Dense, Network
from .curves import FLOAT32, FLOAT64, PLAIN_TOLERANCE
from .optimizers import updater
from .report import Report, Values

Array = np.ndarray[Any, Any]
INPUTS, UNITS = 13, 101
SCALES = (0.0, 1e-30, 1e-3, 1.0, 1e3, 1e15)


def check_constraint(constraint: str | Constraint | Component) -> None:
    """Check a constraint: finite, at rest where it has been, compiled as in Python, and NaN shows.

    Parameters
    ----------
    constraint : str, nbtrain.Constraint or component

    Raises
    ------
    AssertionError
        It says, for each thing that is wrong, where it is and what to change.

    Examples
    --------
    >>> from nbtrain import testing
    >>> testing.check_constraint("max_norm")
    """
    report = Report("constraint", constraint)
    if report.compiled():
        for values in report.parameter_sets():
            for dtype in (FLOAT64, FLOAT32):
                _check_weights(report, values, dtype)
    report.finish()


class _Constrained:
    """A layer whose weights are projected by an update with a gradient of 0."""

    def __init__(self, component: Component, dtype: Any) -> None:
        from ..training.trainer import Trainer

        network = Network(INPUTS, [Dense(UNITS, constraint=component)])
        self.trainer = Trainer(network, loss="mse", optimizer="sgd", dtype=dtype, rng=0)
        self.update = updater(self.trainer)

    def __call__(self, w: Array) -> Array:
        self.trainer.weights[0][0][:] = w
        self.trainer.model.gradient[:] = 0.0
        self.update()
        return self.trainer.weights[0][0].copy()


def _check_weights(report: Report, values: Values, dtype: Any) -> None:
    spec: Any = report.spec
    where = report.with_values(values)
    apply = _Constrained(report.fixed or bound(spec, dict(zip(spec.parameters, values, strict=True))), dtype)
    w = np.random.default_rng(6).normal(size=(INPUTS, UNITS)).astype(dtype)
    role = "project" if spec.elementwise else "scale"
    for size in SCALES:
        found = apply(size * w)
        if not np.isfinite(found).all():
            report.wrong(f"{role}: weights of about {size:g} become NaN or infinite in {dtype}{where}; mind 0/0")
            return
        again = apply(found)
        if not np.allclose(again, found, rtol=1e-5, atol=1e-6):
            report.wrong(
                f"{role}: applied twice to weights of about {size:g} it moves them again{where}; weights that keep "
                "the constraint have to stay where they are"
            )
            return
    if dtype == FLOAT64:
        _check_against_python(report, values, w, apply(w))
    lost = w.copy()
    lost[:, 0] = np.nan
    if not np.isnan(apply(lost)[:, 0]).all():
        report.wrong(f"{role}: NaN becomes a number{where}, which hides a failure; let NaN fall through comparisons")


def _check_against_python(report: Report, values: Values, w: Array, found: Array) -> None:
    spec: Any = report.spec
    try:
        if spec.elementwise:
            wanted = np.array([[spec.project(float(x), *values) for x in row] for row in w])
        else:
            wanted = w * [spec.scale(float(norm), *values) for norm in np.linalg.norm(w, axis=0)]
    except Exception as error:
        report.wrong(f"Python raises {error!r}{report.with_values(values)}; give a number for every input")
        return
    if not np.allclose(found, wanted, rtol=100 * PLAIN_TOLERANCE, atol=100 * PLAIN_TOLERANCE):
        report.wrong("the compiled function does not do what Python does; use floats and math functions only")
