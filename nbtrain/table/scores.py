"""How good predictions are: accuracy with a confusion matrix, or R² with errors in the target's own unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import InputError
from ..metrics import CLASS, VALUES, NamedMetric, as_metrics

Array = np.ndarray[Any, Any]
MOST_SHOWN = 12  # classes whose confusion matrix still fits a terminal
MOST_ROWS = 30  # classes in the table beside it
WORDS = {
    "r2": "R²",
    "mae": "mean absolute error",
    "rmse": "root mean squared error",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "f1_macro": "F1 (macro)",
    "log_loss": "log-loss",
    "auc": "area under the ROC curve",
}


def classification(
    truth: Array, predicted: Array, labels: Sequence[str], weight: Array | None = None
) -> dict[str, Any]:
    """Accuracy, confusion matrix (rows: true class) and precision, recall, F1 and rows of each class.

    Parameters
    ----------
    truth, predicted : ndarray of int, shape (rows,)
    labels : sequence of str
    weight : ndarray of shape (rows,), optional
        Each row counts as much as its weight, in the confusion matrix too.
    """
    count = len(labels)
    confusion = np.bincount(truth * count + predicted, weight, count * count).reshape(count, count)
    hits = confusion.diagonal()
    called, real = confusion.sum(axis=0), confusion.sum(axis=1)
    rows = np.bincount(truth, minlength=count)
    precision = np.divide(hits, called, out=np.zeros(count), where=called > 0)
    recall = np.divide(hits, real, out=np.zeros(count), where=real > 0)
    f1 = np.divide(2.0 * hits, called + real, out=np.zeros(count), where=called + real > 0)
    seen = real > 0
    return {
        "accuracy": float(hits.sum() / confusion.sum()),
        "balanced_accuracy": float(recall[seen].mean()),
        "f1_macro": float(f1[seen | (called > 0)].mean()),
        "classes": [
            {
                "class": label,
                "precision": float(precision[k]),
                "recall": float(recall[k]),
                "f1": float(f1[k]),
                "rows": int(rows[k]),
            }
            for k, label in enumerate(labels)
        ],
        "confusion": confusion.tolist(),
    }


def regression(truth: Array, predicted: Array, weight: Array | None = None) -> dict[str, float]:
    """R², mean absolute error and root of the mean squared error, in the target's own unit."""
    error = predicted - truth
    spread = np.average((truth - np.average(truth, weights=weight)) ** 2, weights=weight)
    squared = np.average(error**2, weights=weight)
    r2 = 1.0 - squared / spread if spread > 0 else float(squared == 0)
    absolute = np.average(np.abs(error), weights=weight)
    return {"r2": float(r2), "mae": float(absolute), "rmse": float(np.sqrt(squared))}


def named(names: Sequence[str], truth: Array, prediction: Array, weight: Array | None, classes: bool) -> dict[str, Any]:
    """Metrics of `nbtrain.metrics` by name.

    Parameters
    ----------
    names : sequence of str
        Those that `check_named` accepts.
    truth : ndarray of shape (rows,)
        Classes as indices, or numbers.
    prediction : ndarray of shape (rows, classes) or (rows, 1)
        Probabilities, or numbers in the target's own unit.
    weight : ndarray of shape (rows,), optional
    classes : bool
        Whether the target holds classes.
    """
    from ..training.evaluation import of_predictions  # loads the core, which a usage error need not wait for

    found, task = as_metrics(names), CLASS if classes else VALUES
    return dict(of_predictions(found, task, truth if classes else truth[:, None], prediction, weight))


def check_named(names: Sequence[str], classes: bool) -> None:
    """Raise an InputError if a metric does not exist, or is not one for such a target."""
    for metric in as_metrics(names):
        if isinstance(metric, NamedMetric) and (CLASS if classes else VALUES) not in metric.tasks:
            asked, held = ("numbers", "classes") if classes else ("classes", "numbers")
            raise InputError(f"metrics: {metric.name!r} is for {asked}; the target holds {held}")


def in_words(scores: dict[str, Any]) -> str:
    """Scores as lines of text, the main one first."""
    more = [f"{WORDS.get(name, name)} {value:.6g}" for name, value in scores.get("metrics", {}).items()]
    if "accuracy" not in scores:
        return "\n".join([f"{WORDS[name]} {scores[name]:.6g}" for name in ("r2", "mae", "rmse")] + more)
    lines = [
        f"accuracy {scores['accuracy']:.4f}",
        f"balanced accuracy {scores['balanced_accuracy']:.4f}, F1 (macro) {scores['f1_macro']:.4f}",
        *more,
        "",
    ]
    header = ("class", "precision", "recall", "F1", "rows")
    body = [
        (row["class"], f"{row['precision']:.3f}", f"{row['recall']:.3f}", f"{row['f1']:.3f}", str(row["rows"]))
        for row in scores["classes"]
    ]
    lines += _aligned([header, *body[:MOST_ROWS]])
    if len(body) > MOST_ROWS:
        lines.append(f"… and {len(body) - MOST_ROWS} classes more")
    if len(body) <= MOST_SHOWN:
        names = [row[0] for row in body]
        rows = [(name, *(f"{n:.10g}" for n in row)) for name, row in zip(names, scores["confusion"], strict=True)]
        lines += ["", *_aligned([("true \\ predicted", *names), *rows])]
    return "\n".join(lines)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Text to the left in the first column, numbers to the right in the others."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]
