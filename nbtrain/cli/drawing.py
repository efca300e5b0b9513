"""Plots of components: value and derivative of activations, regularizers and elementwise losses, and schedules."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np

from ..checks.messages import wrong
from ..components import Component
from ..errors import Error, InputError

KINDS = ("activation", "regularizer", "loss", "schedule")
PLOTTED = "an activation, a regularizer, an elementwise loss or a schedule"
ITERATIONS = 2000
TITLE_WIDTH = 50  # characters of a line


def draw(component: Component, path: str) -> None:
    """Plot a component to a file; its extension determines the format.

    Raises
    ------
    Error
        If matplotlib is not installed, or the file cannot be written.
    InputError
        If components of this kind have no plot.
    """
    figure = figure_of(component)
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise Error(f"--output: cannot write {path!r}: {error}") from None


def figure_of(component: Component) -> Any:
    """The plot as a matplotlib figure."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise Error("plot needs matplotlib: pip install matplotlib") from None
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.add_subplot()
    for label, x, y in curves(component):
        axes.plot(x, y, label=label)
    figure.suptitle(textwrap.fill(repr(component), TITLE_WIDTH, break_on_hyphens=False))
    axes.set_xlabel({"activation": "z", "regularizer": "w", "loss": "p"}.get(component.kind, "iteration"))
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def curves(component: Component) -> list[tuple[str, Any, Any]]:
    """(label, x, y) of each line, from the compiled functions."""
    from ..testing import blocks, others

    spec, values = component.spec, component.values
    x = np.linspace(-5.0, 5.0, 501)
    if component.kind == "activation":
        value, slope = blocks.activation_value(spec, x, values), blocks.activation_slope(spec, x, values)
        return [("value", x, value), ("derivative", x, slope)]
    if component.kind == "regularizer":
        value, slope = blocks.penalty(spec, x, values), blocks.penalty_slope(spec, x, values)
        return [("penalty", x, value), ("derivative", x, slope)]
    if component.kind == "schedule":
        times = np.arange(1, ITERATIONS + 1)
        return [("learning rate", times, others.rates(spec, times, values))]
    if component.kind == "loss" and spec.elementwise:
        targets = [0.0] if spec.maximum is None else [spec.minimum or 0.0, spec.maximum]
        lines = []
        for y in targets:
            value, slope = blocks.loss(spec, x[:, None].copy(), np.full((len(x), 1), y), values)
            lines += [(f"value, y = {y:g}", x, value), (f"derivative, y = {y:g}", x, slope[:, 0])]
        return lines
    raise InputError(wrong("NAME", f"be {PLOTTED}", component))
