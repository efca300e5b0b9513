"""Columns as numbers for a network: scaled to mean 0 and deviation 1, or one number per category."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from .cells import Parsed, Reading, kind_of, parse
from .table import Table

Array = np.ndarray[Any, Any]
DATE = re.compile(r"\d{1,4}([./-])\d{1,2}\1\d{1,4}\b|\d{1,2}[ -][A-Za-z]{3,9}[ -]\d{2,4}\b")
MOST_LISTED = 20  # columns that a message lists
GAP = ""  # the category of missing cells: the empty cell is never another


@dataclass(frozen=True)
class Column:
    """How one column becomes numbers, as fitted to the training rows.

    Parameters
    ----------
    name : str
    kind : {"number", "boolean", "date", "category"}
    center, scale : float
        A number x becomes (x - center) / scale; a scale of 0 marks a constant column, which gives nothing.
    fill : float, optional
        What stands for a missing number: the median. None where missing cells are an error.
    categories : tuple of str
        Category k becomes 1 at place k and 0 elsewhere; an unknown one is 0 everywhere. None in a constant column.
    """

    name: str
    kind: str
    center: float = 0.0
    scale: float = 1.0
    fill: float | None = None
    categories: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """How many numbers the column gives."""
        return len(self.categories) if self.kind == "category" else int(self.scale > 0.0)

    def encode(self, parsed: Parsed) -> tuple[Array, Array]:
        """(rows, width) float64, and which rows hold an unknown category."""
        rows = len(parsed.missing)
        if not self.width:
            return np.empty((rows, 0)), np.zeros(rows, bool)
        if self.kind == "category":
            place = {name: index for index, name in enumerate(self.categories)}
            values = zip(parsed.values, parsed.missing, strict=True)
            codes = np.array([place.get(GAP if gone else name, -1) for name, gone in values], np.int64)
            return (codes[:, None] == np.arange(len(self.categories))).astype(np.float64), codes < 0
        filled = np.where(parsed.missing, np.nan if self.fill is None else self.fill, parsed.values)
        return ((filled - self.center) / self.scale)[:, None], np.zeros(rows, bool)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        common: dict[str, Any] = {"name": self.name, "kind": self.kind}
        if self.kind == "category":
            return common | {"categories": list(self.categories)}
        return common | {"center": self.center, "scale": self.scale, "fill": self.fill}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Column:
        """From what `to_dict` gave."""
        return cls(**{**given, "categories": tuple(given.get("categories", ()))})


def fit(name: str, kind: str, parsed: Parsed, rows: Array, impute: bool) -> Column:
    """The encoding of a column, from its cells in the training rows."""
    missing = parsed.missing[rows]
    if kind == "category":
        found = {parsed.values[row] for row, gone in zip(rows, missing, strict=True) if not gone}
        categories = tuple(sorted(found)) + ((GAP,) if missing.any() else ())
        return Column(name, kind, categories=categories if len(categories) > 1 else ())
    present = parsed.values[rows][~missing]
    if not present.size:
        return Column(name, kind, scale=0.0, fill=0.0 if impute else None)
    fill = float(np.median(present)) if impute else None
    center, scale = moments(present if fill is None else np.where(missing, fill, parsed.values[rows]))
    return Column(name, kind, center, scale, fill)


def moments(values: Array) -> tuple[float, float]:
    """Mean and standard deviation, exactly 0 for equal numbers, without overflow for the largest."""
    half = 0.5 * values
    low, width = half.min(), half.max() - half.min()
    if width == 0.0:
        return float(values[0]), 0.0
    part = (half - low) / width
    return float(2.0 * (low + part.mean() * width)), float(2.0 * part.std() * width)


def refuse_missing(table: Table, parsed: Mapping[str, Parsed], advice: str) -> None:
    """Raise an InputError if any cell is missing: where the first one is, how many there are, and what to do."""
    holes = {name: found.missing for name, found in parsed.items() if found.missing.any()}
    if not holes:
        return
    name = min(holes, key=lambda column: int(holes[column].argmax()))
    row = int(holes[name].argmax())
    cell = table[name][row]
    seen = f" ({cell!r})" if isinstance(cell, str) and cell else ""
    counts = [f"{column!r} {int(gone.sum())}" for column, gone in holes.items()]
    more = " …" if len(counts) > MOST_LISTED else ""
    listed = ", ".join(counts[:MOST_LISTED])
    raise InputError(f"{table.place(row, name)}: missing value{seen}; {advice}; missing in all: {listed}{more}")


def kinds(table: Table, reading: Reading, forced: frozenset[str], most: int) -> dict[str, str]:
    """The kinds of all columns; those in which all cells are missing are left out.

    Raises
    ------
    InputError
        If columns of text have more than `most` different values: they are all named.
    """
    found: dict[str, str] = {}
    crowded: dict[str, int] = {}
    for name, cells in zip(table.names, table.columns, strict=True):
        kind = kind_of(cells, reading, table, name) if name not in forced else "category"
        if kind is None:
            continue
        found[name] = kind
        if kind == "category":
            different = len(set(parse(cells, kind, reading, table, name).values))
            if different > most:
                crowded[name] = different
    if crowded:
        listed = ", ".join(f"{name!r} ({count})" for name, count in crowded.items())
        raise InputError(
            f"{table.source}: too many different texts to be categories in {listed}, where {most} are allowed; "
            f"leave {'them' if len(crowded) > 1 else 'it'} out with --drop {','.join(crowded)!r}, "
            "or allow more with --max-categories" + _dates(table, crowded)
        )
    return found


def _dates(table: Table, names: Mapping[str, int]) -> str:
    """What to say of columns whose texts look like dates, in ambiguous formats."""
    for name in names:
        found = [text for text in table[name] if DATE.match(str(text))]
        if 2 * len(found) > len(table):
            return f"; {name!r} seems to hold dates such as {found[0]!r}: dates must have the form 2024-12-31"
    return ""


def describe(columns: Sequence[Column]) -> str:
    """The columns in words, for a report."""
    listed = []
    for kind, one, several in (
        ("number", "number", "numbers"),
        ("boolean", "boolean", "booleans"),
        ("date", "date", "dates"),
        ("category", "column of categories", "columns of categories"),
    ):
        count = sum(column.kind == kind for column in columns)
        if count:
            listed.append(f"{count} {one if count == 1 else several}")
    return ", ".join(listed)
