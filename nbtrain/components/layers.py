"""Specs for layers: activations, initializers and constraints."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..checks.messages import wrong
from ..errors import InputError
from .spec import Function, Spec, plain_function


@dataclass(frozen=True)
class Activation(Spec):
    """An activation `a = g(z)`, applied to each unit.

    Parameters
    ----------
    name : str
        Lower-case letters, digits and underscores.
    value : function
        `value(z, *parameters) -> a`.
    slope : function
        `slope(z, a, *parameters) -> g'(z)`; takes `z`, `a`, or both: the arguments of these names.
    parameters : dict, optional
        Names of parameters, with defaults or `Parameter` objects. Changing a value never compiles anything.
    initializer : str, default "glorot_uniform"
        For layers with this activation that do not name one.

    Examples
    --------
    >>> import math, nbtrain
    >>> def value(z):
    ...     return z / (1.0 + abs(z))
    >>> def slope(a):
    ...     return (1.0 - abs(a)) ** 2
    >>> softsign = nbtrain.Activation("my_softsign", value, slope)
    """

    kind: ClassVar[str] = "activation"
    roles: ClassVar[tuple[str, ...]] = ("value", "slope")
    value: Function
    slope: Function
    parameters: Mapping[str, Any] = field(default_factory=dict, compare=False)
    initializer: str = "glorot_uniform"

    def __post_init__(self) -> None:
        self._check(self.parameters, {"value": (self.value, 1)})
        function = plain_function(self.slope, "slope")
        leading = len(self._named(function))
        self._check(self.parameters, {"slope": (function, max(1, leading))})

    @staticmethod
    def _named(function: Function) -> tuple[str, ...]:
        found = []
        for name in inspect.signature(function).parameters:
            if name not in ("z", "a"):
                break
            found.append(name)
        return tuple(found)

    @property
    def slope_arguments(self) -> tuple[str, ...]:
        """Which of z and a the slope takes, in its own order.

        Examples
        --------
        >>> import nbtrain
        >>> nbtrain.Activation("half", value=lambda z: 0.5 * z, slope=lambda a, z: 0.5).slope_arguments
        ('a', 'z')
        """
        return self._named(self.slope) or ("z",)


@dataclass(frozen=True)
class Initializer(Spec):
    """How the weights of a layer are drawn; biases begin at zero.

    Parameters
    ----------
    name : str
    function : function
        `function(fan_in, fan_out, rng, *parameters) -> ndarray of shape (fan_in, fan_out)`, with a
        `numpy.random.Generator`. It is not compiled.
    parameters : dict, optional

    Examples
    --------
    >>> import nbtrain
    >>> def small(fan_in, fan_out, rng, deviation):
    ...     return rng.normal(0.0, deviation, (fan_in, fan_out))
    >>> initializer = nbtrain.Initializer("small", small, parameters={"deviation": 0.01})
    >>> layer = nbtrain.Dense(8, "relu", initializer=initializer)
    """

    kind: ClassVar[str] = "initializer"
    function: Function
    parameters: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        self._check(self.parameters, {"function": (self.function, 3)})


@dataclass(frozen=True)
class Constraint(Spec):
    """Projects the weights W of a layer after every update; biases are not constrained.

    Either elementwise (`project`), or by the norm of each unit's incoming weights (`scale`), the columns of W
    (inputs, units).

    Parameters
    ----------
    name : str
    project : function, optional
        `project(w, *parameters) -> w` for each weight.
    scale : function, optional
        `scale(norm, *parameters) -> factor` for each unit, in float64: its column of W is multiplied by the factor.
        `norm` is the column's Euclidean norm.
    parameters : dict, optional

    Examples
    --------
    >>> import nbtrain
    >>> bounded = nbtrain.Constraint(
    ...     "bounded", project=lambda w, limit: min(max(w, -limit), limit), parameters={"limit": 1.0}
    ... )
    >>> layer = nbtrain.Dense(64, "relu", constraint=bounded)
    """

    kind: ClassVar[str] = "constraint"
    roles: ClassVar[tuple[str, ...]] = ("project", "scale")
    project: Function | None = None
    scale: Function | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        self._check(self.parameters, {"project": (self.project, 1), "scale": (self.scale, 1)})
        if (self.project is None) == (self.scale is None):
            raise InputError(
                wrong(
                    f"constraint {self.name!r}",
                    "have exactly one of project and scale",
                    "both" if self.project else "neither",
                )
            )

    @property
    def elementwise(self) -> bool:
        """Whether `project`, not `scale`, defines it.

        Examples
        --------
        >>> import nbtrain
        >>> nbtrain.Constraint("positive", project=lambda w: max(w, 0.0)).elementwise
        True
        """
        return self.project is not None
