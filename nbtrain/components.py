"""The plugin contract: what an activation, regularizer, optimizer, loss, initializer or schedule is.

A component is a frozen spec around plain scalar Python functions. nbtrain compiles them itself: its author writes
mathematics with `math` or `numpy` functions, constants and conditional expressions, and no Numba. Parameters come
after the functions' own arguments, in the order in which the spec names them.
"""

from __future__ import annotations

import collections
import inspect
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from numbers import Real
from types import FunctionType, MappingProxyType
from typing import Any, ClassVar

import numpy as np

from .errors import InputError

NAME = re.compile(r"[a-z][a-z0-9_]*")
Function = Callable[..., Any]


@dataclass(frozen=True)
class Parameter:
    """A named number of a component, with the bounds in which it makes sense.

    Parameters
    ----------
    default : float
    minimum, maximum : float, optional
        Smallest and largest allowed value.
    above, below : float, optional
        Bounds that the value itself must not take.
    """

    default: float
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "default", self.checked(self.default, "default"))

    def checked(self, value: Any, argument: str) -> float:
        """The value as a float, or an InputError that names the argument and the bounds."""
        number = isinstance(value, Real) and not isinstance(value, bool | np.bool) and math.isfinite(value)
        if not number or not self._inside(float(value)):
            raise InputError(f"{argument}: {value!r} given; {self._words()} is wanted")
        return float(value)

    def _inside(self, value: float) -> bool:
        return not (
            (self.minimum is not None and value < self.minimum)
            or (self.maximum is not None and value > self.maximum)
            or (self.above is not None and value <= self.above)
            or (self.below is not None and value >= self.below)
        )

    def _words(self) -> str:
        bounds = [
            f"{word} {bound:g}"
            for word, bound in (
                ("at least", self.minimum),
                ("above", self.above),
                ("at most", self.maximum),
                ("below", self.below),
            )
            if bound is not None
        ]
        return "a finite number" + (f" {' and '.join(bounds)}" if bounds else "")


@dataclass(frozen=True)
class Spec:
    """What all components have in common."""

    kind: ClassVar[str]
    name: str

    def _check(self, parameters: Mapping[str, Any], functions: Mapping[str, tuple[Function | None, int]]) -> None:
        """Validate name, parameters and the functions, each with the number of its own leading arguments."""
        if not isinstance(self.name, str) or not NAME.fullmatch(self.name):
            raise InputError(f"name: {self.name!r} given; lower-case letters, digits and _ are wanted")
        if not isinstance(parameters, Mapping):
            raise InputError(f"parameters: {parameters!r} given; a dict of names and defaults is wanted")
        made = {}
        for key, value in parameters.items():
            if not isinstance(key, str) or not NAME.fullmatch(key):
                raise InputError(f"parameters: name {key!r} given; lower-case letters, digits and _ are wanted")
            made[key] = value if isinstance(value, Parameter) else Parameter(value)
        object.__setattr__(self, "parameters", MappingProxyType(made))
        for role, (function, leading) in functions.items():
            if function is not None:
                object.__setattr__(self, role, plain_function(function, role))
                self._check_signature(role, leading)

    def _check_signature(self, role: str, leading: int) -> None:
        """The arguments after the leading ones are the parameters, in their order."""
        function: Function = getattr(self, role)
        arguments = list(inspect.signature(function).parameters)
        wanted = list(self.parameters) if self.kind != "optimizer" else []  # type: ignore[attr-defined]
        if len(arguments) < leading or arguments[leading:] != wanted:
            raise InputError(
                f"{role}: {self.kind} {self.name!r} has {function.__name__}({', '.join(arguments)}); "
                f"{leading} argument{'s' if leading > 1 else ''} of its own"
                + (f", then {', '.join(wanted)}" if wanted else "")
                + " are wanted"
            )

    @property
    def functions(self) -> dict[str, Function]:
        """Role -> function, of those that are compiled."""
        found = {role: getattr(self, role) for role in self.roles}
        return {role: function for role, function in found.items() if function is not None}

    roles: ClassVar[tuple[str, ...]] = ()


def plain_function(function: Any, argument: str) -> Function:
    """The Python function behind what was given; its own compiler flags do not count."""
    found = getattr(function, "py_func", function)
    if not isinstance(found, FunctionType):
        raise InputError(f"{argument}: {function!r} given; a plain Python function is wanted")
    return found


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
        For layers with this activation that name none.

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
        """Which of z and a the slope takes, in its order."""
        return self._named(self.slope) or ("z",)


@dataclass(frozen=True)
class Regularizer(Spec):
    """A penalty `r(w)` on each weight; the core scales it by 1/m and adds it up over all weights, not biases.

    Parameters
    ----------
    name : str
    penalty : function
        `penalty(w, *parameters) -> r(w)`.
    slope : function
        `slope(w, *parameters) -> r'(w)`.
    parameters : dict, optional
    """

    kind: ClassVar[str] = "regularizer"
    roles: ClassVar[tuple[str, ...]] = ("penalty", "slope")
    penalty: Function
    slope: Function
    parameters: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        self._check(self.parameters, {"penalty": (self.penalty, 1), "slope": (self.slope, 1)})


@dataclass(frozen=True)
class Optimizer(Spec):
    """A rule that moves each parameter along its gradient.

    Parameters
    ----------
    name : str
    step : function
        `step(w, g, slots, prepared, hyper) -> (w, slots)` for one parameter: `w` its value, `g` its gradient, `slots`
        a NamedTuple of its state (zero before the first step), `prepared` what `prepare` returned, `hyper` a
        NamedTuple of the learning rate and the parameters (`hyper.learning_rate`, `hyper.beta`, …).
    slots : sequence of str, optional
        Names of the numbers of state that each parameter has.
    prepare : function, optional
        `prepare(t, hyper) -> tuple`, in float64, once per iteration `t` = 1, 2, …: what does not depend on the
        parameter (bias corrections, `1 - beta`, which float32 would spoil).
        With `scalars`: `prepare(t, scalars, hyper) -> (prepared, scalars)`.
    parameters : dict, optional
    learning_rate : float, default 1e-3
        The default.
    scalars : sequence of str, optional
        Names of float64 numbers of state that the whole optimizer has; 0 before the first iteration.

    Examples
    --------
    >>> def step(w, g, slots, prepared, hyper):
    ...     velocity = hyper.beta * slots.velocity + g
    ...     return w - hyper.learning_rate * velocity, (velocity,)
    >>> optimizer = nbtrain.Optimizer("my_momentum", step, slots=("velocity",), parameters={"beta": 0.9})
    """

    kind: ClassVar[str] = "optimizer"
    roles: ClassVar[tuple[str, ...]] = ("step", "prepare")
    step: Function
    slots: tuple[str, ...] = ()
    prepare: Function | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict, compare=False)
    learning_rate: float = 1e-3
    scalars: tuple[str, ...] = ()
    prepared_count: int = field(default=0, init=False, compare=False)

    def __post_init__(self) -> None:
        for role in ("slots", "scalars"):
            given = getattr(self, role)
            names = tuple(given) if not isinstance(given, str) else ("",)
            if not all(isinstance(name, str) and NAME.fullmatch(name) for name in names):
                raise InputError(f"{role}: {given!r} given; a sequence of names is wanted")
            object.__setattr__(self, role, names)
        leading = 3 if self.scalars else 2
        self._check(self.parameters, {"step": (self.step, 5), "prepare": (self.prepare, leading)})
        if "learning_rate" in self.parameters:
            raise InputError("parameters: 'learning_rate' is there by itself; name its default as learning_rate=")
        rate = Parameter(1.0, above=0.0).checked(self.learning_rate, "learning_rate")
        object.__setattr__(self, "learning_rate", rate)
        object.__setattr__(self, "prepared_count", self._count_prepared())

    def _count_prepared(self) -> int:
        if self.prepare is None:
            return 0
        values = [parameter.default for parameter in self.parameters.values()]
        hyper = _record("Hyper", ("learning_rate", *self.parameters), (self.learning_rate, *values))
        try:
            if not self.scalars:
                return len(self.prepare(1, hyper))
            zeros = _record("Scalars", self.scalars, (0.0,) * len(self.scalars))
            return len(self.prepare(1, zeros, hyper)[0])
        except Exception as error:
            raise InputError(f"prepare: called with t=1 and the defaults it failed: {error!r}") from error


def _record(name: str, fields: tuple[str, ...], values: tuple[float, ...]) -> Any:
    """A NamedTuple of numbers, as compiled optimizers see them."""
    make: Any = collections.namedtuple
    return make(name, fields)(*values)


@dataclass(frozen=True)
class Loss(Spec):
    """A loss, elementwise or row by row; the core weights it and averages it over the samples.

    Parameters
    ----------
    name : str
    value, slope : function
        Elementwise: `value(p, y, *parameters)` and its slope with respect to `p`. `p` is the network's output ŷ, or,
        with `output`, the z of an identity last layer. A sample's loss is the sum over its outputs.
    output : function, optional
        `output(z, *parameters) -> ŷ`: the loss's own output activation, applied in prediction.
    row : function
        Row by row instead: `row(z, y, slope, *parameters) -> loss`, with `z` (outputs,), `y` a row (outputs,) or an
        int label, and `slope` (outputs,) to be filled.
    row_output : function, optional
        `row_output(z, out, *parameters)`: fills `out` (outputs,) with the prediction.
    parameters : dict, optional
    target : {"float", "label"}
        Float targets (samples, outputs), or int64 labels (samples,).
    minimum, maximum : float, optional
        Bounds of float targets. With 0 and 1 the targets are two classes, and accuracy is counted.
    """

    kind: ClassVar[str] = "loss"
    roles: ClassVar[tuple[str, ...]] = ("value", "slope", "output", "row", "row_output")
    value: Function | None = None
    slope: Function | None = None
    output: Function | None = None
    row: Function | None = None
    row_output: Function | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict, compare=False)
    target: str = "float"
    minimum: float | None = None
    maximum: float | None = None

    def __post_init__(self) -> None:
        self._check(
            self.parameters,
            {
                "value": (self.value, 2),
                "slope": (self.slope, 2),
                "output": (self.output, 1),
                "row": (self.row, 3),
                "row_output": (self.row_output, 2),
            },
        )
        elementwise = self.value is not None and self.slope is not None
        if elementwise == (self.row is not None) or (self.value is None) != (self.slope is None):
            raise InputError(f"loss {self.name!r}: value and slope, or row, are wanted")
        if (self.output is not None and not elementwise) or (self.row_output is not None and elementwise):
            raise InputError(f"loss {self.name!r}: output goes with value and slope, row_output with row")
        if self.target not in ("float", "label"):
            raise InputError(f"target: {self.target!r} given; 'float' or 'label' is wanted")
        if self.target == "label" and elementwise:
            raise InputError(f"target: loss {self.name!r} is elementwise and takes floats; labels want row")

    @property
    def elementwise(self) -> bool:
        """Whether value and slope, not row, define it."""
        return self.row is None

    @property
    def owns_output(self) -> bool:
        """Whether it brings an output activation of its own."""
        return self.output is not None or self.row_output is not None


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
    """

    kind: ClassVar[str] = "initializer"
    function: Function
    parameters: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        self._check(self.parameters, {"function": (self.function, 3)})


@dataclass(frozen=True)
class Schedule(Spec):
    """A learning rate that changes: `rate(t, *parameters)`, `t` = 1, 2, … counts iterations, not epochs.

    Parameters
    ----------
    name : str
    rate : function
        `rate(t, *parameters) -> learning rate`, compiled in float64, once per iteration.
    parameters : dict, optional
    """

    kind: ClassVar[str] = "schedule"
    roles: ClassVar[tuple[str, ...]] = ("rate",)
    rate: Function
    parameters: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        self._check(self.parameters, {"rate": (self.rate, 1)})


KINDS: dict[str, type[Spec]] = {
    spec.kind: spec for spec in (Activation, Regularizer, Optimizer, Loss, Initializer, Schedule)
}


@dataclass(frozen=True)
class Component:
    """A component with its parameters' values: what `nbtrain.activation("leaky_relu", slope=0.02)` returns."""

    kind: str
    name: str
    parameters: tuple[tuple[str, Any], ...]
    spec: Any = field(compare=False, repr=False)

    @property
    def values(self) -> tuple[float, ...]:
        """The parameters' values in the spec's order, without an optimizer's learning rate."""
        return tuple(value for name, value in self.parameters if name != "learning_rate")

    @property
    def learning_rate(self) -> Any:
        """An optimizer's learning rate: a float or a schedule."""
        return dict(self.parameters)["learning_rate"]

    def __repr__(self) -> str:
        given = "".join(f", {name}={value!r}" for name, value in self.parameters)
        return f"{self.kind}({self.name!r}{given})"
