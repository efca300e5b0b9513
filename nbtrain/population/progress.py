"""Progress of a population: how many members are finished."""

from __future__ import annotations

import time
from typing import Any

from ..callbacks.progress import bar_class
from ..checks.messages import brief, wrong
from ..errors import Error, InputError

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
