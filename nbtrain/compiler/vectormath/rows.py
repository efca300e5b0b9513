"""The largest and the smallest number of a row, as NumPy has them: Numba's own allocate memory."""

from __future__ import annotations

import math
import operator
from functools import cache
from typing import Any

import numpy as np
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic

from nbtrain.compiler.jit import jit
from nbtrain.compiler.vectormath.forms import call_of


def rows(dtype: np.dtype[Any]) -> dict[str, Any]:
    """They, by name."""
    most, least = _of_row("max", _extreme(dtype, operator.gt)), _of_row("min", _extreme(dtype, operator.lt))
    return {"max": most, "amax": most, "min": least, "amin": least}


@cache
def _extreme(dtype: np.dtype[Any], beyond: Any) -> Any:
    """The number that is `beyond` all others of a row: NaN if any is NaN, or there is none."""
    nothing = dtype.type(math.nan)

    def extreme(row):  # type: ignore[no-untyped-def]
        peak = row[0] if row.size > 0 else nothing
        for number in row:
            peak = number if beyond(number, peak) or number != number else peak
        return peak

    return jit(extreme)


def _of_row(name: str, function: Any) -> Any:
    def of_row(typing_context: Any, row: Any) -> Any:
        """Of the numbers of one row."""
        if not isinstance(row, types.Array) or row.ndim != 1 or not isinstance(row.dtype, types.Float):
            raise TypingError(f"{name} must be called with a row of numbers, or with several numbers, got {row}")
        return call_of(function, row)

    of_row.__name__ = of_row.__qualname__ = name
    return intrinsic(of_row)
