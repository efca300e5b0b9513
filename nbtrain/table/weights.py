"""The weight of each row: from a column or an array, and from the classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..checks import arrays as checks
from ..checks.messages import brief, unknown, wrong
from ..errors import InputError
from .parsing import MISSING, PLAIN, Cells, Words

Array = np.ndarray[Any, Any]


def row_weights(frame: Any, weight: Any) -> Array:
    """The weights of a frame's rows, from the column of that name or from an array; not all are 0.

    Raises
    ------
    InputError
        If there is no such column, or a weight is missing, negative or not a number.
    """
    if isinstance(weight, str):
        if weight not in frame.columns:
            raise InputError(f"weight: {unknown('column', weight, list(frame.columns))}")
        found = Cells(frame[weight], Words.of(MISSING)).read("number", PLAIN)
    else:
        found = checks.weights(weight, len(frame), np.dtype(np.float64), "weight")
    odd = ~(np.isfinite(found) & (found >= 0))
    if odd.any():
        row = int(odd.argmax())
        raise InputError(wrong(f"weight of row {row + 1}", "be a number >= 0", f"{found[row]:g}"))
    if not found.any():
        raise InputError(wrong("weight", "have a number > 0", "only zeros"))
    return found


def class_factors(class_weight: Any, labels: Sequence[str], codes: Array) -> Array:
    """The factor of each class; "balanced": such that each counts the same in sum.

    Raises
    ------
    InputError
        If it is neither "balanced" nor a dict of numbers > 0 by class.
    """
    if isinstance(class_weight, str) and class_weight == "balanced":
        return np.asarray(len(codes) / (len(labels) * np.bincount(codes, minlength=len(labels))))
    if not isinstance(class_weight, Mapping):
        expected = "be 'balanced', a dict of weights by class, or None"
        raise InputError(wrong("class_weight", expected, brief(class_weight)))
    factors = np.ones(len(labels))
    for label, factor in class_weight.items():
        if str(label) not in labels:
            raise InputError(f"class_weight: {unknown('class', str(label), labels)}")
        factors[labels.index(str(label))] = checks.positive_number(factor, f"class_weight of {label!r}")
    return factors
