"""The Python side of fit: slices of compiled training, and what has to happen between them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..callbacks import Callback, Checkpoint, as_callbacks
from ..callbacks.base import keeps_state, stops
from ..callbacks.progress import as_progress
from ..checks import arrays as checks
from ..core import layout
from ..errors import DivergenceError, InputError
from ..formats.modelfile.restoring import resume
from ..formats.modelfile.states import State, hand_out
from ..metrics import Metric, as_metrics
from ..model.plan import LOG_SIZE
from ..status import check
from . import checkpointing as continuing
from .checkpointing import TrainingData
from .data import Dataset, Intake
from .history import History
from .intervals import Intervals
from .state import restore, snapshot

if TYPE_CHECKING:
    from .trainer import Trainer

SLICE_SECONDS = 0.08  # how long compiled code runs before Python may see Ctrl-C
MOST_STEPS = 1 << 40


class Options:
    """What a call of fit was asked for besides data, checked."""

    def __init__(self, epochs: Any, metrics: Any, callbacks: Any, progress: Any, checkpoint: Any) -> None:
        self.epochs = checks.whole_number(epochs, "epochs", 0)
        self.metrics = as_metrics(metrics)
        self.callbacks = as_callbacks(callbacks)
        self.progress = progress
        as_progress(progress, 0)
        if checkpoint is not None and not isinstance(checkpoint, Checkpoint):
            try:
                checkpoint = Checkpoint(checkpoint)
            except InputError as error:
                raise InputError(f"checkpoint: {str(error).removeprefix('path: ')}") from None
        self.checkpoint: Checkpoint | None = checkpoint


def training_data(
    intake: Intake, X: Any, y: Any, sample_weight: Any, validation_data: Any
) -> tuple[Dataset, Dataset | None]:
    """Data to train on and to validate with."""
    data = intake.dataset(X, y, sample_weight)
    if data.weight is not None and not data.weight.any():
        raise InputError("sample_weight: all weights are 0; at least one positive weight is wanted")
    if validation_data is None:
        return data, None
    triple = checks.pair(validation_data, "validation_data")
    return data, intake.dataset(*triple, prefix="validation_data ")


def fit(trainer: Trainer, data: Dataset, validation: Dataset | None, options: Options) -> History:
    """Train on checked data; from the checkpoint on, if there is one."""
    if options.metrics and validation is None:
        raise InputError("metrics: they are computed on validation_data, which is not given")
    epochs, told, states, own = options.epochs, list(options.callbacks), None, TrainingData(data)
    if options.checkpoint is not None:
        path, own = options.checkpoint.path, TrainingData(data, trainer)
        states = resume(trainer, path, lambda found: continuing.check(trainer, found, own, path))
        epochs = max(0, epochs - trainer.epoch)
        told.append(options.checkpoint)
    told += as_progress(options.progress, epochs)
    begins = options.checkpoint if states is None else None
    return Fit(trainer, own, validation, told, options.metrics, states).run(epochs, begins)


def savers_after_states(callbacks: Sequence[Callback]) -> list[Callback]:
    """The callbacks in their order, but none that saves before one whose state it saves."""
    own = [keeps_state(callback) for callback in callbacks]
    last = max((index for index, found in enumerate(own) if found), default=-1)
    places = [last + 0.5 if callback.first_at_end and i < last else i for i, callback in enumerate(callbacks)]
    return [callbacks[i] for i in sorted(range(len(callbacks)), key=places.__getitem__)]


def end(callbacks: Sequence[Callback], trainer: Trainer) -> None:
    """Tell those that have started."""
    with contextlib.ExitStack() as stack:
        for callback in reversed(sorted(callbacks, key=lambda callback: not callback.first_at_end)):
            stack.callback(callback.on_end, trainer)  # called in reverse, each whatever the others do


class Broken(Callback):
    """Keeps, for a checkpoint, that an epoch was trained but not told to the end: by an interrupt, or an error."""

    def __init__(self) -> None:
        self.validated = False
        self.told: int | None = None  # how many callbacks know of that epoch; None: there is no such epoch

    def state_dict(self) -> dict[str, Any]:
        return {"validated": self.validated, "told": self.told}

    def resume(self, trainer: Trainer, state: Mapping[str, Any]) -> None:
        self.validated, told = bool(state["validated"]), state["told"]
        self.told = None if told is None else max(0, int(told))


class Fit:
    """One call of fit."""

    def __init__(
        self,
        trainer: Trainer,
        data: TrainingData,
        validation: Dataset | None,
        callbacks: Sequence[Callback],
        metrics: Sequence[Metric] = (),
        states: Sequence[State] | None = None,
    ) -> None:
        self.trainer, self.data, self.validation = trainer, data.data, validation
        self.callbacks, self.metrics = savers_after_states(callbacks), metrics
        self.states = states or ()
        self.intervals = Intervals(self.callbacks)
        self.broken, self.kept_data = Broken(), data
        self.history = History()
        self.stopped = False

    def run(self, epochs: int, begins: Checkpoint | None = None) -> History:
        """Train for so many epochs, or until a callback stops it; a checkpoint that `begins` has no file yet."""
        snapshot(self.trainer)
        started: list[Callback] = []
        outer, self.trainer._run = self.trainer._run, self
        try:
            for callback in self.callbacks:
                started.append(callback)
                callback.on_start(self.trainer)
            self.go_on()
            if begins is not None:  # now that the callbacks have started, whose states it holds
                begins.save_beginning(self.trainer)
            self.history.first_epoch = self.trainer.epoch + (self.broken.told is None)
            self.complete()
            self.train(epochs)
        finally:
            try:
                end(started, self.trainer)
            finally:
                self.trainer._run = outer
        return self.history

    def go_on(self) -> None:
        """Give the callbacks back what they had counted when the checkpoint was written."""
        for callback, state in hand_out(self.states, filter(keeps_state, [self.broken, *self.callbacks])):
            try:
                self.stopped |= bool(callback.resume(self.trainer, state))
            except (KeyError, TypeError, ValueError) as error:
                raise InputError(
                    f"checkpoint: it has a state of {type(callback).__name__} that cannot be used: {error!r}"
                ) from error

    @property
    def keepers(self) -> list[Callback]:
        """Those whose states a checkpoint holds."""
        broken = [] if self.broken.told is None else [self.broken]
        return [*filter(keeps_state, [self.kept_data, *broken, *self.callbacks])]

    def complete(self) -> None:
        """Tell of the epoch that was not told to the end when the checkpoint was written."""
        if self.broken.told is None:
            return
        metrics = self.trainer.history.last()
        if self.broken.validated:
            self.tell(metrics, self.broken.told)
        else:
            self.trainer.history.drop()
            self.finish_epoch({name: number for name, number in metrics.items() if not name.startswith("val_")})

    def train(self, epochs: int) -> None:
        """Slice by slice."""
        d = self.trainer.model.descriptor
        d["status"] = layout.OK
        each = 1 if self.validation is not None or self.callbacks else LOG_SIZE
        while epochs > 0 and not self.stopped:
            before = self.trainer.iteration
            d["log_count"], d["log_size"] = 0, min(each, epochs)
            d["slice_steps"] = self.intervals.steps(before, MOST_STEPS)
            try:
                self.slice()
                self.stopped = self.intervals.tell(self.trainer, before)
            finally:  # an interrupt loses no finished epoch
                if d["status"][0] == layout.DIVERGED:  # nor does it leave what an interrupted slice found diverged
                    restore(self.trainer)
                epochs -= self.read_log()

    def slice(self) -> None:
        """Run compiled code for a while."""
        trainer = self.trainer
        epochs = int(trainer.model.descriptor["log_size"][0])
        with trainer.team.slice(6.0 * trainer.theta.size * len(self.data.x) * epochs, SLICE_SECONDS):
            status = trainer.call_on("train_slice", self.data)
        if status == layout.DIVERGED:
            raise self.diverged()
        check(status, trainer.recipe.loss)

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
        self.broken.validated, self.broken.told = False, 0
        try:
            if self.validation is not None:
                scores = self.trainer.scores(self.validation, self.metrics)
                metrics |= {f"val_{name}": number for name, number in scores.items()}
        finally:  # an epoch that was trained is in the history, whatever becomes of its validation
            self.history.append(metrics)
            self.trainer.history.append(metrics)
        self.broken.validated = True
        self.tell(metrics)

    def tell(self, metrics: dict[str, float], first: int = 0) -> None:
        """Tell the callbacks of an epoch, from one of them on."""
        self.broken.told = None  # what is saved meanwhile is saved for a run in which all are told
        for index in range(first, len(self.callbacks)):
            try:
                callback = self.callbacks[index]
                if stops(callback.on_epoch(self.trainer, self.trainer.epoch, metrics), callback, "on_epoch"):
                    self.stopped = True
            except BaseException:
                self.broken.told = index
                raise

    def diverged(self) -> DivergenceError:
        """Put the model back to its last finite epoch and say what happened."""
        trainer, d = self.trainer, self.trainer.model.descriptor
        ended = d["position"][0] == 0 and d["epoch"][0] != d["snapshot_epoch"][0]  # it was found at an epoch's end
        now = "the model was put back to the end of its last finite epoch"
        error = describe_divergence(trainer, self.data, now, ended)
        restore(trainer)
        return error


def describe_divergence(trainer: Trainer, data: Dataset, now: str, ended: bool = False) -> DivergenceError:
    """Where training went wrong: epoch, iteration, layer, learning rate, scale of the inputs; and how the model is now.

    A loss is of the iteration after those that were counted; what is looked through when an epoch has `ended` is of
    the last.
    """
    d = trainer.model.descriptor
    layer = first_bad_layer(trainer)
    where = f"layer {layer + 1} of {len(trainer.network.layers)}" if layer is not None else "the loss"
    if layer is None and not np.isfinite(trainer.model.state).all():
        where = "the optimizer's state"
    with np.errstate(over="ignore"):
        scale = float(np.abs(data.x).max())
    return DivergenceError(
        f"training diverged: NaN or infinity in {where}, epoch {int(d['epoch'][0]) + (not ended)}, "
        f"iteration {int(d['iteration'][0]) + (not ended)}, learning rate {trainer.learning_rate:g}, "
        f"largest input {scale:g}; {now}. "
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
