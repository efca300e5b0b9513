"""Preparation: everything between a table and a network, fitted once and saved with the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..errors import InputError, ModelFileError
from . import columns as encodings
from .cells import Parsed, Reading, parse
from .columns import Column
from .table import Table, listed
from .targets import Target

Array = np.ndarray[Any, Any]
VERSION = 1


class Encoded(NamedTuple):
    """A table as numbers, and what was noticed."""

    X: Array
    notes: list[str]


@dataclass(frozen=True)
class Preparation:
    """Columns and target of a model.

    Parameters
    ----------
    columns : tuple of Column
        In the order of the training file, which is that of the network's inputs.
    target : Target
    reading : Reading
        Which cells count as missing.
    names : tuple of str
        All columns of the training file.
    impute : bool
        Whether missing cells are filled; otherwise they are an error.
    named : bool
        Whether the training file itself named its columns.
    """

    columns: tuple[Column, ...]
    target: Target
    reading: Reading
    names: tuple[str, ...]
    impute: bool = False
    named: bool = True

    @property
    def inputs(self) -> int:
        """How many inputs the network has."""
        return sum(column.width for column in self.columns)

    def align(self, table: Table) -> Table:
        """The table with the model's names: a file without header is matched by the position of its columns."""
        if table.named:
            return table
        features = [column.name for column in self.columns]
        for names in (self.names, [name for name in self.names if name != self.target.name], features):
            if len(names) == len(table.names):
                return table.rename(names)
        raise InputError(
            f"{table.source}: {len(table.names)} columns without names; the model takes {len(features)}: "
            f"{listed(features)}"
        )

    def encode(self, table: Table, dtype: Any, strict: bool = False) -> Encoded:
        """The model's inputs, (rows, inputs); columns are found by name, in any order, among others.

        Raises
        ------
        InputError
            If a column or a cell is missing, cannot be read, or, with `strict`, is a category that training did not
            see; the message names it.
        """
        lacking = [column.name for column in self.columns if column.name not in table.names]
        if lacking:
            raise InputError(
                f"{table.source}: column{'s' if len(lacking) > 1 else ''} {listed(lacking)} missing; "
                f"the file has {table.listed()}"
            )
        parsed = {column.name: self._parse(column, table) for column in self.columns}
        if not self.impute:
            encodings.refuse_missing(table, parsed, "the model was trained without --impute, which would fill it")
        X = np.empty((len(table), self.inputs), dtype)
        notes, start = [], 0
        for column in self.columns:
            values, unknown = column.encode(parsed[column.name])
            with np.errstate(over="ignore"):
                X[:, start : start + column.width] = values
            block = X[:, start : start + column.width]
            if not np.isfinite(block).all():
                row = int((~np.isfinite(block)).any(axis=1).argmax())
                raise InputError(f"{table.place(row, column.name)}: too far from what training saw for {X.dtype}")
            start += column.width
            if unknown.any():
                notes.append(_unknown(table, column, parsed[column.name], unknown))
        if notes and strict:
            raise InputError("; ".join(notes))
        return Encoded(X, notes)

    def _parse(self, column: Column, table: Table) -> Parsed:
        return parse(table[column.name], column.kind, self.reading, table, column.name)

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold, to be saved with a model."""
        return {
            "version": VERSION,
            "columns": [column.to_dict() for column in self.columns],
            "target": self.target.to_dict(),
            "missing": sorted(self.reading.missing),
            "names": list(self.names),
            "impute": self.impute,
            "named": self.named,
        }

    @classmethod
    def from_dict(cls, given: Mapping[str, Any], source: str) -> Preparation:
        """From what `to_dict` gave.

        Raises
        ------
        ModelFileError
            If it is of another version, or not what `to_dict` gives.
        """
        try:
            if given["version"] != VERSION:
                raise ModelFileError(f"{source}: columns in version {given['version']}; this nbtrain reads {VERSION}")
            made = [Column.from_dict(column) for column in given["columns"]]
            target = Target.from_dict(given["target"])
            reading, names = Reading(frozenset(given["missing"])), tuple(given["names"])
            return cls(tuple(made), target, reading, names, given["impute"], given["named"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelFileError(f"{source}: the description of the columns cannot be read: {error!r}") from error


def fit_columns(
    table: Table, rows: Array, reading: Reading, impute: bool, forced: Sequence[str] = (), most: int = 50
) -> list[Column]:
    """The encodings of a table's columns, kinds from all rows, categories and moments from the training rows.

    Raises
    ------
    InputError
        If cells are missing and not to be imputed, or a column cannot be used.
    """
    found = encodings.kinds(table, reading, frozenset(forced), most)
    parsed = {name: parse(table[name], kind, reading, table, name) for name, kind in found.items()}
    for name in table.names:
        if name not in found:
            parsed[name] = Parsed([], np.ones(len(table), bool))
    if not impute:
        encodings.refuse_missing(table, parsed, "--impute fills it, and --drop leaves the column out")
    return [encodings.fit(name, kind, parsed[name], rows, impute) for name, kind in found.items()]


def _unknown(table: Table, column: Column, parsed: Parsed, unknown: Array) -> str:
    row, count = int(unknown.argmax()), int(unknown.sum())
    cell = "missing value" if parsed.missing[row] else f"category {parsed.values[row]!r}"
    more = f", and {count - 1} more in this column" if count > 1 else ""
    return f"{table.place(row, column.name)}: {cell} that training did not see{more}"
