"""When callbacks are told within epochs: every so many iterations, or every so many seconds."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..callbacks import Callback
from ..callbacks.base import stops
from ..checks import arrays as checks

if TYPE_CHECKING:
    from .trainer import Trainer


class Intervals:
    """The callbacks that want `on_step`; with none of them it costs nothing."""

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        self.counted = [
            (callback, checks.whole_number(callback.every_steps, "every_steps", 1))
            for callback in callbacks
            if callback.every_steps is not None
        ]
        now = time.monotonic()
        self.timed = [
            (callback, checks.finite_number(callback.every_seconds, "every_seconds"))
            for callback in callbacks
            if callback.every_seconds is not None
        ]
        self.due = [now + seconds for _, seconds in self.timed]

    def steps(self, iteration: int, most: int) -> int:
        """How many steps there are until the next callback wants to be told, but not more than `most`."""
        return min([most, *(every - iteration % every for _, every in self.counted)])

    def tell(self, trainer: Trainer, before: int) -> bool:
        """Tell those whose time has come, after iterations from `before` on -> whether one of them stops."""
        if not self.counted and not self.timed:
            return False
        iteration, now = trainer.iteration, time.monotonic()
        due = [callback for callback, every in self.counted if iteration != before and iteration % every == 0]
        for index, (callback, seconds) in enumerate(self.timed):
            if now >= self.due[index]:
                self.due[index] = now + seconds
                due.append(callback)
        if not due:
            return False
        d = trainer.model.descriptor
        weight = float(d["epoch_weight"][0])
        metrics = {"loss": float(d["epoch_loss"][0]) / weight if weight else 0.0}
        return any([stops(callback.on_step(trainer, iteration, metrics), callback, "on_step") for callback in due])
