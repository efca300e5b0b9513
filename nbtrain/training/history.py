"""What a training run leaves behind: one number an epoch, by name."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..errors import Error
from .curves import drawn


class History(dict[str, list[float]]):
    """Numbers per epoch, by name: `history["loss"][-1]` is the last epoch's mean data loss.

    A dict from names (`loss`, `accuracy`, `val_loss`, `val_accuracy`, `val_r2`, …) to lists with one float an
    epoch. `loss` and `accuracy` are the means over the epoch's steps, each taken before its update.

    Attributes
    ----------
    first_epoch : int
        Number of the first epoch: where `fit` returned this, counted from 1 over the trainer's life; 1 in
        `trainer.history`.

    Examples
    --------
    >>> import nbtrain
    >>> X, y = nbtrain.datasets.load_digits()
    >>> network = nbtrain.Network(64, [nbtrain.Dense(10)])
    >>> trainer = nbtrain.Trainer(network, loss="softmax_cross_entropy", rng=0)
    >>> history = trainer.fit(X, y, epochs=3)
    >>> history.epochs, sorted(history.last())
    (3, ['accuracy', 'loss'])
    >>> history["loss"][-1] < history["loss"][0]
    True

    A program with a loop of its own keeps its numbers alike:

    >>> own = nbtrain.History()
    >>> own.append({"loss": 0.5})
    >>> own.extend({"loss": [0.4, 0.3]}, 2)
    >>> own.drop()
    >>> own["loss"]
    [0.5, 0.4]
    >>> own.replace({"loss": [1.0]})
    >>> own
    <History of 1 epochs: loss 1>
    """

    def __init__(self) -> None:
        super().__init__()
        self.first_epoch = 1

    def append(self, numbers: Mapping[str, float]) -> None:
        """Add one epoch; what other epochs have and this one has not, or the other way round, is NaN.

        Parameters
        ----------
        numbers : mapping of str to float
            The epoch's numbers by name.
        """
        self.extend({name: [float(number)] for name, number in numbers.items()}, 1)

    def extend(self, columns: Mapping[str, Sequence[float]], count: int, before: int | None = None) -> None:
        """Add epochs; what a column lacks at its end is NaN.

        Parameters
        ----------
        columns : mapping of str to sequence of float
            For each name the numbers of the new epochs.
        count : int
            How many epochs are added.
        before : int, optional
            Keep only so many of the epochs that are there; by default all.
        """
        before = self.epochs if before is None else before
        for name in columns:
            if name not in self:
                self[name] = [math.nan] * before
        for name, column in self.items():
            numbers = columns.get(name, ())
            column[before:] = [*numbers, *[math.nan] * (count - len(numbers))]

    def drop(self) -> None:
        """Forget the last epoch."""
        for column in self.values():
            column.pop()

    def replace(self, columns: Mapping[str, Iterable[float]]) -> None:
        """Forget all epochs and take these.

        Parameters
        ----------
        columns : mapping of str to iterable of float
            For each name one number an epoch.
        """
        self.clear()
        self.update({name: list(column) for name, column in columns.items()})

    @property
    def epochs(self) -> int:
        """How many epochs there are."""
        return max((len(column) for column in self.values()), default=0)

    def last(self) -> dict[str, float]:
        """Give the last epoch's numbers.

        Returns
        -------
        dict of str to float
            By name; empty before the first epoch.
        """
        return {name: column[-1] for name, column in self.items()}

    def __repr__(self) -> str:
        numbers = ", ".join(f"{name} {number:.4g}" for name, number in (self.last() if self.epochs else {}).items())
        return f"<History of {self.epochs} epochs{': ' + numbers if numbers else ''}>"

    def to_frame(self) -> Any:
        """Make a pandas DataFrame, one row an epoch, numbered from `first_epoch`.

        Epochs that compiled callers train (`nbtrain.kernel.train_epoch`) are in no history: what `fit` returns counts
        them, `trainer.history` numbers only those of `fit`.

        `pandas.DataFrame(history)` gives the same numbers, with rows from 0.

        Returns
        -------
        pandas.DataFrame
            A column for each name; the index is called "epoch".

        Raises
        ------
        Error
            If pandas is not installed.

        Examples
        --------
        >>> import nbtrain
        >>> history = nbtrain.History()
        >>> history.append({"loss": 0.5})
        >>> frame = history.to_frame()  # doctest: +SKIP
        """
        try:
            import pandas
        except ImportError as error:
            raise Error("History.to_frame needs pandas: pip install pandas") from error
        return pandas.DataFrame(self, index=self._numbers(self.epochs)).rename_axis("epoch")

    def plot(self, axes: Any = None, *, log: bool = False) -> Any:
        """Draw the curves: the loss in one panel, other metrics in another.

        A metric has one colour, dashed for the validation data. A dotted line marks the epoch with the smallest
        `val_loss`.

        Parameters
        ----------
        axes : matplotlib axes or a sequence of them, optional
            Where to draw: one for each panel, or one for everything. By default a new figure.
        log : bool, default False
            A logarithmic scale for the loss.

        Returns
        -------
        matplotlib axes or ndarray of them
            As given, or an array with one for each panel of the new figure.

        Raises
        ------
        Error
            If matplotlib is not installed.
        InputError
            If `axes` are too few or too many.

        Examples
        --------
        >>> import nbtrain
        >>> X, y = nbtrain.datasets.load_digits()
        >>> network = nbtrain.Network(64, [nbtrain.Dense(32, "relu"), nbtrain.Dense(10)])
        >>> history = nbtrain.Trainer(network, loss="softmax_cross_entropy").fit(X, y, epochs=3)
        >>> axes = history.plot(log=True)  # doctest: +SKIP
        """
        return drawn(self, self.first_epoch, axes, log)

    def _numbers(self, epochs: int) -> range:
        """Numbers of the first epochs."""
        return range(self.first_epoch, self.first_epoch + epochs)


History.__module__ = "nbtrain"  # as users and pickles name it
