"""What the core checks on every call: sizes, kind of the targets, labels, weights. Nothing is written."""

from __future__ import annotations

import math
from typing import NamedTuple

from ..compiler.jit import jit, vector_at
from .layout import OK, WRONG_LABEL, WRONG_TARGET, WRONG_X, WRONG_Y
from .magnitudes import all_finite
from .net import INT64


class X(NamedTuple):
    """Rows of inputs."""

    address: int
    rows: int
    columns: int


class Y(NamedTuple):
    """Targets: kind 0 floats (rows, columns), kind 1 int64 labels (rows,), columns 1."""

    address: int
    rows: int
    columns: int
    kind: int


@jit
def check_x(d, rows, columns):
    """x is (rows, inputs) with at least one row."""
    return OK if rows > 0 and columns == d.inputs else WRONG_X


@jit
def check_data(d, x, y):
    """Sizes and kind of x and y, and that every label is a class of the network."""
    status = check_x(d, x.rows, x.columns)
    if status != OK:
        return status
    if y.kind != d.target_kind:
        return WRONG_TARGET
    if y.rows != x.rows or y.columns != max(1, d.target_columns):
        return WRONG_Y
    if d.target_columns == 0 and bad_label(vector_at(y.address, y.rows, INT64), d.outputs) >= 0:
        return WRONG_LABEL
    return OK


@jit
def bad_label(labels, classes):
    """Index of the first label outside 0 … classes - 1, or -1."""
    wrong = 0
    for i in range(labels.size):
        wrong += labels[i] < 0 or labels[i] >= classes
    if wrong == 0:
        return -1
    for i in range(labels.size):
        if labels[i] < 0 or labels[i] >= classes:
            return i
    return -1


@jit
def bad_number(numbers):
    """Index of the first NaN or infinity, or -1."""
    if all_finite(numbers):
        return -1
    for i in range(numbers.size):
        if not math.isfinite(numbers[i]):
            return i
    return -1


@jit
def bad_weight(numbers):
    """Index of the first number that is NaN, infinite or negative, or -1."""
    for i in range(numbers.size):
        if not math.isfinite(numbers[i]) or numbers[i] < 0:
            return i
    return -1
