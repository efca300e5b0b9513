"""What `nbtrain train` does between epochs: progress, keeping the best parameters, stopping early."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from ..callbacks import Callback

if TYPE_CHECKING:
    from ..trainer import Trainer

MOST_LINES = 25  # of progress where every epoch would be too many


class Best(Callback):
    """Keeps the parameters of the best epoch, and stops when `patience` epochs have brought no better one.

    Parameters
    ----------
    monitor : str
        What is to fall, such as `val_loss`.
    patience : int
        0 never stops.
    """

    def __init__(self, monitor: str, patience: int) -> None:
        self.monitor, self.patience = monitor, patience
        self.epoch, self.epochs, self.value = 0, 0, math.inf
        self.theta: np.ndarray[Any, Any] | None = None
        self.stopped = False

    def on_epoch(self, trainer: Trainer, epoch: int, metrics: Mapping[str, float]) -> bool:
        self.epochs = epoch
        if metrics[self.monitor] < self.value or self.theta is None:
            self.value, self.epoch, self.theta = metrics[self.monitor], epoch, trainer.theta.copy()
        self.stopped = self.patience > 0 and epoch - self.epoch >= self.patience
        return self.stopped

    def restore(self, trainer: Trainer) -> None:
        """Put the best parameters back."""
        if self.theta is not None:
            trainer.theta[...] = self.theta


class Progress(Callback):
    """A line an epoch, on a terminal always the same line, in a file at most about 25 lines.

    Parameters
    ----------
    epochs : int
        How many there will be at most.
    stream : file
    """

    def __init__(self, epochs: int, stream: TextIO) -> None:
        self.epochs, self.stream = epochs, stream
        self.every = 1 if epochs <= MOST_LINES else math.ceil(epochs / MOST_LINES)
        self.terminal = stream.isatty()
        self.last, self.shown = "", 0.0

    def on_epoch(self, trainer: Trainer, epoch: int, metrics: Mapping[str, float]) -> None:
        numbers = "  ".join(f"{_word(name)} {value:.4f}" for name, value in metrics.items())
        self.last = f"epoch {epoch:{len(str(self.epochs))}}/{self.epochs}  {numbers}"
        now = time.perf_counter()
        if self.terminal and now - self.shown > 0.1:
            self.shown = now
            print(f"\r\x1b[K{self.last}", end="", file=self.stream, flush=True)
        elif not self.terminal and (epoch % self.every == 0 or epoch == 1):
            print(self.last, file=self.stream, flush=True)
            self.last = ""

    def on_end(self, trainer: Trainer) -> None:
        if self.last:
            print(("\r\x1b[K" if self.terminal else "") + self.last, file=self.stream, flush=True)


def _word(name: str) -> str:
    return name.replace("val_", "validation ").replace("r2", "R²")


def note(text: str) -> None:
    """Tell the user what goes on, beside the result."""
    print(f"note: {text}", file=sys.stderr, flush=True)
