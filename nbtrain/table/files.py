"""One file with a table: opened, unpacked, told apart by its first bytes, and read; cells and lines looked up later."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import os
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..errors import InputError
from .dialect import Dialect
from .formats import of_arrow, of_excel, of_numpy
from .frames import listed
from .options import Options
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
ZIP = b"PK\x03\x04"


class File:
    """A file with a table.

    Parameters
    ----------
    source : str or binary file
        A path, "-" for standard input, or an open file.
    options : Options

    Attributes
    ----------
    notes : list of str
        What was found out.
    frame : DataFrame
    columns : list of str
    dialect : Dialect or None
        Of a text file.
    named : bool
        Whether the file names its columns.
    """

    named = True
    dialect: Dialect | None = None
    frame: Any

    def __init__(self, source: Any, options: Options) -> None:
        self.source, self.options = source, options
        self.notes: list[str] = []
        named = source if isinstance(source, str) else getattr(source, "name", "the file")
        self.name = "standard input" if named == "-" else str(named)
        self._text = TextFile(self.name, options, self.notes)

    def read(self) -> Any:
        """The DataFrame, which is `frame` now, or an error that names the file."""
        with self._errors():
            self.frame = self._frame()
        self.columns, self.rows = list(self.frame.columns), len(self.frame)
        return self.frame

    def texts(self, columns: Sequence[str]) -> Any:
        """Columns as a DataFrame of the texts that stand in the file; a file that is no text is read as strings."""
        if self.dialect is None:
            return self.frame[columns].astype(object).where(self.frame[columns].notna(), "").astype(str)
        with self._errors():
            try:
                return self._text.texts(self._at_start(), self.dialect, columns)
            except InputError:
                raise
            except ValueError as error:  # it is closed, or another file by now
                raise InputError(f"{self.name}: cannot be read again: {error}") from error

    def lines(self, rows: Sequence[int]) -> dict[int, int]:
        """The line of each row, where the file is text; rows are counted from 0, lines from 1."""
        if self.dialect is None or not rows:
            return {}
        with self._errors():
            return self._text.lines(self._at_start(), self.dialect, rows)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Errors that name the file; files that are opened within are closed."""
        try:
            with contextlib.ExitStack() as self._files:
                yield
        except DAMAGED as error:
            raise InputError(f"{self.name}: cannot be read: it is damaged or cut off ({error})") from error
        except OSError as error:
            raise InputError(f"{self.name}: cannot be read: {error.strerror or error}") from error
        except MemoryError as error:
            raise InputError(f"{self.name}: cannot be read: not enough memory") from error

    def _frame(self) -> Any:
        """By the first bytes: unpack, then the reader of the format."""
        stream, start = self._unpacked(self._opened())
        if start.startswith(ZIP) and _is_excel(stream):
            frame, self.named = of_excel(stream, self.name, self.options, self.notes)
        elif start.startswith((b"PAR1", b"ARROW1")):
            kind = "parquet" if start.startswith(b"PAR1") else "feather"
            frame = of_arrow(self._seekable(stream, start), kind, self.name, self.notes)
        elif start.startswith((b"\x93NUMPY", ZIP)):
            frame, self.named = of_numpy(self._seekable(stream, start), self.name)
        else:
            dialect = self._text.find(start)
            frame, self.dialect = self._text.frame(self._whole(stream, start), dialect)
            self.named = dialect.header
        return frame

    def _unpacked(self, stream: Any) -> tuple[Any, bytes]:
        """What an opened file holds, without what it is packed in, and the bytes that were read of it."""
        start = stream.read(SAMPLE + 1)
        for mark, words, hint in FOREIGN:
            if start.startswith(mark):
                raise InputError(f"{self.name}: this is {words}; {hint}")
        unpack = next((opener for mark, _, opener in PACKED if start.startswith(mark)), None)
        if unpack is None and not start.startswith(ZIP):
            return stream, start
        stream = self._seekable(stream, start)
        if unpack is not None:
            stream = unpack(stream)
        elif not _is_excel(stream) and not _is_npz(stream):
            stream = self._unzipped(stream)
        return stream, stream.read(SAMPLE + 1)

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
        """The stream at its beginning; one that cannot go back is read whole, and kept if it is the source."""
        if _rewound(stream):
            return stream
        whole = io.BytesIO(start + stream.read())
        if not isinstance(self.source, str) or self.source == "-":
            self.source = whole
        return whole

    def _whole(self, stream: Any, start: bytes) -> Any:
        """What pandas reads of a text file: a path, which is fastest, or a stream at its beginning."""
        plain = isinstance(self.source, str) and isinstance(stream, io.BufferedReader) and self.source != "-"
        return self.source if plain else self._seekable(stream, start)

    def _at_start(self) -> Any:
        """The text of the file once more, as a stream at its beginning."""
        opened, noted = self._opened(), len(self.notes)
        _rewound(opened)  # standard input, too, where it is a file
        stream = self._seekable(*self._unpacked(opened))
        del self.notes[noted:]
        return stream

    def _unzipped(self, stream: Any) -> Any:
        archive = zipfile.ZipFile(stream)
        inside = [entry for entry in archive.namelist() if not entry.endswith("/") and "__MACOSX" not in entry]
        if len(inside) != 1:
            raise InputError(
                f"{self.name}: the archive holds {len(inside)} files ({listed(inside, 5)}); unpack it first"
            )
        self.notes.append(f"read {inside[0]!r} from the archive")
        return io.BytesIO(archive.read(inside[0]))


def _rewound(stream: Any) -> bool:
    """Whether the stream can go back; if so, it is at its beginning now."""
    if not (hasattr(stream, "seekable") and stream.seekable()):
        return False
    stream.seek(0)
    return True


def _is_excel(stream: Any) -> bool:
    return any(name.startswith("xl/") for name in _inside(stream))


def _is_npz(stream: Any) -> bool:
    return all(name.endswith(".npy") for name in _inside(stream))


def _inside(stream: Any) -> list[str]:
    """Names of what an archive holds; the stream is left at its beginning."""
    names = zipfile.ZipFile(stream).namelist()
    stream.seek(0)
    return names
