"""Saving the trainer while it trains."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..checks import arrays as checks
from ..errors import InputError
from ..formats.modelfile.files import check_folder, checked_path
from .base import Callback

if TYPE_CHECKING:
    from ..training.trainer import Trainer


class Checkpoint(Callback):
    """Save the trainer every so many epochs or minutes, and whenever the training ends.

    The file is that of `Trainer.save`: `nbtrain.load` makes a trainer that goes on bit for bit. Given to
    `fit(checkpoint=…)` it is also where an interrupted training goes on from, written before the first epoch, too. It
    holds the parameters that training goes on with, also where `EarlyStopping` puts the best ones back at the end, and
    what the callbacks of the training have counted.

    Parameters
    ----------
    path : str or path-like
    every_epochs : int, optional
        By default every epoch, or none if `every_minutes` is given.
    every_minutes : float, optional
        Also within an epoch.
    """

    first_at_end = True

    def __init__(
        self, path: str | os.PathLike[str], *, every_epochs: int | None = None, every_minutes: float | None = None
    ) -> None:
        self.path = checked_path(path)
        if every_epochs is None and every_minutes is None:
            every_epochs = 1
        self.every_epochs = None if every_epochs is None else checks.whole_number(every_epochs, "every_epochs", 1)
        if every_minutes is not None:
            self.every_seconds = 60.0 * checks.finite_number(every_minutes, "every_minutes", "a positive number")
            if self.every_seconds <= 0:
                raise InputError(f"every_minutes: {every_minutes!r} given; a positive number is wanted")
        self._saved: tuple[int, ...] = ()
        self._due = False

    def on_start(self, trainer: Trainer) -> None:
        check_folder(self.path)  # now, and not after the first epoch
        # what there is to save where nothing remains to be trained, unless it is in the file
        self._saved, self._due = _standing(trainer) if os.path.exists(self.path) else (), False

    def save_beginning(self, trainer: Trainer) -> None:
        """Save what the training begins with, and where its logs begin: it may be killed before it is due to save."""
        self._save(trainer)

    def on_step(self, trainer: Trainer, iteration: int, metrics: Mapping[str, float]) -> None:
        # where an epoch has just ended, neither history nor callbacks know of it yet
        self._due = bool(trainer.engine.descriptor["log_count"][0])
        if not self._due:
            self._save(trainer)

    def on_epoch(self, trainer: Trainer, epoch: int, metrics: Mapping[str, float]) -> None:
        if self._due or (self.every_epochs is not None and epoch % self.every_epochs == 0):
            self._save(trainer)

    def on_end(self, trainer: Trainer) -> None:
        if _standing(trainer) != self._saved:
            self._save(trainer)

    def _save(self, trainer: Trainer) -> None:
        trainer.save(self.path)
        self._due = False
        self._saved = _standing(trainer)


def _standing(trainer: Trainer) -> tuple[int, ...]:
    """How far the training is."""
    d = trainer.engine.descriptor
    return tuple(int(d[name][0]) for name in ("iteration", "epoch", "position"))
