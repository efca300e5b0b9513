"""The page: sections of HTML with charts, and the style sheet."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from ...table.scores import WORDS
from . import charts
from .charts import Line, number
from .style import STYLE

MOST_CLASSES = 20  # whose confusion matrix is drawn
MOST_BARS = 25
MOST_COLUMNS = 300
Data = Mapping[str, Any]


def page(report: Data) -> str:
    """The report as HTML.

    Parameters
    ----------
    report : dict
        `file`, `target`, `task`, `classes`, `rows`, `notes`, `scores`: as `nbtrain train --json` prints them.
        `command`: the command that makes the same model again. `made`: version and date.
        `scored_on`: a sentence that says which rows the scores are of.
        `networks`: a list of dicts with `history` (numbers by epoch, by name) and `best_epoch`.
        `settings`: pairs of a name and a value.
        `columns`: a list of dicts with `name`, `kind`, `missing`, `sample` and `done`.
        `importance`: what `importance` returns, or empty. `importance_of`: what it measures, such as "loss of R²".
        `truth`, `predicted`: arrays for a regression. `probability`, `truth`: arrays for two classes.
    """
    title = f"{report['target']} from {os.path.basename(report['file'])}"
    sections = [
        _summary(report),
        _curves(report),
        _classes(report) if report["classes"] else _residuals(report),
        _importance(report),
        _columns(report),
        _again(report),
    ]
    body = "\n".join(section for section in sections if section)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<header><h1>{escape(title)}</h1><p>{escape(report['made'])}</p></header>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _summary(report: Data) -> str:
    scores = report["scores"]
    names = ("accuracy", "balanced_accuracy", "f1_macro") if report["classes"] else ("r2", "mae", "rmse")
    told = [(WORDS[name], scores[name]) for name in names]
    told += [(WORDS.get(name, name), value) for name, value in scores.get("metrics", {}).items()]
    tiles = "".join(
        f'<div class="tile"><b>{_score(value)}</b><span>{escape(name)}</span></div>' for name, value in told
    )
    notes = "".join(f"<li>{escape(text)}</li>" for text in report.get("notes", ()))
    listed = f"<h3>Notes</h3><ul>{notes}</ul>" if notes else ""
    return _section("Scores", f'<div class="tiles">{tiles}</div><p>{escape(report["scored_on"])}</p>{listed}')


def _score(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 10 else number(value)


def _curves(report: Data) -> str:
    networks = report["networks"]
    names = {name.removeprefix("val_") for network in networks for name in network["history"]}
    drawn = []
    for name in sorted(names, key=lambda name: (name != "loss", name)):
        lines = []
        for k, network in enumerate(networks, 1):
            which = f"network {k}, " if len(networks) > 1 else ""
            history, best = network["history"], network["best_epoch"]
            word = WORDS.get(name, name)
            if name in history:
                lines.append(Line(history[name], "training", f"{which}training {word}"))
            if f"val_{name}" in history:
                lines.append(Line(history[f"val_{name}"], "validation", f"{which}validation {word}", best))
        drawn.append(charts.curves(lines, WORDS.get(name, name)))
    validated = any("val_loss" in network["history"] for network in networks)
    key = '<span class="key training"></span>training'
    if validated:
        key += ' <span class="key validation"></span>validation, with a dot at the epoch that was kept'
    many = f" Each of the {len(networks)} networks has its own curve." if len(networks) > 1 else ""
    return _section("Training", f'<div class="charts">{"".join(drawn)}</div><p class="legend">{key}.{many}</p>')


def _classes(report: Data) -> str:
    scores, labels = report["scores"], report["classes"]
    counts = np.asarray(scores["confusion"], float)
    drawn = []
    if len(labels) <= MOST_CLASSES:
        drawn.append(charts.confusion(scores["confusion"], labels))
    if report.get("probability") is not None and 0 < np.sum(report["truth"]) < len(report["truth"]):
        drawn.append(charts.roc(report["truth"], report["probability"]))
    head = "<tr><th>class</th><th>precision</th><th>recall</th><th>F1</th><th>rows</th></tr>"
    rows = "".join(
        f"<tr><td class='name'>{escape(row['class'])}</td>"
        + "".join(_bar(row[score]) for score in ("precision", "recall", "f1"))
        + f"<td class='n'>{row['rows']}</td></tr>"
        for row in scores["classes"]
    )
    text = f'<div class="charts">{"".join(drawn)}</div>'
    if len(labels) == 2 and len(drawn) == 2:
        text += (
            f"<p>Right: hits and false alarms for class {escape(labels[1])!s} at every threshold of its probability; "
            "the dashed line is guessing.</p>"
        )
    return _section("Classes", f'{text}{_confused(counts, labels)}<div class="wide"><table>{head}{rows}</table></div>')


def _bar(value: float) -> str:
    return f"<td class='n'><span class='meter'><i style='width:{100 * value:.0f}%'></i></span>{value:.3f}</td>"


def _confused(counts: Any, labels: Sequence[str]) -> str:
    """The most frequent confusions, where a matrix of all classes would be too large."""
    if len(labels) <= MOST_CLASSES:
        return ""
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    worst = [np.unravel_index(k, wrong.shape) for k in np.argsort(-wrong, axis=None)[:MOST_CLASSES]]
    rows = "".join(
        f"<tr><td>{escape(labels[i])}</td><td>{escape(labels[j])}</td><td class='n'>{number(wrong[i, j])}</td></tr>"
        for i, j in worst
        if wrong[i, j]
    )
    head = "<tr><th>true class</th><th>predicted as</th><th>rows</th></tr>"
    return f"<h3>Most frequent confusions</h3><table>{head}{rows}</table>" if rows else ""


def _residuals(report: Data) -> str:
    truth, predicted = np.asarray(report["truth"]), np.asarray(report["predicted"])
    drawn = charts.scatter(truth, predicted, report["target"]) + charts.histogram(predicted - truth, "error")
    shown = f" {charts.MARKS:,} of the {len(truth):,} rows are drawn." if len(truth) > charts.MARKS else ""
    text = (
        "<p>Each dot is a row; on the dashed line the prediction is right. The bars show how often the error "
        f"(predicted minus true) has which size.{shown}</p>"
    )
    return _section("Errors", f'<div class="charts">{drawn}</div>{text}')


def _importance(report: Data) -> str:
    rows = report.get("importance") or []
    if not rows:
        return ""
    measure = report["importance_of"]
    bars = [(row["name"], row["mean"], row["low"], row["high"]) for row in rows[:MOST_BARS]]
    more = f" The {MOST_BARS} most important of {len(rows)} columns are shown." if len(rows) > MOST_BARS else ""
    text = (
        f"<p>The {escape(measure)} of these rows when the cells of one column are shuffled, so that they tell nothing. "
        "The thin lines go from the least to the largest value of several shuffles. Of two columns that say the same, "
        f"each can seem unimportant.{more}</p>"
    )
    drawn = charts.bars(bars, measure)
    return _section("Importance of the columns", f'<div class="charts">{drawn}</div>{text}')


def _columns(report: Data) -> str:
    columns = report["columns"]
    head = "<tr><th>column</th><th>kind</th><th>missing</th><th>sample</th><th>what is done</th></tr>"
    rows = "".join(
        _row(name=c["name"], kind=c["kind"], n=c["missing"] or "", sample=c["sample"], done=c["done"])
        for c in columns[:MOST_COLUMNS]
    )
    more = f"<p>… and {len(columns) - MOST_COLUMNS} more columns.</p>" if len(columns) > MOST_COLUMNS else ""
    return _section("Columns", f'<div class="wide"><table>{head}{rows}</table></div>{more}')


def _again(report: Data) -> str:
    rows = "".join(
        f"<tr><td>{escape(str(name))}</td><td>{escape(str(value))}</td></tr>" for name, value in report["settings"]
    )
    text = f"<p>This command makes the same model again:</p><pre>{escape(report['command'])}</pre>"
    return _section("Settings", f'{text}<div class="wide"><table>{rows}</table></div>')


def _row(**cells: Any) -> str:
    """A row of a table; the names of its cells are their classes in the style sheet."""
    return "<tr>" + "".join(f'<td class="{name}">{escape(str(text))}</td>' for name, text in cells.items()) + "</tr>"


def _section(title: str, text: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{text}</section>"
