"""The registry of the process, and components by name from it: `nbtrain.activation("relu")` and its siblings."""

from __future__ import annotations

import copyreg
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from ..checks.messages import unknown, wrong
from ..checks.suggestions import an
from ..errors import InputError, PluginError
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
from .absent import Absent
from .builtin import MODULES
from .registry import BUILTIN, Registry
from .spec import PerMember, is_per_member, per_member

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

registry: Registry = Registry(MODULES)


def bound(spec: Spec, given: dict[str, Any]) -> Component:
    """A spec with parameter values; without any given it is made once."""
    if given:
        return _bound(spec, given)
    kept: Any = vars(spec)
    if "_bound" not in kept:
        kept["_bound"] = _bound(spec, given)
    found: Component = kept["_bound"]
    return found


def _bound(spec: Spec, given: dict[str, Any]) -> Component:
    parameters: dict[str, Parameter] = spec.parameters  # type: ignore[attr-defined]
    rate = () if spec.kind != "optimizer" else ("learning_rate",)
    for name in given:
        if name not in parameters and name not in rate:
            raise InputError(unknown(f"parameter of {spec.kind} {spec.name!r}:", name, [*rate, *parameters]))
    values: list[tuple[str, Any]] = []
    if rate:
        values.append(("learning_rate", _rate(given.get("learning_rate", spec.learning_rate))))  # type: ignore[attr-defined]
    for name, parameter in parameters.items():
        values.append((name, parameter.checked(given.get(name, parameter.default), name)))
    if isinstance(spec, Schedule):
        check_schedule(spec, [value for _, value in values])
    return Component(spec.kind, spec.name, tuple(values), spec)


def check_schedule(spec: Schedule, values: Sequence[Any]) -> None:
    """Raise InputError where numbers do not go together, for one of the members where there are several."""
    if spec.check is None:
        return
    counts = [len(value) for value in values if isinstance(value, PerMember)]
    if not counts:
        fault = spec.check(*values)
        if fault:
            raise InputError(f"schedule {spec.name!r}: {fault}")
        return
    for k in range(min(counts)):
        fault = spec.check(*(float(v.numbers[k]) if isinstance(v, PerMember) else v for v in values))
        if fault:
            raise InputError(f"schedule {spec.name!r}, member {k}: {fault}")


def _rate(value: Any) -> Any:
    if is_per_member(value):
        return per_member(value, "learning_rate", Parameter(1.0, above=0.0).checked)
    if isinstance(value, Component) and value.kind == "schedule":
        return value
    if isinstance(value, str | Component | Spec):
        return resolve("schedule", value, "learning_rate")
    try:
        return Parameter(1.0, above=0.0).checked(value, "learning_rate")
    except InputError:
        raise InputError(wrong("learning_rate", "be a finite number > 0 or a schedule", value)) from None


def resolve(kind: str, value: Any, argument: str) -> Component:
    """A bound component from a name, a spec or a bound component, or an InputError with the argument's name."""
    if isinstance(value, Component) and value.kind == kind:
        return value
    if isinstance(value, Spec) and value.kind == kind:
        return bound(value, {})
    if isinstance(value, str):
        try:
            return bound(registry.get(kind, value), {})
        except InputError as error:
            raise InputError(str(error) if argument == kind else f"{argument}: {error}") from None
    raise InputError(wrong(argument, f"be the name of {an(kind)}, or nbtrain.{kind}(name, …)", value))


def activation(name: str | Spec, /, **parameters: Any) -> Component:
    """Make an activation from its name and the values of its parameters.

    Parameters
    ----------
    name : str or Activation
        One of the built-in activations or of a plugin, or a definition.
    **parameters : float
        Values of its parameters; the others keep their defaults.

    Returns
    -------
    Component
        For `Dense(activation=…)`.

    Raises
    ------
    InputError
        If there is no such activation or parameter, or a value is out of range.

    Examples
    --------
    >>> import nbtrain
    >>> layer = nbtrain.Dense(8, nbtrain.activation("leaky_relu", slope=0.02))
    """
    return bound(registry.get("activation", name), parameters)


def regularizer(name: str | Spec, /, **parameters: Any) -> Component:
    """Make a regularizer from its name and the values of its parameters.

    Parameters
    ----------
    name : str or Regularizer
        One of the built-in regularizers or of a plugin, or a definition.
    **parameters : float
        Values of its parameters; the others keep their defaults.

    Returns
    -------
    Component
        For `Trainer(regularizer=…)`.

    Raises
    ------
    InputError
        If there is no such regularizer or parameter, or a value is out of range.

    Examples
    --------
    >>> import nbtrain
    >>> network = nbtrain.Network(4, [nbtrain.Dense(1)])
    >>> trainer = nbtrain.Trainer(network, loss="mse", regularizer=nbtrain.regularizer("l2", strength=1e-4))
    """
    return bound(registry.get("regularizer", name), parameters)


def optimizer(name: str | Spec, /, **parameters: Any) -> Component:
    """Make an optimizer from its name, a learning rate and the values of its parameters.

    Parameters
    ----------
    name : str or Optimizer
        One of the built-in optimizers or of a plugin, or a definition.
    **parameters : float or component
        `learning_rate`, a number or a schedule, and values of its parameters; the others keep their defaults.

    Returns
    -------
    Component
        For `Trainer(optimizer=…)`.

    Raises
    ------
    InputError
        If there is no such optimizer or parameter, or a value is out of range.

    Examples
    --------
    >>> import nbtrain
    >>> rate = nbtrain.schedule("cosine", rate=1e-2, steps=10_000)
    >>> optimizer = nbtrain.optimizer("adam", learning_rate=rate)
    >>> network = nbtrain.Network(4, [nbtrain.Dense(1)])
    >>> trainer = nbtrain.Trainer(network, loss="mse", optimizer=optimizer)
    """
    return bound(registry.get("optimizer", name), parameters)


def loss(name: str | Spec, /, **parameters: Any) -> Component:
    """Make a loss from its name and the values of its parameters.

    Parameters
    ----------
    name : str or Loss
        One of the built-in losses or of a plugin, or a definition.
    **parameters : float
        Values of its parameters; the others keep their defaults.

    Returns
    -------
    Component
        For `Trainer(loss=…)`.

    Raises
    ------
    InputError
        If there is no such loss or parameter, or a value is out of range.

    Examples
    --------
    >>> import nbtrain
    >>> trainer = nbtrain.Trainer(nbtrain.Network(4, [nbtrain.Dense(1)]), loss=nbtrain.loss("mse"))
    """
    return bound(registry.get("loss", name), parameters)


def initializer(name: str | Spec, /, **parameters: Any) -> Component:
    """Make an initializer from its name and the values of its parameters.

    Parameters
    ----------
    name : str or Initializer
        One of the built-in initializers or of a plugin, or a definition.
    **parameters : float
        Values of its parameters; the others keep their defaults.

    Returns
    -------
    Component
        For `Dense(initializer=…)`.

    Raises
    ------
    InputError
        If there is no such initializer or parameter, or a value is out of range.

    Examples
    --------
    >>> import nbtrain
    >>> layer = nbtrain.Dense(8, "relu", initializer=nbtrain.initializer("he_normal"))
    """
    return bound(registry.get("initializer", name), parameters)


def schedule(name: str | Spec, /, **parameters: Any) -> Component:
    """Make a schedule of the learning rate from its name and the values of its parameters.

    Parameters
    ----------
    name : str or Schedule
        One of the built-in schedules or of a plugin, or a definition.
    **parameters : float
        Values of its parameters; the others keep their defaults.

    Returns
    -------
    Component
        For `nbtrain.optimizer(name, learning_rate=…)`.

    Raises
    ------
    InputError
        If there is no such schedule or parameter, a value is out of range, or the values do not go together.

    Examples
    --------
    >>> import nbtrain
    >>> optimizer = nbtrain.optimizer("adam", learning_rate=nbtrain.schedule("cosine", steps=10_000))
    """
    return bound(registry.get("schedule", name), parameters)


def constraint(name: str | Spec, /, **parameters: Any) -> Component:
    """Make a constraint from its name and the values of its parameters.

    Parameters
    ----------
    name : str or Constraint
        One of the built-in constraints or of a plugin, or a definition.
    **parameters : float
        Values of its parameters; the others keep their defaults.

    Returns
    -------
    Component
        For `Dense(constraint=…)`.

    Raises
    ------
    InputError
        If there is no such constraint or parameter, or a value is out of range.

    Examples
    --------
    >>> import nbtrain
    >>> layer = nbtrain.Dense(8, "relu", constraint=nbtrain.constraint("max_norm", limit=3.0))
    """
    return bound(registry.get("constraint", name), parameters)


# ---- pickles: by name where the other process has the component, too; else by value, through the pickler at hand


def _reduced(component: Component) -> Any:
    spec = component.spec
    if isinstance(spec, Absent):
        return _recalled, (spec.kind, spec.name, component.parameters, spec.provider)
    if registry.is_installed(spec):
        return _recalled, (spec.kind, spec.name, component.parameters, registry.provider(spec))
    return Component, (component.kind, component.name, component.parameters, spec)


def _reduced_spec(spec: Spec) -> Any:
    if registry.is_installed(spec):
        return attrgetter("spec"), (bound(spec, {}),)
    return _remade, spec.__reduce__()[:1]


def _recalled(kind: str, name: str, parameters: tuple[tuple[str, Any], ...], provider: str) -> Component:
    """A component by name, from the registry of this process; where it is missing, its first use raises."""
    try:
        return bound(registry.get(kind, name), dict(parameters))
    except (InputError, PluginError) as error:
        message = f"{kind} {name!r} is not available here; install {provider}, which provided it ({error})"
        return Component(kind, name, parameters, Absent(message, kind, name, provider))


def _remade(make: Callable[[], Spec]) -> Spec:
    """A spec that was pickled by value, or the one that is registered here, if it is the same."""
    return registry.same(make())


copyreg.pickle(Component, _reduced)
for _kind in (Activation, Regularizer, Optimizer, Loss, Initializer, Schedule, Constraint):
    copyreg.pickle(_kind, _reduced_spec)


def is_identity(component: Component) -> bool:
    """Whether it is the built-in activation that leaves z as it is, and not another one of that name."""
    return component.name == "identity" and registry.provider(component.spec) == BUILTIN


def register(plugin: object, name: str | None = None) -> None:
    """Register the components of a module or an object with hooks, or a single definition, in this process.

    Parameters
    ----------
    plugin : module, object with hooks, or definition
        A definition is an `Activation`, a `Loss` and so on.
    name : str, optional
        Name under which `unregister` finds it. What was registered under this name before is replaced.

    Raises
    ------
    InputError
        If the name is reserved.
    PluginError
        If a hook is misspelt or yields something else, or another provider has a component of the same kind and name.

    Examples
    --------
    >>> import nbtrain
    >>> cube = nbtrain.Activation("cube", value=lambda z: z * z * z, slope=lambda z: 3.0 * z * z)
    >>> nbtrain.register(cube)
    >>> layer = nbtrain.Dense(8, "cube")
    >>> nbtrain.unregister(cube)
    """
    registry.register(plugin, name)


def unregister(plugin: object) -> None:
    """Undo `register`; models that use its components keep them.

    Parameters
    ----------
    plugin : module, object with hooks, definition, or str
        What was registered, or the name that it was registered under.

    Examples
    --------
    >>> import nbtrain
    >>> square = nbtrain.Activation("my_square", value=lambda z: z * z, slope=lambda z: 2.0 * z)
    >>> nbtrain.register(square, name="trial")
    >>> nbtrain.unregister("trial")
    """
    registry.unregister(plugin)
