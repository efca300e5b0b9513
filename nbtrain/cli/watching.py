"""Callbacks of `nbtrain train`: progress, checkpoints, the best parameters."""

from __future__ import annotations

import contextlib
import math
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TextIO

from ..callbacks import Callback, Checkpoint, EarlyStopping

if TYPE_CHECKING:
    from ..training.trainer import Trainer

MOST_LINES = 25  # of progress in a file


class KeepBest(EarlyStopping):
    """EarlyStopping that remembers where training resumed."""

    resumed = 0  # epoch of the checkpoint

    def resume(self, trainer: Trainer, state: Mapping[str, Any]) -> bool | None:
        self.resumed = trainer.epoch
        return super().resume(trainer, state)


class Kept(Checkpoint):
    """A checkpoint that prints a note if it cannot be written, as on a full disk; training continues."""

    noted = False

    def _save(self, trainer: Trainer) -> None:
        try:
            super()._save(trainer)
        except OSError as error:
            if not self.noted:
                note(f"--checkpoint: cannot write {self.path!r}: {error.strerror or error}; training continues")
            self.noted = True


class Progress(Callback):
    """One line per epoch: always the same line on a terminal, at most about 25 lines in a file.

    Parameters
    ----------
    epochs : int
        The largest number of epochs.
    stream : file
    tolerant : bool
        Ignore errors in writing to the stream.
    """

    def __init__(self, epochs: int, stream: TextIO, tolerant: bool = False) -> None:
        self.epochs, self.stream, self.tolerant = epochs, stream, tolerant
        self.every = 1 if epochs <= MOST_LINES else math.ceil(epochs / MOST_LINES)
        self.terminal = stream.isatty()
        self.last, self.shown = "", 0.0

    def on_epoch(self, trainer: Trainer, epoch: int, metrics: Mapping[str, float]) -> None:
        numbers = "  ".join(f"{_word(name)} {value:.4f}" for name, value in metrics.items())
        self.last = f"epoch {epoch:{len(str(self.epochs))}}/{self.epochs}  {numbers}"
        now = time.perf_counter()
        if self.terminal and now - self.shown > 0.1:
            self.shown = now
            self._print(f"\r\x1b[K{self.last}", end="")
        elif not self.terminal and (epoch % self.every == 0 or epoch == 1):
            self._print(self.last)
            self.last = ""

    def on_end(self, trainer: Trainer) -> None:
        if self.last:
            self._print(("\r\x1b[K" if self.terminal else "") + self.last)

    def _print(self, text: str, end: str = "\n") -> None:
        try:
            print(text, end=end, file=self.stream, flush=True)
        except OSError:  # a full disk or a closed terminal is no reason to lose the training
            if not self.tolerant:
                raise


def _word(name: str) -> str:
    return name.replace("val_", "validation ").replace("r2", "R²")


@contextlib.contextmanager
def warnings_as_notes() -> Iterator[None]:
    """Print warnings as notes, without the line of code that Python adds."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *rest, **more: note(str(message))
        yield


def note(text: str) -> None:
    """Print a note to standard error."""
    print(f"note: {text}", file=sys.stderr, flush=True)
