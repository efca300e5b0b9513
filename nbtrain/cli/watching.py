"""What `nbtrain train` does between epochs: progress, keeping the best parameters, stopping early."""

from __future__ import annotations

import contextlib
import math
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from ..callbacks import Callback, Checkpoint

if TYPE_CHECKING:
    from ..training.trainer import Trainer

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
        self.resumed = 0  # the epoch that a checkpoint was of

    def on_epoch(self, trainer: Trainer, epoch: int, metrics: Mapping[str, float]) -> bool:
        self.epochs = epoch
        found = metrics[self.monitor]
        if found < self.value or self.theta is None:
            self.value = math.inf if math.isnan(found) else found  # nothing would be lower than NaN
            self.epoch, self.theta = epoch, trainer.theta.copy()
        self.stopped = self.patience > 0 and epoch - self.epoch >= self.patience
        return self.stopped

    @property
    def finite(self) -> bool:
        """Whether there is an epoch whose value is a finite number."""
        return self.theta is not None and math.isfinite(self.value)

    def state_dict(self) -> dict[str, Any]:
        best = {} if self.theta is None else {"theta": self.theta}
        return {"epoch": self.epoch, "epochs": self.epochs, "value": np.array([self.value]), **best}

    def resume(self, trainer: Trainer, state: Mapping[str, Any]) -> bool:
        self.epoch, self.epochs, self.value = int(state["epoch"]), int(state["epochs"]), float(state["value"][0])
        self.resumed = trainer.epoch
        if "theta" in state:
            theta = np.asarray(state["theta"], trainer.dtype)
            if theta.shape != trainer.theta.shape or not np.isfinite(theta).all():
                raise ValueError(f"parameters of shape {theta.shape}, or not finite")
            self.theta = theta.copy()
        self.stopped = self.patience > 0 and self.epochs - self.epoch >= self.patience
        return self.stopped

    def restore(self, trainer: Trainer) -> None:
        """Put the best parameters back."""
        if self.theta is not None:
            trainer.theta[...] = self.theta


class Kept(Checkpoint):
    """A checkpoint without which the training goes on where it cannot be written, as on a full disk: that is told."""

    told = False

    def _save(self, trainer: Trainer) -> None:
        try:
            super()._save(trainer)
        except OSError as error:
            if not self.told:
                note(f"--checkpoint: {self.path!r} cannot be written: {error.strerror or error}; the training goes on")
            self.told = True


class Progress(Callback):
    """A line an epoch, on a terminal always the same line, in a file at most about 25 lines.

    Parameters
    ----------
    epochs : int
        How many there will be at most.
    stream : file
    tolerant : bool
        Whether training goes on, untold, when the stream can be written to no more.
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
        except OSError:  # a full disk, a terminal that is gone: no reason to lose what is trained
            if not self.tolerant:
                raise


def _word(name: str) -> str:
    return name.replace("val_", "validation ").replace("r2", "R²")


@contextlib.contextmanager
def warnings_as_notes() -> Iterator[None]:
    """Have warnings told as notes, without the place in the code that Python names."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *rest, **more: note(str(message))
        yield


def note(text: str) -> None:
    """Tell the user what goes on, beside the result."""
    print(f"note: {text}", file=sys.stderr, flush=True)
