"""Tables from files: CSV and its kin, compressed or not, Excel, Parquet, Feather, NumPy; one file or several."""

from __future__ import annotations

import bz2
import codecs
import glob
import gzip
import io
import lzma
import os
import re
import sys
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ..checks import arrays as checks
from ..checks.messages import brief, wrong
from ..errors import Error, InputError
from .dialect import Dialect, find, unique
from .frames import listed, pandas, positional
from .parsing import DATES, MISSING

SAMPLE = 1 << 18  # bytes that a dialect is found from
BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
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
    """

    frame: Any
    notes: list[str] = field(default_factory=list)
    dialect: Dialect | None = None
    options: dict[str, Any] = field(default_factory=dict)
    source: str = ""
    named: bool = True

    def __len__(self) -> int:
        return len(self.frame)


class Options(NamedTuple):
    """The arguments of `read` but the source, checked."""

    delimiter: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    skip_rows: int | None = None
    comment: str | None = None
    header: bool | None = None
    encoding: str | None = None
    date_format: str | None = None
    sheet: str | int = 0
    missing: tuple[str, ...] = MISSING
    text_columns: tuple[str, ...] = ()

    def said(self) -> dict[str, Any]:
        """What differs from the defaults, but for text_columns, as JSON can hold it."""
        plain = Options()
        given = {key: value for key, value in self._asdict().items() if value != getattr(plain, key)}
        given.pop("text_columns", None)
        return {key: list(value) if isinstance(value, tuple) else value for key, value in given.items()}


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
    options = _checked(
        Options(delimiter, decimal, thousands, skip_rows, comment, header, encoding, date_format, sheet,
                tuple(missing), tuple(text_columns))
    )  # fmt: skip
    pandas()
    parts = [_File(one, options).read() for one in _sources(source)]
    table = parts[0] if len(parts) == 1 else _together(parts)
    if not len(table.frame) or not len(table.frame.columns):
        shape = f"{len(table.frame)} rows and {len(table.frame.columns)} columns"
        raise InputError(wrong(table.source, "have rows and columns", shape))
    return Table(
        _with_dates(table.frame, options), table.notes, table.dialect, options.said(), table.source, table.named
    )


def _checked(options: Options) -> Options:
    for name in ("delimiter", "thousands", "comment"):
        value = getattr(options, name)
        value = {"tab": "\t", "\\t": "\t", "space": " "}.get(value, value) if name == "delimiter" else value
        if value is not None and (not isinstance(value, str) or len(value) != 1):
            raise InputError(wrong(name, "be one character", brief(value)))
        options = options._replace(**{name: value})
    if options.decimal not in (None, ".", ","):
        raise InputError(wrong("decimal", "be '.' or ','", brief(options.decimal)))
    if options.thousands is not None and options.thousands == (options.decimal or "."):
        raise InputError(wrong("thousands", "differ from decimal", brief(options.thousands), "say decimal=',', too"))
    if options.skip_rows is not None:
        checks.whole_number(options.skip_rows, "skip_rows", 0)
    if options.header not in (None, True, False):
        raise InputError(wrong("header", "be True, False or None", brief(options.header)))
    if options.encoding is not None:
        try:
            codecs.lookup(options.encoding)
        except (LookupError, TypeError):
            raise InputError(
                wrong("encoding", "be a name such as utf-8, cp1252 or utf-16", brief(options.encoding))
            ) from None
    return options


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
        self._own: Any = None  # the file that is to be closed
        named = source if isinstance(source, str) else getattr(source, "name", "the file")
        self.name = "standard input" if named == "-" else str(named)

    def read(self) -> Table:
        """The table, or an error that names the file."""
        try:
            return self._read()
        except DAMAGED as error:
            raise InputError(f"{self.name}: cannot be read: it is damaged or cut off ({error})") from error
        except OSError as error:
            raise InputError(f"{self.name}: cannot be read: {error.strerror or error}") from error
        except MemoryError as error:
            raise InputError(f"{self.name}: cannot be read: not enough memory") from error
        finally:
            if self._own is not None:
                self._own.close()

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
                return self._excel(stream)
            elif not _is_npz(stream):
                stream = self._unzipped(stream)
            start = stream.read(SAMPLE + 1)
        if start.startswith((b"PAR1", b"ARROW1")):
            return self._arrow(self._seekable(stream, start), "parquet" if start.startswith(b"PAR1") else "feather")
        if start.startswith((b"\x93NUMPY", b"PK\x03\x04")):
            return self._numpy(self._seekable(stream, start))
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
        self._own = open(self.source, "rb")  # noqa: SIM115 - closed when it has been read
        return self._own

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

    # ---- formats

    def _arrow(self, stream: Any, kind: str) -> Table:
        pd = pandas()
        try:
            frame = getattr(pd, f"read_{kind}")(stream)
        except ImportError as error:
            raise Error(f"{self.name}: {kind.capitalize()} files need pyarrow: pip install nbtrain[table]") from error
        except (ValueError, OSError) as error:
            raise InputError(f"{self.name}: cannot be read: {' '.join(str(error).split())}") from error
        if frame.index.name is not None or frame.index.nlevels > 1:
            frame = frame.reset_index()
        return self._table(frame.set_axis(unique([str(name) for name in frame.columns], self.notes), axis=1))

    def _excel(self, stream: Any) -> Table:
        pd = pandas()
        try:
            book = pd.ExcelFile(stream, engine="openpyxl")
            sheet = self.options.sheet
            if sheet not in book.sheet_names and not (isinstance(sheet, int) and 0 <= sheet < len(book.sheet_names)):
                raise InputError(wrong("sheet", f"be one of {listed(book.sheet_names)}", brief(sheet)))
            raw = pd.read_excel(book, sheet_name=sheet, header=None, na_values=[""], keep_default_na=False)
        except ImportError as error:
            raise Error(f"{self.name}: Excel files need openpyxl: pip install nbtrain[table]") from error
        except (ValueError, KeyError, OSError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{self.name}: cannot be read: {' '.join(str(error).split())}") from error
        if len(book.sheet_names) > 1:
            self.notes.append(f"read the first of {len(book.sheet_names)} sheets: sheet= names another"
                              if sheet == 0 else f"read sheet {sheet!r}")  # fmt: skip
        return self._sheet(raw.dropna(axis=0, how="all").dropna(axis=1, how="all"))

    def _sheet(self, raw: Any) -> Table:
        """The table in the cells of a sheet, of which some rows may be titles."""
        raw = raw.iloc[self.options.skip_rows or 0 :]
        if not len(raw):
            raise InputError(wrong(self.name, "have rows and columns", "an empty sheet"))
        buffer = io.StringIO()
        raw.head(200).to_csv(buffer, index=False, header=False, sep="\t")
        text = "".join(line.rstrip("\t\r\n") + "\n" for line in buffer.getvalue().splitlines())
        dialect, notes = find(text, delimiter="\t", header=self.options.header)
        self.notes += notes
        data = raw.iloc[dialect.skip + dialect.header + dialect.units :].infer_objects()
        frame = data.set_axis(list(dialect.names)[: raw.shape[1]], axis=1).reset_index(drop=True)
        return self._table(frame, named=dialect.header)

    def _numpy(self, stream: Any) -> Table:
        try:
            loaded = np.load(stream, allow_pickle=False)
            arrays = dict(loaded) if isinstance(loaded, np.lib.npyio.NpzFile) else {"": loaded}
        except (
            Exception
        ) as error:  # parsers of Python, zip and zlib look at damaged files, and raise errors of their own
            hint = "it holds Python objects, which are not read" if "pickle" in str(error) else "it seems to be damaged"
            raise InputError(f"{self.name}: cannot be read: {hint}") from error
        columns: dict[str, Any] = {}
        for key, array in arrays.items():
            columns |= _columns_of(key, array, self.name)
        if len({len(column) for column in columns.values()}) != 1:
            shapes = ", ".join(f"{key or 'the array'} {array.shape}" for key, array in arrays.items())
            raise InputError(wrong(self.name, "have arrays with the same number of rows", shapes or "no array"))
        named = any(arrays) or arrays[""].dtype.names is not None
        return self._table(pandas().DataFrame(columns), named=named)

    def _table(self, frame: Any, dialect: Dialect | None = None, named: bool = True) -> Table:
        return Table(frame, self.notes, dialect, {}, self.name, named)

    # ---- text

    def _text(self, stream: Any, start: bytes) -> Table:
        options = self.options
        encoding = options.encoding or next((name for mark, name in BOMS if start.startswith(mark)), "utf-8")
        sample, encoding = self._decoded(start, encoding)
        if not sample.strip():
            raise InputError(wrong(self.name, "have rows and columns", "an empty file"))
        if sample.lstrip()[:1] in "{<" or sample.lstrip()[:2] in ("[{", "[["):
            kind = "HTML or XML" if sample.lstrip()[0] == "<" else "JSON"
            raise InputError(f"{self.name}: this looks like {kind}, not like a table; save it as CSV")
        given = {name: getattr(options, name) for name in ("delimiter", "decimal", "header", "skip_rows", "comment")}
        dialect, notes = find(sample, **given)
        self.notes += notes
        dialect = Dialect(**{**dialect.__dict__, "encoding": encoding})
        plain = isinstance(self.source, str) and self.source != "-" and not isinstance(stream, io.BytesIO)
        unpacked = plain and not isinstance(stream, io.BufferedReader)
        if plain and not unpacked:
            stream.close()
            where = self.source
        else:
            where = self._seekable(stream, start)
        frame = self._parsed(where, dialect, options)
        frame = self._without_nameless(frame, dialect)
        return self._table(frame, dialect, dialect.header)

    def _decoded(self, start: bytes, encoding: str) -> tuple[str, str]:
        whole = len(start) <= SAMPLE
        piece = start if whole else start[: max(start.rfind(b"\n"), start.rfind(b"\r")) + 1] or start
        if b"\0" in piece[:1000] and "16" not in encoding and "32" not in encoding:
            if piece[1:1000:2].count(0) > 0.9 * len(piece[1:1000:2]):
                encoding = "utf-16-le"
            else:
                raise InputError(
                    f"{self.name}: this is no text file; CSV, Excel, Parquet, Feather, npy and npz are read"
                )
        try:
            return codecs.getincrementaldecoder(encoding)().decode(piece), encoding
        except UnicodeDecodeError as error:
            return self._other_encoding(piece, error, encoding)

    def _other_encoding(self, piece: bytes, error: UnicodeDecodeError, encoding: str) -> tuple[str, str]:
        line = piece[: error.start].count(b"\n") + 1
        if self.options.encoding is not None:
            raise InputError(
                f"{self.name}, line {line}: this is no {encoding} text; encoding= names another"
            ) from error
        self.notes.append(f"line {line} is not UTF-8: read as cp1252; encoding= names another")
        return piece.decode("cp1252", "replace"), "cp1252"

    def _parsed(self, where: Any, dialect: Dialect, options: Options) -> Any:
        pd = pandas()
        texts = {name for name in (*options.text_columns, *dialect.texts) if name in dialect.names}
        words = [word for word in options.missing if word.casefold() != "none"]  # a word of people, too
        how: dict[str, Any] = {
            "sep": r"\s+" if dialect.delimiter == " " else dialect.delimiter,
            "header": 0 if dialect.header else None,
            "names": list(dialect.names),
            "skiprows": self._skipped(dialect),
            "decimal": dialect.decimal,
            "thousands": options.thousands,
            "comment": options.comment,
            "skipinitialspace": dialect.delimiter != " ",
            "index_col": False,
            "dtype": dict.fromkeys(texts, str),
            "keep_default_na": False,
            "na_values": sorted({"", *words, *map(str.lower, words), *map(str.upper, words)}),
            "low_memory": False,
        }
        encodings = [dialect.encoding] + ["cp1252"] * (
            options.encoding is None and dialect.encoding.startswith("utf-8")
        )
        for encoding in encodings:
            errors = "replace" if encoding == "cp1252" else "strict"
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("error", pd.errors.ParserWarning)  # cells beyond the header would be lost
                    return pd.read_csv(where, encoding=encoding, encoding_errors=errors, **how)
            except pd.errors.ParserWarning as error:
                raise InputError(self._unparsed("", dialect)) from error
            except UnicodeDecodeError as error:
                if encoding == encodings[-1]:
                    raise InputError(f"{self.name}: this is no {encoding} text; encoding= names another") from error
                self.notes.append("not UTF-8: read as cp1252; encoding= names another")
                if hasattr(where, "seek"):
                    where.seek(0)
            except pd.errors.EmptyDataError as error:
                raise InputError(wrong(self.name, "have rows and columns", "no rows below the header")) from error
            except pd.errors.ParserError as error:
                raise InputError(self._unparsed(str(error), dialect)) from error
        raise AssertionError("unreachable")

    def _skipped(self, dialect: Dialect) -> Any:
        """What pandas has to skip."""
        if dialect.units:
            return [*range(dialect.skip), dialect.skip + 1]
        return dialect.skip or None

    def _unparsed(self, text: str, dialect: Dialect) -> str:
        """Words for what pandas could not parse."""
        if not text:
            return (
                f"{self.name}: rows have more cells than the {len(dialect.names)} columns of the header; say "
                "delimiter=, header= or skip_rows="
            )
        found = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", text)
        shown = {"\t": "tab", " ": "space"}.get(dialect.delimiter, dialect.delimiter)
        if found:
            return (
                f"{self.name}, line {found[2]}: {found[3]} cells, where the header has {found[1]}; correct the line, "
                f"or say delimiter= (found: {shown!r}), skip_rows= or comment="
            )
        return f"{self.name}: cannot be read: {' '.join(text.split())}; delimiter= and skip_rows= say how it is built"

    def _without_nameless(self, frame: Any, dialect: Dialect) -> Any:
        """The frame without nameless columns that hold nothing or number the rows."""
        if not dialect.header:
            return frame
        for index, name in enumerate(dialect.names):
            if name != f"column {index + 1}" or len(frame.columns) < 2:
                continue
            column = frame[name]
            if column.isna().all():
                frame = frame.drop(columns=name)
                self.notes.append(f"column {index + 1} has no name and no cells: left out")
            elif index == 0 and column.dtype == np.int64 and len(frame) > 1 and (np.diff(column.to_numpy()) == 1).all():
                frame = frame.drop(columns=name)
                self.notes.append("the first column has no name and counts the rows: left out")
        return frame


def _is_excel(stream: Any) -> bool:
    return any(name.startswith("xl/") for name in _inside(stream))


def _is_npz(stream: Any) -> bool:
    return all(name.endswith(".npy") for name in _inside(stream))


def _inside(stream: Any) -> list[str]:
    """Names of what an archive holds; the stream is left at its beginning."""
    names = zipfile.ZipFile(stream).namelist()
    stream.seek(0)
    return names


def _columns_of(key: str, array: Any, where: str) -> dict[str, Any]:
    """The columns of one array: its fields, itself, or the columns of its second axis."""
    if array.dtype.names is not None and array.ndim == 1:
        return {f"{key} {name}".strip(): array[name] for name in array.dtype.names}
    if array.dtype.kind not in "biufUM":
        kinds = "hold numbers, booleans, dates or text"
        raise InputError(wrong(f"{where}: {key or 'the array'}", kinds, f"dtype {array.dtype}"))
    if array.ndim == 1 and key:
        return {key: array}
    if array.ndim == 2:
        names = positional(array.shape[1])
        if key:
            names = [f"{key} {index + 1}" for index in range(array.shape[1])] if array.shape[1] > 1 else [key]
        return dict(zip(names, array.T, strict=True))
    raise InputError(wrong(f"{where}: {key or 'the array'}", "have rows and columns", f"shape {array.shape}"))


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
