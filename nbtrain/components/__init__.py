"""The plugin contract: what an activation, regularizer, optimizer, loss, initializer, schedule or constraint is.

A component is a frozen spec around plain scalar Python functions. nbtrain compiles them itself: its author writes
mathematics with `math` or `numpy` functions, constants and conditional expressions, and no Numba. Parameters come
after the functions' own arguments, in the order in which the spec names them.
"""

from __future__ import annotations

from .layers import Activation, Constraint, Initializer
from .losses import Loss, Regularizer
from .optimizers import Optimizer, Schedule
from .spec import NAME, Component, Parameter, Spec, plain_function

__all__ = [
    "KINDS",
    "NAME",
    "Activation",
    "Component",
    "Constraint",
    "Initializer",
    "Loss",
    "Optimizer",
    "Parameter",
    "Regularizer",
    "Schedule",
    "Spec",
    "plain_function",
]

KINDS: dict[str, type[Spec]] = {
    spec.kind: spec for spec in (Activation, Regularizer, Optimizer, Loss, Initializer, Schedule, Constraint)
}


def __dir__() -> list[str]:
    return sorted(__all__)
