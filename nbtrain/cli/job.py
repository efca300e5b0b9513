"""Preparation of `nbtrain train`: columns, target, split, network."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..components import Component
from ..components.by_name import loss
from ..errors import InputError
from ..table import columns as encodings
from ..table import files, outliers, targets
from ..table.cells import Reading
from ..table.preparation import Preparation, fit_columns
from ..table.split import split
from ..table.table import Table, listed
from . import options
from .choice import Choice, chosen
from .watching import note

if TYPE_CHECKING:
    from ..training.trainer import Trainer

Array = np.ndarray[Any, Any]
EPOCHS, PATIENCE = 200, 20
ITERATIONS, PATIENT_ITERATIONS = 2000, 400  # minimum for small tables, whose epochs have few iterations


@dataclass
class Job:
    """One run: the data, the decisions about it, and the report."""

    arguments: argparse.Namespace
    choice: Choice
    table: Table
    preparation: Preparation
    parts: dict[str, tuple[Array, Array]]
    codes: dict[str, Array]
    report: dict[str, Any]


def prepare(arguments: argparse.Namespace) -> Job:
    """Read the file and encode it as numbers."""
    choice = chosen(arguments)
    table = files.read(arguments.data, options.dialect(arguments), {arguments.target})
    reading = Reading.of(arguments.missing)
    name = table.find(arguments.target, "--target")
    forced = [table.find(column, "--categorical") for column in arguments.categorical]
    names, named = table.names, table.named
    task = arguments.task or ("classification" if name in forced else "")
    target = targets.detect(table[name], task, reading, table, name)
    table = _with_target(table, name, reading, arguments.impute)
    codes = target.codes(table[name], reading, table)
    dropped = [table.find(column, "--drop") for column in arguments.drop]
    if name in dropped:
        raise InputError(f"--drop: {name!r} is the target (--target)")
    features = table.without([name, *dropped])
    if not features.names:
        raise InputError(f"{table.source}: no column is left to predict {name!r} from")
    parts = _parts(arguments, codes, target.task)
    columns = fit_columns(features, parts["train"], reading, arguments.impute, forced, arguments.max_categories)
    target = targets.for_loss(target, _loss(choice, target).spec, codes[parts["train"]])
    preparation = Preparation(tuple(c for c in columns if c.width), target, reading, names, arguments.impute, named)
    if not preparation.inputs:
        raise InputError(f"{table.source}: every column but the target is constant; there is nothing to learn from")
    encoded = preparation.encode(features, arguments.dtype)
    y = target.encode(codes)
    data = {part: (encoded.X[rows], y[rows]) for part, rows in parts.items() if len(rows)}
    _set_lengths(arguments, len(parts["train"]))
    report = _report(features, preparation, {part: len(rows) for part, rows in parts.items()}, dropped)
    codes_of = {part: codes[rows] for part, rows in parts.items()}
    return Job(arguments, choice, features, preparation, data, codes_of, report)


def _report(features: Table, preparation: Preparation, rows: dict[str, int], dropped: list[str]) -> dict[str, Any]:
    """The part of the report that is known before training."""
    target, used = preparation.target, {column.name for column in preparation.columns}
    report: dict[str, Any] = {
        "file": features.source,
        "rows": rows,
        "target": target.name,
        "task": target.task,
        "classes": list(target.labels),
        "inputs": preparation.inputs,
        "left_out": [*dropped, *(name for name in features.names if name not in used)],
    }
    if found := outliers.notes(features, preparation.columns, preparation.reading):
        report["notes"] = found
    return report


def _set_lengths(arguments: argparse.Namespace, rows: int) -> None:
    """Default numbers of epochs and of patience: more for few rows, to make enough iterations."""
    steps = -(-rows // arguments.batch_size)
    if arguments.epochs is None:
        arguments.epochs = max(EPOCHS, math.ceil(ITERATIONS / steps))
    if arguments.patience is None:
        arguments.patience = max(PATIENCE, math.ceil(PATIENT_ITERATIONS / steps))


def _with_target(table: Table, name: str, reading: Reading, impute: bool) -> Table:
    """The rows that have a target: all of them, unless missing cells are allowed."""
    gone = targets.missing_rows(table[name], reading, table, name)
    if not gone.any():
        return table
    first = table.place(int(gone.argmax()), name)
    if not impute:
        raise InputError(
            f"{first}: the target is missing ({int(gone.sum())} rows in total); --impute leaves such rows out"
        )
    note(f"{int(gone.sum())} rows without a target are left out, the first at {first}")
    return table.rows(np.flatnonzero(~gone))


def _parts(arguments: argparse.Namespace, codes: Array, task: str) -> dict[str, Array]:
    fractions = (arguments.validation_size, arguments.test_size)
    classes = codes if task == "classification" else None
    return dict(
        zip(("train", "validation", "test"), split(classes, len(codes), fractions, arguments.seed), strict=True)
    )


def _loss(choice: Choice, target: targets.Target) -> Component:
    return choice.loss or loss("softmax_cross_entropy" if target.task == "classification" else "mse")


def introduction(job: Job) -> str:
    """A summary of the file and the network."""
    preparation, report, arguments = job.preparation, job.report, job.arguments
    target = preparation.target
    if target.labels:
        counts = np.bincount(np.concatenate(list(job.codes.values())), minlength=len(target.labels))
        named = [f"{label} ({count})" for label, count in zip(target.labels[:8], counts[:8], strict=True)]
        kind = f"{len(target.labels)} classes: {', '.join(named)}{', …' if len(target.labels) > 8 else ''}"
    else:
        kind = "numbers"
    hidden = ", ".join(map(str, arguments.hidden)) or "no"
    left_out = [name for name in report["left_out"] if name not in arguments.drop]
    rows = report["rows"]
    outputs = "1 output" if target.outputs == 1 else f"{target.outputs} outputs"
    lines = [
        f"{report['file']}: {sum(rows.values())} rows: {rows['train']} to train on, {rows['validation']} to validate, "
        f"{rows['test']} to test",
        f"target {target.name!r}: {kind}" + ("" if arguments.task else f" ({_other(target)})"),
        f"columns: {encodings.describe(preparation.columns)}"
        + (f"; left out as constant: {listed(left_out)}" if left_out else ""),
        f"network: {preparation.inputs} inputs, {hidden} hidden units, {outputs}",
    ]
    return "\n".join([*lines, *(f"note: {text}" for text in report.get("notes", ()))])


def _other(target: targets.Target) -> str:
    other = "regression" if target.task == "classification" else "classification"
    return f"{target.task}; use --task {other} if that is wrong"


def build(job: Job) -> Trainer:
    """The trainer for the options."""
    from .. import Dense, Network, Trainer

    a, choice, target = job.arguments, job.choice, job.preparation.target
    return Trainer(
        Network(job.preparation.inputs, [*choice.hidden, Dense(target.outputs)]),
        loss=_loss(choice, target),
        optimizer=choice.optimizer,
        regularizer=choice.regularizer,
        batch_size=a.batch_size,
        dtype=a.dtype,
        rng=a.seed,
        threads=a.threads,
    )
