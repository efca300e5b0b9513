"""nbtrain: training of fully connected neural networks, compiled by Numba, for use inside other programs.

What compiles or trains (`Trainer`, `kernel`, …) is imported when it is first used.
"""

from __future__ import annotations

import sys
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
from .components.by_name import (
    _recalled,
    _remade,
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
from .components.hooks import CONTRACT_VERSION, hookimpl
from .components.network import Dense, Network
from .errors import DivergenceError, Error, InputError, ModelFileError, PluginError, PluginWarning
from .version import __version__

if TYPE_CHECKING:
    from . import callbacks, compiler, datasets, distributed, kernel, metrics, plot, table, testing
    from .callbacks import Callback
    from .loading import load
    from .model.header import get_include
    from .population import Population, PopulationHistory
    from .training.history import History
    from .training.trainer import Trainer

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
    "Population",
    "PopulationHistory",
    "Regularizer",
    "Schedule",
    "Trainer",
    "__version__",
    "activation",
    "callbacks",
    "compiler",
    "constraint",
    "datasets",
    "distributed",
    "get_include",
    "hookimpl",
    "initializer",
    "kernel",
    "load",
    "loss",
    "metrics",
    "optimizer",
    "plot",
    "register",
    "registry",
    "regularizer",
    "schedule",
    "table",
    "testing",
    "unregister",
]

# Pickles, tracebacks and help name the classes and functions by the paths that stay.
for _public in (
    *(Activation, Component, Constraint, Dense, Initializer, Loss, Network, Optimizer, Parameter, Regularizer),
    *(Schedule, activation, constraint, initializer, loss, optimizer, regularizer, schedule, register, unregister),
    *(_recalled, _remade),  # how pickles make components
):
    _public.__module__ = __name__

_LAZY = {
    "Trainer": "training.trainer",
    "Population": "population.population",
    "PopulationHistory": "population.history",
    "History": "training.history",
    "Callback": "callbacks",
    "load": "loading",
    "get_include": "model.header",
    "kernel": "",
    "datasets": "",
    "distributed": "",
    "callbacks": "",
    "compiler": "",
    "metrics": "",
    "plot": "",
    "table": "",
    "testing": "",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name, obj=sys.modules[__name__])
    if not _LAZY[name]:
        return import_module(f".{name}", __name__)
    value = getattr(import_module(f".{_LAZY[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
