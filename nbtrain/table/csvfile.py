"""CSV files with Python's csv module: encoding, delimiter, header, and errors that name the line."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import sys
import zlib
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..checks.messages import brief, wrong
from ..errors import InputError
from .cells import number
from .table import Table, checked_names, positional

DELIMITERS = ",;\t|"  # and a space, where none of them cuts anything
LONGEST = 2**31 - 1  # characters in a field
SAMPLE = 100  # rows that the delimiter is guessed from
BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(frozen=True)
class Dialect:
    """How to read a CSV file; None: detect it."""

    delimiter: str | None = None
    header: bool | None = None
    encoding: str | None = None


def read(path: str, dialect: Dialect, expected: Collection[str] = ()) -> Table:
    """A CSV file, `-` for standard input, `.gz` for a compressed one; `expected` names tell a header from data.

    Raises
    ------
    InputError
        If it is empty, not text, or a row has not as many fields as the first; the message names the line.
    """
    source = "standard input" if path == "-" else path
    text = _decode(_bytes(path), dialect.encoding, source)
    if "\0" in text:  # a binary file, or UTF-16 without its mark
        line = text[: text.index("\0")].count("\n") + 1
        raise InputError(f"{source}, line {line}: it contains a NUL character; see --encoding")
    if not text.strip():
        raise InputError(f"{source}: the file is empty; it must have a header and rows of data")
    with _fields_of_any_length():
        delimiter = dialect.delimiter or _delimiter(text)
        rows, lines = _rows(text, delimiter, source)
    header = dialect.header if dialect.header is not None else _has_header(rows[0], expected)
    names = tuple(rows[0]) if header else positional(len(rows[0]))
    if header:
        rows, lines = rows[1:], lines[1:]
    if not rows:
        raise InputError(f"{source}: it has a header, but no rows of data")
    columns = tuple(list(column) for column in zip(*rows, strict=True))
    table = Table(source, names, columns, header, lines, delimiter != ",")
    return _name_the_nameless(table) if header else table


def _bytes(path: str) -> bytes:
    try:
        if path == "-":
            return sys.stdin.buffer.read()
        raw = Path(path).read_bytes()
        return gzip.decompress(raw) if path.endswith(".gz") else raw
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(f"{path}: cannot be read: {reason}") from error


def _decode(raw: bytes, encoding: str | None, source: str) -> str:
    if encoding is None:
        encoding = next((name for mark, name in BOMS if raw.startswith(mark)), "utf-8")
    try:
        return raw.decode(encoding)
    except LookupError as error:
        raise InputError(f"encoding: Python has no encoding {encoding!r}") from error
    except UnicodeError as error:
        start = error.start if isinstance(error, UnicodeDecodeError) else 0
        line = raw[:start].count(b"\n") + 1
        raise InputError(
            f"{source}, line {line}: this is not {encoding} text; specify --encoding "
            "(mostly cp1252 in files from older Windows programs)"
        ) from error


def _delimiter(text: str) -> str:
    """The character that cuts the first rows into equally many fields, the most of them."""
    best, most = ",", (0.0, 1)
    for candidate in (*DELIMITERS, " "):
        if candidate == " " and most[1] > 1:
            break
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=candidate, skipinitialspace=True)
        counts: Counter[int] = Counter()
        try:
            for row in reader:
                counts[len(row)] += 1 if row else 0
                if reader.line_num >= SAMPLE:
                    break
        except csv.Error:
            continue
        width, rows = counts.most_common(1)[0]
        score = (round(rows / sum(counts.values()), 1), width)  # a torn row does not decide between delimiters
        if width > 1 and score > most:
            best, most = candidate, score
    return best


def _rows(text: str, delimiter: str, source: str) -> tuple[list[list[str]], list[int]]:
    """The rows, stripped, and the line in which each begins; blank lines are passed over, other rows equally long."""
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    except TypeError as error:
        raise InputError(wrong("delimiter", "be one character", brief(delimiter))) from error
    rows: list[list[str]] = []
    lines: list[int] = []
    start = 1
    try:
        for fields in reader:
            cells = [field.strip() for field in fields] or [""]
            if cells != [""] or (rows and len(rows[0]) == 1):  # in a single column, a blank line is a missing cell
                if rows and len(cells) != len(rows[0]):
                    count = f"{len(cells)} field{'s' * (len(cells) != 1)}"
                    raise InputError(f"{source}, line {start}: {count}, where line {lines[0]} has {len(rows[0])}")
                rows.append(cells)
                lines.append(start)
            start = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"{source}, line {start}: {_reason(error)}") from error
    while len(rows) > 1 and rows[-1] == [""]:  # blank lines at the end of a file of one column
        rows.pop(), lines.pop()
    return rows, lines


def _reason(error: csv.Error) -> str:
    """What is wrong with a line, in words that say what to do."""
    text = str(error)
    if "unexpected end of data" in text:
        return "a quotation mark opens a field here that is never closed (unexpected end of data)"
    if "expected after" in text:
        return f"{text}: within a field in quotation marks, a quotation mark is written twice"
    return text


@contextlib.contextmanager
def _fields_of_any_length() -> Iterator[None]:
    """Python's csv module takes fields of 131,072 characters unless configured, for the whole process."""
    before = csv.field_size_limit(LONGEST)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _has_header(first: list[str], expected: Collection[str]) -> bool:
    """Whether the first row names the columns: it does unless it holds only numbers, or decimal fractions."""
    if any(cell in expected for cell in first):
        return True
    numbers = []
    for cell in first:
        try:
            numbers.append(number(cell))
        except ValueError:
            continue
    filled = sum(bool(cell) for cell in first)
    return not (numbers and (len(numbers) == filled or any(value != int(value) for value in numbers if value == value)))


def _name_the_nameless(table: Table) -> Table:
    """Leave out nameless columns that are empty, and a nameless first one: the row numbers that pandas writes."""
    kept = []
    for index, (name, cells) in enumerate(zip(table.names, table.columns, strict=True)):
        if name or (index > 0 and any(cells)):
            kept.append(index)
    names = [table.names[i] or f"column {i + 1}" for i in kept]
    selected = table.select(kept)
    return selected.rename(checked_names(names, table.source))
