"""check_activation."""

from __future__ import annotations

from typing import Any

from ..components import Activation, Component
from . import blocks
from .curves import Curve, check_curve
from .report import Report, Values


def check_activation(activation: str | Activation | Component) -> None:
    """Check an activation as a user's training would meet it.

    Its functions compile for float32 and float64 and do what Python says; the slope agrees with central differences;
    float32 agrees with float64; large numbers give no NaN, and NaN gives NaN; results do not depend on where a block
    ends. Parameters are tried at their defaults and at one other value each. A function that is not vectorized is
    warned of (`nbtrain.PluginWarning`), with the reason.

    Parameters
    ----------
    activation : str, nbtrain.Activation or component
        `nbtrain.activation("elu", alpha=0.5)` is checked with that parameter only.

    Raises
    ------
    AssertionError
        It says, for each thing that is wrong, where it is and what to change.

    Examples
    --------
    >>> from nbtrain import testing
    >>> testing.check_activation("tanh")
    """
    report = Report("activation", activation)
    if report.compiled():
        for values in report.parameter_sets():
            check_curve(report, _curve(report, values))
    report.finish()
    report.warn_where_slow()


def _curve(report: Report, values: Values) -> Curve:
    spec: Any = report.spec
    return Curve(
        lambda z: blocks.activation_value(spec, z, values),
        lambda z: blocks.activation_slope(spec, z, values),
        lambda z: spec.value(z, *values),
        "z",
        ("value", "slope"),
        report.with_values(values),
    )
