"""Cells that are so far from the others of their column that scaling leaves these no room."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .cells import Reading, parse
from .columns import Column
from .table import Table

Array = np.ndarray[Any, Any]
FAR = 100.0  # times the distance between the quartiles, from the median
SQUEEZED = 0.1  # of the standard deviation, which the distance between the quartiles is below: 1.35 in a normal one
FEW = 0.01  # of the rows; more are no strays


def notes(table: Table, columns: Iterable[Column], reading: Reading) -> list[str]:
    """A sentence for each column of numbers whose scale a few far cells decide: the farthest, with its place."""
    found = []
    for column in columns:
        if column.kind != "number":
            continue
        values = parse(table[column.name], "number", reading, table, column.name).values
        far = far_rows(values)
        if not len(far):
            continue
        row = int(far[0])
        with np.errstate(over="ignore", invalid="ignore"):  # of the largest numbers that there are
            low, high = np.nanquantile(values, (0.25, 0.75))
        more = f", and {len(far) - 1} more in this column," if len(far) > 1 else ""
        found.append(
            f"{table.place(row, column.name)}: {values[row]:g}{more} is far from the other values, half of which are "
            f"from {low:g} to {high:g}; scaling makes their differences very small. Correct it if it is an error"
        )
    return found


def far_rows(values: Array) -> Array:
    """Rows of far values, the farthest first; none where they are many, or leave room to the others."""
    present = values[~np.isnan(values)]
    if not present.size:
        return np.empty(0, np.int64)
    scale = float(np.abs(present).max()) or 1.0  # squares of the largest numbers are none
    low, middle, high = (float(value) for value in np.quantile(present / scale, (0.25, 0.5, 0.75)))
    width = high - low
    if not 0.0 < width < SQUEEZED * float((present / scale).std()):
        return np.empty(0, np.int64)
    distance = np.nan_to_num(np.abs(values / scale - middle))
    rows = np.flatnonzero(distance > FAR * width)
    if len(rows) > max(1.0, FEW * present.size):
        return np.empty(0, np.int64)
    return rows[np.argsort(-distance[rows], kind="stable")]
