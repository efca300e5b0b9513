"""The built-in components, registered through the same hooks as those of plugins."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

from . import activations, initializers, losses, optimizers, regularizers, schedules, scikit_learn

MODULES = (activations, regularizers, optimizers, losses, initializers, schedules, scikit_learn)


def specs_of(module: ModuleType) -> Iterator[Any]:
    """The components that one of the modules, or a second execution of it, yields from its hooks."""
    for name, hook in vars(module).items():
        if name.startswith("nbtrain_"):
            yield from hook() or ()
