"""The column to be predicted: classes or numbers, in the form the loss takes, and back from the network's outputs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..components import Loss
from ..errors import InputError
from .cells import Reading, category, kind_of, parse
from .columns import moments
from .table import Cells, Table, listed

Array = np.ndarray[Any, Any]
PADDED = re.compile(r"0\d+")
MOST_CLASSES = 20  # whole numbers of at most so many values are taken for classes …
SAMPLES_PER_CLASS = 5  # … if there are so many samples for each


@dataclass(frozen=True)
class Target:
    """What is predicted.

    Parameters
    ----------
    name : str
    task : {"classification", "regression"}
    labels : tuple of str
        The classes' names, sorted.
    center, scale : float
        A number y is learnt as (y - center) / scale.
    form : {"label", "binary", "one-hot", "number"}
        What the loss is given: labels, 0 or 1, one number per class, a number.
    """

    name: str
    task: str
    labels: tuple[str, ...] = ()
    center: float = 0.0
    scale: float = 1.0
    form: str = "number"

    @property
    def outputs(self) -> int:
        """How many outputs the network has."""
        return len(self.labels) if self.form in ("label", "one-hot") else 1

    def codes(self, cells: Cells, reading: Reading, table: Table) -> Array:
        """Indices of the classes, or numbers as they are.

        Raises
        ------
        InputError
            If a cell is missing, no number, or a class that training did not see; the message names it.
        """
        kind = "category" if self.task == "classification" else "number"
        parsed = parse(cells, kind, reading, table, self.name)
        if parsed.missing.any():
            row = int(parsed.missing.argmax())
            raise InputError(f"{table.place(row, self.name)}: missing value; every row must have a target")
        if self.task == "regression":
            return np.asarray(parsed.values)
        place = {label: index for index, label in enumerate(self.labels)}
        found = np.array([place.get(_label(text), -1) for text in parsed.values], np.int64)
        if (found < 0).any():
            row = int((found < 0).argmax())
            raise InputError(
                f"{table.place(row, self.name)}: unknown class {parsed.values[row]!r}; "
                f"the model knows {listed(self.labels)}"
            )
        return found

    def encode(self, codes: Array) -> Array:
        """What the loss is given."""
        if self.form == "one-hot":
            return np.asarray(codes[:, None] == np.arange(len(self.labels)), np.float64)
        if self.form == "label":
            return codes
        return np.asarray((codes - self.center) / self.scale)

    def probabilities(self, outputs: Array) -> Array:
        """(rows, classes) from what the network predicts."""
        values = outputs.astype(np.float64)
        return np.hstack([1.0 - values, values]) if self.form == "binary" else values

    def decode(self, outputs: Array) -> Array:
        """Indices of the classes, or numbers, from what the network predicts."""
        if self.task == "classification":
            return np.asarray(self.probabilities(outputs).argmax(axis=1))
        return outputs[:, 0].astype(np.float64) * self.scale + self.center

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**self.__dict__, "labels": list(self.labels)}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Target:
        """From what `to_dict` gave."""
        return cls(**{**given, "labels": tuple(given["labels"])})


def detect(cells: Cells, task: str, reading: Reading, table: Table, name: str) -> Target:
    """Classes or numbers: text, booleans and few whole numbers are classes, unless `task` says otherwise.

    Raises
    ------
    InputError
        If there is only one class or value, or the column does not fit the task.
    """
    kind = "category" if task == "classification" else kind_of(cells, reading, table, name)
    if kind == "number" and not task and _codes(cells):
        kind = "category"
    if kind is None:
        raise InputError(f"{table.source}, column {name!r}: all values of the target are missing")
    if kind == "date" or (kind != "number" and task == "regression"):
        raise InputError(f"{table.source}, column {name!r}: the target must hold numbers, got {kind} values")
    parsed = parse(cells, "number" if kind == "number" else "category", reading, table, name)
    present = [value for value, gone in zip(parsed.values, parsed.missing, strict=True) if not gone]
    if kind == "number" and (task == "regression" or not _few_whole(present)):
        if min(present) == max(present):
            raise InputError(f"{table.source}, column {name!r}: the target is {present[0]:g} in every row")
        return Target(name, "regression")
    if kind == "number":  # classes are called what the file calls them
        named = parse(cells, "category", reading, table, name)
        present = [value for value, gone in zip(named.values, named.missing, strict=True) if not gone]
    labels = sorted({_label(value) for value in present}, key=_order)
    if len(labels) == 1:
        raise InputError(f"{table.source}, column {name!r}: only one class, {labels[0]!r}; at least two are required")
    if len(labels) > 2 and 2 * len(labels) > len(present):
        raise InputError(
            f"{table.source}, column {name!r}: {len(labels)} classes in {len(present)} rows; "
            "each class must occur several times"
        )
    return Target(name, "classification", tuple(labels), form="label")


def for_loss(target: Target, loss: Loss, codes: Array) -> Target:
    """The target in the form that a loss takes; numbers are scaled, where the loss does not bound them."""
    if loss.target_columns is not None:
        raise InputError(f"loss: {loss.name!r} takes {loss.target_columns} numbers a row, not the column of a table")
    if target.task == "classification":
        if loss.target == "label":
            return replace(target, form="label")
        return replace(target, form="binary" if len(target.labels) == 2 and loss.owns_output else "one-hot")
    if loss.target == "label":
        raise InputError(f"loss: {loss.name!r} is for classes; {target.name!r} holds numbers")
    if loss.owns_output or loss.minimum is not None or loss.maximum is not None:
        return replace(target, form="number")
    center, scale = moments(codes)
    return replace(target, form="number", center=center, scale=scale or 1.0)


def missing_rows(cells: Cells, reading: Reading, table: Table, name: str) -> Array:
    """Which rows have no target."""
    if isinstance(cells, np.ndarray):
        return parse(cells, "number", reading, table, name).missing
    return np.fromiter((reading.lacks(text) for text in cells), bool, len(cells))


def _codes(cells: Cells) -> bool:
    """Whether whole numbers of several values each are written with zeros before them: 01, 02, as only codes are."""
    if isinstance(cells, np.ndarray) or not any(PADDED.fullmatch(text) for text in cells):
        return False
    return 2 * len(set(cells)) <= len(cells)


def _few_whole(values: list[float]) -> bool:
    different = Counter(values)
    return (
        all(value == int(value) for value in different)
        and len(different) <= MOST_CLASSES
        and (len(different) == 2 or len(values) >= SAMPLES_PER_CLASS * len(different))
    )


def _label(value: Any) -> str:
    return category(value if isinstance(value, str) else repr(float(value)))


def _order(label: str) -> tuple[bool, float, str]:
    """Numbers by their value, then text."""
    try:
        return False, float(label), label
    except ValueError:
        return True, 0.0, label
