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

    Parameters
    ----------
    members : int
        How many members the population has.

    Examples
    --------
    >>> import numpy as np, nbtrain
    >>> network = nbtrain.Network(2, [nbtrain.Dense(3, "tanh"), nbtrain.Dense(1)])
    >>> many = nbtrain.Population(network, 4, loss="mse", rng=0)
    >>> history = many.fit(np.ones((8, 2)), np.ones(8), epochs=2)
    >>> history["loss"].shape, history.epochs.tolist()
    ((4, 2), [2, 2, 2, 2])
    >>> history.last("loss").shape
    (4,)
    >>> history.member(3)["loss"] == history["loss"][3].tolist()
    True

    A program with a loop of its own keeps its numbers alike:

    >>> own = nbtrain.PopulationHistory(2)
    >>> own.append({"loss": np.array([[0.5, 0.4], [0.9, 0.0]])}, np.array([2, 1]))
    >>> own["loss"].tolist()
    [[0.5, 0.4], [0.9, nan]]
    >>> own.put(1, {"loss": [0.7, 0.6]})
    >>> own.last("loss").tolist()
    [0.4, 0.6]
    >>> own.replace({"loss": np.zeros((2, 1))}, np.array([1, 1]))
    >>> own.epochs.tolist()
    [1, 1]
    """

    def __init__(self, members: int) -> None:
        # one attribute, so that an interrupt finds all columns alike
        self._held: tuple[dict[str, Array], Array] = {}, np.zeros(members, np.int64)

    @property
    def epochs(self) -> Array:
        """How many epochs each member has here, (members,) int64."""
        return self._held[1]

    @property
    def _columns(self) -> dict[str, Array]:
        return self._held[0]

    def __getitem__(self, name: str) -> Array:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def member(self, k: int) -> History:
        """Give one member's history, as a trainer has it.

        Parameters
        ----------
        k : int
            Index of the member.

        Returns
        -------
        History
            A copy.
        """
        history = History()
        count = int(self.epochs[k])
        columns = {name: column[k, :count].tolist() for name, column in self._columns.items()}
        history.replace({name: column for name, column in columns.items() if not np.isnan(column).all()})
        return history

    def last(self, name: str, back: Array | int = 0) -> Array:
        """Give the numbers of every member's last epoch.

        Parameters
        ----------
        name : str
            Of the column.
        back : int or ndarray of shape (members,), default 0
            How many epochs before the last one to look instead.

        Returns
        -------
        ndarray of shape (members,), float64
            NaN where a member has no such epoch.
        """
        found, places = np.full(len(self.epochs), np.nan), self.epochs - 1 - back
        there = np.flatnonzero(places >= 0)
        found[there] = self._columns[name][there, places[there]]
        return found

    def append(self, columns: Mapping[str, Array], epochs: Array) -> None:
        """Add the epochs of a call of `fit`.

        Parameters
        ----------
        columns : mapping of str to ndarray of shape (members, width)
            The numbers by name.
        epochs : ndarray of shape (members,), int64
            How many epochs each member made: so many of its first numbers count.
        """
        total, made = self.epochs + epochs, {}
        width = int(total.max(initial=0))
        for name in {**self._columns, **columns}:
            made[name] = self._widened(name, width)
            if name in columns:
                _place(made[name], self.epochs, columns[name], epochs)
        self._held = made, total

    def _widened(self, name: str, width: int) -> Array:
        """A copy of a column with so many epochs, NaN where there was none."""
        made, old = np.full((len(self.epochs), width), np.nan), self._columns.get(name)
        if old is not None:
            made[:, : old.shape[1]] = old[:, :width]
        return made

    def replace(self, columns: Mapping[str, Array], epochs: Array) -> None:
        """Forget everything and take these epochs.

        Parameters
        ----------
        columns : mapping of str to ndarray of shape (members, width)
            As for `append`.
        epochs : ndarray of shape (members,), int64
            As for `append`.
        """
        other = PopulationHistory(len(epochs))
        other.append(columns, epochs)
        self._held = other._held

    def put(self, k: int, history: Mapping[str, list[float]]) -> None:
        """Give a member another history.

        Parameters
        ----------
        k : int
            Index of the member.
        history : mapping of str to list of float
            As `History` has it.
        """
        count = max((len(column) for column in history.values()), default=0)
        width = max(count, max((column.shape[1] for column in self._columns.values()), default=0))
        epochs, made = self.epochs.copy(), {}
        for name in {**self._columns, **history}:
            made[name] = self._widened(name, width)
            made[name][k] = np.nan
            made[name][k, : len(history.get(name, []))] = history.get(name, [])
        epochs[k] = count
        self._held = made, epochs

    def to_frame(self) -> Any:
        """Make a pandas DataFrame, one row a member and epoch, indexed by both; epochs are numbered from 1.

        Returns
        -------
        pandas.DataFrame
            A column for each name; the levels of the index are "member" and "epoch".

        Raises
        ------
        Error
            If pandas is not installed.

        Examples
        --------
        >>> import numpy as np, nbtrain
        >>> history = nbtrain.PopulationHistory(2)
        >>> history.append({"loss": np.zeros((2, 3))}, np.array([3, 3]))
        >>> frame = history.to_frame()  # doctest: +SKIP
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
