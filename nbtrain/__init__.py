"""nbtrain: training of fully connected neural networks, compiled by Numba, for use inside other programs.

What compiles or trains (`Trainer`, `kernel`, …) is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .components import (
    Activation,
    Component,
    Constraint,
    Initializer,
    Loss,
    Optimizer,
    Parameter,
    Regularizer,
    Schedule,
)
from .errors import DivergenceError, Error, InputError, ModelFileError, PluginError, PluginWarning
from .hookspecs import CONTRACT_VERSION, hookimpl
from .network import Dense, Network
from .registry import (
    activation,
    constraint,
    initializer,
    loss,
    optimizer,
    register,
    registry,
    regularizer,
    schedule,
    unregister,
)
from .words import MissingName

if TYPE_CHECKING:
    from . import callbacks, compiler, datasets, kernel, metrics, testing
    from .callbacks import Callback
    from .history import History
    from .persistence import load
    from .trainer import Trainer

__version__ = "0.1.0"

__all__ = [
    "CONTRACT_VERSION",
    "Activation",
    "Callback",
    "Component",
    "Constraint",
    "Dense",
    "DivergenceError",
    "Error",
    "History",
    "Initializer",
    "InputError",
    "Loss",
    "ModelFileError",
    "Network",
    "Optimizer",
    "Parameter",
    "PluginError",
    "PluginWarning",
    "Regularizer",
    "Schedule",
    "Trainer",
    "__version__",
    "activation",
    "callbacks",
    "compiler",
    "constraint",
    "datasets",
    "hookimpl",
    "initializer",
    "kernel",
    "load",
    "loss",
    "metrics",
    "optimizer",
    "register",
    "registry",
    "regularizer",
    "schedule",
    "testing",
    "unregister",
]

_LAZY = {
    "Trainer": "trainer",
    "History": "history",
    "Callback": "callbacks",
    "load": "persistence",
    "kernel": "",
    "datasets": "",
    "callbacks": "",
    "compiler": "",
    "metrics": "",
    "testing": "",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise MissingName("nbtrain", name, __all__)
    if not _LAZY[name]:
        return import_module(f".{name}", __name__)
    value = getattr(import_module(f".{_LAZY[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
