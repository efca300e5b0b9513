"""Stop after a given time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..checks import arrays as checks
from ..checks.arguments import explain_arguments, no_new_attributes
from .base import Callback

if TYPE_CHECKING:
    from ..training.trainer import Trainer


@no_new_attributes
class TimeLimit(Callback):
    """Stop a call of fit after a given time, within an epoch if need be.

    Parameters
    ----------
    seconds : float
        Precise to some tenths of a second.

    Examples
    --------
    >>> import nbtrain
    >>> X, y = nbtrain.datasets.load_digits()
    >>> network = nbtrain.Network(64, [nbtrain.Dense(10)])
    >>> trainer = nbtrain.Trainer(network, loss="softmax_cross_entropy", rng=0)
    >>> history = trainer.fit(X, y, epochs=10**9, callbacks=[nbtrain.callbacks.TimeLimit(0.2)])
    >>> trainer.epoch < 10**9
    True
    """

    seconds: float

    every_seconds: float | None = 0.0

    @explain_arguments
    def __init__(self, seconds: float) -> None:
        self.seconds = checks.positive_number(seconds, "seconds")
        self._end = 0.0

    def on_start(self, trainer: Trainer) -> None:
        self._end = time.monotonic() + self.seconds

    def on_step(self, trainer: Trainer, iteration: int, metrics: Mapping[str, float]) -> bool:
        return time.monotonic() >= self._end

    def on_epoch(self, trainer: Trainer, epoch: int, metrics: Mapping[str, float]) -> bool:
        return time.monotonic() >= self._end
