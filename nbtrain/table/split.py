"""Splits of a table's rows: each class in every part, the same for the same seed."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def split(classes: Array | None, rows: int, fractions: tuple[float, ...], seed: int) -> list[Array]:
    """Indices of the rows, in order: what the fractions leave, then one part for each fraction.

    Parameters
    ----------
    classes : ndarray of int, optional
        Class of each row: parts get their fraction of every class, as far as it goes in whole rows. At least one
        row of each class stays in the first part.
    rows : int
    fractions : tuple of float
        Of all rows, for the parts after the first.
    seed : int
    """
    random = np.random.default_rng(seed)
    groups = [np.arange(rows)] if classes is None else [np.flatnonzero(classes == c) for c in np.unique(classes)]
    parts: list[list[Array]] = [[] for _ in range(len(fractions) + 1)]
    owed = np.zeros(len(fractions))  # what rounding has kept from a part comes back with the next class
    for group in groups:
        group, start = random.permutation(group), 0
        for index, fraction in enumerate(fractions):
            owed[index] += fraction * len(group)
            count = min(int(owed[index] + 0.5), len(group) - 1 - start)
            owed[index] -= count
            parts[index + 1].append(group[start : start + count])
            start += count
        parts[0].append(group[start:])
    return [np.sort(np.concatenate(part)) for part in parts]
