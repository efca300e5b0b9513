"""Files that are no text: Parquet, Feather, Excel and NumPy's, into DataFrames."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from ..checks.messages import brief, wrong
from ..errors import Error, InputError
from .dialect import find, unique
from .frames import listed, pandas, positional
from .options import Options


def of_arrow(stream: Any, kind: str, name: str, notes: list[str]) -> Any:
    """The frame in a file of kind "parquet" or "feather"."""
    try:
        frame = getattr(pandas(), f"read_{kind}")(stream)
    except ImportError as error:
        raise Error(f"{name}: {kind.capitalize()} files need pyarrow: pip install nbtrain[table]") from error
    except Exception as error:  # errors of pyarrow's own, of damaged files
        raise InputError(f"{name}: cannot be read: {' '.join(str(error).split())}") from error
    if frame.index.name is not None or frame.index.nlevels > 1:
        frame = frame.reset_index()
    return frame.set_axis(unique([str(column) for column in frame.columns], notes), axis=1)


def of_excel(stream: Any, name: str, options: Options, notes: list[str]) -> tuple[Any, bool]:
    """The frame in a sheet of an Excel file, and whether the sheet names the columns."""
    pd, sheet = pandas(), options.sheet
    try:
        book = pd.ExcelFile(stream, engine="openpyxl")
        names = book.sheet_names
        if sheet not in names and not (isinstance(sheet, int) and 0 <= sheet < len(names)):
            raise InputError(wrong("sheet", f"be one of {listed(names)}", brief(sheet)))
        raw = pd.read_excel(book, sheet_name=sheet, header=None, na_values=[""], keep_default_na=False)
    except ImportError as error:
        raise Error(f"{name}: Excel files need openpyxl: pip install nbtrain[table]") from error
    except InputError:
        raise
    except Exception as error:  # errors of openpyxl's own, of damaged files
        raise InputError(f"{name}: cannot be read: {' '.join(str(error).split())}") from error
    if len(names) > 1:
        first = f"read the first of {len(names)} sheets: sheet= names another"
        notes.append(first if sheet == 0 else f"read sheet {sheet!r}")
    return _of_sheet(raw.dropna(axis=0, how="all").dropna(axis=1, how="all"), name, options, notes)


def _of_sheet(raw: Any, name: str, options: Options, notes: list[str]) -> tuple[Any, bool]:
    """The table in the cells of a sheet, of which some rows may be titles."""
    raw = raw.iloc[options.skip_rows or 0 :]
    if not len(raw):
        raise InputError(wrong(name, "have rows and columns", "an empty sheet"))
    buffer = io.StringIO()
    raw.head(200).to_csv(buffer, index=False, header=False, sep="\t")
    text = "".join(line.rstrip("\t\r\n") + "\n" for line in buffer.getvalue().splitlines())
    dialect, found = find(text, delimiter="\t", header=options.header, expected=options.expected)
    notes += found
    data = raw.iloc[dialect.skip + dialect.header + dialect.units :].infer_objects()
    return data.set_axis(list(dialect.names)[: raw.shape[1]], axis=1).reset_index(drop=True), dialect.header


def of_numpy(stream: Any, name: str) -> tuple[Any, bool]:
    """The frame in an npy or npz file, and whether the file names the columns."""
    try:
        loaded = np.load(stream, allow_pickle=False)
        arrays = dict(loaded) if isinstance(loaded, np.lib.npyio.NpzFile) else {"": loaded}
    except Exception as error:  # errors of zip, zlib and Python's parser, of damaged files
        hint = "it holds Python objects, which are not read" if "pickle" in str(error) else "it seems to be damaged"
        raise InputError(f"{name}: cannot be read: {hint}") from error
    columns: dict[str, Any] = {}
    for key, array in arrays.items():
        columns |= _columns_of(key, array, name)
    if len({len(column) for column in columns.values()}) != 1:
        shapes = ", ".join(f"{key or 'the array'} {array.shape}" for key, array in arrays.items())
        raise InputError(wrong(name, "have arrays with the same number of rows", shapes or "no array"))
    return pandas().DataFrame(columns), any(arrays) or arrays[""].dtype.names is not None


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
