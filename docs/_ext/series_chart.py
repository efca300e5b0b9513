"""Draw docs/speed-series.svg from the results of asv in asv_bench/series.

    python docs/_ext/series_chart.py

Needs matplotlib. The background is transparent, and all colours are readable on white and on black.
"""

from __future__ import annotations

import json
import math
from itertools import product
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot

DOCS = Path(__file__).parents[1]
RESULTS = DOCS.parent / "asv_bench" / "series" / "epyc-2-cores"
INK = "#7d8590"
COLOURS = ["#e8590c", "#2f9e44", "#3b82f6", "#b069db", "#0e9aa7"]
MARKERS = "osD^v"
EPOCH = "steps.Training.time_epoch"
PANELS = {
    "One epoch of training": {
        "64-256-256-10, batch 128": (EPOCH, "'64-256-256-10, batch 128'"),
        "784-128-10, batch 128": (EPOCH, "'784-128-10, batch 128'"),
        "30-64-64-2, batch 32": (EPOCH, "'30-64-64-2, batch 32'"),
        "10-32-32-1, batch 1": (EPOCH, "'10-32-32-1, batch 1'"),
        "4-16-1, batch 32": (EPOCH, "'4-16-1, batch 32'"),
    },
    "Around training": {
        "first epoch of a new process": ("first_result.FirstResult.timeraw_first_epoch", ""),
        "import nbtrain": ("imports.Imports.timeraw_nbtrain", ""),
        "200 networks, 100 steps each": ("populations.Small.time_100_steps", ""),
        "100 epochs, early stopping": ("overhead.Fit.time_100_epochs_with_validation_and_early_stopping", ""),
        "1,000 steps in compiled code": ("latency.OneSample.time_1000_steps_in_compiled_code", ""),
    },
}


def read() -> list[dict[str, Any]]:
    """The results of all commits, the oldest first."""
    files = [json.loads(path.read_text(encoding="utf-8")) for path in RESULTS.glob("*-*.json")]
    return sorted(files, key=lambda content: content["date"])


def milliseconds(content: dict[str, Any], benchmark: str, values: str) -> float:
    """A benchmark's median in one commit; NaN where it was not measured, or could not be."""
    found = content["results"].get(benchmark)
    if found is None:
        return math.nan
    columns = dict(zip(content["result_columns"], found, strict=False))
    combinations = [", ".join(each) for each in product(*columns["params"])]
    place = combinations.index(values)
    number = (columns["result"] or {})[place] if columns["result"] else None
    return math.nan if number is None else 1e3 * float(number)


def panel(axes: Any, title: str, lines: dict[str, tuple[str, str]], commits: list[dict[str, Any]]) -> None:
    """The lines of one panel, with their names."""
    for (label, (benchmark, values)), colour, marker in zip(lines.items(), COLOURS, MARKERS, strict=True):
        times = [milliseconds(content, benchmark, values) for content in commits]
        measured = [place for place, time in enumerate(times) if not math.isnan(time)]
        shown = [times[place] for place in measured]
        look = {"color": colour, "marker": marker, "markersize": 5, "linewidth": 1.4}
        axes.plot(measured, shown, label=label, **look)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xticks(range(len(commits)), [content["commit_hash"][:7] for content in commits], rotation=60, fontsize=9)
    axes.tick_params(which="both", length=0)
    axes.grid(axis="y", color=INK, alpha=0.25, linewidth=0.6)
    axes.spines[:].set_visible(False)
    axes.legend(loc="upper left", bbox_to_anchor=(-0.08, -0.22), ncols=2, frameon=False, fontsize=9, columnspacing=1.2)


def draw(commits: list[dict[str, Any]]) -> None:
    """Both panels."""
    pyplot.rcParams.update({
        "svg.fonttype": "none", "svg.hashsalt": "nbtrain", "font.family": "sans-serif", "font.size": 10,
        "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK, "xtick.color": INK, "ytick.color": INK,
    })  # fmt: skip
    figure, sides = pyplot.subplots(1, 2, figsize=(10.4, 4.2), gridspec_kw={"wspace": 0.22})
    for axes, (title, lines) in zip(sides, PANELS.items(), strict=True):
        panel(axes, title, lines, commits)
    sides[0].set_ylabel("milliseconds (logarithmic)")
    figure.savefig(DOCS / "speed-series.svg", transparent=True, bbox_inches="tight", metadata={"Date": None})


if __name__ == "__main__":
    draw(read())
