"""What `nbtrain train` prints: the table and the networks before training, the scores after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..table import Training, scores
from ..table.frames import listed
from ..table.model import Outcome as Ended
from .job import Job
from .outcome import Outcome
from .wording import in_options

MOST_CLASSES = 8  # whose rows are counted in the introduction
KINDS = {
    "number": "numbers",
    "date": "dates",
    "boolean": "booleans",
    "category": "columns of categories",
}
ONE = {"number": "number", "date": "date", "boolean": "boolean", "category": "column of categories"}


def plan(job: Job, training: Training) -> dict[str, Any]:
    """The part of the report that is known before training."""
    train, validation = training.sizes
    used = {column.name for column in training.encoder.columns_ if column.names}
    notes = [*dict.fromkeys(map(in_options, [*job.notes, *training.notes]))]
    return {
        "file": job.source,
        "rows": {"train": train, "validation": validation, "test": len(job.test)},
        "target": job.target.name,
        "task": job.target.task,
        "classes": list(job.target.labels),
        "inputs": training.networks[0].network.inputs,
        "left_out": [*job.roles.drop, *(name for name in job.features if name not in used)],
        **({"notes": notes} if notes else {}),
    }


def introduction(job: Job, training: Training) -> str:
    """The file, the target, the columns and the networks in words."""
    report, settings = job.report, training.settings
    network = training.networks[0].network
    units = ", ".join(str(layer.units) for layer in network.layers[:-1]) or "no"
    outputs = "1 output" if network.outputs == 1 else f"{network.outputs} outputs"
    count = settings["seeds"]
    many = f"{count} networks, each with" if count > 1 else "network:"
    kinds = Counter(column.kind for column in training.encoder.columns_ if column.names)
    described = [f"{n} {ONE[kind] if n == 1 else KINDS[kind]}" for kind in KINDS if (n := kinds[kind])]
    left_out = [name for name in report["left_out"] if name not in job.roles.drop]
    lines = [
        f"{job.source}: {_rows(job)}",
        f"target {job.target.name!r}: {_target(job)}" + ("" if job.arguments.task else f" ({_other(job)})"),
        f"columns: {', '.join(described)}" + (f"; left out: {listed(left_out)}" if left_out else ""),
        f"{many} {network.inputs} inputs, {units} hidden units, {outputs}",
    ]
    return "\n".join([*lines, *(f"note: {text}" for text in report.get("notes", ()))])


def _rows(job: Job) -> str:
    rows, cv = job.report["rows"], job.arguments.cv
    if cv:
        return f"{len(job.frame)} rows in {cv} parts, each predicted by networks that were trained without it"
    total = f"{len(job.frame)} rows" + (f" and {len(job.test)} of --test-file" if job.arguments.test_file else "")
    return f"{total}: {rows['train']} to train on, {rows['validation']} to validate, {rows['test']} to test"


def _target(job: Job) -> str:
    labels = job.target.labels
    if not labels:
        return "numbers"
    counts = np.bincount(job.codes, minlength=len(labels))
    named = [f"{label} ({count})" for label, count in zip(labels[:MOST_CLASSES], counts, strict=False)]
    return f"{len(labels)} classes: {', '.join(named)}{', …' if len(labels) > MOST_CLASSES else ''}"


def _other(job: Job) -> str:
    other = "regression" if job.target.task == "classification" else "classification"
    return f"{job.target.task}; use --task {other} if that is wrong"


def ended(outcomes: Sequence[Ended], code: int) -> dict[str, Any]:
    """The part of the report about how the training of the networks ended.

    `epochs`, `best_epoch` and `stopped` are those of the last network, unless something has stopped them all.
    """
    last = outcomes[-1]
    why = "interrupted" if code >= 128 else "diverged" if code else last.stopped
    return {
        "epochs": last.epochs,
        "best_epoch": last.best_epoch,
        "stopped": why,
        "networks": [{"epochs": one.epochs, "best_epoch": one.best_epoch, "stopped": one.stopped} for one in outcomes],
    }


def conclusion(job: Job, found: Outcome) -> str:
    """How training ended, the scores, and where the model is."""
    report = job.report
    lines = [_training(report)] if "networks" in report else []
    on, count = report["scores"]["on"], len(found.truth)
    if on == "train":
        lines += [
            "",
            f"rows that the networks were trained on ({count}); --test-size or --cv score rows that they have not seen",
        ]
    elif on == "test":
        lines += ["", f"test rows ({count}), which no network has seen"]
    else:
        lines += ["", f"cross-validation ({count} rows, each predicted by networks that have not seen it)"]
    lines.append(scores.in_words(report["scores"]))
    if job.arguments.report:
        lines += ["", f"report in {job.arguments.report}"]
    if "saved" in report or not job.arguments.cv or "networks" in report:
        lines += ["", f"saved {report['saved']}" if "saved" in report else "not saved (--save MODEL)"]
    return "\n".join(lines)


def _training(report: dict[str, Any]) -> str:
    """One line about how training ended, and which parameters the networks have."""
    networks, seconds = report["networks"], f"{report['seconds']:.2f} s"
    words = {"patience": "the validation loss stopped improving", "epochs": "finished"}
    why = words.get(report["stopped"], report["stopped"])
    before = f" (resumed after epoch {report['resumed_after_epoch']})" if "resumed_after_epoch" in report else ""
    if len(networks) == 1:
        epochs = f"{report['epochs']} epoch{'s' * (report['epochs'] != 1)}"
        kept = f"the model has the parameters of epoch {report['best_epoch']}, the best one"
        return f"{why} after {epochs}{before}, {seconds}; {kept}"
    epochs = ", ".join(str(one["epochs"]) for one in networks)
    best = ", ".join(str(one["best_epoch"]) for one in networks)
    head = f"{why} after" if report["stopped"] in ("interrupted", "diverged") else "trained"
    return (
        f"{head} {len(networks)} networks{before}, {seconds}; of their {epochs} epochs, each has the parameters of its "
        f"best one: {best}"
    )
