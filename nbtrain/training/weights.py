"""Weights that users set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..checks import arrays as checks
from ..checks.messages import brief, wrong
from ..errors import InputError
from .data import InputSpec

Array = np.ndarray[Any, Any]
Layers = Sequence[tuple[Array, Array]]


def checked_weights(given: Any, own: Layers, inputs: InputSpec) -> list[tuple[Array, Array]]:
    """(target, source) for every W and b: the arrays given, of the shapes of `own` and finite."""
    expected = f"be a sequence of {len(own)} pairs (W, b), one per layer"
    if not isinstance(given, Iterable):
        raise InputError(wrong("weights", expected, brief(given)))
    if len(given := list(given)) != len(own):
        raise InputError(wrong("weights", expected, f"{len(given)} items"))
    checked = []
    for index, (pair, wanted) in enumerate(zip(given, own, strict=True)):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise InputError(wrong(f"weights[{index}]", "be a pair (W, b)", brief(pair)))
        for part, target, name in zip(pair, wanted, ("W", "b"), strict=True):
            argument = f"weights[{index}] {name}"
            array = checks.numbers(part, inputs.dtype, argument)
            if array.shape != target.shape:
                raise InputError(wrong(argument, f"have shape {target.shape}", str(array.shape)))
            inputs.check_finite(array, argument)
            checked.append((target, array))
    return checked
