"""Callbacks of `nbtrain train`: progress and checkpoints; and notes."""

from __future__ import annotations

import contextlib
import math
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TextIO

from ..callbacks import Callback, Checkpoint

if TYPE_CHECKING:
    import argparse

    from ..table import TableModel, Training
    from ..training.trainer import Trainer

MOST_LINES = 25  # of progress in a file
CHECKPOINT_MINUTES = 0.1  # the most training that a kill can lose


class Kept(Checkpoint):
    """A checkpoint that prints a note if it cannot be written, as on a full disk; training continues."""

    noted: bool

    noted = False

    def __init__(self, path: str) -> None:
        super().__init__(path, every_minutes=CHECKPOINT_MINUTES)

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
    epochs, networks : int
        The largest number of epochs, and how many networks are trained one after the other.
    stream : file, optional
        None prints nothing.
    tolerant : bool
        Ignore errors in writing to the stream.
    part : str
        What stands before the number of the network.

    Attributes
    ----------
    resumed : int
        The epoch after which the last network resumed from its checkpoint.
    """

    epochs: int
    networks: int
    stream: TextIO | None
    tolerant: bool
    part: str
    every: int
    terminal: bool
    last: str
    shown: float
    number: int
    resumed: int

    def __init__(
        self, epochs: int, networks: int, stream: TextIO | None, tolerant: bool = False, part: str = ""
    ) -> None:
        self.epochs, self.networks, self.stream, self.tolerant, self.part = epochs, networks, stream, tolerant, part
        self.every = max(1, math.ceil(epochs * networks / MOST_LINES))
        self.terminal = stream is not None and stream.isatty()
        self.left: dict[int, str] = {}  # lines of the last epochs, by network, that were not printed
        self.shown = 0.0
        self.number = self.resumed = 0

    @classmethod
    def of(cls, arguments: argparse.Namespace, training: Training, part: str = "") -> Progress:
        """The progress of a training as the options want it."""
        stream = None if arguments.quiet else sys.stderr if arguments.json else sys.stdout
        settings = training.settings
        tolerant = bool(arguments.save or arguments.checkpoint)
        return cls(settings["epochs"], settings["seeds"], stream, tolerant, part)

    def train(self, training: Training) -> TableModel:
        """Train, and tell of it."""
        try:
            return training.fit(progress=self)
        finally:
            self.end()

    def on_start(self, trainer: Trainer) -> None:
        self.number += 1
        self.resumed = trainer.epoch or self.resumed

    def on_epoch(self, trainer: Trainer, epoch: int, metrics: Mapping[str, float]) -> None:
        self(self.number - 1, epoch, metrics)

    def on_end(self, trainer: Trainer) -> None:
        self.end()

    def __call__(self, number: int, epoch: int, metrics: Mapping[str, float]) -> None:
        """Tell of an epoch of the network of that number."""
        if self.stream is None:
            return
        numbers = "  ".join(f"{_word(name)} {value:.4f}" for name, value in metrics.items())
        network = f"network {number + 1} of {self.networks}" if self.networks > 1 else ""
        which = f"  ({(self.part + network).removesuffix(', ')})" if self.part or network else ""
        line = f"epoch {epoch:{len(str(self.epochs))}}/{self.epochs}  {numbers}{which}"
        now = time.perf_counter()
        if self.terminal:
            self.left = {0: line}
            if now - self.shown > 0.1:
                self.shown = now
                self._print(f"\r\x1b[K{line}", end="")
        elif epoch % self.every == 0 or epoch == 1:
            self.left.pop(number, None)
            self._print(line)
        else:
            self.left[number] = line

    def end(self) -> None:
        """Tell of the last epoch of each network."""
        left, self.left = self.left, {}
        for _, line in sorted(left.items()):
            self._print(("\r\x1b[K" if self.terminal else "") + line)

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
