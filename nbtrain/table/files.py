"""Files of tables by their suffix: CSV and its like, Parquet, npy and npz."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from ..checks.messages import wrong
from ..errors import Error, InputError
from . import csvfile
from .table import Cells, Table, checked_names, positional

Array = np.ndarray[Any, Any]


def read(path: str, dialect: csvfile.Dialect | None = None, expected: Collection[str] = ()) -> Table:
    """The table in a file.

    Parameters
    ----------
    path : str
        `.npy` (two dimensions, or a structured array), `.npz` (arrays by name; one of two dimensions gives several
        columns), `.parquet` (through pandas); anything else is read as CSV, `-` from standard input.
    dialect : Dialect, optional
        Of a CSV file; what it does not say is found out.
    expected : collection of str
        Names of which a CSV file's header has at least one.

    Raises
    ------
    InputError
        If the file cannot be read or holds no table.
    Error
        If pandas is needed and not installed.
    """
    suffix = Path(path).suffix.lower()
    if suffix in (".npy", ".npz"):
        return _numpy(path)
    if suffix in (".parquet", ".pq"):
        return _parquet(path)
    return csvfile.read(path, dialect or csvfile.Dialect(), expected)


def _numpy(path: str) -> Table:
    try:
        with open(path, "rb") as file:  # np.load would leave it open where it fails
            loaded = np.load(file, allow_pickle=False)
            arrays = dict(loaded) if isinstance(loaded, np.lib.npyio.NpzFile) else {"": loaded}
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except Exception as error:  # parsers of Python, zip and zlib look at damaged files, and raise errors of their own
        raise InputError(f"{path}: cannot be read: {_damage(error)}") from error
    names: list[str] = []
    columns: list[Cells] = []
    for key, array in arrays.items():
        for name, column in _columns(key, array, path):
            names.append(name)
            columns.append(_cells(column, path, name))
    lengths = {len(column) for column in columns}
    if len(lengths) != 1 or not lengths - {0}:
        shapes = ", ".join(f"{key or 'the array'} {array.shape}" for key, array in arrays.items())
        raise InputError(wrong(path, "have arrays with the same number of rows, at least one", shapes or "no array"))
    named = any(arrays) or arrays[""].dtype.names is not None
    return Table(path, checked_names(names, path), tuple(columns), named)


def _damage(error: Exception) -> str:
    """Words for what np.load has found."""
    text = " ".join(str(error).split())
    if "pickle" in text:
        return "not a NumPy file, or one with Python objects, which are not read"
    return f"it seems to be damaged: {text or type(error).__name__}"


def _columns(key: str, array: Array, path: str) -> list[tuple[str, Array]]:
    """The columns of one array: its fields, itself, or the columns of its second axis."""
    if array.dtype.names is not None and array.ndim == 1:
        return [(f"{key} {name}".strip(), array[name]) for name in array.dtype.names]
    if array.ndim == 1 and key:
        return [(key, array)]
    if array.ndim == 2:
        names = positional(array.shape[1])
        if key:
            names = tuple(f"{key} {index + 1}" for index in range(array.shape[1])) if array.shape[1] > 1 else (key,)
        return list(zip(names, array.T, strict=True))
    raise InputError(wrong(f"{path}: {key or 'array'}", "have rows and columns", f"shape {array.shape}"))


def _cells(array: Array, path: str, name: str) -> Cells:
    if array.dtype.kind == "b":
        return ["true" if value else "false" for value in array]
    if array.dtype.kind in "iuf":
        return array.astype(np.float64)
    if array.dtype.kind == "U":
        return [str(value).strip() for value in array]
    if array.dtype.kind == "M":
        return ["" if np.isnat(value) else str(value.astype("datetime64[us]")) for value in array]
    raise InputError(wrong(f"{path}: column {name!r}", "hold numbers, booleans, dates or text", f"dtype {array.dtype}"))


def _parquet(path: str) -> Table:
    try:
        import pandas
    except ImportError as error:
        raise Error(f"{path}: Parquet files need pandas and pyarrow: pip install pandas pyarrow") from error
    try:
        frame = pandas.read_parquet(path)
    except ImportError as error:
        raise Error(f"{path}: Parquet files need pyarrow in addition to pandas: pip install pyarrow") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error
    names = checked_names([str(name) for name in frame.columns], path)
    if not len(frame) or not names:
        raise InputError(wrong(path, "have rows and columns", f"{len(frame)} rows and {len(names)} columns"))
    columns = tuple(_series(frame.iloc[:, index], pandas) for index in range(len(names)))
    return Table(path, names, columns)


def _series(series: Any, pandas: Any) -> Cells:
    """A column of a frame; dates and booleans as text, which the parser of cells knows."""
    types = pandas.api.types
    if types.is_numeric_dtype(series.dtype) and not types.is_bool_dtype(series.dtype):
        return np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
    missing = series.isna().to_numpy()
    values = series.astype(object).to_numpy()
    return ["" if lacking else _text(value) for value, lacking in zip(values, missing, strict=True)]


def _text(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value).strip()
