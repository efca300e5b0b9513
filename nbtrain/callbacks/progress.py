"""Showing how training goes: a bar of tqdm where that is installed, a line an epoch otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import Error, InputError
from .base import Callback

if TYPE_CHECKING:
    from ..training.trainer import Trainer


def as_progress(given: Any, epochs: int) -> list[Callback]:
    """What shows the progress of so many epochs, as fit's `progress` wants it."""
    if given is False or given is None:
        return []
    if given == "plain":
        return [PrintProgress(epochs)]
    if given == "tqdm":
        return [TqdmProgress(epochs)]
    if given is not True:
        raise InputError(f"progress: {given!r} given; True, False, 'tqdm' or 'plain' is wanted")
    try:
        return [TqdmProgress(epochs)]
    except Error:
        return [PrintProgress(epochs)]


def _numbers(metrics: Mapping[str, float]) -> dict[str, str]:
    return {name: f"{number:.4f}" for name, number in metrics.items()}


class PrintProgress(Callback):
    """One line an epoch on standard output."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.done = 0

    def on_epoch(self, trainer: Trainer, epoch: int, metrics: Mapping[str, float]) -> None:
        self.done += 1
        numbers = "  ".join(f"{name} {number}" for name, number in _numbers(metrics).items())
        print(f"epoch {self.done:{len(str(self.epochs))}d}/{self.epochs}  {numbers}", flush=True)


class TqdmProgress(Callback):
    """A bar of tqdm over the epochs, in a terminal or a notebook; the loss is shown within long epochs, too.

    Raises
    ------
    Error
        If tqdm is not installed.
    """

    every_seconds = 0.5

    def __init__(self, epochs: int) -> None:
        try:
            from tqdm.auto import tqdm
        except ImportError as error:
            raise Error("progress='tqdm' needs tqdm: pip install 'nbtrain[progress]'") from error
        self.epochs, self._tqdm = epochs, tqdm
        self._bar: Any = None

    def on_start(self, trainer: Trainer) -> None:
        self._bar = self._tqdm(total=self.epochs, unit="epoch")

    def on_step(self, trainer: Trainer, iteration: int, metrics: Mapping[str, float]) -> None:
        self._bar.set_postfix(_numbers(metrics))

    def on_epoch(self, trainer: Trainer, epoch: int, metrics: Mapping[str, float]) -> None:
        self._bar.set_postfix(_numbers(metrics), refresh=False)
        self._bar.update()

    def on_end(self, trainer: Trainer) -> None:
        if self._bar is not None:
            self._bar.close()
