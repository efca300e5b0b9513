"""Files that `nbtrain train` writes besides the model: the history by epoch, and the report."""

from __future__ import annotations

import csv
import io
import json
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from .. import __version__
from ..table import TableModel
from ..table.parsing import Words
from . import inspect, options, output
from .crossvalidation import Crossed, in_order
from .job import Job
from .outcome import Outcome, predictions, quality
from .report import importance, page

Array = np.ndarray[Any, Any]
SCORED = {
    "test": "Scores of the {} test rows, which no network has seen.",
    "cross-validation": "Cross-validated scores of {} rows: each was predicted by networks that have not seen it.",
    "train": "Scores of the {} rows that the networks were trained on. Rows that they have not seen would be predicted "
    "less well: --test-size or --cv score such rows.",
}


def networks(model: TableModel | None, crossed: Crossed | None) -> list[dict[str, Any]]:
    """History and best epoch of each network: of the model, or without one of the cross-validation's."""
    models = [model] if model is not None else [part for part, _ in crossed.parts] if crossed else []
    return [
        {"history": dict(trainer.history), "best_epoch": outcome.best_epoch}
        for each in models
        for trainer, outcome in zip(each.trainers, each.outcomes, strict=True)
    ]


def history(path: str, model: TableModel | None, crossed: Crossed | None) -> None:
    """Write the numbers of all epochs: as CSV, or, if the name ends in .json, as JSON."""
    found = networks(model, crossed)
    if path.lower().endswith(".json"):
        text = json.dumps([{"network": k, **network} for k, network in enumerate(found, 1)], indent=1) + "\n"
    else:
        names = list(dict.fromkeys(name for network in found for name in network["history"]))
        stream = io.StringIO(newline="")
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["network", "epoch", *names])
        for k, network in enumerate(found, 1):
            columns = network["history"]
            for epoch in range(max(map(len, columns.values()))):
                writer.writerow([k, epoch + 1, *(columns[name][epoch] if name in columns else "" for name in names)])
        text = stream.getvalue()
    output.write(text, path, "--history")


def report(job: Job, model: TableModel | None, crossed: Crossed | None, found: Outcome) -> None:
    """Write the page, and add the importance of the columns to the JSON report."""
    encoder = model.encoder if model is not None else crossed.parts[0][0].encoder  # type: ignore[union-attr]
    used = [column.name for column in encoder.columns_ if column.names]
    important = _importance(job, model, crossed, used)
    job.report["importance"] = important
    scores = job.report["scores"]
    data = {
        **job.report,
        "command": command(job),
        "made": f"nbtrain {__version__}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "scored_on": SCORED[scores["on"]].format(f"{len(found.truth):,}"),
        "networks": networks(model, crossed),
        "settings": _settings(job, model),
        "columns": inspect.described(encoder, job.frame[job.features], Words.of(options.missing(job.arguments))),
        "importance": important,
        "importance_of": "rise of the log-loss" if found.classifies else "loss of R²",
        "truth": found.truth,
        "predicted": found.predicted[:, 0],
        "probability": found.predicted[:, 1] if len(job.target.labels) == 2 else None,
    }
    output.write(page(data), job.arguments.report, "--report")


def command(job: Job) -> str:
    """What was typed."""
    return f"nbtrain {shlex.join(job.arguments.given)}"


def _importance(
    job: Job, model: TableModel | None, crossed: Crossed | None, used: Sequence[str]
) -> list[dict[str, Any]]:
    """The importance of the columns, by the rows that the scores are of."""
    if crossed is None:
        assert model is not None
        frame = job.test if len(job.test) else job.frame
        codes = model.target.codes(frame[job.roles.target], job.words)
        return _of_part(job, model, frame, codes, used)
    parts = [
        {row["name"]: row for row in _of_part(job, part, job.frame.iloc[rows], job.codes[rows], used, repeats=1)}
        for part, rows in crossed.parts
    ]
    found = [
        {
            "name": name,
            "mean": float(np.mean([part[name]["mean"] for part in parts])),
            "low": min(part[name]["low"] for part in parts),
            "high": max(part[name]["high"] for part in parts),
        }
        for name in used
    ]
    return sorted(found, key=lambda row: -float(row["mean"]))


def _of_part(
    job: Job, model: TableModel, frame: Any, codes: Array, used: Sequence[str], repeats: int = 5
) -> list[dict[str, Any]]:
    def score(sample: Any, rows: Array) -> float:
        return quality(job.target, codes[rows], in_order(predictions(model, sample), model.target, job.target))

    return importance(frame, used, score, job.arguments.seed, repeats)


def _settings(job: Job, model: TableModel | None) -> list[tuple[str, Any]]:
    """What a reader may want to know of the networks."""
    a, rows = job.arguments, job.report["rows"]
    told = [("rows to train on, of each network", rows["train"]), ("rows to validate", rows["validation"])]
    if model is not None:
        recipe = model.trainers[0].engine.recipe
        told += [
            ("networks", len(model.trainers)),
            ("network", repr(recipe.network)),
            ("loss", repr(recipe.loss)),
            ("optimizer", repr(recipe.optimizer)),
            ("regularizer", repr(recipe.regularizer)),
            ("batch size", recipe.batch_size),
            ("seconds", job.report["seconds"]),
        ]
    return [("seed", a.seed), ("inputs", job.report["inputs"]), *told]
