"""The built-in components, registered through the same hooks as those of plugins."""

from __future__ import annotations

from . import activations, initializers, losses, optimizers, regularizers, schedules, scikit_learn

MODULES = (activations, regularizers, optimizers, losses, initializers, schedules, scikit_learn)
