"""From an estimator's parameters to a trainer's: layers, optimizer, regularizer."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checks.messages import unknown, wrong
from ..checks.suggestions import nearest
from ..components import Component, Spec
from ..components.by_name import bound, registry, resolve
from ..components.by_name import optimizer as named
from ..components.network import Dense, Network
from ..components.spec import is_importable
from ..errors import InputError, PluginError

KINDS = {  # parameters that may be names of components
    "activation": "activation",
    "solver": "optimizer",
    "learning_rate": "schedule",
    **{kind: kind for kind in ("loss", "initializer", "regularizer", "constraint")},
}
SCHEDULED = ("constant", "invscaling", "adaptive")  # scikit-learn's own modes, set by the monitor
ACTIVATIONS = {"logistic": "sigmoid"}


def hidden_units(estimator: Any) -> list[int]:
    """Units of the hidden layers, possibly none.

    Raises
    ------
    InputError
        If one is not an integer >= 1.
    """
    given = estimator.hidden_layer_sizes
    sizes = list(given) if hasattr(given, "__iter__") else [given]
    for size in sizes:
        if not isinstance(size, int | np.integer) or isinstance(size, bool) or size <= 0:
            raise InputError(wrong("hidden_layer_sizes", "be integers > 0", sizes))
    return [int(size) for size in sizes]


def network(estimator: Any, inputs: int, outputs: int, initializer: str = "zeros") -> Network:
    """The network; its weights are drawn by the estimator's `initializer` if it has one, or by the default given here.

    With "zeros" the estimator draws them itself.
    """
    units = hidden_units(estimator)
    names = _each(estimator.activation, len(units), "activation")
    rates = _each(estimator.dropout, len(units), "dropout")
    kept = _each(estimator.constraint, len(units) + 1, "constraint", "layers, including the output layer")
    drawn_by = estimator.initializer or initializer
    named = [ACTIVATIONS.get(name, name) if isinstance(name, str) else name for name in names]
    layers = [
        Dense(size, activation, dropout=float(rate), initializer=drawn_by, constraint=constraint)
        for size, activation, rate, constraint in zip(units, named, rates, kept[:-1], strict=True)
    ]
    return Network(inputs, [*layers, Dense(outputs, initializer=drawn_by, constraint=kept[-1])])


def _each(given: Any, count: int, argument: str, of_what: str = "hidden layers") -> list[Any]:
    """One value per layer."""
    if not isinstance(given, list | tuple | np.ndarray):
        return [given] * count
    if len(given) != count:
        raise InputError(wrong(argument, f"have one value for each of the {count} {of_what}", f"{len(given)} values"))
    return list(given)


def draw_scikit_learn(
    estimator: Any, sizes: tuple[int, ...], random: np.random.RandomState
) -> list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    """[(W, b), …] uniform within ± √(6 / (inputs + units)), 2 instead of 6 for the logistic function.

    The numbers are drawn in scikit-learn's order: the same `random_state` gives the same initial weights there.
    """
    activations = _each(estimator.activation, len(sizes) - 2, "activation")
    activations.append(activations[-1] if activations else estimator.activation)
    drawn = []
    for inputs, units, activation in zip(sizes, sizes[1:], activations, strict=False):
        name = getattr(activation, "name", activation)
        limit = np.sqrt((2.0 if name in ("logistic", "sigmoid") else 6.0) / (inputs + units))
        w = random.uniform(-limit, limit, (inputs, units))
        drawn.append((w, random.uniform(-limit, limit, units)))
    return drawn


def registered_specs(estimator: Any) -> list[Spec]:
    """Specs that the parameters name and this program has registered, as far as any pickler can pickle them."""
    found: list[Spec] = []
    for parameter, kind in KINDS.items():
        given = vars(estimator).get(parameter)
        for name in given if isinstance(given, list | tuple) else [given]:
            spec = registry.registered(kind, name) if isinstance(name, str) else None
            if spec is not None and is_importable(spec) and spec not in found:
                found.append(spec)
    return found


def register_missing(spec: Spec) -> None:
    """Register a spec, unless there is a component of its name already, which is kept."""
    try:
        registry.get(spec.kind, spec.name)
    except InputError:
        registry.register(spec)
    except PluginError:  # of a plugin that cannot be used: the first use raises
        return


def with_plain_targets(loss: Component) -> Component:
    """The loss, if its targets are what an estimator predicts."""
    columns = loss.spec.target_columns
    if columns is not None:
        got = f"{loss.name!r}, which has targets of its own (target_columns={columns})"
        raise InputError(wrong("loss", "compare predictions with y", got, "train it with nbtrain.Trainer"))
    return loss


def optimizer(estimator: Any) -> Component:
    """The optimizer of a stochastic solver; any for "lbfgs", which uses none."""
    solver = estimator.solver
    if isinstance(solver, Component):
        return solver
    rate = _rate(estimator)
    if solver == "adam":
        beta = {"beta1": estimator.beta_1, "beta2": estimator.beta_2}
        return named("adam_epsilon_hat", learning_rate=rate, epsilon=estimator.epsilon, **beta)
    if solver == "sgd":
        nesterov = float(estimator.nesterovs_momentum)
        return named("heavy_ball", learning_rate=rate, momentum=estimator.momentum, nesterov=nesterov)
    if solver == "lbfgs":
        return resolve("optimizer", "sgd", "solver")
    return bound(_spec("optimizer", solver, "solver", ("lbfgs",)), {"learning_rate": rate})


def _spec(kind: str, name: str | Spec, argument: str, others: tuple[str, ...]) -> Any:
    """The spec of that name, or a spec itself; the argument also takes `others`."""
    if isinstance(name, Spec):
        return name
    try:
        return registry.get(kind, name)
    except InputError as error:
        names = [row["name"] for row in registry.components() if row["kind"] == kind]
        if nearest(name, others) and not nearest(name, names):
            raise InputError(f"{argument}: {unknown(kind, name, (*others, *names))}") from None
        raise InputError(f"{argument}: {error}; {argument} may also be {' or '.join(others)}") from None


def _rate(estimator: Any) -> Any:
    """The initial learning rate, or a schedule; a schedule by name starts at `learning_rate_init`."""
    given, rate = estimator.learning_rate, float(estimator.learning_rate_init)
    if isinstance(given, Component):
        return given
    if isinstance(given, str) and given in SCHEDULED:
        return rate
    spec = _spec("schedule", given, "learning_rate", SCHEDULED)
    return bound(spec, {"rate": rate} if "rate" in spec.parameters else {})


def mode(estimator: Any) -> str:
    """How the learning rate changes between epochs: as in scikit-learn, never with adam."""
    given = estimator.learning_rate
    if isinstance(estimator.solver, Component) or estimator.solver == "adam" or not isinstance(given, str):
        return "constant"
    return given if given in SCHEDULED else "constant"


def regularizer(estimator: Any) -> Component | None:
    """L2 of strength alpha, or `regularizer`, which takes alpha as its strength if it has one."""
    given, alpha = estimator.regularizer, float(estimator.alpha)
    if isinstance(given, Component):
        return given
    if given is None and alpha == 0.0:
        return None
    spec: Any = registry.get("regularizer", given or "l2")
    return bound(spec, {"strength": alpha} if "strength" in spec.parameters else {})
