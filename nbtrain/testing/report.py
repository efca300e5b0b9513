"""Collects what a check finds wrong with a component, and reports it at once."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import compiler
from ..components import Component, Parameter, Spec
from ..components.by_name import resolve
from ..errors import PluginError, PluginWarning

DTYPES = (np.dtype(np.float64), np.dtype(np.float32))
Values = tuple[float, ...]


class Report:
    """The findings about one component.

    Parameters
    ----------
    kind : str
    given : str, spec or component
        What the author gave; a component keeps its parameters' values.
    """

    fixed: Component | None
    title: str

    def __init__(self, kind: str, given: Any) -> None:
        component = resolve(kind, given, kind)
        self.spec: Spec = component.spec
        self.fixed = component if isinstance(given, Component) else None
        self.title = f"{kind} {self.spec.name!r}"
        self.findings: list[str] = []

    def wrong(self, what: str) -> None:
        """Note something that the author has to change."""
        if what not in self.findings:
            self.findings.append(what)

    def finish(self) -> None:
        """Raise an AssertionError if anything was noted."""
        if self.findings:
            lines = "".join(f"\n  - {finding}" for finding in self.findings)
            raise AssertionError(f"{self.title} is not right yet:{lines}")

    def compiled(self) -> bool:
        """Whether the component's functions can be compiled for both dtypes; warns where they are slow code."""
        try:
            for dtype in DTYPES:
                compiler.component(self.spec, dtype)
        except PluginError as error:
            self.wrong(f"it cannot be compiled: {error}")
            return False
        return True

    def warn_where_slow(self) -> None:
        """Warn where a loop works on one number at a time, and why."""
        try:
            from ..compiler.inspect import is_vectorized  # type: ignore[import-not-found,unused-ignore]
        except ImportError:
            return
        fast, reason = is_vectorized(self.spec, np.float32)
        if not fast:
            warnings.warn(f"{self.title} is not vectorized in float32: {reason}", PluginWarning, stacklevel=4)

    def parameter_sets(self) -> Iterator[Values]:
        """Values of the parameters to try: the defaults, then each parameter changed within its bounds."""
        if self.fixed is not None:
            yield self.fixed.values
            return
        parameters: dict[str, Parameter] = dict(self.spec.parameters)  # type: ignore[attr-defined]
        defaults = tuple(parameter.default for parameter in parameters.values())
        yield defaults
        for index, parameter in enumerate(parameters.values()):
            other = other_value(parameter)
            if other is not None:
                yield defaults[:index] + (other,) + defaults[index + 1 :]

    def with_values(self, values: Values) -> str:
        """Values of parameters, for a message."""
        names = self.spec.parameters  # type: ignore[attr-defined]
        named = ", ".join(f"{name}={value:g}" for name, value in zip(names, values, strict=True))
        return f" with {named}" if named else ""


def other_value(parameter: Parameter) -> float | None:
    """A value within a parameter's bounds that is not its default."""
    default = parameter.default
    for candidate in (0.5 * default, 2.0 * default, default + 0.25, default - 0.25):
        try:
            if candidate != default:
                return float(parameter.checked(candidate, "candidate"))
        except ValueError:
            continue
    return None
