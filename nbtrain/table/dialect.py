"""What a text file with a table is like, found out from its beginning: delimiter, header, decimal mark."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import islice

DELIMITERS = ",;\t| "  # a space stands for runs of them
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?")
PADDED = re.compile(r"0\d+")
APOSTROPHES = re.compile(r"'[^']+'")  # for quotes
UNIT = re.compile(r"[\[(].*[\])]")
GONE = {"", "na", "n/a", "#n/a", "nan", "null", "none", "?"}
ROWS = 500  # that are looked at
Rows = list[list[str]]


@dataclass(frozen=True)
class Dialect:
    """How a text file holds its table.

    Parameters
    ----------
    delimiter : str
        A space stands for runs of spaces.
    decimal : str
        "." or ",".
    skip : int
        Lines before the header, or before the rows where there is none.
    units : bool
        Whether the row below the header holds units.
    names : tuple of str
        Of the columns, as the header has them, or `column 1`, … without one.
    header : bool
        Whether the file names its columns.
    spaced : bool
        Whether spaces follow delimiters; not to look for them takes a third less time.
    encoding : str
    texts : tuple of str
        Columns of codes such as 02139, which must not become numbers.
    comment : str, optional
        What begins a comment within the rows.
    """

    delimiter: str = ","
    decimal: str = "."
    skip: int = 0
    names: tuple[str, ...] = ()
    header: bool = True
    units: bool = False
    spaced: bool = False
    encoding: str = "utf-8"
    texts: tuple[str, ...] = ()
    comment: str | None = None


def find(
    text: str,
    *,
    delimiter: str | None = None,
    decimal: str | None = None,
    header: bool | None = None,
    skip_rows: int | None = None,
    comment: str | None = None,
    expected: Collection[str] = (),
) -> tuple[Dialect, list[str]]:
    """The dialect of a file that begins with `text`, and what should be known of it; None is found out.

    A first row that has one of the `expected` names is a header.
    """
    lines = text.splitlines(keepends=True)
    notes: list[str] = []
    skip = skip_rows or 0
    said = re.match(r"sep=(.)\s*$", lines[0]) if lines and not skip_rows else None
    if said:
        delimiter, skip = delimiter or said[1], 1
    while (
        skip_rows is None
        and skip < len(lines) - 1
        and (lines[skip].startswith(comment or "#") or not lines[skip].strip())
    ):
        skip += 1
    body = "".join(lines[skip:])
    if comment:
        body = "".join(line.split(comment)[0].rstrip("\r\n") + "\n" for line in lines[skip:])
    delimiter = delimiter or max(DELIMITERS, key=lambda mark: score(body, mark))
    rows = cut(body, delimiter)
    if not rows:
        return Dialect(delimiter, decimal or ".", skip, comment=comment), notes
    width = Counter(len(row) for _, row in rows).most_common(1)[0][0]
    if skip_rows is None and (titles := _titles(rows, width)):
        notes.append(f"skipped before the table: {titles} line{'s' * (titles > 1)}, such as {rows[0][1][0][:40]!r}")
        rows = rows[titles:]
    cells = [row for _, row in rows]
    if header is None:
        header_found = any(cell in expected for cell in cells[0]) or is_header(cells)
    named = header_found if header is None else header
    dialect = Dialect(delimiter, decimal or decimal_mark(cells[named:], delimiter), skip, header=named, comment=comment)
    dialect = replace(dialect, spaced=delimiter != " " and f"{delimiter} " in body)
    return _with_names(dialect, rows, width, skip, notes, units=header is None and skip_rows is None), notes


def _with_names(
    dialect: Dialect, rows: list[tuple[int, list[str]]], width: int, skip: int, notes: list[str], units: bool
) -> Dialect:
    """The dialect with the names of the columns, and the first line of data."""
    names, below_header = [f"column {index + 1}" for index in range(width)], False
    if dialect.header:
        found = [re.sub(r"^Unnamed: \d+$", "", name.strip()) for name in rows[0][1]]  # as pandas calls them
        if all(APOSTROPHES.fullmatch(name) for name in found):
            found = [name[1:-1] for name in found]
        if len(found) == width - 1 and len(rows) > 1 and rows[1][1][-1] != "":
            found = ["", *found]
            notes.append("the header has one name less than the rows have cells: the first column has none")
        names = unique(found + [""] * (width - len(found)), notes)
        if units and _is_units([row for _, row in rows]):
            notes.append(f"skipped below the header: a row of units, {', '.join(rows[1][1][:5])}")
            below_header = True
    data = [row for _, row in rows[dialect.header + below_header :]]
    texts = tuple(name for k, name in enumerate(names) if is_padded([row[k] for row in data if len(row) > k]))
    return replace(dialect, skip=skip + rows[0][0], names=tuple(names), units=below_header, texts=texts)


def unique(names: Sequence[str], notes: list[str]) -> list[str]:
    """Names of which none stands twice, and none is empty."""
    taken, found = set(names), []
    for index, name in enumerate(names):
        wanted = name or f"column {index + 1}"
        if wanted in found:
            number = 2
            while f"{wanted} ({number})" in taken:
                number += 1
            notes.append(f"two columns are called {wanted!r}: the second is called '{wanted} ({number})' here")
            wanted = f"{wanted} ({number})"
        found.append(wanted)
        taken.add(wanted)
    return found


def cut(text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """The first rows, each with its number, in which blank lines count; those are no rows."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        for number, row in enumerate(islice(reader, ROWS)):
            cells = [cell.strip() for cell in row]
            if delimiter == " ":
                cells = [cell for cell in cells if cell]
            if any(cells) or len(cells) > 1:
                rows.append((number, cells))
    except csv.Error:
        return []
    return rows[:-1] if len(rows) > 50 else rows  # the last may be cut


def score(text: str, delimiter: str) -> float:
    """How well a delimiter fits: rows of one width, the header among them, and cells that nothing else would cut."""
    rows = [row for _, row in cut(text, delimiter)] if delimiter in text or delimiter == "," else []
    if not rows:
        return 0.0
    width, count = Counter(map(len, rows)).most_common(1)[0]
    if width == 1:
        return 0.01 if delimiter == "," else 0.0
    others = set(DELIMITERS) - {delimiter, " "}
    cells = [cell for row in rows if len(row) == width for cell in row]
    torn = sum(
        any(other in cell for other in others) and not COMMA.fullmatch(cell) and not GROUPED.fullmatch(cell)
        for cell in cells
    )
    fits = count / len(rows) - 0.3 * (abs(len(rows[0]) - width) > 1)
    return fits * (1 - torn / len(cells)) * (0.6 if delimiter == " " else 1.0) * (1 + 0.001 * min(width, 50))


def _titles(rows: list[tuple[int, list[str]]], width: int) -> int:
    """How many rows stand before the table: narrow ones, over rows of one width."""
    if width > 2:
        first = next((index for index, (_, row) in enumerate(rows) if len(row) >= width - 1), 0)
        return first + (len(rows[first][1]) == width - 1 and _is_over_numbers([row for _, row in rows[first + 1 :]]))
    if width == 2 and len(rows) > 2 and len(rows[0][1]) == 1 and len(rows[1][1]) == 2:
        return int(is_header([row for _, row in rows[1:]]) and not _is_number(rows[1][1][1]))
    return 0


def _is_over_numbers(rows: Rows) -> bool:
    """Whether the first row is all words, and there are numbers below it."""
    if len(rows) < 2 or any(map(_is_number, rows[0])):
        return False
    return any(map(_is_number, rows[1])) and is_header(rows)


def _is_number(cell: str) -> bool:
    return bool(NUMBER.fullmatch(cell) or COMMA.fullmatch(cell))


def is_header(rows: Rows) -> bool:
    """Whether the first row names columns: its words stand over numbers, or do not come again under themselves."""
    first, below = rows[0], rows[1:]
    if not below:
        return True
    whole = [int(cell) for cell in first if re.fullmatch(r"\d{1,9}", cell)]
    if (
        len(whole) > 2
        and len(whole) > 0.5 * len(first)
        and all(b - a == 1 for a, b in zip(whole, whole[1:], strict=False))
    ):
        return True  # years, or numbers of columns
    names = data = 0.0
    for k, cell in enumerate(first):
        column = [row[k] for row in below if len(row) > k and row[k].casefold() not in GONE]
        if cell.casefold() in GONE or not column:
            continue
        if sum(map(_is_number, column)) > 0.9 * len(column):
            names, data = names + (not _is_number(cell)), data + _is_number(cell)
        elif _is_number(cell):
            names += 0.5
        elif cell in column:
            data += 1
        elif len(set(column)) < 0.5 * len(column):
            names += 1
    return names >= data if names or data else not all(map(_is_number, first))


def _is_units(rows: Rows) -> bool:
    """Whether the row under the header holds units: words in all columns of numbers."""
    if len(rows) < 4:
        return False
    words = 0
    for k, cell in enumerate(rows[1]):
        column = [row[k] for row in rows[2:] if len(row) > k and row[k].casefold() not in GONE]
        if not column or sum(map(_is_number, column)) <= 0.9 * len(column) or cell.casefold() in GONE:
            continue
        if _is_number(cell):
            return False
        words += 2 if UNIT.fullmatch(cell) else 1
    return words >= 2


def decimal_mark(rows: Rows, delimiter: str) -> str:
    """A comma where some cell is a number with a comma that is no thousands mark."""
    if delimiter == ",":
        return "."
    commas = [cell for row in rows for cell in row if COMMA.fullmatch(cell)]
    return "," if commas and not all(GROUPED.fullmatch(cell) for cell in commas) else "."


def is_padded(column: Sequence[str]) -> bool:
    """Whether a column holds codes: whole numbers, some with zeros before them."""
    present = [cell for cell in column if cell.casefold() not in GONE]
    return any(PADDED.fullmatch(cell) for cell in present) and all(cell.isdigit() for cell in present)
