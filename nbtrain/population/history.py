"""What the training of a population leaves behind: a number an epoch and member, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..errors import Error
from ..training.history import History

Array = np.ndarray[Any, Any]


class PopulationHistory(Mapping[str, Array]):
    """Numbers per member and epoch, by name: `history["loss"][k]` are the mean data losses of member k.

    A mapping from names (`loss`, `accuracy`, `val_loss`, …) to arrays (members, epochs) of float64. Members may have
    different numbers of epochs: what is beyond a member's last epoch is NaN.

    Attributes
    ----------
    epochs : ndarray of shape (members,), int64
        How many epochs each member has here.
    """

    def __init__(self, members: int) -> None:
        self.epochs = np.zeros(members, np.int64)
        self._columns: dict[str, Array] = {}

    def __getitem__(self, name: str) -> Array:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def member(self, k: int) -> History:
        """One member's history, as a trainer has it."""
        history = History()
        count = int(self.epochs[k])
        columns = {name: column[k, :count].tolist() for name, column in self._columns.items()}
        history.replace({name: column for name, column in columns.items() if not np.isnan(column).all()})
        return history

    def last(self, name: str, back: Array | int = 0) -> Array:
        """(members,) numbers of the last epochs, or of those so many before; NaN where a member has none."""
        found, places = np.full(len(self.epochs), np.nan), self.epochs - 1 - back
        there = np.flatnonzero(places >= 0)
        found[there] = self._columns[name][there, places[there]]
        return found

    def append(self, columns: Mapping[str, Array], epochs: Array) -> None:
        """Add the epochs of a call: (members, …) numbers, of which the first `epochs` of each member count."""
        total = self.epochs + epochs
        width = int(total.max(initial=0))
        for name in {**self._columns, **columns}:
            made = np.full((len(total), width), np.nan)
            old, new = self._columns.get(name), columns.get(name)
            if old is not None:
                made[:, : old.shape[1]] = old
            if new is not None:
                _place(made, self.epochs, new, epochs)
            self._columns[name] = made
        self.epochs = total

    def replace(self, columns: Mapping[str, Array], epochs: Array) -> None:
        """Forget everything and take these."""
        self._columns, self.epochs = {}, np.zeros_like(epochs)
        self.append(columns, epochs)

    def put(self, k: int, history: Mapping[str, list[float]]) -> None:
        """Give a member another history."""
        count = max((len(column) for column in history.values()), default=0)
        width = max(count, max((column.shape[1] for column in self._columns.values()), default=0))
        for name in {**self._columns, **history}:
            old, made = self._columns.get(name), np.full((len(self.epochs), width), np.nan)
            if old is not None:
                made[:, : old.shape[1]] = old
            made[k] = np.nan
            made[k, : len(history.get(name, []))] = history.get(name, [])
            self._columns[name] = made
        self.epochs[k] = count

    def to_frame(self) -> Any:
        """A pandas DataFrame, one row a member and epoch, indexed by both; epochs are numbered from 1.

        Raises
        ------
        Error
            If pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise Error("PopulationHistory.to_frame needs pandas: pip install pandas") from error
        members = np.repeat(np.arange(len(self.epochs)), self.epochs)
        numbers = np.concatenate([np.arange(1, count + 1) for count in self.epochs] or [np.zeros(0, np.int64)])
        index = pandas.MultiIndex.from_arrays([members, numbers], names=["member", "epoch"])
        columns = {name: column[members, numbers - 1] for name, column in self._columns.items()}
        return pandas.DataFrame(columns, index=index)

    def __repr__(self) -> str:
        low, high = (int(self.epochs.min()), int(self.epochs.max())) if len(self.epochs) else (0, 0)
        count = f"{low}" if low == high else f"{low} to {high}"
        names = ", ".join(self._columns) or "nothing yet"
        return f"<PopulationHistory of {len(self.epochs):,} members, {count} epochs: {names}>"


def _place(made: Array, begins: Array, new: Array, counts: Array) -> None:
    """Write the first numbers of each row of `new` into rows of `made`, where each begins."""
    if (begins == begins[0]).all() and (counts == counts[0]).all():
        made[:, begins[0] : begins[0] + counts[0]] = new[:, : counts[0]]
        return
    rows = np.repeat(np.arange(len(counts)), counts)
    steps = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    made[rows, begins[rows] + steps] = new[rows, steps]


PopulationHistory.__module__ = "nbtrain"  # as users name it
