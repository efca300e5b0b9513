"""Tables from files: CSV and its kin, compressed or not, Excel, Parquet, Feather, NumPy; one file or several."""

from __future__ import annotations

import bz2
import contextlib
import glob
import gzip
import io
import lzma
import os
import re
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..checks.arguments import explain_arguments
from ..checks.messages import brief, wrong
from ..errors import InputError
from .dialect import Dialect
from .formats import of_arrow, of_excel, of_numpy
from .frames import listed, pandas
from .options import Options, checked
from .parsing import DATES, MISSING
from .textfile import SAMPLE, TextFile

PACKED: tuple[tuple[bytes, str, Callable[[Any], Any]], ...] = (
    (b"\x1f\x8b", "gzip", gzip.open), (b"BZh", "bzip2", bz2.open), (b"\xfd7zXZ\0", "xz", lzma.open),
)  # fmt: skip
FOREIGN = (
    (b"\xd0\xcf\x11\xe0", "an Excel file of the old kind", "save it as .xlsx or CSV"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "decompress it first"),
    (b"\x89HDF", "an HDF5 file", "pandas.read_hdf reads it"),
    (b"SQLite format 3", "an SQLite database", "pandas.read_sql reads it"),
    (b"%PDF", "a PDF file", "save the table as CSV"),
)
DAMAGED = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, gzip.BadGzipFile)


@dataclass(frozen=True)
class Table:
    """A table that `read` found in files.

    Parameters
    ----------
    frame : pandas.DataFrame
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

    def __len__(self) -> int:
        return len(self.frame)


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
    parts = [_File(one, options).read() for one in _sources(source)]
    table = parts[0] if len(parts) == 1 else _together(parts)
    if not len(table.frame) or not len(table.frame.columns):
        shape = f"{len(table.frame)} rows and {len(table.frame.columns)} columns"
        hint = "header=False says that the first row is data" if table.named and len(table.frame.columns) else ""
        raise InputError(wrong(table.source, "have rows and columns", shape, hint))
    return Table(
        _with_dates(table.frame, options), table.notes, table.dialect, options.said(), table.source, table.named
    )


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


class _File:
    """One file, on its way to a Table."""

    def __init__(self, source: Any, options: Options) -> None:
        self.source, self.options = source, options
        self.notes: list[str] = []
        named = source if isinstance(source, str) else getattr(source, "name", "the file")
        self.name = "standard input" if named == "-" else str(named)

    def read(self) -> Table:
        """The table, or an error that names the file."""
        try:
            with contextlib.ExitStack() as self._files:
                return self._read()
        except DAMAGED as error:
            raise InputError(f"{self.name}: cannot be read: it is damaged or cut off ({error})") from error
        except OSError as error:
            raise InputError(f"{self.name}: cannot be read: {error.strerror or error}") from error
        except MemoryError as error:
            raise InputError(f"{self.name}: cannot be read: not enough memory") from error

    def _read(self) -> Table:
        """By the first bytes: unpack, then the reader of the format."""
        stream = self._opened()
        start = stream.read(SAMPLE + 1)
        for mark, words, hint in FOREIGN:
            if start.startswith(mark):
                raise InputError(f"{self.name}: this is {words}; {hint}")
        unpack = next((opener for mark, _, opener in PACKED if start.startswith(mark)), None)
        if unpack is not None or start.startswith(b"PK\x03\x04"):
            stream = self._seekable(stream, start)
            if unpack is not None:
                stream = unpack(stream)
            elif _is_excel(stream):
                return self._table(*of_excel(stream, self.name, self.options, self.notes))
            elif not _is_npz(stream):
                stream = self._unzipped(stream)
            start = stream.read(SAMPLE + 1)
        if start.startswith((b"PAR1", b"ARROW1")):
            kind = "parquet" if start.startswith(b"PAR1") else "feather"
            return self._table(of_arrow(self._seekable(stream, start), kind, self.name, self.notes))
        if start.startswith((b"\x93NUMPY", b"PK\x03\x04")):
            return self._table(*of_numpy(self._seekable(stream, start), self.name))
        return self._text(stream, start)

    def _opened(self) -> Any:
        if self.source == "-":
            if sys.stdin is None:
                raise InputError("standard input is closed")
            return getattr(sys.stdin, "buffer", sys.stdin)
        if hasattr(self.source, "read"):
            return self.source
        if os.path.isdir(self.source):
            raise InputError(
                f"{self.name}: this is a folder; a pattern such as {self.name.rstrip('/')}/*.csv names files"
            )
        return self._files.enter_context(open(self.source, "rb"))

    def _seekable(self, stream: Any, start: bytes) -> Any:
        """The stream at its beginning; one that cannot go back is read whole."""
        if hasattr(stream, "seekable") and stream.seekable():
            stream.seek(0)
            return stream
        return io.BytesIO(start + stream.read())

    def _unzipped(self, stream: Any) -> Any:
        archive = zipfile.ZipFile(stream)
        inside = [entry for entry in archive.namelist() if not entry.endswith("/") and "__MACOSX" not in entry]
        if len(inside) != 1:
            raise InputError(
                f"{self.name}: the archive holds {len(inside)} files ({listed(inside, 5)}); unpack it first"
            )
        self.notes.append(f"read {inside[0]!r} from the archive")
        return io.BytesIO(archive.read(inside[0]))

    def _text(self, stream: Any, start: bytes) -> Table:
        file = TextFile(self.name, self.options, self.notes)
        dialect = file.find(start)
        plain = isinstance(self.source, str) and isinstance(stream, io.BufferedReader) and self.source != "-"
        frame = file.frame(self.source if plain else self._seekable(stream, start), dialect)
        return self._table(frame, dialect.header, dialect)

    def _table(self, frame: Any, named: bool = True, dialect: Dialect | None = None) -> Table:
        return Table(frame, self.notes, dialect, {}, self.name, named)


def _is_excel(stream: Any) -> bool:
    return any(name.startswith("xl/") for name in _inside(stream))


def _is_npz(stream: Any) -> bool:
    return all(name.endswith(".npy") for name in _inside(stream))


def _inside(stream: Any) -> list[str]:
    """Names of what an archive holds; the stream is left at its beginning."""
    names = zipfile.ZipFile(stream).namelist()
    stream.seek(0)
    return names


def _together(parts: list[Table]) -> Table:
    """Several files as one table."""
    first = parts[0]
    for part in parts[1:]:
        odd = set(first.frame.columns) ^ set(part.frame.columns)
        if odd:
            raise InputError(
                f"{part.source}: its columns are not those of {first.source}: {listed(sorted(odd))} "
                f"{'are' if len(odd) > 1 else 'is'} in one of them only"
            )
    frame = pandas().concat([part.frame for part in parts], ignore_index=True)
    notes = [f"{part.source}: {note}" for part in parts for note in part.notes]
    return Table(frame, notes, first.dialect, {}, f"{first.source} and {len(parts) - 1} more", first.named)


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
