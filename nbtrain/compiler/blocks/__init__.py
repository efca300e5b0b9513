"""Builds block functions: a component's scalar functions in loops over arrays that are passed by address.

Every C function returns 0; its arguments are int64, but for a last float64 where there is one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...components import Activation, Constraint, Loss, Optimizer, Regularizer, Schedule
from ...errors import PluginError
from ..objects import Function
from .layers import activation, constraint
from .losses import loss, loss_loops, regularizer
from .optimizers import optimizer, schedule


def block_functions(spec: Any, dtype: np.dtype[Any]) -> dict[str, Function]:
    """Role -> block function with its argument types."""
    makers: dict[type, Any] = {
        Activation: activation,
        Regularizer: regularizer,
        Optimizer: optimizer,
        Loss: loss,
        Schedule: schedule,
        Constraint: constraint,
    }
    for kind, maker in makers.items():
        if isinstance(spec, kind):
            made: dict[str, Function] = maker(spec, dtype)
            return made
    raise PluginError(f"{spec!r} is not of a kind that is compiled")


def loops(spec: Any, dtype: np.dtype[Any]) -> dict[str, Function]:
    """The same, but an elementwise loss in parts, to be inspected one by one: one function per loop over numbers."""
    elementwise = isinstance(spec, Loss) and spec.elementwise
    return loss_loops(spec, dtype) if elementwise else block_functions(spec, dtype)
