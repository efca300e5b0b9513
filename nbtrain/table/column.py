"""Column: how one column of a table becomes inputs of a network, as plain data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from .parsing import CLOCKS, PLAIN, Cells

Array = np.ndarray[Any, Any]

KINDS = ("number", "date", "boolean", "category")
UNUSED = {  # kinds that give no input, and why
    "constant": "the same in every row: left out",
    "identifier": "nearly every row has a text of its own: left out",
    "empty": "all cells are missing: left out",
    "dropped": "left out as asked",
}
CYCLES = {"season": 365.2425, "weekday": 7.0, "hour": 1.0}  # days
THURSDAY = 3.0  # 1970 began on one; weeks are counted from Monday
OTHER, GONE = "(other)", "(missing)"


@dataclass(frozen=True)
class Column:
    """How one column becomes inputs.

    What a kind does not use keeps its default.

    Parameters
    ----------
    name : str
    kind : {"number", "date", "boolean", "category", "constant", "identifier", "empty", "dropped"}
        The last four give no input.
    low, high : float
        Numbers between them are taken as they are. Dates are days since 1970.
    step : float
        Beyond low and high, distance d counts as step log(1 + d / step); 0 where there is nothing beyond.
    least, most : float
        The range in training, at which numbers are cut.
    center, scale : float
        An input is (x - center) / scale.
    fill : float
        Stands for a missing number.
    indicator : bool
        A further input is 1 where the cell is missing.
    form : str
        Of number-like text: `stripped|decimal mark|thousands mark`; of dates: their format.
    words : tuple of str
        Texts that are missing cells in this column, beside those of the encoder.
    parts : tuple of str
        Of dates: "elapsed", "season", "weekday", "hour".
    categories : tuple of str
        Texts that have an input each. Two texts without any other share one: -1 and 1, and 0 for an unseen one.
    rest : tuple of str
        Less frequent texts, which the frequency input tells apart.
    counts : tuple of int
        Of categories and rest in training, where there is a frequency input: log count, centered and scaled.
    other : bool
        Rare and unseen texts have an input of their own.

    Examples
    --------
    >>> import pandas as pd
    >>> from nbtrain.table import Column, TableEncoder
    >>> from nbtrain.table.parsing import MISSING, Cells, Words
    >>> frame = pd.DataFrame({"size": [1.0, 2.0, 3.0], "colour": ["red", "blue", "red"]})
    >>> size, colour = TableEncoder().fit(frame).columns_
    >>> size.kind, size.names, colour.is_pair, colour.as_text
    ('number', ['size'], True, True)
    >>> colour.describe()
    '2 texts'
    >>> cells = Cells(frame["size"], Words.of(MISSING))
    >>> size.values(cells).tolist(), size.near(size.values(cells)).tolist()
    ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    >>> size.encode(cells, "float64").shape
    (3, 1)
    >>> Column.from_dict(size.to_dict()) == size
    True
    """

    name: str
    kind: str
    low: float = 0.0
    high: float = 0.0
    step: float = 0.0
    least: float = 0.0
    most: float = 0.0
    center: float = 0.0
    scale: float = 1.0
    fill: float = 0.0
    indicator: bool = False
    form: str = ""
    words: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    other: bool = False

    @property
    def is_pair(self) -> bool:
        """Whether two texts share one input."""
        return self.kind == "category" and len(self.categories) == 2 and not (self.other or self.indicator)

    @property
    def names(self) -> list[str]:
        """The inputs that it gives."""
        name = self.name
        if self.kind not in KINDS:
            return []
        if self.is_pair:
            return [f"{name}={self.categories[1]}"]
        if self.kind == "category":
            found = [*self.categories, *([OTHER] * self.other), *([GONE] * self.indicator)]
            return [f"{name}={text}" for text in found] + [f"{name} (frequency)"] * bool(self.counts)
        found = []
        for part in self.parts:
            turns = [f"{name} ({function} {part})" for function in ("sin", "cos")]
            found += [f"{name} (elapsed)"] if part == "elapsed" else turns
        return (found if self.kind == "date" else [name]) + [f"{name} {GONE}"] * self.indicator

    @property
    def as_text(self) -> bool:
        """Whether a file's cells should be read as text: codes such as 01, and numbers with marks of their own."""
        return self.kind == "category" or (self.kind == "number" and self.form not in ("", PLAIN))

    def describe(self) -> str:
        """Say what is done with it.

        Returns
        -------
        str
            A few words.
        """
        if self.kind not in KINDS:
            return UNUSED[self.kind]
        if self.kind == "category":
            found = f"{len(self.categories)} texts" + (", the others together" if self.other else "")
            found += ", and how frequent a text is" if self.counts else ""
        elif self.kind == "boolean":
            found = "false and true as -1 and 1"
        else:
            found = ", ".join(self.parts) if self.parts else f"({'x'} - {self.center:.4g}) / {self.scale:.4g}"
            if self.step and (self.least < self.low or self.most > self.high):
                found += f"; beyond {self.low:.6g} … {self.high:.6g} brought near by a logarithm"
            if self.form not in ("", PLAIN, "ISO8601"):
                found += f"; read in the form {self.form}"
        median = "" if self.kind in ("category", "boolean") else f"become the median, {self.fill:.6g}, and "
        return found + (f"; missing cells {median}are marked by an input of their own" if self.indicator else "")

    # ---- encoding

    def values(self, cells: Cells) -> Array:
        """Read the cells of a number, a date or a boolean.

        Parameters
        ----------
        cells : Cells
            The column's cells.

        Returns
        -------
        ndarray of shape (rows,), float64
            Dates in days since 1970; NaN where a cell is missing or unreadable.
        """
        return cells.read(self.kind, self.form)

    def encode(self, cells: Cells, dtype: Any) -> Array:
        """Make the column's inputs.

        Parameters
        ----------
        cells : Cells
            The column's cells.
        dtype : dtype
            Of the inputs.

        Returns
        -------
        ndarray of shape (rows, len(names))
            In the order of `names`.
        """
        if self.kind == "category":
            return np.asarray(self._of_texts(cells.texts, dtype)[cells.codes])  # code -1 is the last row
        x = self.values(cells)
        gone = np.isnan(x)
        out = np.empty((len(x), len(self.names)), dtype)
        if self.kind == "boolean":
            out[:, 0] = np.where(gone, 0.0, 2.0 * x - 1.0)
        else:
            self._of_numbers(np.where(gone, self.fill, x) if gone.any() else x, out)
        if self.indicator:
            out[:, -1] = gone
        return out

    def _of_numbers(self, x: Array, out: Array) -> None:
        column = 0
        for part in self.parts or ("elapsed",):
            if part == "elapsed":
                out[:, column] = (self.near(x) - self.center) / self.scale
                column += 1
            else:
                turns = (x + THURSDAY * (part == "weekday")) / CYCLES[part]
                angle = 2.0 * np.pi * (turns - np.floor(turns))
                out[:, column], out[:, column + 1] = np.sin(angle), np.cos(angle)
                column += 2

    def near(self, x: Array) -> Array:
        """Cut numbers at training's range, and bring those beyond low and high near by a logarithm.

        Parameters
        ----------
        x : ndarray of shape (rows,)
            What `values` gives.

        Returns
        -------
        ndarray of shape (rows,)
            A copy.
        """
        x = np.clip(x, self.least, self.most)
        return bent(x, self.low, self.high, self.step) if self.step else x

    def _of_texts(self, texts: Array, dtype: Any) -> Array:
        """The inputs of different texts, and of a missing cell after them."""
        place = {text: index for index, text in enumerate(self.categories)}
        codes = np.array([place.get(text, -1) for text in texts], np.int64)
        if self.is_pair:
            return np.append(np.where(codes < 0, 0, 2 * codes - 1), 0).astype(dtype)[:, None]
        count = len(self.categories)
        out = np.zeros((len(texts) + 1, len(self.names)), dtype)
        codes = np.where((codes < 0) & self.other, count, codes)
        rows = np.flatnonzero(codes >= 0)
        out[rows, codes[rows]] = 1
        if self.indicator:
            out[-1, count + self.other] = 1
        if self.counts:
            seen = dict(zip((*self.categories, *self.rest), self.counts, strict=True))
            logs = np.log([max(seen.get(text, 1), 1) for text in texts])
            out[:-1, -1] = (logs - self.center) / self.scale
        return out

    # ---- JSON

    def to_dict(self) -> dict[str, Any]:
        """Give its state, without what has its default.

        Returns
        -------
        dict
            Of what JSON can hold.
        """
        plain = Column(self.name, self.kind)
        given = {key: value for key, value in asdict(self).items() if value != getattr(plain, key)}
        found = {"name": self.name, "kind": self.kind} | given
        return {key: list(value) if isinstance(value, tuple) else value for key, value in found.items()}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Column:
        """Make a column of its state.

        Parameters
        ----------
        given : mapping
            What `to_dict` gave.

        Returns
        -------
        Column
            An equal one.

        Raises
        ------
        ValueError
            If it is not what `to_dict` gives.
        """
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in given.items()
        }
        made = cls(**values)
        for field in fields(cls):
            value, default = getattr(made, field.name), getattr(cls, field.name, "")
            _check_type(field.name, value, default)
        if made.kind not in KINDS and made.kind not in UNUSED:
            raise ValueError(f"kind: {made.kind!r}")
        if made.scale <= 0.0 or made.step < 0.0 or made.low > made.high or made.least > made.most:
            raise ValueError(f"numbers of column {made.name!r}")
        if made.kind == "date" and not set(made.parts) <= {"elapsed", *CYCLES}:
            raise ValueError(f"parts: {made.parts!r}")
        if made.counts and len(made.counts) != len(made.categories) + len(made.rest):
            raise ValueError(f"counts of column {made.name!r}")
        if made.kind == "number" and made.form.count("|") not in (0, 2):
            raise ValueError(f"form: {made.form!r}")
        return made


def _check_type(name: str, value: Any, default: Any) -> None:
    """The type of a field is that of its default."""
    if isinstance(default, tuple):
        kind: type = int if name == "counts" else str
        right = isinstance(value, tuple) and all(type(item) is kind for item in value)
    elif isinstance(default, float):
        right = type(value) in (int, float) and math.isfinite(value)
    else:
        right = type(value) is type(default)
    if not right:
        raise ValueError(f"{name}: {value!r}")


def bent(x: Array, low: float, high: float, step: float) -> Array:
    """Numbers between low and high as they are, those beyond at the logarithm of their distance."""
    kept = np.clip(x, low, high)
    far = x - kept
    return np.asarray(kept + step * np.sign(far) * np.log1p(np.abs(far) / step))


def is_clock(form: str) -> bool:
    """Whether a date's form has no day."""
    return form in CLOCKS
