"""Cells: which are missing, and what the others are: numbers, booleans, dates or categories."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np

from ..checks.messages import brief, wrong
from ..errors import InputError
from .table import Cells, Table

MISSING = ("NA", "N/A", "#N/A", "NaN", "-NaN", "<NA>", "null", "None", "?")  # beside the empty cell, in any case
KINDS = ("number", "boolean", "date", "category")
EPOCH, DAY = datetime(1970, 1, 1), timedelta(days=1)
WHOLE = re.compile(r"(-?\d+)\.0+")
COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")


class Parsed(NamedTuple):
    """A column's values (float64, or text for categories), and where there are none."""

    values: Any
    missing: np.ndarray[Any, Any]


class Reading(NamedTuple):
    """How the cells of a table are read: words for a missing one, in lower case."""

    missing: frozenset[str]

    @classmethod
    def of(cls, words: Iterable[str] = MISSING) -> Reading:
        """From the words that a user gives; the empty cell is always missing."""
        return cls(frozenset(word.strip().casefold() for word in words) | {""})

    def lacks(self, text: str) -> bool:
        """Whether a cell is missing."""
        return text.casefold() in self.missing


def number(text: str, decimal_comma: bool = False) -> float:
    """A number, or ValueError; `1_000`, which Python would take, is none."""
    if "_" in text:
        raise ValueError(text)
    if decimal_comma and COMMA.fullmatch(text):
        text = text.replace(",", ".")
    return float(text)


def boolean(text: str, decimal_comma: bool = False) -> float:
    """1 for true, 0 for false, in any case."""
    return {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0}[text.casefold()]


def date(text: str, decimal_comma: bool = False) -> float:
    """Days since 1970 of an ISO 8601 date, with or without time; a time without zone is taken as UTC."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return (moment - EPOCH) / DAY


def category(text: str) -> str:
    """A category's name: `3.0` and `3` are the same."""
    whole = WHOLE.fullmatch(text)
    return whole[1] if whole else text


PARSERS: Mapping[str, Callable[[str, bool], float]] = {"number": number, "boolean": boolean, "date": date}
EXPECTED = {"number": "a number", "boolean": "true or false", "date": "a date such as 2024-12-31"}


def kind_of(cells: Cells, reading: Reading, table: Table, name: str) -> str | None:
    """The kind of a column by its cells; None if all are missing.

    Raises
    ------
    InputError
        If more than half of the cells are numbers, or dates, and some are not: the first of those is named.
    """
    if isinstance(cells, np.ndarray):
        return None if _array(cells, reading, table, name).missing.all() else "number"
    present = [text for text in dict.fromkeys(cells) if not reading.lacks(text)]
    if not present:
        return None
    if all(text.casefold() in ("true", "false") for text in present):
        return "boolean"
    for kind in ("number", "date"):
        odd = {text for text in present if _attempt(PARSERS[kind], text, table.decimal_comma) is None}
        if not odd:
            return kind
        if 2 * sum(text not in odd for text in present) > len(present):
            row = next(index for index, text in enumerate(cells) if text in odd)
            raise InputError(
                f"{table.place(row, name)}: {cells[row]!r} is not {EXPECTED[kind]}, unlike most cells of the column; "
                f"correct it, or add --missing {cells[row]!r} if it stands for a missing value, "
                f"or --categorical {name!r} if the column holds categories"
            )
    return "category"


def parse(cells: Cells, kind: str, reading: Reading, table: Table, name: str) -> Parsed:
    """The cells of a column whose kind is known.

    Raises
    ------
    InputError
        If a cell is of another kind, or infinite; the message names it.
    """
    if isinstance(cells, np.ndarray):
        found = _array(cells, reading, table, name)
        if kind != "category":
            return found
        return Parsed([category(repr(float(value))) for value in found.values], found.missing)
    missing = np.fromiter((reading.lacks(text) for text in cells), bool, len(cells))
    if kind == "category":
        return Parsed([category(text) for text in cells], missing)
    known: dict[str, float] = {}
    values = np.full(len(cells), np.nan)
    for row, text in enumerate(cells):
        if missing[row]:
            continue
        if text not in known:
            value = _attempt(PARSERS[kind], text, table.decimal_comma)
            if value is None:
                raise InputError(wrong(table.place(row, name), f"be {EXPECTED[kind]}", brief(text)))
            if not np.isfinite(value):
                raise InputError(wrong(table.place(row, name), "be a finite number", _short(text)))
            known[text] = value
        values[row] = known[text]
    return Parsed(values, missing)


def _array(cells: np.ndarray[Any, Any], reading: Reading, table: Table, name: str) -> Parsed:
    values = cells.astype(np.float64)
    numbers = (_attempt(number, word, False) for word in reading.missing)
    missing = np.isnan(values) | np.isin(values, [value for value in numbers if value is not None])
    infinite = np.isinf(values) & ~missing
    if infinite.any():
        row = int(infinite.argmax())
        raise InputError(wrong(table.place(row, name), "be a finite number", str(values[row])))
    return Parsed(values, missing)


def _attempt(parser: Callable[[str, bool], float], text: str, decimal_comma: bool) -> float | None:
    try:
        return parser(text, decimal_comma)
    except (ValueError, KeyError, OverflowError):
        return None


def _short(text: str) -> str:
    return repr(text) if len(text) <= 40 else f"{text[:20]!r}… ({len(text)} characters)"
