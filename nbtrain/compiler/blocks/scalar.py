"""A component's function, compiled on its own and checked, before loops are built around it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import from_dtype, types

from ..language.plain import plain
from ..language.typing_checks import check_number

FLOAT64, INT64 = np.dtype(np.float64), np.dtype(np.int64)
INT, DOUBLE = types.int64, types.float64


def scalar(spec: Any, role: str, dtype: np.dtype[Any], *leading: Any) -> Any:
    """The component's function for a role, typed for `leading` arguments and its parameters."""
    function = plain(spec.functions[role], dtype)
    number = from_dtype(dtype)
    check_number(spec, role, function, (*leading, *[number] * len(spec.parameters)))
    return function
