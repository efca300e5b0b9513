"""One call of fit: slices of compiled training, and what Python does between them."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..callbacks import Callback, Checkpoint, as_callbacks
from ..callbacks.base import keeps_state, stops
from ..callbacks.progress import as_progress
from ..checks import arrays as checks
from ..components import Component
from ..core import layout
from ..errors import DivergenceError, InputError
from ..formats.modelfile.callback_states import CallbackState, hand_out
from ..metrics import Metric, as_metrics
from ..model import layer_views
from ..model.plan import LOG_SIZE
from ..status import DIVERGENCES, check
from .checkpointing import TrainingData, UnfinishedEpoch, plan_text, resume, same_plan, savers_last
from .data import Dataset
from .engine import Engine
from .evaluation import Evaluated, check_metrics, evaluate
from .history import History
from .sources.beside import Beside
from .sources.feeds import Feed
from .sources.filling import Block
from .watch import Watch, can_watch

if TYPE_CHECKING:
    from .trainer import Trainer

SLICE_SECONDS = 0.08  # how long compiled code runs before Python can react to Ctrl-C
MOST_STEPS = 1 << 40


class Options:
    """The arguments of fit besides data, checked."""

    epochs: int
    metrics: list[Metric]
    callbacks: list[Callback]

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
                raise InputError(str(error).replace("path", "checkpoint", 1)) from None
        self.checkpoint: Checkpoint | None = checkpoint


def fit(
    trainer: Trainer,
    data: Feed | TrainingData,
    validation: Evaluated | None,
    options: Options,
    kind: Callable[..., Fit] | None = None,
) -> History:
    """Train on checked data with a kind of `Fit`; resume from the checkpoint if there is one."""
    if isinstance(data, TrainingData):
        own = data
    else:
        own = TrainingData(data, None if options.checkpoint is None else trainer)
    if options.metrics and validation is None:
        raise InputError("metrics need validation data, which were not given")
    check_metrics(trainer.engine, options.metrics)
    epochs, callbacks, states = options.epochs, list(options.callbacks), None
    if options.checkpoint is not None:
        states = resume(trainer, options.checkpoint.path, own)
        epochs = max(0, epochs - trainer.epoch)
        callbacks.append(options.checkpoint)
    callbacks += as_progress(options.progress, epochs)
    new_file = options.checkpoint if states is None else None
    history = (kind or Fit)(trainer, own, validation, callbacks, options.metrics, states).run(epochs, new_file)
    return history if options.checkpoint is None else whole_history(trainer)


def whole_history(trainer: Trainer) -> History:
    """What fit returns with a checkpoint: all epochs, however often the run was interrupted."""
    history = History()
    history.replace(trainer.history)
    history.first_epoch = trainer.epoch - history.epochs + 1
    return history


class Fit:
    """One call of fit."""

    trainer: Trainer
    engine: Engine
    validation: Evaluated | None
    callbacks: list[Callback]
    metrics: Sequence[Metric]
    states: Sequence[CallbackState]
    intervals: Intervals
    unfinished: UnfinishedEpoch
    kept_data: TrainingData
    history: History
    stopped: bool
    warned: bool
    logged: tuple[int, int]

    def __init__(
        self,
        trainer: Trainer,
        data: TrainingData,
        validation: Evaluated | None,
        callbacks: Sequence[Callback],
        metrics: Sequence[Metric] = (),
        states: Sequence[CallbackState] | None = None,
    ) -> None:
        self.trainer, self.engine, self.feed, self.validation = trainer, trainer.engine, data.feed, validation
        self.block: Block | None = None
        self.beside: Beside | None = None  # where there is something to do beside training
        self.callbacks, self.metrics = savers_last(callbacks), metrics
        self.states = states or ()
        self.intervals = Intervals(self.callbacks)
        self.unfinished, self.kept_data = UnfinishedEpoch(), data
        self.history = History()
        self.stopped = self.warned = self.completed = False
        self.logged = 0, 0  # epochs in the histories before the slice
        self.watch: Watch | None = None

    def run(self, epochs: int, new_file: Checkpoint | None = None) -> History:
        """Train for `epochs` epochs, or until a callback stops it; write the first checkpoint to a new file."""
        self.continue_epoch()
        self.engine.keep_snapshot()
        started: list[Callback] = []
        outer, self.engine.run = self.engine.run, self
        try:
            for callback in self.callbacks:
                started.append(callback)
                callback.on_start(self.trainer)
            if self.states:
                self.resume_callbacks()
            if new_file is not None:  # now that the callbacks, whose states it holds, have started
                new_file.save_beginning(self.trainer)
            self.history.first_epoch = self.trainer.epoch + (self.unfinished.called is None)
            self.finish_last_epoch()
            self.train(epochs)
            self.completed = True
        finally:
            try:
                try:
                    self.finish_interrupted_slice()
                finally:
                    end(started, self.trainer)
            finally:
                self.engine.descriptor["watch"] = 0  # whatever interrupts: its memory is freed
                self.engine.run = outer
                self.leave_epoch()
        return self.history

    def continue_epoch(self) -> None:
        """Take the data as before, where an epoch was begun; raise InputError if they are taken in another way."""
        engine, feed = self.engine, self.feed
        if feed is None:
            return
        kept = engine.epoch_plan
        position = engine.position(feed.samples)
        if kept is not None and position and kept.get("rows") != feed.described.get("rows"):
            engine.descriptor["position"] = 0  # other data: a new epoch
        elif kept is not None and position:
            if not same_plan(kept, feed.described):
                raise InputError(
                    f"an epoch was begun with {plan_text(kept)}, of which {position:,} rows are trained, got "
                    f"{plan_text(feed.described)}; give the same to finish it"
                )
            feed.resume(kept)
        elif kept is not None and same_plan(kept, feed.described):
            feed.resume(kept)  # an interrupt came before the epoch's first step
        engine.epoch_plan = None

    def leave_epoch(self) -> None:
        """Remember how an epoch that was begun is taken, and let the data go."""
        engine, feed = self.engine, self.feed
        if feed is None:
            return
        engine.descriptor["streamed"], engine.descriptor["shuffle"] = 0, engine.recipe.shuffle
        if engine.descriptor["position"][0] or (not self.completed and feed.described.get("rows_before")):
            engine.epoch_plan = feed.described
        if self.beside is not None:
            self.beside.close()
        feed.close()

    def resume_callbacks(self) -> None:
        """Give the callbacks the states that the checkpoint has of them."""
        for callback, state in hand_out(self.states, filter(keeps_state, [self.unfinished, *self.callbacks])):
            try:
                self.stopped |= bool(callback.resume(self.trainer, state))
            except (KeyError, TypeError, ValueError) as error:
                raise InputError(
                    f"checkpoint: its state of {type(callback).__name__} cannot be used: {error!r}"
                ) from error

    @property
    def keepers(self) -> list[Callback]:
        """The callbacks whose states a checkpoint holds."""
        unfinished = [] if self.unfinished.called is None else [self.unfinished]
        return [*filter(keeps_state, [self.kept_data, *unfinished, *self.callbacks])]

    def finish_last_epoch(self) -> None:
        """Validate the last epoch before the checkpoint and call the callbacks, where an interrupt prevented it."""
        if self.unfinished.called is None:
            return
        metrics = self.trainer.history.last()
        if self.unfinished.validated:
            self.call_callbacks(metrics, self.unfinished.called)
        else:
            self.trainer.history.drop()
            self.finish_epoch({name: number for name, number in metrics.items() if not name.startswith("val_")})

    def train(self, epochs: int) -> None:
        """Train slice by slice; compiled code does what there is to do between epochs, if it can."""
        d = self.engine.descriptor
        d["status"], d["watch"], d["log_count"] = layout.OK, 0, 0
        each = 1
        if self.can_watch():
            in_memory = self.validation if isinstance(self.validation, Dataset) else None  # or there is none
            self.watch = Watch(self.engine, in_memory, self.callbacks)
            each = LOG_SIZE if self.feed is None or self.feed.in_memory else 1
        watch = 0 if self.watch is None else self.watch.address
        while epochs > 0 and not self.stopped:
            self.take_block()
            before = self.trainer.iteration
            self.logged = self.history.epochs, self.trainer.history.epochs
            d["log_count"], d["log_size"] = 0, min(each, epochs)
            d["slice_steps"] = self.intervals.steps(before, MOST_STEPS)
            if self.watch is not None:
                self.watch.begin()
            try:
                d["watch"] = watch
                self.slice()
                self.leave_block()
                self.stopped = self.intervals.call(self.trainer, before)
                self.warn_of_rate_zero()
            finally:  # an interrupt loses no finished epoch
                epochs -= self.finish_slice() if self.watch is None else self.finish_watched_slice()

    def can_watch(self) -> bool:
        """Whether compiled code can do what there is to do between epochs."""
        return not self.metrics and can_watch(self.engine, self.validation, self.callbacks)

    def take_block(self) -> None:
        """Wait for the block of data in which the training stands."""
        if self.feed is None:
            return
        self.engine.descriptor["shuffle"] = self.feed.shuffles  # a callback may have called fit meanwhile
        if self.feed.in_memory and self.block is not None:
            return
        try:
            self.block = self.feed.take()
        except Exception as error:
            if not self.feed.in_memory:
                error.add_note(f"nbtrain: the model stands after iteration {self.trainer.iteration:,}")
            raise

    def leave_block(self) -> None:
        """Let the next block come where this one is done."""
        if self.feed is not None and not self.feed.in_memory and not self.within_block():
            self.feed.finished(ended=bool(self.engine.descriptor["log_count"][0]))

    def within_block(self) -> bool:
        """Whether there is more to train of the present block."""
        d = self.engine.descriptor
        return bool(d["log_count"][0] == 0 and d["position"][0] < self.present.last)

    @property
    def present(self) -> Block:
        """The block in which the training stands."""
        assert self.block is not None
        return self.block

    def slice(self) -> None:
        """Run compiled code for a while."""
        assert self.feed is not None
        if self.feed.reads_here:
            self.beside = self.beside or Beside()
            status = self.beside.run(partial(self.slices, self.beside), self.feed.meanwhile)
        else:
            status = self.compiled()
        if status in DIVERGENCES:
            raise self.diverged()
        if status == layout.NO_MEMORY:
            raise self.no_order()
        check(status, self.engine.recipe.loss)

    def slices(self, beside: Beside) -> int:
        """Run compiled code until the block is done, or the calling thread has other things to do."""
        d = self.engine.descriptor
        end = int(d["iteration"][0]) + int(d["slice_steps"][0])
        status = self.compiled()
        while status == layout.OK and not beside.paused and self.within_block() and d["iteration"][0] < end:
            d["slice_steps"] = end - int(d["iteration"][0])
            status = self.compiled()
        return status

    def compiled(self) -> int:
        """Call the core's slice once -> status."""
        block, d = self.present, self.engine.descriptor
        d["streamed"] = block.streamed  # an interrupt may have kept it from being reset
        if not block.streamed:
            return self.called(block.data)
        d["block_samples"], d["block_first"] = block.samples, block.first
        d["block_number"], d["block_open"] = block.number, block.open
        try:
            return self.called(block.data)
        finally:
            d["streamed"] = 0

    def called(self, data: Dataset) -> int:
        engine, d = self.engine, self.engine.descriptor
        if engine.recipe.threads == 1:
            d["slice_time"] = int(SLICE_SECONDS * 1e9)
            return engine.call("train_slice", data)
        flops = 6.0 * engine.theta.size * len(data.x) * int(d["log_size"][0])
        with engine.team.slice(flops, SLICE_SECONDS):
            return engine.call("train_slice", data)

    def no_order(self) -> MemoryError:
        """The error where the order of the samples has no room."""
        rows = len(self.present.data.x)
        return MemoryError(
            f"not enough memory for the order of the samples: {4 * rows:,} bytes, 4 for each of {rows:,}, are needed "
            "to shuffle them; shuffle=False needs none, and shuffle='blocks' less"
        )

    def warn_of_rate_zero(self) -> None:
        """Warn once a call where a schedule has come to its end at rate 0 and training changes nothing more."""
        if self.warned or self.engine.descriptor["learning_rate"][0] > 0:
            return
        rate, now = self.engine.recipe.optimizer.learning_rate, self.trainer.iteration
        if not isinstance(rate, Component):
            return
        if any(rate.spec.rate(now + ahead, *rate.values) > 0 for ahead in (1, 2)):
            return  # a cycle's lowest point
        self.warned = True
        warnings.warn(
            f"the learning rate is 0: {rate!r} has ended at iteration {now:,}, and training no "
            "longer changes the parameters",
            RuntimeWarning,
            stacklevel=7,  # where fit was called
        )

    def finish_watched_slice(self) -> int:
        """Finish a slice that needed nothing of Python; an interrupt meanwhile is raised when that is done."""
        interrupt = None
        while True:
            try:
                count = self.finish_slice()
                break
            except KeyboardInterrupt as error:
                interrupt = error
        if interrupt is not None:
            raise interrupt
        return count

    def finish_interrupted_slice(self) -> None:
        """Finish a watched slice where an interrupt came before that could begin."""
        if self.watch is not None and self.engine.descriptor["log_count"][0]:
            self.finish_watched_slice()

    def finish_slice(self) -> int:
        """Finish the epochs that the slice has trained -> how many they were."""
        d = self.engine.descriptor
        if self.watch is not None:
            d["watch"] = 0
        if d["status"][0] in DIVERGENCES:  # a slice that diverged is not kept
            self.engine.restore_snapshot()
        count = int(d["log_count"][0])
        sums = self.engine.memory.array("log")[:count].tolist()
        columns = {"loss": [loss / weight if weight else 0.0 for loss, weight, _ in sums]}
        if d["hits"][0] != layout.HITS_NONE:
            columns["accuracy"] = [hits / weight if weight else 0.0 for _, weight, hits in sums]
        if self.watch is None:
            d["log_count"] = 0
            for epoch in range(count):
                self.finish_epoch({name: column[epoch] for name, column in columns.items()})
        else:
            columns |= self.watch.columns()
            if count:  # what follows can be done again: `finish_watched_slice`
                self.history.extend(columns, count, self.logged[0])
                self.trainer.history.extend(columns, count, self.logged[1])
            self.stopped |= self.watch.report()
            d["log_count"] = 0
        return count

    def finish_epoch(self, metrics: dict[str, float]) -> None:
        """Validate an epoch, add it to the history and call the callbacks."""
        self.unfinished.validated, self.unfinished.called = False, 0
        try:
            metrics |= {f"val_{name}": number for name, number in self.validate().items()}
        finally:  # an epoch that was trained is in the history even if its validation fails
            self.history.append(metrics)
            self.trainer.history.append(metrics)
        self.unfinished.validated = True
        self.call_callbacks(metrics)

    def validate(self) -> dict[str, float]:
        """Scores on the validation data, if there are any."""
        return {} if self.validation is None else evaluate(self.engine, self.validation, self.metrics)

    def call_callbacks(self, metrics: dict[str, float], first: int = 0) -> None:
        """Call the callbacks for an epoch, from one of them on."""
        self.unfinished.called = None  # a checkpoint that is saved meanwhile counts them all as called
        for index in range(first, len(self.callbacks)):
            try:
                callback = self.callbacks[index]
                if stops(callback.on_epoch(self.trainer, self.trainer.epoch, metrics), callback, "on_epoch"):
                    self.stopped = True
            except BaseException:
                self.unfinished.called = index
                raise

    def diverged(self) -> DivergenceError:
        """Set the model back to its last finite epoch and describe what happened."""
        d = self.engine.descriptor
        ended = d["position"][0] == 0 and d["epoch"][0] != d["snapshot_epoch"][0]  # it was found at an epoch's end
        now = "the model was restored to the end of its last finite epoch"
        error = describe_divergence(self.engine, self.present.data, now, ended)
        self.engine.restore_snapshot()
        return error


def end(callbacks: Sequence[Callback], trainer: Trainer) -> None:
    """Call `on_end` of those that have started, of all of them whatever one raises."""
    if not callbacks:
        return
    with contextlib.ExitStack() as stack:
        for callback in reversed(sorted(callbacks, key=lambda callback: not callback.first_at_end)):
            stack.callback(callback.on_end, trainer)  # called in reverse order


class Intervals:
    """Callbacks that are called within epochs: every so many iterations or seconds."""

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        self.counted: list[tuple[Callback, int]] = []
        self.timed: list[tuple[Callback, float]] = []
        self.due: list[float] = []
        if not callbacks:
            return
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
        """Steps until the next call of a callback, at most `most`."""
        return min([most, *(every - iteration % every for _, every in self.counted)])

    def call(self, trainer: Trainer, before: int) -> bool:
        """Call the callbacks that are due after the iterations from `before` on -> whether one of them stops."""
        if not self.counted and not self.timed:
            return False
        iteration, now = trainer.iteration, time.monotonic()
        due = [callback for callback, every in self.counted if iteration // every > before // every]
        for index, (callback, seconds) in enumerate(self.timed):
            if now >= self.due[index]:
                self.due[index] = now + seconds
                due.append(callback)
        if not due:
            return False
        d = trainer.engine.descriptor
        weight = float(d["epoch_weight"][0])
        metrics = {"loss": float(d["epoch_loss"][0]) / weight if weight else 0.0}
        return any([stops(callback.on_step(trainer, iteration, metrics), callback, "on_step") for callback in due])


def describe_divergence(engine: Engine, data: Dataset, now: str, ended: bool = False) -> DivergenceError:
    """Describe where training diverged: epoch, iteration, layer, learning rate, largest input, and the model now.

    A loss belongs to the iteration after those that were counted; what is found at the end of an epoch (`ended`)
    belongs to the last one.
    """
    d = engine.descriptor
    layer = first_bad_layer(engine)
    where = f"layer {layer + 1} of {len(engine.recipe.network.layers)}" if layer is not None else "the loss"
    if layer is None and d["status"][0] == layout.WRONG_GRADIENT:
        where = "the gradient"
    if layer is None and not np.isfinite(engine.model.state).all():
        where = "the optimizer's state"
    scale = max(abs(float(data.x.min())), abs(float(data.x.max())))
    rate = float(d["learning_rate"][0] * d["rate_scale"][0])
    return DivergenceError(
        f"training diverged: NaN or infinity in {where}, epoch {int(d['epoch'][0]) + (not ended)}, "
        f"iteration {int(d['iteration'][0]) + (not ended)}, learning rate {rate:g}, largest input {scale:g}; {now}. "
        "A smaller learning rate, inputs scaled to about 1, or smaller initial weights usually help."
    )


def first_bad_layer(engine: Engine) -> int | None:
    """Index of the first layer whose parameters, or whose output for the last batch, are not finite."""
    for index, (w, b) in enumerate(layer_views(engine.model, engine.recipe.network.sizes)):
        z = engine.memory.array(f"z{index}")
        if not (np.isfinite(w).all() and np.isfinite(b).all() and np.isfinite(z).all()):
            return index
    return None
