"""Stopping after a while."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..checks import arrays as checks
from ..errors import InputError
from .base import Callback

if TYPE_CHECKING:
    from ..training.trainer import Trainer


class TimeLimit(Callback):
    """Stop when a call of fit has taken so long, to some tenths of a second, also within an epoch.

    Parameters
    ----------
    seconds : float
    """

    every_seconds = 0.0

    def __init__(self, seconds: float) -> None:
        self.seconds = checks.finite_number(seconds, "seconds", "a positive number")
        if self.seconds <= 0:
            raise InputError(f"seconds: {seconds!r} given; a positive number is wanted")
        self._end = 0.0

    def on_start(self, trainer: Trainer) -> None:
        self._end = time.monotonic() + self.seconds

    def on_step(self, trainer: Trainer, iteration: int, metrics: Mapping[str, float]) -> bool:
        return time.monotonic() >= self._end

    def on_epoch(self, trainer: Trainer, epoch: int, metrics: Mapping[str, float]) -> bool:
        return time.monotonic() >= self._end
