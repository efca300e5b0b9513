"""The built-in components, registered through the same hooks as everybody's."""

from __future__ import annotations

from . import activations, initializers, losses, optimizers, regularizers, schedules

MODULES = (activations, regularizers, optimizers, losses, initializers, schedules)
