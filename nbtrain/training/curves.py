"""The picture of a history: one panel for the loss, one for other metrics."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..checks.messages import wrong
from ..errors import Error, InputError

Columns = Mapping[str, Sequence[float]]
VALIDATION = "val_"


def drawn(history: Columns, first_epoch: int, axes: Any, log: bool) -> Any:
    """Draw the curves of a history -> the axes, as given or new."""
    epochs = max(map(len, history.values()), default=0)
    panels = _panels(history)
    if axes is None:
        axes = _new_axes(len(panels))
    places = [axes] * len(panels) if hasattr(axes, "plot") else list(axes)
    if len(places) != len(panels):
        expected = f"be one matplotlib axes, or {len(panels)} for the panels"
        raise InputError(wrong("axes", expected, str(len(places))))
    numbers = range(first_epoch, first_epoch + epochs)
    colours = _colours(history)
    for place, names in zip(places, panels, strict=True):
        for name in names:
            style = "--" if name.startswith(VALIDATION) else "-"
            place.plot(numbers, history[name], style, color=colours[_metric(name)], label=name)
    best = _best(history)
    for place in dict.fromkeys(places):
        if best is not None:
            place.axvline(numbers[best], color="0.5", linestyle=":", label=f"best epoch {numbers[best]}")
        _finish(place)
    if log and epochs:
        places[0].set_yscale("log")
        places[0].grid(which="minor", axis="y", alpha=0.15)
    return axes


def _metric(name: str) -> str:
    return name.removeprefix(VALIDATION)


def _panels(history: Iterable[str]) -> list[list[str]]:
    """Names of the curves of each panel; at least one panel."""
    losses = [name for name in history if _metric(name) == "loss"]
    others = [name for name in history if _metric(name) != "loss"]
    return [names for names in (losses, others) if names] or [[]]


def _colours(history: Iterable[str]) -> dict[str, str]:
    """The same for a metric of training and of validation: matplotlib's, in their order."""
    return {name: f"C{number}" for number, name in enumerate(dict.fromkeys(map(_metric, history)))}


def _best(history: Columns) -> int | None:
    """Index of the epoch with the smallest validation loss."""
    column: Sequence[float] = history.get(VALIDATION + "loss", ())
    finite = [index for index, value in enumerate(column) if math.isfinite(value)]
    return min(finite, key=column.__getitem__) if finite else None


def _new_axes(panels: int) -> Any:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise Error("History.plot needs matplotlib: pip install nbtrain[plot]") from error
    size = (5.0 * panels, 3.6)
    return pyplot.subplots(1, panels, figsize=size, layout="constrained", squeeze=False)[1][0]


def _finish(axes: Any) -> None:
    """Labels, a grid, and whole numbers of epochs."""
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[1]:
        axes.legend()
