"""The registry of the process, and components by name from it: `nbtrain.activation("relu")` and its siblings."""

from __future__ import annotations

import copyreg
import math
from collections.abc import Callable
from functools import partial
from operator import attrgetter
from typing import Any

from ..checks.suggestions import an, did_you_mean
from ..errors import InputError
from . import (
    Activation,
    Component,
    Constraint,
    Initializer,
    Loss,
    Optimizer,
    Parameter,
    Regularizer,
    Schedule,
    Spec,
)
from .builtin import MODULES
from .registry import BUILTIN, Registry

__all__ = [
    "BUILTIN",
    "Registry",
    "activation",
    "bound",
    "constraint",
    "initializer",
    "is_identity",
    "loss",
    "optimizer",
    "register",
    "registry",
    "regularizer",
    "resolve",
    "schedule",
    "unregister",
]

WANTED_RATE = "a finite number above 0, or a schedule, is wanted"

registry = Registry(MODULES)


def bound(spec: Spec, given: dict[str, Any]) -> Component:
    """A spec with parameter values."""
    parameters: dict[str, Parameter] = spec.parameters  # type: ignore[attr-defined]
    rate = () if spec.kind != "optimizer" else ("learning_rate",)
    unknown = [name for name in given if name not in parameters and name not in rate]
    if unknown:
        names = [*rate, *parameters]
        hint = did_you_mean(unknown[0], names)
        known = f"It has {', '.join(names)}." if names else "It has none."
        raise InputError(f"{unknown[0]}: {spec.kind} {spec.name!r} has no such parameter{hint} {known}")
    values: list[tuple[str, Any]] = []
    if rate:
        values.append(("learning_rate", _rate(given.get("learning_rate", spec.learning_rate))))  # type: ignore[attr-defined]
    for name, parameter in parameters.items():
        values.append((name, parameter.checked(given.get(name, parameter.default), name)))
    if isinstance(spec, Schedule) and spec.check is not None:
        fault = spec.check(*(value for _, value in values))
        if fault:
            raise InputError(f"schedule {spec.name!r}: {fault}")
    return Component(spec.kind, spec.name, tuple(values), spec)


def _rate(value: Any) -> Any:
    if isinstance(value, Component) and value.kind == "schedule":
        return value
    if isinstance(value, str) and _is_number(value):
        number = float(value)
        wanted = "a number is wanted, without quotes: " + f"{number:g}" if 0.0 < number < math.inf else WANTED_RATE
        raise InputError(f"learning_rate: {value!r} given, a string; {wanted}")
    if isinstance(value, str | Component | Spec):
        return resolve("schedule", value, "learning_rate")
    try:
        return Parameter(1.0, above=0.0).checked(value, "learning_rate")
    except InputError:
        raise InputError(f"learning_rate: {value!r} given; {WANTED_RATE}") from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def resolve(kind: str, value: Any, argument: str) -> Component:
    """A bound component from a name, a spec or a bound component, or an InputError that names the argument."""
    if isinstance(value, Component) and value.kind == kind:
        return value
    if isinstance(value, Spec) and value.kind == kind:
        return bound(value, {})
    if isinstance(value, str):
        try:
            return bound(registry.get(kind, value), {})
        except InputError as error:
            raise InputError(str(error) if argument == kind else f"{argument}: {error}") from None
    wanted = f"the name of {an(kind)}, or nbtrain.{kind}(name, …), is wanted"
    raise InputError(f"{argument}: {value!r} given; {wanted}")


def activation(name: str | Spec, /, **parameters: Any) -> Component:
    """An activation by name: `nbtrain.activation("leaky_relu", slope=0.02)`."""
    return bound(registry.get("activation", name), parameters)


def regularizer(name: str | Spec, /, **parameters: Any) -> Component:
    """A regularizer by name: `nbtrain.regularizer("l2", strength=1e-4)`."""
    return bound(registry.get("regularizer", name), parameters)


def optimizer(name: str | Spec, /, **parameters: Any) -> Component:
    """An optimizer by name: `nbtrain.optimizer("adam", learning_rate=1e-3)`; the rate may be a schedule."""
    return bound(registry.get("optimizer", name), parameters)


def loss(name: str | Spec, /, **parameters: Any) -> Component:
    """A loss by name: `nbtrain.loss("mse")`."""
    return bound(registry.get("loss", name), parameters)


def initializer(name: str | Spec, /, **parameters: Any) -> Component:
    """An initializer by name: `nbtrain.initializer("he_normal")`."""
    return bound(registry.get("initializer", name), parameters)


def schedule(name: str | Spec, /, **parameters: Any) -> Component:
    """A learning-rate schedule by name: `nbtrain.schedule("cosine", steps=10_000)`."""
    return bound(registry.get("schedule", name), parameters)


def constraint(name: str | Spec, /, **parameters: Any) -> Component:
    """A constraint by name: `nbtrain.constraint("max_norm", limit=3)`."""
    return bound(registry.get("constraint", name), parameters)


_MAKERS: dict[str, Callable[..., Component]] = {
    made.__name__: made for made in (activation, regularizer, optimizer, loss, initializer, schedule, constraint)
}


def _reduced(component: Component) -> Any:
    """A component is pickled by its name where the registry has it, and so made anew from that of another process."""
    if registry.knows(component.spec):
        return partial(_MAKERS[component.kind], component.name, **dict(component.parameters)), ()
    return Component, (component.kind, component.name, component.parameters, component.spec)


def _reduced_spec(spec: Spec) -> Any:
    """A built-in spec is pickled by its name, so that the pickle names no internal module."""
    if registry.provider(spec) == BUILTIN:
        return attrgetter("spec"), (_MAKERS[spec.kind](spec.name),)
    return spec.__reduce__()


copyreg.pickle(Component, _reduced)
for _kind in (Activation, Regularizer, Optimizer, Loss, Initializer, Schedule, Constraint):
    copyreg.pickle(_kind, _reduced_spec)


def is_identity(component: Component) -> bool:
    """Whether it is the built-in activation that leaves z as it is, and not another one of that name."""
    return component.name == "identity" and registry.provider(component.spec) == BUILTIN


def register(plugin: object, name: str | None = None) -> None:
    """Register a module or object with hooks, or a single spec, with the registry of this process."""
    registry.register(plugin, name)


def unregister(plugin: object) -> None:
    """Undo `register`; models that use its components keep them."""
    registry.unregister(plugin)
