"""pandas, imported when a table is used, and DataFrames from whatever holds columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..checks.messages import brief, wrong
from ..errors import Error, InputError

MOST_LISTED = 20  # names in a message


def pandas() -> Any:
    """The package pandas.

    Raises
    ------
    Error
        If it is not installed.
    """
    try:
        import pandas as found
    except ImportError as error:
        raise Error("nbtrain.table needs pandas: pip install nbtrain[table]") from error
    return found


def as_frame(given: Any, argument: str = "frame") -> Any:
    """A DataFrame with strings as names: of a DataFrame, a Table, a dict, a 2-D array or an object of Arrow's C stream.

    Raises
    ------
    InputError
        If it is something else, has no column, or two columns of one name.
    """
    pd = pandas()
    given = getattr(given, "frame", given)
    if isinstance(given, pd.DataFrame):
        frame = given
    elif hasattr(given, "__arrow_c_stream__") and not isinstance(given, pd.Series):
        frame = _from_arrow(given, pd, argument)
    elif isinstance(given, Mapping):
        frame = pd.DataFrame(given)
    elif isinstance(given, np.ndarray) and given.ndim == 2:
        frame = pd.DataFrame(given, columns=positional(given.shape[1]))
    else:
        hint = "Series.to_frame() makes one of a Series" if isinstance(given, pd.Series) else ""
        raise InputError(wrong(argument, "be a DataFrame", brief(given), hint))
    names = [name if isinstance(name, str) else str(name) for name in frame.columns]
    if not names:
        raise InputError(wrong(argument, "have at least one column", "none"))
    if twice := [name for name in names if names.count(name) > 1][:1] if len(set(names)) < len(names) else []:
        raise InputError(wrong(argument, "have columns of different names", f"two columns called {twice[0]!r}"))
    return frame if names == list(frame.columns) else frame.set_axis(names, axis=1)


def _from_arrow(given: Any, pd: Any, argument: str) -> Any:
    try:
        if hasattr(pd.DataFrame, "from_arrow"):
            return pd.DataFrame.from_arrow(given)
        import pyarrow

        return pyarrow.table(given).to_pandas()
    except ImportError as error:
        raise Error("tables of Arrow need pyarrow: pip install nbtrain[table]") from error
    except ValueError as error:  # as pyarrow's errors are
        raise InputError(wrong(argument, "be a table", f"Arrow data of another kind ({error})")) from error


def positional(count: int) -> list[str]:
    """Names of columns that have none."""
    return [f"column {index + 1}" for index in range(count)]


def listed(names: Any, most: int = MOST_LISTED) -> str:
    """Names in quotes, the first twenty of them."""
    names = list(names)
    text = ", ".join(repr(name) for name in names[:most])
    return f"{text} and {len(names) - most} more" if len(names) > most else text
