"""Pictures of components, computed by their compiled functions: `nbtrain plugins plot` and the documentation use them.

Activations, regularizers and losses are curves with their derivatives, schedules and constraints are curves, an
optimizer is its path down a valley, and an initializer is a histogram of weights.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..checks.messages import wrong
from ..components import KINDS, Component
from ..errors import Error, InputError

Array = np.ndarray[Any, Any]
Curve = tuple[str, Array, Array]  # label, x, y

PLOTTED = "a component other than a loss of whole rows of floats"
ITERATIONS = 2000
TITLE_WIDTH = 50  # characters of a line
X_LABELS = {
    "activation": "z", "regularizer": "w", "loss": "p", "schedule": "iteration", "constraint": "before",
    "initializer": "weight", "optimizer": "x",
}  # fmt: skip

START, CURVATURE = np.array([-2.0, 0.7]), np.array([1.0, 10.0])
STEPS = 60  # of an optimizer
RATES = np.geomspace(1e-3, 10.0, 13)  # tried for optimizers whose learning rate is their default
FAN_IN, FAN_OUT = 256, 128


def draw(component: Component, path: str) -> None:
    """Plot a component to a file; its extension determines the format.

    Raises
    ------
    Error
        If matplotlib is not installed, or the file cannot be written.
    InputError
        If the component has no picture.
    """
    figure = figure_of(component)
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise Error(f"--output: cannot write {path!r}: {error}") from None


def figure_of(component: Component) -> Any:
    """The picture as a matplotlib figure, with the component as its title."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise Error("plot needs matplotlib: pip install nbtrain[plot]") from None
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    paint(figure.add_subplot(), component)
    figure.suptitle(textwrap.fill(repr(component), TITLE_WIDTH, break_on_hyphens=False))
    return figure


def paint(axes: Any, component: Component, colours: Sequence[str] = ("C0", "C1", "C2", "C3")) -> None:
    """Draw the picture of a component on matplotlib axes.

    Raises
    ------
    InputError
        If the component has no picture.
    """
    axes.set_xlabel(X_LABELS[component.kind])
    if component.kind == "initializer":
        axes.hist(weights(component).ravel(), bins=61, color=colours[0])
        axes.set_xlabel(f"weight of a layer with {FAN_IN} inputs and {FAN_OUT} units")
        axes.set_ylabel("weights")
    elif component.kind == "optimizer":
        rate, path = descent(component)
        _contours(axes)
        axes.plot(*path.T, marker=".", markersize=4, linewidth=1, color=colours[1], label=f"learning rate {rate:.2g}")
        axes.plot(0.0, 0.0, "x", color=colours[2])
        axes.set_ylabel("y")
        axes.legend()
    else:
        lines = curves(component)
        for (label, x, y), colour in zip(lines, colours, strict=False):
            axes.plot(x, y, label=label, color=colour)
        axes.grid(alpha=0.3)
        axes.legend()


def curves(component: Component) -> list[Curve]:
    """(label, x, y) of each line of a component that is drawn as curves, from the compiled functions."""
    found: list[Curve] = CURVES[component.kind](component.spec, component.values)
    return found


def _activation(spec: Any, values: Any) -> list[Curve]:
    from ..testing import blocks

    z = np.linspace(-5.0, 5.0, 501)
    slope = blocks.activation_slope(spec, z, values)
    return [("value", z, blocks.activation_value(spec, z, values)), ("derivative", z, slope)]


def _regularizer(spec: Any, values: Any) -> list[Curve]:
    from ..testing import blocks

    w = np.linspace(-5.0, 5.0, 501)
    return [
        ("penalty", w, blocks.penalty(spec, w, values)),
        ("derivative", w, blocks.penalty_slope(spec, w, values)),
    ]


def _schedule(spec: Any, values: Any) -> list[Curve]:
    from ..testing import others

    times = np.arange(1, ITERATIONS + 1)
    return [("learning rate", times, others.rates(spec, times, values))]


def _loss(spec: Any, values: Any) -> list[Curve]:
    from ..testing import blocks

    x = np.linspace(-5.0, 5.0, 501)
    lines = []
    if spec.target == "label":  # two classes: z of the right one from -5 to 5, the other z is 0
        z = np.stack([x, np.zeros_like(x)], axis=1)
        value, slope = blocks.loss(spec, z, np.zeros(len(x), np.int64), values)
        return [("value, z of the right of two classes", x, value), ("derivative", x, slope[:, 0])]
    if not spec.elementwise:
        raise InputError(wrong("NAME", f"be {PLOTTED}", f"loss {spec.name!r}"))
    for y in [0.0] if spec.maximum is None else [spec.minimum or 0.0, spec.maximum]:
        value, slope = blocks.loss(spec, x[:, None].copy(), np.full((len(x), 1), y), values)
        lines += [(f"value, y = {y:g}", x, value), (f"derivative, y = {y:g}", x, slope[:, 0])]
    return lines


def _constraint(spec: Any, values: Any) -> list[Curve]:
    """The norm, or the weight, after an update by which a unit with a single weight has not moved."""
    from ..components.by_name import bound
    from ..components.network import Dense, Network
    from ..testing.optimizers import updater
    from ..training.trainer import Trainer

    before = np.linspace(0.0 if spec.scale else -5.0, 5.0, 501)
    component = bound(spec, dict(zip(spec.parameters, values, strict=True)))
    network = Network(1, [Dense(len(before), constraint=component)])
    trainer = Trainer(network, loss="mse", optimizer="sgd", dtype="float64", rng=0)
    trainer.weights[0][0][:] = before
    trainer.model.gradient[:] = 0.0
    updater(trainer)()
    return [("norm after" if spec.scale else "weight after", before, trainer.weights[0][0][0].copy())]


CURVES: dict[str, Callable[[Any, Any], list[Curve]]] = {
    "activation": _activation,
    "regularizer": _regularizer,
    "schedule": _schedule,
    "loss": _loss,
    "constraint": _constraint,
}
assert KINDS.keys() == CURVES.keys() | {"optimizer", "initializer"}


def weights(component: Component) -> Array:
    """Weights as an initializer draws them, of shape (256, 128)."""
    return np.asarray(component.spec.function(FAN_IN, FAN_OUT, np.random.default_rng(0), *component.values))


def valley(point: Array) -> float:
    """f(x, y) = x²/2 + 10 y²/2, the function that the picture of an optimizer descends."""
    return float(0.5 * np.sum(CURVATURE * point * point))


def descent(component: Component) -> tuple[float, Array]:
    """The learning rate, and 60 steps of an optimizer from (-2, 0.7) down a valley, of shape (61, 2).

    Where the component has its default learning rate, which suits networks, the rate is the one of thirteen from 0.001
    to 10 that ends lowest.
    """
    rate = component.learning_rate
    if rate != component.spec.learning_rate:
        given = rate if isinstance(rate, float) else dict(rate.parameters).get("rate", float("nan"))
        return float(given), _path(component, rate)
    paths = {float(rate): _path(component, float(rate)) for rate in RATES}
    best = min(paths, key=lambda rate: np.nan_to_num(valley(paths[rate][-1]), nan=np.inf))
    return best, paths[best]


def _path(component: Component, rate: Any) -> Array:
    from ..components.by_name import bound
    from ..components.network import Dense, Network
    from ..testing.optimizers import updater
    from ..training.trainer import Trainer

    optimizer = bound(component.spec, dict(component.parameters) | {"learning_rate": rate})
    trainer = Trainer(Network(2, [Dense(1)]), loss="mse", optimizer=optimizer, dtype="float64", rng=0)
    point, update = trainer.theta[:2], updater(trainer)
    trainer.theta[:] = [*START, 0.0]
    path = [START]
    for _ in range(STEPS):
        trainer.model.gradient[:] = [*(CURVATURE * point), 0.0]
        update()
        path.append(point.copy())
    return np.array(path)


def _contours(axes: Any) -> None:
    x, y = np.meshgrid(np.linspace(-2.4, 1.6, 81), np.linspace(-1.0, 1.0, 81))
    height = 0.5 * (CURVATURE[0] * x * x + CURVATURE[1] * y * y)
    axes.contour(x, y, height, levels=10, colors="#8c959f", linewidths=0.5)
    axes.set_xlim(-2.4, 1.6)
    axes.set_ylim(-1.0, 1.0)
