"""How good predictions are: accuracy with a confusion matrix, or R² with errors in the target's own unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
MOST_SHOWN = 12  # classes whose confusion matrix still fits a terminal
MOST_ROWS = 30  # classes in the table beside it


def classification(truth: Array, predicted: Array, labels: Sequence[str]) -> dict[str, Any]:
    """Accuracy, confusion matrix (rows: true class) and precision, recall, F1 and rows of each class.

    Parameters
    ----------
    truth, predicted : ndarray of int, shape (rows,)
    labels : sequence of str
    """
    count = len(labels)
    confusion = np.bincount(truth * count + predicted, minlength=count * count).reshape(count, count)
    hits = confusion.diagonal()
    called, real = confusion.sum(axis=0), confusion.sum(axis=1)
    precision = np.divide(hits, called, out=np.zeros(count), where=called > 0)
    recall = np.divide(hits, real, out=np.zeros(count), where=real > 0)
    f1 = np.divide(2.0 * hits, called + real, out=np.zeros(count), where=called + real > 0)
    seen = real > 0
    return {
        "accuracy": float(hits.sum() / len(truth)),
        "balanced_accuracy": float(recall[seen].mean()),
        "f1_macro": float(f1[seen | (called > 0)].mean()),
        "classes": [
            {
                "class": label,
                "precision": float(precision[k]),
                "recall": float(recall[k]),
                "f1": float(f1[k]),
                "rows": int(real[k]),
            }
            for k, label in enumerate(labels)
        ],
        "confusion": confusion.tolist(),
    }


def regression(truth: Array, predicted: Array) -> dict[str, float]:
    """R², mean absolute error and root of the mean squared error, in the target's own unit."""
    error = predicted - truth
    spread = ((truth - truth.mean()) ** 2).sum()
    residual = (error**2).sum()
    r2 = 1.0 - residual / spread if spread > 0 else float(residual == 0)
    return {"r2": float(r2), "mae": float(np.abs(error).mean()), "rmse": float(np.sqrt((error**2).mean()))}


def in_words(scores: dict[str, Any]) -> str:
    """Scores as lines of text, the main one first."""
    if "accuracy" not in scores:
        words = {"r2": "R²", "mae": "mean absolute error", "rmse": "root mean squared error"}
        return "\n".join(f"{text} {scores[name]:.6g}" for name, text in words.items())
    lines = [
        f"accuracy {scores['accuracy']:.4f}",
        f"balanced accuracy {scores['balanced_accuracy']:.4f}, F1 (macro) {scores['f1_macro']:.4f}",
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
        rows = [(name, *map(str, row)) for name, row in zip(names, scores["confusion"], strict=True)]
        lines += ["", *_aligned([("true \\ predicted", *names), *rows])]
    return "\n".join(lines)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Text to the left in the first column, numbers to the right in the others."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]
