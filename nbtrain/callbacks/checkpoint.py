"""Save the trainer while it trains."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..checks import arrays as checks
from ..checks.arguments import explain_arguments, no_new_attributes
from ..formats.modelfile.files import check_folder, checked_path
from .base import Callback

if TYPE_CHECKING:
    from ..training.trainer import Trainer


@no_new_attributes
class Checkpoint(Callback):
    """Save the trainer at regular intervals, and when training ends.

    The file is that of `Trainer.save`: `nbtrain.load` returns a trainer that continues bit for bit. With
    `fit(checkpoint=…)` an interrupted training resumes from it; it is then also written before the first epoch. It
    holds the current parameters, even if `EarlyStopping` restores the best ones at the end, and the state of the
    other callbacks.

    Parameters
    ----------
    path : str or path-like
    every_epochs : int, optional
        By default 1, or never if `every_minutes` is given.
    every_minutes : float, optional
        Saves within an epoch, too.

    Examples
    --------
    >>> import nbtrain
    >>> X, y = nbtrain.datasets.load_digits()
    >>> network = nbtrain.Network(64, [nbtrain.Dense(10)])
    >>> trainer = nbtrain.Trainer(network, loss="softmax_cross_entropy", rng=0)
    >>> history = trainer.fit(X, y, epochs=4, callbacks=[nbtrain.callbacks.Checkpoint("run.nbt", every_epochs=2)])
    >>> nbtrain.load("run.nbt").epoch
    4
    """

    path: str
    every_epochs: int | None
    every_seconds: float | None

    first_at_end = True

    @explain_arguments
    def __init__(
        self, path: str | os.PathLike[str], *, every_epochs: int | None = None, every_minutes: float | None = None
    ) -> None:
        self.path = checked_path(path)
        if every_epochs is None and every_minutes is None:
            every_epochs = 1
        self.every_epochs = None if every_epochs is None else checks.whole_number(every_epochs, "every_epochs", 1)
        if every_minutes is not None:
            self.every_seconds = 60.0 * checks.positive_number(every_minutes, "every_minutes")
        self._saved: tuple[int, ...] = ()
        self._due = False

    def on_start(self, trainer: Trainer) -> None:
        check_folder(self.path)  # fail now, not after the first epoch
        # if there is nothing left to train, on_end must still write a missing file
        self._saved, self._due = _progress(trainer) if os.path.exists(self.path) else (), False

    def save_beginning(self, trainer: Trainer) -> None:
        """Save the initial state and where the logs begin: the process may be killed before the first regular save.

        Parameters
        ----------
        trainer : Trainer
            The trainer whose `fit` was called.

        Examples
        --------
        >>> import nbtrain
        >>> trainer = nbtrain.Trainer(nbtrain.Network(2, [nbtrain.Dense(1)]), loss="mse", rng=0)
        >>> nbtrain.callbacks.Checkpoint("beginning.nbt").save_beginning(trainer)
        >>> nbtrain.load("beginning.nbt").epoch
        0
        """
        self._save(trainer)

    def on_step(self, trainer: Trainer, iteration: int, metrics: Mapping[str, float]) -> None:
        # if an epoch has just ended, it is not in the history yet and callbacks have not seen it
        self._due = bool(trainer.engine.descriptor["log_count"][0])
        if not self._due:
            self._save(trainer)

    def on_epoch(self, trainer: Trainer, epoch: int, metrics: Mapping[str, float]) -> None:
        if self._due or (self.every_epochs is not None and epoch % self.every_epochs == 0):
            self._save(trainer)

    def on_end(self, trainer: Trainer) -> None:
        if _progress(trainer) != self._saved:
            self._save(trainer)

    def _save(self, trainer: Trainer) -> None:
        trainer.save(self.path)
        self._due = False
        self._saved = _progress(trainer)


def _progress(trainer: Trainer) -> tuple[int, ...]:
    """How far the training has come."""
    d = trainer.engine.descriptor
    return tuple(int(d[name][0]) for name in ("iteration", "epoch", "position"))
