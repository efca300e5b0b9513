"""Tables from files: CSV and its kin, compressed or not, Excel, Parquet, Feather, NumPy; one file or several."""

from __future__ import annotations

import contextlib
import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..checks.arguments import explain_arguments
from ..checks.messages import brief, wrong
from ..errors import InputError
from .dialect import Dialect
from .files import File
from .frames import listed, pandas
from .options import Options, checked
from .parsing import DATES, MISSING

ROW = re.compile(r"\brow (\d+)\b(?! \()")


@dataclass(frozen=True)
class Table:
    """A table that `read` found in files.

    Parameters
    ----------
    frame : pandas.DataFrame
        Its index counts the rows of the files, from 0.
    notes : list of str
        What was found out, skipped or renamed.
    dialect : Dialect, optional
        Of the first text file.
    options : dict
        What the caller said of the files, so that others can be read alike.
    source : str
        Names of the files, for messages.
    named : bool
        Whether the files name the columns; otherwise they are `column 1`, `column 2`, …
    files : tuple of File
        What it was read from.

    Examples
    --------
    >>> import io
    >>> from nbtrain.table import Table, read
    >>> table = read(io.BytesIO(b"size,price\\n1,10\\n2,20\\n"))
    >>> isinstance(table, Table), table.frame.shape
    (True, (2, 2))
    """

    frame: Any
    notes: list[str] = field(default_factory=list)
    dialect: Dialect | None = None
    options: dict[str, Any] = field(default_factory=dict)
    source: str = ""
    named: bool = True
    files: tuple[File, ...] = ()

    def __len__(self) -> int:
        return len(self.frame)

    def texts(self, columns: Sequence[str]) -> dict[str, list[str]]:
        """Read the cells of columns again, as they stand in the files: 1.10 stays 1.10.

        Parameters
        ----------
        columns : sequence of str
            Names of columns.

        Returns
        -------
        dict of str to list of str
            The cells of each column.

        Raises
        ------
        InputError
            If a file cannot be read again.

        Examples
        --------
        >>> from nbtrain.table import read
        >>> with open("prices.csv", "w") as file:
        ...     _ = file.write("price,kind\\n1.10,a\\n2.00,b\\n")
        >>> table = read("prices.csv")
        >>> table.texts(["price"])
        {'price': ['1.10', '2.00']}
        >>> table.located(["row 2: the price is too high"])
        ['row 2 (line 3): the price is too high']
        """
        names = list(self.frame.columns)
        own = [self.files[0].columns[names.index(name)] for name in columns]
        found = pandas().concat([file.texts(own) for file in self.files], ignore_index=True)
        return {name: found[given].tolist() for name, given in zip(columns, own, strict=True)}

    def located(self, texts: Sequence[str], rows: Any = None) -> list[str]:
        """Add the line, and the file where there are several, to texts that say `row 5` of this table.

        Parameters
        ----------
        texts : sequence of str
            Messages, for example.
        rows : array_like of int, optional
            The rows of the files, from 0, that the numbers in the texts count; by default those of `frame.index`.

        Returns
        -------
        list of str
            In the same order.
        """
        rows = self.frame.index if rows is None else rows
        named = {int(found[1]) for text in texts if (found := ROW.search(text))}
        places = {number: int(rows[number - 1]) for number in named if 0 < number <= len(rows)}
        lines = self._lines(places.values())

        def place(found: re.Match[str]) -> str:
            row = places.get(int(found[1]))
            return found[0] if row is None else f"row {row + 1}{lines.get(row, '')}"

        return [ROW.sub(place, text, count=1) for text in texts]

    def _lines(self, rows: Iterable[int]) -> dict[int, str]:
        """Words for where rows stand, for those in text files."""
        found: dict[int, str] = {}
        first = 0
        for file in self.files:
            own = [row - first for row in rows if first <= row < first + file.rows]
            try:
                lines = file.lines(own)
            except (ValueError, OSError):  # it has gone, or was closed since (an InputError is a ValueError)
                lines = {}
            before = f"{file.name}, " if len(self.files) > 1 else ""
            found |= {row + first: f" ({before}line {line})" for row, line in lines.items()}
            first += file.rows
        return found


class Place:
    """Which rows of the files the numbers in messages count: `rows`, or those of the table's index."""

    rows: Any = None


@contextlib.contextmanager
def located(table: Any) -> Iterator[Place]:
    """Errors that name a row of a Table name its line, too."""
    place = Place()
    try:
        yield place
    except InputError as error:
        if not isinstance(table, Table):
            raise
        text = table.located([str(error)], place.rows)[0]
        if text == str(error):
            raise
        raise type(error)(text) from error


@explain_arguments
def read(
    source: Any,
    *,
    delimiter: str | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    skip_rows: int | None = None,
    comment: str | None = None,
    header: bool | None = None,
    encoding: str | None = None,
    date_format: str | None = None,
    sheet: str | int = 0,
    missing: Sequence[str] = MISSING,
    text_columns: Sequence[str] = (),
    expected: Sequence[str] = (),
) -> Table:
    """Read a table from one or several files.

    CSV and its kin, plain or compressed (gzip, bzip2, xz, zip), Excel (.xlsx), Parquet, Feather, and NumPy's npy and
    npz are told apart by their first bytes. What is not said of a text file is found out from its beginning.

    Parameters
    ----------
    source : path, list of paths, glob, "-" or binary file
        Several files are one table: they must have the same columns. "-" is standard input.
    delimiter : str, optional
        One character; a space stands for runs of spaces.
    decimal : {".", ","}, optional
    thousands : str, optional
        Such as "," in 1,047. Without it, the encoder reads such columns, and reads them alike in later files.
    skip_rows : int, optional
        Lines before the header, or before the rows where there is none.
    comment : str, optional
        One character; what follows it in a line is left out.
    header : bool, optional
        Whether the first row names the columns.
    encoding : str, optional
        UTF-8, or cp1252 where a file is not UTF-8.
    date_format : str, optional
        Such as "%m/%d/%Y": columns of text in this format become dates.
    sheet : str or int, default 0
        Of an Excel file, by name or number.
    missing : sequence of str
        Cells that hold nothing.
    text_columns : sequence of str, default ()
        Columns whose cells are read as text, as `TableEncoder.text_columns` names them.
    expected : sequence of str, default ()
        Names of columns: a first row that has one of them is a header.

    Returns
    -------
    Table

    Raises
    ------
    InputError
        If a file cannot be read; the message names the file, where possible the line, and the option that helps.
    Error
        If a package is not installed that the file needs.

    Examples
    --------
    >>> import io
    >>> from nbtrain.table import read
    >>> table = read(io.BytesIO(b"size;price\\n1,5;10\\n2,5;20\\n"))
    >>> table.frame["size"].tolist(), table.dialect.delimiter
    ([1.5, 2.5], ';')
    """
    options = checked(
        Options(delimiter, decimal, thousands, skip_rows, comment, header, encoding, date_format, sheet,
                tuple(missing), tuple(text_columns), tuple(expected),)
    )  # fmt: skip
    pandas()
    table = _together([File(one, options) for one in _sources(source)])
    if not len(table.frame) or not len(table.frame.columns):
        shape = f"{len(table.frame)} rows and {len(table.frame.columns)} columns"
        hint = "header=False says that the first row is data" if table.named and len(table.frame.columns) else ""
        raise InputError(wrong(table.source, "have rows and columns", shape, hint))
    return replace(table, frame=_with_dates(table.frame, options), options=options.said())


def _sources(source: Any) -> list[Any]:
    """The files of a source, each a path, "-" or an open file."""
    if hasattr(source, "read"):
        return [source]
    if isinstance(source, os.PathLike):
        source = os.fspath(source)
    if isinstance(source, str):
        if source != "-" and re.search(r"[*?\[]", source) and not os.path.exists(source):
            found = sorted(glob.glob(source, recursive=True))
            if not found:
                raise InputError(f"{source}: no file has such a name")
            return found
        return [source]
    if isinstance(source, Iterable) and not isinstance(source, bytes):
        files = [file for one in source for file in _sources(one)]
        if files:
            return files
    raise InputError(wrong("source", "be a path, a list of paths, '-' or a binary file", brief(source)))


def _together(files: list[File]) -> Table:
    """The files as one table."""
    first, frames = files[0], [file.read() for file in files]
    for file in files[1:]:
        odd = set(first.columns) ^ set(file.columns)
        if odd:
            raise InputError(
                f"{file.name}: its columns are not those of {first.name}: {listed(sorted(odd))} "
                f"{'are' if len(odd) > 1 else 'is'} in one of them only"
            )
    if len(files) == 1:
        return Table(frames[0], first.notes, first.dialect, {}, first.name, first.named, (first,))
    notes = [f"{file.name}: {note}" for file in files for note in file.notes]
    source = f"{first.name} and {len(files) - 1} more"
    frame = pandas().concat(frames, ignore_index=True)
    return Table(frame, notes, first.dialect, {}, source, first.named, tuple(files))


def _with_dates(frame: Any, options: Options) -> Any:
    """The frame with columns of text in the given date format as dates."""
    form = options.date_format
    if form is None:
        return frame
    if not isinstance(form, str) or ("%" not in form and form not in DATES):
        raise InputError(wrong("date_format", "be a format such as '%d.%m.%Y'", brief(form)))
    pd, found = pandas(), {}
    for name, column in frame.items():
        if not (pd.api.types.is_string_dtype(column.dtype) or column.dtype == object) or not column.notna().any():
            continue
        try:
            dates = pd.to_datetime(column, format=form, errors="coerce", utc=True).dt.tz_localize(None)
        except ValueError as error:
            raise InputError(wrong("date_format", "be a format such as '%d.%m.%Y'", brief(form))) from error
        if dates.notna().sum() > 0.9 * column.notna().sum():
            found[name] = dates
    if not found:
        raise InputError(f"date_format: no column holds dates of the form {form!r}")
    return frame.assign(**found)
