"""What was measured, as a file and as a table in Markdown."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Summary = dict[str, float]  # median, smallest and largest, in microseconds
FOLDER = Path(__file__).parents[1] / "measured"


def summary(seconds: Sequence[float]) -> Summary:
    """Of repeated measurements, in microseconds."""
    found = {"median": statistics.median(seconds), "smallest": min(seconds), "largest": max(seconds)}
    return {name: float(f"{1e6 * value:.4g}") for name, value in found.items()}


def header(versions: Mapping[str, str]) -> str:
    """The first two lines: a column for each library, under its name and version."""
    return f"| network | {' | '.join(versions.values())} | best peer / nbtrain |\n|---|{'---|' * (len(versions) + 1)}"


def row(name: str, times: Mapping[str, Summary]) -> str:
    """A line: medians in microseconds (smallest … largest), and the best peer's over nbtrain's."""
    cells = [f"{number(t['median'])} ({number(t['smallest'])} … {number(t['largest'])})" for t in times.values()]
    others = [found["median"] for peer, found in times.items() if peer != "nbtrain"]
    ratio = f"{min(others) / times['nbtrain']['median']:.2f}" if others and "nbtrain" in times else ""
    return f"| {name} | {' | '.join(cells)} | {ratio} |"


def number(value: float) -> str:
    """A number with three digits."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def table(measured: Mapping[str, Any]) -> str:
    """The table of a file."""
    return "\n".join([header(measured["versions"]), *(row(name, times) for name, times in measured["times"].items())])


def read(path: Path) -> dict[str, Any]:
    """A file that `write` wrote."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def write(path: Path, measured: Mapping[str, Any]) -> None:
    """Write a file with versions (library -> name and version), times (network -> library -> summary), and how.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(measured, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
