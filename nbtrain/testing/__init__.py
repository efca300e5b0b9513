"""Checks for authors of components: `nbtrain.testing.check_activation(spec)` and its siblings.

Each takes a spec, a name, or a component with parameters, runs its functions as training would, compiled and in
Python, and raises an AssertionError that says what is wrong and what to change. The built-in components pass the same
checks. A loop that never ends hangs its check: run the tests under a time limit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..checks.messages import brief, wrong
from ..components import Component, Spec
from ..errors import InputError
from .activations import check_activation
from .constraints import check_constraint
from .losses import check_loss, check_regularizer
from .optimizers import check_optimizer
from .others import check_initializer, check_schedule

__all__ = [
    "check",
    "check_activation",
    "check_constraint",
    "check_initializer",
    "check_loss",
    "check_optimizer",
    "check_regularizer",
    "check_schedule",
]

CHECKS: dict[str, Callable[[Any], None]] = {
    "activation": check_activation,
    "regularizer": check_regularizer,
    "optimizer": check_optimizer,
    "loss": check_loss,
    "initializer": check_initializer,
    "schedule": check_schedule,
    "constraint": check_constraint,
}


def check(spec: Spec | Component) -> None:
    """Check a component of any kind: `check_activation` for an activation, and so on.

    Parameters
    ----------
    spec : Activation, Loss, … or component
        The definition; a component is checked with its own parameters only.

    Raises
    ------
    AssertionError
        It says, for each thing that is wrong, where it is and what to change.

    Examples
    --------
    >>> import nbtrain
    >>> from nbtrain import testing
    >>> quartic = nbtrain.Regularizer("quartic", penalty=lambda w: w * w * w * w, slope=lambda w: 4.0 * w * w * w)
    >>> testing.check(quartic)
    """
    if not isinstance(spec, Spec | Component) or spec.kind not in CHECKS:
        raise InputError(wrong("spec", "be the spec of a component, such as nbtrain.Activation(...)", brief(spec)))
    CHECKS[spec.kind](spec)


def __dir__() -> list[str]:
    return sorted(__all__)
