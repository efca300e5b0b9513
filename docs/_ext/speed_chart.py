"""Draw docs/speed.svg from the table of training steps in docs/explanation/performance.md.

    python docs/_ext/speed_chart.py

Needs matplotlib. The background is transparent, and all colours are readable on white and on black.
"""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot

DOCS = Path(__file__).parents[1]
INK = "#7d8590"
COLOURS = {"nbtrain": "#e8590c", "jax": "#2f9e44", "torch": "#3b82f6", "scikit-learn": "#b069db"}
LABELS = {"nbtrain": "nbtrain", "jax": "JAX", "torch": "PyTorch", "scikit-learn": "scikit-learn"}


def read_table() -> tuple[list[str], dict[str, list[float]]]:
    """Names of the networks, the fastest first, and the medians of each library in microseconds."""
    lines = (DOCS / "explanation" / "performance.md").read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("| network |"))
    libraries = [cell.split()[0] for cell in lines[start].strip("| ").split(" | ")[1:-1]]
    rows = [line.strip("| ").split(" | ") for line in takewhile(lambda line: line.startswith("|"), lines[start + 2 :])]
    rows.sort(key=lambda row: median(row[1]))
    return [row[0] for row in rows], {name: [median(row[i]) for row in rows] for i, name in enumerate(libraries, 1)}


def median(cell: str) -> float:
    """The first number of `12.4 (11.8 … 12.6)`."""
    return float(cell.split()[0])


def draw(networks: list[str], times: dict[str, list[float]]) -> None:
    """One row for each network, one dot for each library."""
    pyplot.rcParams.update({
        "svg.fonttype": "none", "svg.hashsalt": "nbtrain", "font.family": "sans-serif", "font.size": 11,
        "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK, "xtick.color": INK, "ytick.color": INK,
    })  # fmt: skip
    figure, axes = pyplot.subplots(figsize=(8.6, 3.7))
    rows = range(len(networks))
    for row in rows:
        values = [times[library][row] for library in times]
        axes.plot([min(values), max(values)], [row, row], color=INK, linewidth=0.8, alpha=0.5, zorder=1)
    for library, values in times.items():
        axes.scatter(values, rows, s=52, color=COLOURS[library], label=LABELS[library], zorder=2)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_yticks(rows, networks)
    axes.invert_yaxis()
    axes.set_xlabel("microseconds per training step (logarithmic; left is faster)")
    axes.tick_params(which="both", length=0)
    axes.grid(axis="x", color=INK, alpha=0.25, linewidth=0.6)
    axes.spines[:].set_visible(False)
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=len(times), frameon=False, handletextpad=0.2)
    figure.savefig(DOCS / "speed.svg", transparent=True, bbox_inches="tight", metadata={"Date": None})


if __name__ == "__main__":
    draw(*read_table())
