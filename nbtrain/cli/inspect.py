"""`nbtrain inspect`: what a table's columns are taken for, before anything is trained."""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..table import TableEncoder, target
from ..table.parsing import Cells, Words
from . import leaks, options, reading
from .job import target_words
from .wording import as_options, in_options

SAMPLES = 4  # different values that are shown
LONGEST = 24  # characters of a value
LEFT_OUT = ("constant", "identifier", "empty", "dropped")


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "inspect",
        help="show how a table is read, column by column",
        description="Read a table as nbtrain train would, and show what each column is taken for, how many cells are "
        "missing or far from the others, some values, and what will be done with it. Nothing is trained.",
    )
    reading.add_files(parser)
    parser.add_argument(
        "--target", metavar="NAME", help="column to predict, or its number from 1: what it is taken for"
    )
    parser.add_argument("--task", choices=("classification", "regression"), help="by default found out from the target")
    parser.add_argument("--json", action="store_true", help="write JSON, for programs")
    options.add_columns(parser.add_argument_group("columns"))
    options.add_config(parser)
    options.add_reading(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the columns."""
    with as_options():
        table = reading.table(arguments.data, arguments)
        names, words = list(table.frame.columns), Words.of(options.missing(arguments))
        drop, categorical = (
            reading.columns(names, getattr(arguments, name), f"--{name}", table.source)
            for name in ("drop", "categorical")
        )
        wanted = arguments.target and reading.column(names, arguments.target, "--target", table.source)
        notes = list(table.notes)
        found = _target(table.frame, wanted, arguments, notes) if wanted else None
        frame = table.frame.drop(columns=wanted) if wanted else table.frame
        encoder = TableEncoder(
            drop=drop,
            categorical=categorical,
            max_categories=arguments.max_categories,
            missing=options.missing(arguments),
        ).fit(frame)
        notes = [in_options(text) for text in [*notes, *encoder.notes_]]
        report = {
            "file": table.source,
            "rows": len(frame),
            "inputs": len(encoder.get_feature_names_out()),
            **({} if table.dialect is None else {"dialect": dialect(table.dialect)}),
            **({} if found is None else {"target": wanted, "task": found.task, "classes": list(found.labels)}),
            "columns": described(encoder, frame, words),
            "notes": notes,
        }
    print(json.dumps(report, indent=2, ensure_ascii=False) if arguments.json else in_words(report, arguments.data))
    return 0


def _target(frame: Any, name: str, arguments: argparse.Namespace, notes: list[str]) -> target.Target:
    """What the target is taken for; rows without one are counted in a note."""
    words, column = target_words(arguments), frame[name]
    gone = Cells(column, words).gone
    if gone.any() and not gone.all():
        notes.append(f"target {name!r}: {int(gone.sum())} rows without one, which train leaves out")
        column = column[~gone]
    found, told = target.detect(column, name, arguments.task, words)
    codes, classifies = found.codes(column, words), found.task == "classification"
    features = [other for other in frame.columns if other != name]
    notes += [*told, *leaks.notes(frame[~gone], features, name, codes, classifies, words)]
    return found


def dialect(found: Any) -> dict[str, Any]:
    """How a text file is built."""
    return {
        "delimiter": found.delimiter,
        "decimal": found.decimal,
        "encoding": found.encoding,
        "header": found.header,
        "lines_before_the_rows": found.skip,
    }


def described(encoder: TableEncoder, frame: Any, words: Words) -> list[dict[str, Any]]:
    """What each column is, and what is done with it."""
    rows = []
    for column in encoder.columns_:
        cells = Cells(frame[column.name], words)
        missing, far = gaps(column, cells)
        rows.append(
            {
                "name": column.name,
                "kind": column.kind,
                "missing": missing,
                "far": far,
                "sample": sample(cells),
                "inputs": len(column.names),
                "done": column.describe(),
            }
        )
    return rows


def gaps(column: Any, cells: Cells) -> tuple[int, int]:
    """How many cells are missing, and how many are far from the others."""
    if column.kind not in ("number", "date"):
        return int(cells.gone.sum()), 0
    values = column.values(cells)
    with np.errstate(invalid="ignore"):
        far = (values < column.low) | (values > column.high) if column.step else np.zeros(len(values), bool)
    return int(np.isnan(values).sum()), int(far.sum())


def sample(cells: Cells) -> str:
    """Some different values, as they stand in the file."""
    series = cells.series.dropna()
    found = [short(value) for value in series.iloc[:1000].unique()[:SAMPLES]]
    return ", ".join(found)


def short(value: Any) -> str:
    """A value on one line, shortened."""
    text = f"{value:.6g}" if isinstance(value, float) else " ".join(str(value).removesuffix(" 00:00:00").split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def in_words(report: dict[str, Any], files: Sequence[str]) -> str:
    """The report as lines of text, for a terminal of any width."""
    rows, count = report["columns"], report["rows"]
    lines = [f"{report['file']}: {count} rows, {len(rows)} columns, {report['inputs']} inputs for a network"]
    if "dialect" in report:
        lines.append(_dialect(report["dialect"]))
    if "target" in report:
        kind = f"{len(report['classes'])} classes" if report["classes"] else "numbers"
        lines.append(f"target {report['target']!r}: {kind}")
    lines.append("")
    header = ("column", "taken for", "missing", "far", "values")
    body = [
        (short(row["name"]), row["kind"], str(row["missing"] or ""), str(row["far"] or ""), row["sample"])
        for row in rows
    ]
    widths = [max(len(row[k]) for row in [header, *body]) for k in range(4)]
    room = max(20, shutil.get_terminal_size((100, 24)).columns - sum(widths) - 8)
    for row, done in zip([header, *body], ["", *(row["done"] for row in rows)], strict=True):
        values = row[4] if len(row[4]) <= room else f"{row[4][: room - 1]}…"
        cells = [row[0].ljust(widths[0]), row[1].ljust(widths[1]), row[2].rjust(widths[2]), row[3].rjust(widths[3])]
        lines.append("  ".join([*cells, values]).rstrip())
        lines += [f"    {done}"] if done else []
    lines += ["", *(f"note: {text}" for text in report["notes"])] if report["notes"] else []
    if "target" not in report:
        lines += ["", f"to train: nbtrain train {shlex.join(files)} --target COLUMN"]
    return "\n".join(lines)


def _dialect(found: dict[str, Any]) -> str:
    marks = {"\t": "tab", " ": "spaces"}
    mark, decimal = marks.get(found["delimiter"], found["delimiter"]), found["decimal"]
    header = "a header" if found["header"] else "no header (--header if the first row names the columns)"
    return f"read with delimiter {mark!r}, decimal mark {decimal!r}, encoding {found['encoding']}, {header}"
