"""Progress of a population: how many members are finished."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..callbacks.progress import bar_class
from ..checks.messages import brief, wrong
from ..errors import Error, InputError

Array = np.ndarray[Any, Any]
SECONDS = 1.0  # from one line to the next


class Progress:
    """Shows how many of the members are finished: a bar where tqdm is installed, otherwise lines.

    Parameters
    ----------
    kind : bool, "tqdm" or "plain"
        As for `Trainer.fit`.
    """

    total: int
    shown: float
    text: str

    def __init__(self, kind: Any) -> None:
        if kind not in (False, None, True, "tqdm", "plain"):
            raise InputError(wrong("progress", "be True, False, 'tqdm' or 'plain'", brief(kind)))
        self.kind, self.total, self.shown = kind, 0, 0.0
        self._bar: Any = None
        self._class: Any = None
        if kind in (True, "tqdm"):
            try:
                self._class = bar_class()
            except ImportError as error:
                if kind == "tqdm":
                    raise Error("progress='tqdm' needs tqdm: pip install tqdm") from error

    def begin(self, total: int, text: str = "") -> None:
        """Before so many members are trained."""
        self.total, self.text = total, text
        self.shown = time.monotonic()
        if self._class is not None:
            self._bar = self._class(total=total, unit="member", desc=text or None)

    def follow(self, columns: Mapping[str, Array], tasks: Array) -> None:
        """Before training, with what will be logged, (members, epochs), and `tasks["logged"]`, how many epochs are."""

    def show(self, finished: int) -> None:
        """So many are finished."""
        if self._bar is not None:
            self._bar.update(finished - self._bar.n)
        elif self.kind and time.monotonic() - self.shown >= SECONDS:
            self.shown = time.monotonic()
            self._print(finished)

    def end(self, finished: int) -> None:
        """After all, or after an interrupt."""
        if self._bar is not None:
            self._bar.update(finished - self._bar.n)
            self._bar.close()
            self._bar = None
        elif self.kind:
            self._print(finished)

    def _print(self, finished: int) -> None:
        text = f"{self.text}: " if self.text else ""
        print(f"{text}{finished:,} of {self.total:,} members", flush=True)


class Follower(Progress):
    """Tells a function of each epoch of each member, some time after it has ended, and in order.

    Parameters
    ----------
    told : function
        Is given the member's number, the epoch of the call, and its numbers by name.
    """

    def __init__(self, told: Callable[[int, int, dict[str, float]], Any]) -> None:
        super().__init__(False)
        self.told = told

    def follow(self, columns: Mapping[str, Array], tasks: Array) -> None:
        """Look there for epochs."""
        self._columns, self._tasks, self._seen = columns, tasks, np.zeros(len(tasks), np.int64)

    def show(self, finished: int) -> None:
        """Tell of the epochs that have come since."""
        logged = self._tasks["logged"].copy()
        for k in np.flatnonzero(logged > self._seen):
            for epoch in range(int(self._seen[k]), int(logged[k])):
                self._seen[k] = epoch + 1  # an error of the function does not tell it again
                self.told(int(k), epoch + 1, {name: float(column[k, epoch]) for name, column in self._columns.items()})

    def end(self, finished: int) -> None:
        """Tell of the last epochs."""
        self.show(finished)
