"""The Python side of fit: slices of compiled training, and what has to happen between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .assembly import LOG_SIZE
from .callbacks import Callback
from .core import layout
from .dataset import Dataset
from .errors import DivergenceError
from .history import History
from .snapshots import restore, snapshot
from .status import check

if TYPE_CHECKING:
    from .trainer import Trainer

SLICE_SECONDS = 0.08  # how long compiled code runs before Python may see Ctrl-C
MOST_STEPS = 1 << 40


class Fit:
    """One call of fit."""

    def __init__(
        self, trainer: Trainer, data: Dataset, validation: Dataset | None, callbacks: Sequence[Callback]
    ) -> None:
        self.trainer, self.data, self.validation, self.callbacks = trainer, data, validation, callbacks
        self.history = History()
        self.stopped = False

    def run(self, epochs: int) -> History:
        """Train for so many epochs, or until a callback stops it."""
        d = self.trainer.model.descriptor
        each = 1 if self.validation is not None or self.callbacks else LOG_SIZE
        snapshot(self.trainer)
        for callback in self.callbacks:
            callback.on_start(self.trainer)
        try:
            while epochs > 0 and not self.stopped:
                d["log_count"], d["log_size"] = 0, min(each, epochs)
                d["slice_steps"] = MOST_STEPS
                try:
                    self.slice()
                finally:  # an interrupt loses no finished epoch
                    epochs -= self.read_log()
        finally:
            for callback in self.callbacks:
                callback.on_end(self.trainer)
        return self.history

    def slice(self) -> None:
        """Run compiled code for a while."""
        trainer = self.trainer
        epochs = int(trainer.model.descriptor["log_size"][0])
        with trainer.team.slice(6.0 * trainer.theta.size * len(self.data.x) * epochs, SLICE_SECONDS):
            status = trainer.call_on("train_slice", self.data)
        if status == layout.DIVERGED:
            raise self.diverged()
        check(status)

    def read_log(self) -> int:
        """Tell of the epochs that have ended, and how many they were."""
        d = self.trainer.model.descriptor
        count = int(d["log_count"][0])
        log = self.trainer.memory.array("log")[:count].copy()
        d["log_count"] = 0
        for loss, weight, hits in log:
            metrics = {"loss": loss / weight if weight else 0.0}
            if d["hits"][0] != layout.HITS_NONE:
                metrics["accuracy"] = hits / weight if weight else 0.0
            self.finish_epoch({name: float(number) for name, number in metrics.items()})
        return count

    def finish_epoch(self, metrics: dict[str, float]) -> None:
        """Validation, history and callbacks of one epoch."""
        if self.validation is not None:
            scores = self.trainer.scores(self.validation)
            metrics |= {f"val_{name}": number for name, number in scores.items()}
        self.history.append(metrics)
        self.trainer.history.append(metrics)
        for callback in self.callbacks:
            if callback.on_epoch(self.trainer, self.trainer.epoch, metrics):
                self.stopped = True

    def diverged(self) -> DivergenceError:
        """Put the model back to its last finite epoch and say what happened."""
        trainer = self.trainer
        error = describe_divergence(trainer, self.data)
        restore(trainer)
        return error


def describe_divergence(trainer: Trainer, data: Dataset) -> DivergenceError:
    """Where training went wrong: epoch, iteration, layer, learning rate, scale of the inputs."""
    d = trainer.model.descriptor
    layer = first_bad_layer(trainer)
    where = f"layer {layer + 1} of {len(trainer.network.layers)}" if layer is not None else "the loss"
    with np.errstate(over="ignore"):
        scale = float(np.abs(data.x).max())
    return DivergenceError(
        f"training diverged: NaN or infinity in {where}, epoch {int(d['epoch'][0]) + 1}, "
        f"iteration {int(d['iteration'][0]) + 1}, learning rate {trainer.learning_rate:g}, "
        f"largest input {scale:g}; the model was put back to the end of its last finite epoch. "
        "A smaller learning rate, inputs scaled to about 1, or weights drawn smaller usually help."
    )


def first_bad_layer(trainer: Trainer) -> int | None:
    """Index of the first layer whose parameters, or whose output for the last batch, are not finite."""
    memory = trainer.memory
    for index, (w, b) in enumerate(trainer.weights):
        z = memory.array(f"z{index}")
        if not (np.isfinite(w).all() and np.isfinite(b).all() and np.isfinite(z).all()):
            return index
    return None
