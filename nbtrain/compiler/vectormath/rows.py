"""The largest and the smallest number of a row, as NumPy has them: Numba's own allocate memory."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic

from nbtrain.compiler.door import jit


def rows(dtype: np.dtype[Any]) -> dict[str, Any]:
    """They, by name."""
    most, least = _of_row("max", _largest(dtype)), _of_row("min", _smallest(dtype))
    return {"max": most, "amax": most, "min": least, "amin": least}


@cache
def _largest(dtype: np.dtype[Any]) -> Any:
    nothing = dtype.type(math.nan)

    def largest(row):  # type: ignore[no-untyped-def]
        """NaN if any is NaN, or there is none."""
        peak = row[0] if row.size > 0 else nothing
        for number in row:
            peak = number if number > peak or number != number else peak
        return peak

    return jit(largest)


@cache
def _smallest(dtype: np.dtype[Any]) -> Any:
    nothing = dtype.type(math.nan)

    def smallest(row):  # type: ignore[no-untyped-def]
        """NaN if any is NaN, or there is none."""
        least = row[0] if row.size > 0 else nothing
        for number in row:
            least = number if number < least or number != number else least
        return least

    return jit(smallest)


def _of_row(name: str, function: Any) -> Any:
    def of_row(typing_context: Any, row: Any) -> Any:
        """Of the numbers of one row."""
        if not isinstance(row, types.Array) or row.ndim != 1 or not isinstance(row.dtype, types.Float):
            raise TypingError(f"{name}: {row} given; a row of numbers is wanted, or max(x, y) of several numbers")
        return call_of(function, row)

    of_row.__name__ = of_row.__qualname__ = name
    return intrinsic(of_row)


def call_of(function: Any, *kinds: Any) -> Any:
    """Signature and code, for an intrinsic, of a call of a jit function that takes arguments of these types."""
    function.compile(kinds)
    compiled = function.overloads[kinds]

    def lowered(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        context.active_code_library.add_linking_library(compiled.library)
        given = [
            context.cast(builder, value, kind, wanted)
            for value, kind, wanted in zip(arguments, signature.args, kinds, strict=True)
        ]
        return context.call_internal(builder, compiled.fndesc, compiled.signature, given)

    return compiled.signature.return_type(*kinds), lowered
