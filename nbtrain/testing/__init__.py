"""Checks for authors of components: `nbtrain.testing.check_activation(spec)` and its siblings.

Each takes a spec, a name, or a component with parameters, runs its functions as training would, compiled and not, and
raises an AssertionError that says what is wrong and what to change. The built-in components pass the same checks.
"""

from __future__ import annotations

from .activations import check_activation

__all__ = ["check_activation"]
