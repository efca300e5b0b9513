"""Specs for the update: optimizers and learning-rate schedules."""

from __future__ import annotations

import collections
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..checks.messages import brief, wrong
from ..errors import InputError
from .spec import NAME_RULE, Function, Parameter, Spec, is_name

MOST_SLOTS = 16  # each thread of the core has room for this many pointers


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
        Names of the numbers of state that each parameter has; at most 16.
    prepare : function, optional
        `prepare(t, hyper) -> tuple`, in float64, once per iteration `t` = 1, 2, …: what does not depend on the
        parameter (bias corrections, `1 - beta`, which float32 would spoil).
        With `scalars`: `prepare(t, scalars, hyper) -> (prepared, scalars)`.
    parameters : dict, optional
    learning_rate : float, default 1e-3
        The default.
    scalars : sequence of str, optional
        Names of float64 numbers of state that the whole optimizer has; 0 before the first iteration.
    norms : {"layer", "global"}, optional
        For rules that need the norm of what they move. `step` then returns the update u in place of w, and the core
        applies `w <- w - s u` with `s = scale(norm_w, norm_u, hyper)`: for each weight matrix and each bias vector by
        itself ("layer"), or once for all parameters together ("global"). It costs a second pass over the parameters.
    scale : function, with `norms`
        `scale(norm_w, norm_u, hyper) -> s`, in float64, of the Euclidean norms of the parameters before the update
        and of u.

    Examples
    --------
    >>> import nbtrain
    >>> def step(w, g, slots, prepared, hyper):
    ...     velocity = hyper.beta * slots.velocity + g
    ...     return w - hyper.learning_rate * velocity, (velocity,)
    >>> optimizer = nbtrain.Optimizer("my_momentum", step, slots=("velocity",), parameters={"beta": 0.9})

    A step of fixed length, whatever the gradient:

    >>> def direction(w, g, slots, prepared, hyper):
    ...     return g, ()
    >>> def length(norm_w, norm_u, hyper):
    ...     return hyper.learning_rate / norm_u if norm_u > 0.0 else 0.0
    >>> optimizer = nbtrain.Optimizer("normalized", direction, norms="global", scale=length)
    """

    kind: ClassVar[str] = "optimizer"
    roles: ClassVar[tuple[str, ...]] = ("step", "prepare", "scale")
    step: Function
    slots: tuple[str, ...] = ()
    prepare: Function | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict, compare=False)
    learning_rate: float = 1e-3
    scalars: tuple[str, ...] = ()
    norms: str | None = None
    scale: Function | None = None
    prepared_count: int = field(default=0, init=False, compare=False)

    def __post_init__(self) -> None:
        for role in ("slots", "scalars"):
            given = getattr(self, role)
            names = tuple(given) if not isinstance(given, str) else ("",)
            if not all(map(is_name, names)) or len(set(names)) < len(names):
                raise InputError(wrong(role, f"be a sequence of different names ({NAME_RULE})", brief(given)))
            object.__setattr__(self, role, names)
        if len(self.slots) > MOST_SLOTS:
            raise InputError(wrong("slots", f"have at most {MOST_SLOTS} names", str(len(self.slots))))
        functions = {
            "step": (self.step, "w, g, slots, prepared, hyper"),
            "prepare": (self.prepare, "t, scalars, hyper" if self.scalars else "t, hyper"),
            "scale": (self.scale, "norm_w, norm_u, hyper"),
        }
        self._check(self.parameters, functions)
        if self.norms not in (None, "layer", "global"):
            raise InputError(wrong("norms", "be 'layer', 'global' or None", brief(self.norms)))
        if (self.norms is None) != (self.scale is None):
            raise InputError(f"optimizer {self.name!r}: norms and scale go together")
        if "learning_rate" in self.parameters:
            raise InputError("parameters: every optimizer has 'learning_rate'; set its default with learning_rate=")
        rate = Parameter(1.0, above=0.0).checked(self.learning_rate, "learning_rate")
        object.__setattr__(self, "learning_rate", rate)
        object.__setattr__(self, "prepared_count", self._count_prepared())

    def _count_prepared(self) -> int:
        if self.prepare is None:
            return 0
        values = [parameter.default for parameter in self.parameters.values()]
        hyper = _record("Hyper", ("learning_rate", *self.parameters), (self.learning_rate, *values))
        zeros = (_record("Scalars", self.scalars, (0.0,) * len(self.scalars)),) if self.scalars else ()
        try:
            found = self.prepare(1, *zeros, hyper)
            if self.scalars:
                found, _ = found
        except Exception as error:
            hint = f"; hyper has {', '.join(hyper._fields)}" if isinstance(error, AttributeError) else ""
            raise InputError(f"prepare: called with t=1 and the defaults it failed: {error!r}{hint}") from error
        if not isinstance(found, tuple):
            raise InputError(
                wrong("prepare", "return a tuple of numbers", brief(found), "called with t=1 and the defaults")
            )
        return len(found)


def _record(name: str, fields: tuple[str, ...], values: tuple[float, ...]) -> Any:
    """A NamedTuple of numbers, as compiled optimizers see them."""
    make: Any = collections.namedtuple
    return make(name, fields)(*values)


@dataclass(frozen=True)
class Schedule(Spec):
    """A learning rate that changes: `rate(t, *parameters)`, `t` = 1, 2, … counts iterations, not epochs.

    Parameters
    ----------
    name : str
    rate : function
        `rate(t, *parameters) -> learning rate`, compiled in float64, once per iteration.
    parameters : dict, optional
    check : function, optional
        `check(*parameters) -> str or None`: what is wrong with the values together, such as a minimum above the rate.
        It is not compiled.

    Examples
    --------
    >>> import nbtrain
    >>> def rate(t, rate, half_life):
    ...     return rate * 0.5 ** (t / half_life)
    >>> halving = nbtrain.Schedule("halving", rate, parameters={"rate": 1e-2, "half_life": 1000.0})
    >>> optimizer = nbtrain.optimizer("adam", learning_rate=halving)
    """

    kind: ClassVar[str] = "schedule"
    roles: ClassVar[tuple[str, ...]] = ("rate",)
    rate: Function
    parameters: Mapping[str, Any] = field(default_factory=dict, compare=False)
    check: Function | None = None

    def __post_init__(self) -> None:
        self._check(self.parameters, {"rate": (self.rate, 1), "check": (self.check, 0)})
