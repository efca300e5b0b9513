"""Table: named columns of text or numbers that know where they come from."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError

Cells = list[str] | np.ndarray[Any, Any]  # text without surrounding space, or float64 with NaN where missing


@dataclass(frozen=True)
class Table:
    """The columns of one file.

    Parameters
    ----------
    source : str
        Name of the file, for messages.
    names : tuple of str
    columns : tuple of list of str or of ndarray of float64, one per name
    named : bool
        Whether the names come from the file; otherwise they are `column 1`, `column 2`, …
    lines : sequence of int, optional
        The line of the file in which each row begins.
    decimal_comma : bool
        Whether `3,14` is a number: in files whose fields are not separated by commas.
    """

    source: str
    names: tuple[str, ...]
    columns: tuple[Cells, ...]
    named: bool = True
    lines: Sequence[int] | None = None
    decimal_comma: bool = False

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    def __getitem__(self, name: str) -> Cells:
        return self.columns[self.names.index(name)]

    def place(self, row: int, name: str) -> str:
        """Words for a cell, its row counted from 1 without the header."""
        line = f" (line {self.lines[row]})" if self.lines is not None else ""
        return f"{self.source}, row {row + 1}{line}, column {name!r}"

    def find(self, wanted: str, argument: str) -> str:
        """The name of a column that was asked for by name, or by its number from 1 (or -1 for the last)."""
        if wanted in self.names:
            return wanted
        try:
            number = int(wanted)
        except ValueError:
            number = 0
        if number != 0 and abs(number) <= len(self.names):
            return self.names[number - 1 if number > 0 else number]
        close = difflib.get_close_matches(wanted, self.names, 1, 0.6)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise InputError(f"{argument}: {self.source} has no column {wanted!r}{hint}; its columns are {self.listed()}")

    def listed(self) -> str:
        """The names in words."""
        return listed(self.names)

    def without(self, names: Iterable[str]) -> Table:
        """The table with some columns left out."""
        gone = set(names)
        kept = [index for index, name in enumerate(self.names) if name not in gone]
        return self.select(kept)

    def select(self, indices: Sequence[int]) -> Table:
        """Some of the columns."""
        names, columns = tuple(self.names[i] for i in indices), tuple(self.columns[i] for i in indices)
        return Table(self.source, names, columns, self.named, self.lines, self.decimal_comma)

    def rename(self, names: Sequence[str]) -> Table:
        """The table with other names."""
        return Table(self.source, tuple(names), self.columns, True, self.lines, self.decimal_comma)

    def rows(self, indices: np.ndarray[Any, Any]) -> Table:
        """Some of the rows."""
        picked = tuple(
            column[indices] if isinstance(column, np.ndarray) else [column[i] for i in indices]
            for column in self.columns
        )
        lines = None if self.lines is None else [self.lines[i] for i in indices]
        return Table(self.source, self.names, picked, self.named, lines, self.decimal_comma)


def listed(names: Sequence[str], most: int = 20) -> str:
    """Names in quotes, the first twenty of them."""
    text = ", ".join(repr(name) for name in names[:most])
    return f"{text} and {len(names) - most} more" if len(names) > most else text


def positional(count: int) -> tuple[str, ...]:
    """Names for columns that have none."""
    return tuple(f"column {index + 1}" for index in range(count))


def checked_names(names: Sequence[str], source: str) -> tuple[str, ...]:
    """The names, of which none may stand twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(f"{source}: two columns are called {name!r}; names of columns must be unique")
        seen.add(name)
    return tuple(names)
