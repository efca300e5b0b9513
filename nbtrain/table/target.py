"""The column to be predicted: classes or numbers, in the form that the loss takes, and back from predictions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ..checks.messages import brief, wrong
from ..components import Loss
from ..errors import InputError
from .fitting import moments
from .frames import listed
from .parsing import PLAIN, Cells, Words, date_form, number_form, padded

Array = np.ndarray[Any, Any]

TASKS = ("classification", "regression")
FORMS = ("label", "binary", "one-hot", "number")
TYPES = ("text", "integer", "number", "boolean")
MOST_CLASSES = 20  # whole numbers of at most so many values are taken for classes …
ROWS_PER_CLASS = 5  # … if there are so many rows for each


@dataclass(frozen=True)
class Target:
    """What is predicted.

    Parameters
    ----------
    name : str
        Of the column.
    task : {"classification", "regression"}
    labels : tuple of str
        The classes: numbers by their size, then texts.
    type : {"text", "integer", "number", "boolean"}
        Of the values that `decode` gives.
    center, scale : float
        A number y is learnt as (y - center) / scale.
    least, most : float
        Of the numbers in training: predictions end there.
    read : str
        The form of number-like text, `stripped|decimal mark|thousands mark`.
    form : {"label", "binary", "one-hot", "number"}
        What the loss is given: labels, 0 or 1, a number for each class, a number.

    Examples
    --------
    >>> import numpy as np
    >>> from nbtrain.table import Target
    >>> from nbtrain.table.parsing import MISSING, Words
    >>> import pandas as pd
    >>> target = Target("colour", "classification", labels=("blue", "red"), type="text")
    >>> codes = target.codes(pd.Series(["red", "blue", "red"]), Words.of(MISSING))
    >>> codes.tolist(), target.encode(codes).tolist()
    ([1, 0, 1], [1.0, 0.0, 1.0])
    >>> target.classes.tolist(), target.outputs
    (['blue', 'red'], 1)
    >>> target.probabilities(np.array([[0.25, 0.75]])).tolist()
    [[0.25, 0.75]]
    >>> price = Target("price", "regression", center=100.0, scale=10.0, least=50.0, most=150.0, form="number")
    >>> price.numbers(np.array([[0.5], [9.0]])).tolist()
    [105.0, 150.0]
    >>> Target.from_dict(price.to_dict()) == price
    True
    """

    name: str
    task: str
    labels: tuple[str, ...] = ()
    type: str = "number"
    center: float = 0.0
    scale: float = 1.0
    least: float = 0.0
    most: float = 0.0
    read: str = PLAIN
    form: str = "number"

    @property
    def outputs(self) -> int:
        """How many outputs a network has."""
        return len(self.labels) if self.form in ("label", "one-hot") else 1

    @property
    def classes(self) -> Array:
        """The classes as `decode` gives them."""
        if self.type == "integer":
            return np.array([int(label) for label in self.labels])
        if self.type == "number":
            return np.array([float(label) for label in self.labels])
        if self.type == "boolean":
            return np.array([label == "True" for label in self.labels])
        return np.array(self.labels, object)

    def codes(self, column: Any, words: Words, where: str = "") -> Array:
        """Read the cells of a target's column.

        Parameters
        ----------
        column : pandas.Series
            The cells.
        words : Words
            What stands for a missing cell.
        where : str, default ""
            What messages call the table.

        Returns
        -------
        ndarray of shape (rows,)
            Indices of the classes, or numbers as they are.

        Raises
        ------
        InputError
            If a cell is missing, no number, or a class that training did not see; the message names its row.
        """
        cells = Cells(column, words)
        if self.task == "regression":
            found = cells.read("number", self.read)
            odd = np.isnan(found)
        else:
            place = {label: index for index, label in enumerate(self.labels)}
            labels = [place.get(label_of(text, self.type), -1) for text in cells.texts]
            found = np.array([*labels, -1], np.int64)[cells.codes]
            odd = found < 0
        if odd.any():
            row = int(odd.argmax())
            place_ = f"{where}row {row + 1}, column {self.name!r}"
            if cells.codes[row] < 0:
                raise InputError(f"{place_}: missing value; every row must have a target")
            shown = brief(str(cells.series.iloc[row]))
            if self.task == "regression":
                raise InputError(wrong(place_, "be a number", shown))
            raise InputError(f"{place_}: unknown class {shown}; the model knows {listed(self.labels)}")
        return found

    def encode(self, codes: Array) -> Array:
        """Make what the loss is given.

        Parameters
        ----------
        codes : ndarray of shape (rows,)
            What `codes` gives.

        Returns
        -------
        ndarray of shape (rows,) or (rows, outputs)
            In the target's `form`.
        """
        if self.form == "one-hot":
            return np.asarray(codes[:, None] == np.arange(len(self.labels)), np.float64)
        if self.form == "label":
            return codes
        return np.asarray((codes - self.center) / self.scale, np.float64)

    def probabilities(self, outputs: Array) -> Array:
        """Make probabilities of what a network predicts.

        Parameters
        ----------
        outputs : ndarray of shape (rows, outputs)
            A network's predictions.

        Returns
        -------
        ndarray of shape (rows, classes)
            In the order of `classes`.
        """
        values = outputs.astype(np.float64)
        sums = values.sum(axis=1, keepdims=True)
        if self.form == "label" and np.allclose(sums, 1.0, atol=1e-4):  # but for the rounding of float32
            values = values / sums
        return np.hstack([1.0 - values, values]) if self.form == "binary" else values

    def numbers(self, outputs: Array) -> Array:
        """Make numbers in the target's unit of what a network predicts.

        Parameters
        ----------
        outputs : ndarray of shape (rows, 1)
            A network's predictions.

        Returns
        -------
        ndarray of shape (rows,)
            Within the range that the target had in training.
        """
        return np.clip(outputs[:, 0].astype(np.float64) * self.scale + self.center, self.least, self.most)

    def to_dict(self) -> dict[str, Any]:
        """Give its state.

        Returns
        -------
        dict
            Of what JSON can hold.
        """
        return {**asdict(self), "labels": list(self.labels)}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Target:
        """Make a target of its state.

        Parameters
        ----------
        given : mapping
            What `to_dict` gave.

        Returns
        -------
        Target
            An equal one.

        Raises
        ------
        ValueError
            If it is not what `to_dict` gives.
        """
        made = cls(**{**given, "labels": tuple(given["labels"])})
        numbers = (made.center, made.scale, made.least, made.most)
        if not all(type(value) in (int, float) and math.isfinite(value) for value in numbers) or made.scale <= 0.0:
            raise ValueError("numbers of the target")
        if not all(isinstance(text, str) for text in (made.name, *made.labels)) or made.read.count("|") != 2:
            raise ValueError("texts of the target")
        if made.task not in TASKS or made.type not in TYPES or made.form not in FORMS:
            raise ValueError("target")
        if (made.task == "classification") != (len(made.labels) > 1) or (made.form == "number") != (
            made.task == "regression"
        ):
            raise ValueError("classes of the target")
        made.classes  # noqa: B018 - of numbers, it reads them
        return made


def detect(column: Any, name: str, task: str | None, words: Words) -> tuple[Target, list[str]]:
    """What a column without missing cells holds, and what should be known of it.

    Text, booleans and few different whole numbers are classes, unless `task` says otherwise.

    Raises
    ------
    InputError
        If there is only one class or value, or the column does not fit the task.
    """
    cells, place = Cells(column, words), f"target {name!r}"
    if cells.is_date:
        raise InputError(wrong(place, "hold classes or numbers", "dates"))
    found = None if task == "classification" else _numbers(cells)
    if found is None and task == "regression":
        raise InputError(wrong(place, "hold numbers for task='regression'", brief(str(cells.series.iloc[0]))))
    if found is not None and task is None and found[1] == PLAIN and _are_classes(found[0]):
        found = None
    if found is not None:
        values, form = found
        least, most = float(values.min()), float(values.max())
        if least == most:
            raise InputError(wrong(place, "differ between rows", f"{least:g} in every row"))
        notes = (
            [f"{place}: read as numbers, such as {cells.series.iloc[0]!r} as {values[0]:g}"] if form != PLAIN else []
        )
        return Target(name, "regression", least=least, most=most, read=form), notes
    return _classes(cells, name, place), []


def _numbers(cells: Cells) -> tuple[Array, str] | None:
    """The cells as numbers, and their form; None if they are none."""
    if cells.is_number:
        return (cells.numbers, PLAIN) if cells.is_exact else None
    if padded(cells.unique):
        return None
    found = number_form(cells.unique)
    if found is None or np.isnan(found[0]).any():
        return None
    return cells.keep("number", found[1], cells.spread(found[0])), found[1]


def _are_classes(values: Array) -> bool:
    """Whether numbers seem to be codes of classes: few whole ones, many times each."""
    different = np.unique(values)
    return bool(
        (different == np.rint(different)).all()
        and len(different) <= MOST_CLASSES
        and (len(different) == 2 or len(values) >= ROWS_PER_CLASS * len(different))
    )


def _classes(cells: Cells, name: str, place: str) -> Target:
    kind = _type(cells)
    labels = sorted({label_of(text, kind) for text in cells.texts}, key=_order)
    if len(labels) < 2:
        raise InputError(wrong(place, "have at least two classes", f"only {labels[0]!r}" if labels else "none"))
    if len(labels) > 2 and 2 * len(labels) > len(cells):
        what = "dates" if date_form(cells.unique) else "texts"
        hint = (
            f"the column holds {what} of its own in most rows"
            if kind == "text"
            else "task='regression' predicts numbers"
        )
        raise InputError(
            wrong(place, "have classes that occur several times", f"{len(labels)} in {len(cells)} rows", hint)
        )
    return Target(name, "classification", tuple(labels), kind, form="label")


def _type(cells: Cells) -> str:
    """Of the classes, as they are given back."""
    texts = list(cells.texts)
    if all(text.casefold() in ("true", "false") for text in texts):
        return "boolean"
    if not cells.is_number:
        return "text"
    try:
        [int(text) for text in texts]
        return "integer"
    except ValueError:
        return "number"


def label_of(text: str, kind: str) -> str:
    """The class of a cell's text."""
    if kind == "boolean":
        return {"true": "True", "1": "True", "false": "False", "0": "False"}.get(text.casefold(), text)
    return text


def _order(label: str) -> tuple[bool, float, str]:
    """Numbers by their value, then text."""
    try:
        return False, float(label), label
    except ValueError:
        return True, 0.0, label


def for_loss(target: Target, loss: Loss, codes: Array) -> Target:
    """The target in the form that a loss takes; numbers are scaled where the loss does not bound them."""
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
    center, scale = moments(codes, 0, 0.0)
    return replace(target, form="number", center=center, scale=scale or 1.0)
