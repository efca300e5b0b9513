"""Text files with tables: the dialect found out, then pandas."""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import re
import warnings
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..checks.messages import wrong
from ..errors import InputError
from .dialect import PADDED, Dialect, find
from .frames import pandas
from .options import Options

SAMPLE = 1 << 18  # bytes that a dialect is found from
BLOCK, OVERLAP = 1 << 24, 64  # bytes in which codes are looked for
BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


class TextFile:
    """A text file.

    Parameters
    ----------
    name : str
        For messages.
    options : Options
    notes : list of str
        What was found out is added there.
    """

    name: str
    options: Options
    notes: list[str]

    def __init__(self, name: str, options: Options, notes: list[str]) -> None:
        self.name, self.options, self.notes = name, options, notes

    def find(self, start: bytes) -> Dialect:
        """The dialect of a file that begins with `start`.

        Raises
        ------
        InputError
            If it is no text, or the text of no table.
        """
        options = self.options
        encoding = options.encoding or next((name for mark, name in BOMS if start.startswith(mark)), "utf-8")
        sample, encoding = self._decoded(start, encoding)
        if not sample.strip():
            raise InputError(wrong(self.name, "have rows and columns", "an empty file"))
        if sample.lstrip()[:1] in "{<" or sample.lstrip()[:2] in ("[{", "[["):
            kind = "HTML or XML" if sample.lstrip()[0] == "<" else "JSON"
            raise InputError(f"{self.name}: this looks like {kind}, not like a table; save it as CSV")
        given = {
            name: getattr(options, name)
            for name in ("delimiter", "decimal", "header", "skip_rows", "comment", "expected")
        }
        dialect, notes = find(sample, **given)
        self.notes += notes
        return replace(dialect, encoding=encoding)

    def _decoded(self, start: bytes, encoding: str) -> tuple[str, str]:
        whole = len(start) <= SAMPLE
        piece = start if whole else start[: max(start.rfind(b"\n"), start.rfind(b"\r")) + 1] or start
        if b"\0" in piece[:1000] and "16" not in encoding and "32" not in encoding:
            if piece[1:1000:2].count(0) > 0.6 * len(piece[1:1000:2]):
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

    def frame(self, where: Any, dialect: Dialect) -> tuple[Any, Dialect]:
        """The DataFrame of a path or a stream at its beginning, and the dialect with the encoding that it turned out.

        Raises
        ------
        InputError
            If rows have more cells than the header, or the text is of another encoding.
        """
        pd, how = pandas(), self._how(dialect)
        encodings = [dialect.encoding]
        if self.options.encoding is None and dialect.encoding.startswith("utf-8"):
            encodings.append("cp1252")
        for encoding in encodings:
            errors = "replace" if encoding == "cp1252" else "strict"
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("error", pd.errors.ParserWarning)  # cells beyond the header would be lost
                    found = pd.read_csv(where, encoding=encoding, encoding_errors=errors, **how)
                dialect = replace(dialect, encoding=encoding)
                return self._without_nameless(self._with_codes(found, where, dialect), dialect), dialect
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

    def texts(self, where: Any, dialect: Dialect, columns: Sequence[str]) -> Any:
        """A DataFrame of some columns whose cells are the texts in the file, empty where there are none."""
        how = self._how(dialect) | {"dtype": str, "na_filter": False, "usecols": list(columns)}
        errors = "replace" if dialect.encoding == "cp1252" else "strict"
        return pandas().read_csv(where, encoding=dialect.encoding, encoding_errors=errors, **how)[list(columns)]

    def lines(self, stream: Any, dialect: Dialect, rows: Collection[int]) -> dict[int, int]:
        """The lines in which rows begin; rows are counted from 0, lines from 1."""
        left, found = sorted(rows, reverse=True), {}
        text = io.TextIOWrapper(stream, dialect.encoding, "replace", newline="")
        lines = (line if self.options.comment is None else self._uncommented(line) for line in text)
        for _ in range(dialect.skip):
            next(lines, "")
        reader = csv.reader(lines, delimiter=dialect.delimiter, skipinitialspace=dialect.spaced)
        row, begin = -(dialect.header + dialect.units), dialect.skip + 1
        for cells in reader:
            if left and "".join(cells).strip() + "," * (len(cells) - 1):
                if row == left[-1]:
                    found[left.pop()] = begin
                row += 1
            begin = dialect.skip + reader.line_num + 1
            if not left:
                break
        text.detach()
        return found

    def _uncommented(self, line: str) -> str:
        kept = line.split(str(self.options.comment), 1)[0]
        return line if len(kept) == len(line) else kept + "\n"

    def _with_codes(self, frame: Any, where: Any, dialect: Dialect) -> Any:
        """The frame with columns of codes such as 02139 as texts, wherever in the file such a code stands."""
        names = [name for name in frame.columns if _may_be_codes(frame[name])]
        if not names or self.options.thousands or not _has_padded(where, dialect):
            return frame
        texts = self.texts(where, dialect, names)
        codes = {name: texts[name].where(frame[name].notna()) for name in names if _are_codes(texts[name], frame[name])}
        return frame.assign(**codes)

    def _how(self, dialect: Dialect) -> dict[str, Any]:
        """The arguments of pandas.read_csv."""
        options = self.options
        texts = {name for name in (*options.text_columns, *dialect.texts) if name in dialect.names}
        words = [word for word in options.missing if word.casefold() != "none"]  # a word of people, too
        return {
            "sep": r"\s+" if dialect.delimiter == " " else dialect.delimiter,
            "header": 0 if dialect.header else None,
            "names": list(dialect.names),
            "skiprows": self._skipped(dialect),
            "decimal": dialect.decimal,
            "thousands": options.thousands,
            "comment": options.comment,
            "skipinitialspace": dialect.spaced,
            "index_col": False,
            "dtype": dict.fromkeys(texts, str),
            "keep_default_na": False,
            "na_values": sorted({"", *words, *map(str.lower, words), *map(str.upper, words)}),
            "low_memory": False,
        }

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
        leading = True  # nothing but such columns before this one
        for index, name in enumerate(dialect.names):
            if name != f"column {index + 1}" or len(frame.columns) < 2:
                leading = False
                continue
            column = frame[name]
            counts = (
                leading and column.dtype == np.int64 and len(column) > 1 and (np.diff(column.to_numpy()) == 1).all()
            )
            if column.isna().all() or counts:
                frame = frame.drop(columns=name)
                why = "counts the rows" if counts else "no cells"
                self.notes.append(f"column {index + 1} has no name and {why}: left out")
        return frame


def _may_be_codes(column: Any) -> bool:
    """Whether pandas has read whole numbers >= 0."""
    if column.dtype.kind not in "iuf":
        return False
    numbers = column.to_numpy()
    with np.errstate(invalid="ignore"):
        return bool(((numbers >= 0) & (numbers == np.floor(numbers)) | np.isnan(numbers)).all())


def _are_codes(texts: Any, numbers: Any) -> bool:
    """Whether the texts of a column are whole numbers, some with zeros before them."""
    there = texts[numbers.notna()].str.strip()
    return bool(there.str.isdigit().all() and there.str.match(PADDED).any())


def _has_padded(where: Any, dialect: Dialect) -> bool:
    """Whether some cell may be a whole number with zeros before it, by the bytes of the file."""
    if "16" in dialect.encoding or "32" in dialect.encoding:
        return True
    mark = re.escape(dialect.delimiter.encode(dialect.encoding, "replace"))
    end = rb'[\s"' + mark + rb"]"
    searches = [re.compile(begin + rb"0[0-9]+" + end) for begin in (mark, rb"\n", b'"')]  # each begins with one byte
    last, found = b"", False
    with open(where, "rb") if isinstance(where, str) else contextlib.nullcontext(where) as stream:
        stream.seek(0)
        while not found and (block := stream.read(BLOCK)):
            found = any(search.search(last + block) for search in searches)
            last = block[-OVERLAP:]
        stream.seek(0)
    return found
