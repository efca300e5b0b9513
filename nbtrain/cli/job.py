"""Preparation of `nbtrain train`: the table, the roles of its columns, and which rows are for what."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..errors import InputError
from ..table import Table, settings, target, training
from ..table.parsing import Cells, Words
from ..table.reading import located
from ..table.scores import check_named
from ..table.split import folds, split
from ..table.weights import row_weights
from . import leaks, options, reading
from .choice import Choice, chosen

Array = np.ndarray[Any, Any]
UNITS, LARGE_UNITS = (64, 64), (128, 128)
RATE, LARGE_RATE = 1e-3, 3e-3


@dataclass(frozen=True)
class Roles:
    """The columns that are not, or not only, features."""

    target: str
    drop: list[str]
    categorical: list[str]
    weight: str | None = None
    group: str | None = None
    time: str | None = None


@dataclass
class Job:
    """One run: the data, the decisions about it, and the report.

    Parameters
    ----------
    table : Table
        As it was read.
    frame : DataFrame
        The rows that have a target.
    words : Words
        What stands for a missing target.
    codes : ndarray
        Index of the class, or the number, of each of them.
    tested : Table
        The rows of the report: a part of the table, or those of other files; none with cross-validation.
    rows : ndarray of int
        The rows to train on, with those for validation.
    """

    arguments: argparse.Namespace
    choice: Choice
    table: Table
    frame: Any
    roles: Roles
    target: target.Target
    words: Words
    codes: Array
    rows: Array
    tested: Table
    notes: list[str]
    report: dict[str, Any] = field(default_factory=dict)

    def training(self, rows: Array) -> training.Training:
        """The training on some of the rows."""
        a, large = self.arguments, len(rows) * (1 - self.validation) > settings.LARGE
        units = a.hidden if a.hidden is not None else LARGE_UNITS if large else UNITS
        return training.Training(
            replace(self.table, frame=self.frame.iloc[rows], notes=[]),
            self.roles.target,
            task=self.target.task,
            validation=self.validation,
            seeds=a.seeds,
            class_weight=a.class_weight,
            weight=self.roles.weight,
            group=self.roles.group,
            time=self.roles.time,
            categorical=self.roles.categorical,
            drop=self.roles.drop,
            max_categories=a.max_categories,
            missing=options.missing(a),
            hidden=self.choice.layers(units),
            loss=self.choice.loss,
            optimizer=self.choice.with_rate(LARGE_RATE if large else RATE),
            regularizer=self.choice.regularizer,
            batch_size=a.batch_size,
            epochs=a.epochs,
            patience=a.patience,
            rng=a.seed,
            dtype=a.dtype,
            threads=a.threads,
        )

    @property
    def test(self) -> Any:
        """The rows of the report, a DataFrame."""
        return self.tested.frame

    @property
    def source(self) -> str:
        """Names of the files."""
        return self.table.source

    @property
    def validation(self) -> float:
        """The fraction of the rows to train on that are for validation; `--validation-size` is one of all rows."""
        part: float = self.arguments.validation_size
        return min(part * len(self.frame) / len(self.rows), 0.9) if self.arguments.cv is None else part

    @property
    def features(self) -> list[str]:
        """The columns that the networks may use."""
        roles = self.roles
        gone = {roles.target, roles.weight, roles.group, *roles.drop}
        return [name for name in self.frame.columns if name not in gone]

    def folds(self) -> list[tuple[Array, Array]]:
        """(rows to train on, rows to predict) of each part of the cross-validation."""
        return folds(self.classes, len(self.frame), self.arguments.cv, self.arguments.seed, **self.keys())

    @property
    def classes(self) -> Array | None:
        """The classes of the rows, where there are classes."""
        return self.codes if self.target.task == "classification" else None

    def weight(self, frame: Any) -> Array | None:
        """The weights of a frame's rows."""
        name = self.roles.weight
        if name is None:
            return None
        if name not in frame.columns:
            raise InputError(f"--weight: the rows for the report have no column {name!r}")
        return row_weights(frame, name)

    def keys(self) -> dict[str, Array | None]:
        """By what rows stay together, or follow each other."""
        roles = self.roles
        with located(self.table) as place:
            place.rows = self.frame.index
            group = None if roles.group is None else training.group_codes(self.frame[roles.group])
            time = None if roles.time is None else training.times(self.frame[roles.time])
        return {"groups": group, "order": time}


def prepare(arguments: argparse.Namespace) -> Job:
    """Read the files and decide on the columns and rows.

    Raises
    ------
    InputError
        If an option or a cell cannot be used; the message names it.
    """
    choice = chosen(arguments)
    _check_sizes(arguments)
    table = reading.table(arguments.data, arguments)
    roles = _roles(arguments, list(table.frame.columns), table.source)
    words = target_words(arguments)
    task = arguments.task or ("classification" if roles.target in roles.categorical else None)
    frame, notes = _with_target(table, roles, words)
    found, told = target.detect(frame[roles.target], roles.target, task, words)
    notes = [*table.notes, *notes, *told]
    classifies = found.task == "classification"
    check_named(arguments.metrics, classifies)
    codes = found.codes(frame[roles.target], words)
    rows, none = np.arange(len(frame)), replace(table, frame=frame.iloc[:0])
    job = Job(arguments, choice, table, frame, roles, found, words, codes, rows, none, notes)
    job.notes += leaks.notes(frame, job.features, roles.target, codes, classifies, words)
    if arguments.test_file:
        job.tested = _other_rows(job)
    elif arguments.cv is None and arguments.test_size:
        job.rows, test = split(job.classes, len(frame), (arguments.test_size,), arguments.seed, **job.keys())
        job.tested = replace(table, frame=frame.iloc[test])
    return job


def _check_sizes(arguments: argparse.Namespace) -> None:
    a = arguments
    if a.cv is not None and a.test_file:
        raise InputError("--cv and --test-file: choose one, as either says which rows the report is about")
    if a.group and a.time:
        raise InputError("--group and --time: choose one, as rows are split either by groups or by time")
    if a.test_file:
        a.test_size = 0.0
    if (a.validation_size + a.test_size if a.cv is None else a.validation_size) >= 1.0:
        raise InputError("--validation-size and --test-size together must leave rows to train on")


def _roles(arguments: argparse.Namespace, names: list[str], source: str) -> Roles:
    """The columns that the options name."""
    roles: dict[str, str | None] = {}
    for name in ("target", "weight", "group", "time"):
        wanted = getattr(arguments, name)
        roles[name] = None if wanted is None else reading.column(names, wanted, f"--{name}", source)
    drop, categorical = (
        reading.columns(names, getattr(arguments, name), f"--{name}", source) for name in ("drop", "categorical")
    )
    wanted = str(roles.pop("target"))
    for role, column in roles.items():
        if column == wanted:
            raise InputError(f"--{role}: {wanted!r} is the target (--target)")
    if wanted in drop:
        raise InputError(f"--drop: {wanted!r} is the target (--target)")
    return Roles(wanted, drop, categorical, **roles)


def _with_target(table: Table, roles: Roles, words: Words) -> tuple[Any, list[str]]:
    """The rows that have a target, and a note if there are others."""
    gone = Cells(table.frame[roles.target], words).gone
    count = int(gone.sum())
    if not count:
        return table.frame, []
    if count == len(table):
        raise InputError(f"{table.source}, column {roles.target!r}: all values of the target are missing")
    rows = "1 row" if count == 1 else f"{count} rows"
    note = f"{table.source}: {rows} without a target left out, the first is row {int(gone.argmax()) + 1}"
    return table.frame[~gone], table.located([note])


def _other_rows(job: Job) -> Table:
    """The rows of the test files, whose targets must be known."""
    texts = [name for name in job.frame.columns if not Cells(job.frame[name], job.words).is_number]
    table = reading.table(job.arguments.test_file, job.arguments, text_columns=texts)
    if job.roles.target not in table.frame.columns:
        raise InputError(f"--test-file: {table.source} has no column {job.roles.target!r}, the target")
    frame, notes = _with_target(table, job.roles, job.words)
    job.notes += [*table.notes, *notes]
    return replace(table, frame=frame)


def target_words(arguments: argparse.Namespace) -> Words:
    """What stands for a missing target: None is a class there, unless the user says otherwise."""
    said = {word.casefold() for word in arguments.missing}
    return Words.of(word for word in options.missing(arguments) if word.casefold() != "none" or "none" in said)
