"""Columns that alone tell the target: often they are made from it, and are not known when it is to be predicted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..table.parsing import Cells, Words
from .output import quoted

Array = np.ndarray[Any, Any]
SURE, USUAL = 0.995, 0.95  # right in so many rows, where the most frequent class is in fewer
MOST_VALUES = 50
LEAST_ROWS = 40
MOST_LOOKED_AT = 5000  # rows


def notes(frame: Any, features: Sequence[str], target: str, codes: Array, classifies: bool, words: Words) -> list[str]:
    """A sentence for each of these columns.

    A column is one where its value tells the class in 99.5 % of rows that were not counted, or where its numbers have
    the order of the target's (Spearman's correlation).
    """
    if len(frame) < LEAST_ROWS:
        return []
    rows = np.random.default_rng(0).permutation(len(frame))[:MOST_LOOKED_AT]
    told = []
    for name in features:
        cells = Cells(frame[name].iloc[rows], words)
        share = told_classes(cells, codes[rows]) if classifies else same_order(cells, codes[rows])
        if share is None:
            continue
        what = f"tells {target!r} in {share:.1%} of rows" if classifies else f"has the order of {target!r}"
        hint = f"if it is not known beforehand, leave it out with --drop {quoted(name)}"
        told.append(f"{name!r} alone {what}; {hint}")
    return told


def told_classes(cells: Cells, codes: Array) -> float | None:
    """In which share of the rows the values of other rows tell the class; None if it is not nearly all."""
    most = np.bincount(codes).max() / len(codes)
    if most >= USUAL or len(cells.unique) > MOST_VALUES:
        return None
    values, classes = cells.codes + 1, codes.max() + 1
    half = len(codes) // 2
    counts = np.zeros((values.max() + 1, classes))
    np.add.at(counts, (values[:half], codes[:half]), 1)
    share = float((counts.argmax(axis=1)[values[half:]] == codes[half:]).mean())
    return share if share >= SURE else None


def same_order(cells: Cells, numbers: Array) -> float | None:
    """Spearman's correlation; None if it is not nearly 1 or -1."""
    if not cells.is_number or cells.gone.any():
        return None
    first, second = ranks(cells.numbers), ranks(numbers)
    if first.std() == 0 or second.std() == 0:
        return None
    found = float(np.corrcoef(first, second)[0, 1])
    return found if abs(found) > 0.9999 else None


def ranks(values: Array) -> Array:
    """The rank of each value; equal ones have one."""
    return np.asarray(np.unique(values, return_inverse=True)[1], float)
