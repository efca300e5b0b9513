"""Draw docs/speed.svg, and write the table of docs/explanation/performance.md, from a file that `make bench` wrote.

    python docs/_ext/speed_chart.py

Needs matplotlib. The background is transparent, and all colours are readable on white and on black.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot

DOCS = Path(__file__).parents[1]
BENCH = DOCS.parent / "asv_bench"
sys.path.insert(0, str(BENCH))
from compare.table import read, table  # noqa: E402 - asv_bench is no package of this environment

MEASURED = BENCH / "measured" / "xeon-amx.json"
PAGE = DOCS / "explanation" / "performance.md"
INK = "#7d8590"
COLOURS = {
    "nbtrain": "#e8590c", "jax": "#2f9e44", "torch": "#3b82f6", "scikit-learn": "#b069db", "onnxruntime": "#0e9aa7",
}  # fmt: skip
LABELS = {
    "nbtrain": "nbtrain", "jax": "JAX", "torch": "PyTorch", "scikit-learn": "scikit-learn",
    "onnxruntime": "ONNX Runtime",
}  # fmt: skip
TABLE = re.compile(r"^\| network \| nbtrain .*?\n(?=\n)", re.MULTILINE | re.DOTALL)


def medians(measured: dict[str, Any]) -> tuple[list[str], dict[str, list[float]]]:
    """Names of the networks, the fastest first, and the medians of each library in microseconds."""
    times = measured["times"]
    networks = sorted(times, key=lambda network: times[network]["nbtrain"]["median"])
    return networks, {
        library: [times[network][library]["median"] for network in networks] for library in measured["versions"]
    }


def page(text: str, measured: dict[str, Any]) -> str:
    """The page with the table of a file in place of its own."""
    return TABLE.sub(lambda _: table(measured) + "\n", text, count=1)


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
    found = read(MEASURED)
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")
    draw(*medians(found))
