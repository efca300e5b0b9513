"""Block functions: a component's scalar functions in loops over arrays that are named by address.

What the C functions are called with stands in `nbtrain.components`' contract; every one returns 0.
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
    raise PluginError(f"{spec!r} is nothing that is compiled")


def loops(spec: Any, dtype: np.dtype[Any]) -> dict[str, Function]:
    """The same, but an elementwise loss in parts, so that each can be looked at: one function per loop over numbers."""
    elementwise = isinstance(spec, Loss) and spec.elementwise
    return loss_loops(spec, dtype) if elementwise else block_functions(spec, dtype)
