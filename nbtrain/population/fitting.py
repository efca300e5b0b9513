"""What a call of `Population.fit` consists of: data, training, callbacks after epochs, checkpoints."""

from __future__ import annotations

import hashlib
import os
import sys
import time
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import callbacks as library
from ..callbacks import Callback, Checkpoint, EarlyStopping, as_callbacks
from ..checks import arrays as checks
from ..checks.messages import brief, wrong
from ..compiler.numerics import numerics_id
from ..errors import InputError
from ..formats.modelfile import files
from ..training.checkpointing import digest
from .data import MemberData, check_weights, epochs_of
from .files import Saved, back_of, put, saved
from .history import PopulationHistory
from .progress import Progress
from .training import Hooks, Log, Run, report_failures
from .watching import Best, Watching, checked_stopping, names_of

if TYPE_CHECKING:
    from .population import Population

Array = np.ndarray[Any, Any]
SAVE_SECONDS = 60.0  # from one checkpoint to the next
SAVE_SHARE = 10.0  # a checkpoint is at most one part in so many of the time


class Options:
    """The arguments of fit besides data, checked."""

    epochs: Any
    chosen: Array
    callbacks: list[Callback]
    progress: Progress

    def __init__(self, epochs: Any, chosen: Array, callbacks: Any, progress: Any, checkpoint: Any) -> None:
        self.epochs, self.chosen = epochs, chosen
        self.callbacks = _callbacks(callbacks)
        self.progress = progress if isinstance(progress, Progress) else Progress(progress)
        if checkpoint is not None and not isinstance(checkpoint, Checkpoint):
            try:
                checkpoint = Checkpoint(checkpoint, every_minutes=SAVE_SECONDS / 60)
            except InputError as error:
                raise InputError(str(error).replace("path", "checkpoint", 1)) from None
        self.checkpoint: Checkpoint | None = checkpoint


PLACES: dict[type[Callback], str] = {
    EarlyStopping: "early_stopping=",
    Checkpoint: "checkpoint=",
}  # of nbtrain's own callbacks


def _callbacks(given: Any) -> list[Callback]:
    """Functions, and callbacks of the user's own: those of nbtrain work on trainers."""
    found = as_callbacks(given)
    for callback in found:
        kind = type(callback)
        if getattr(library, kind.__name__, None) is kind:
            place = PLACES.get(kind)
            hint = f"pass it as {place}" if place else "write a function of (population, epoch, metrics)"
            raise InputError(f"callbacks: {kind.__name__} works on a Trainer, not on a Population; {hint}")
    return found


def fit(many: Population, given: tuple[Any, ...], watched: tuple[Any, ...], options: Options) -> PopulationHistory:
    """Check everything, train, and say what became of it."""
    if _is_called_by_fit(many):
        raise InputError("fit is in progress: a callback cannot call fit of its population")
    settle(many)
    known = many._groups.values
    try:
        work = Fit(many, given, watched, options)
    except BaseException:
        many._groups.values = known  # as if it had not been called
        raise
    return work.run()


def settle(many: Population) -> None:
    """End what an interrupt has left of a call of fit, and add its epochs to the history."""
    members = many._members
    if members.run is not None:
        members.run.settle()
    if many._log is not None:
        many.history.append(many._log.columns(), members.tasks["logged"])
        many._log = None
        members.tasks["logged"] = 0


def _is_called_by_fit(many: Population) -> bool:
    """Whether this thread is within a call of fit of the population; no flag, since an interrupt could leave it set."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_code is Fit.run.__code__ and frame.f_locals["self"].many is many:
            return True
    return False


class Fit(Hooks):
    """One call of fit."""

    many: Population
    options: Options
    epochs: Array
    data: MemberData
    watching: Watching
    names: list[str]
    saved_at: float
    pause: float
    resumed: Saved | None
    trained: Array
    process: Run
    best: Best | None
    log: Log

    def __init__(self, many: Population, given: tuple[Any, ...], watched: tuple[Any, ...], options: Options) -> None:
        self.many, self.members, self.options = many, many._members, options
        self.epochs = epochs_of(options.epochs, options.chosen, len(many))
        reader = many._reader(options.chosen)
        self.data = reader.read(*given)
        validation = self._validation(reader, *watched[:2])
        names = names_of(many._members.classifies, validation is not None)
        stopping = checked_stopping(watched[2], names)
        self.watching = Watching(validation, stopping, bool(options.callbacks))
        smallest = float(np.finfo(self.members.families[0].recipe.dtype).smallest_normal)
        check_weights(self.data, smallest, many._groups.name)
        many.hyperparameters.check()
        self.names, self.saved_at, self.pause = names, 0.0, 0.0
        self.resumed = None if options.checkpoint is None else self._resume(options.checkpoint.path)

    def _validation(self, reader: Any, data: Any, groups: Any) -> MemberData | None:
        if data is None:
            if groups is not None:
                raise InputError("validation_groups needs validation_data")
            return None
        found: MemberData = reader.read(*checks.pair(data, "validation_data"), groups, "validation_data ")
        lacking = np.flatnonzero((self.data.rows > 0) & (found.rows == 0))
        if len(lacking):
            name = self.many._groups.name(int(lacking[0]))
            raise InputError(wrong("validation_data", "have rows of every group that is trained", f"none of {name}"))
        smallest = np.finfo(self.members.families[0].recipe.dtype).tiny
        check_weights(found, float(smallest), self.many._groups.name)
        return found

    # ---- training

    def run(self) -> PopulationHistory:
        """Train, and keep what was logged whatever happens."""
        many, members, options = self.many, self.members, self.options
        begun = members.records["epoch"].copy()
        until = self.epochs if options.checkpoint is not None else begun + self.epochs
        until = np.maximum(until, begun)
        before = members.marked
        self.trained = np.flatnonzero((until > begun) & (self.data.rows > 0) & ~before)
        log = Log(self.names, len(many), int((until - begun)[self.trained].max(initial=0)))
        stopping = None if self.resumed is None else members.tasks[list(STOPPING_FIELDS)].copy()
        self.process = Run(members, self.data, log, self.watching, many._threads)
        if self.resumed is not None and stopping is not None:
            for name in STOPPING_FIELDS:
                members.tasks[name] = stopping[name]
        self.best = self._best()
        self.process.best, self.log, many._log = self.best, log, log
        found = PopulationHistory(len(many))
        try:
            if options.checkpoint is not None and self.resumed is None:
                self._save()
            self._train(begun, until)
        finally:
            found.append(log.columns(), members.tasks["logged"])
            settle(many)
            if self.watching.keeps_best:
                self._note_best()
        if options.checkpoint is not None:
            self._write({})
        report_failures(members, self.trained, before)
        if options.checkpoint is not None:
            found.replace(many.history, many.history.epochs)
        return found

    def _train(self, begun: Array, until: Array) -> None:
        """Train all members to their end, or epoch by epoch where callbacks are to be called."""
        progress, total = self.options.progress, len(self.trained)
        if self.options.callbacks:
            self._train_by_epochs(begun, until)
            return
        progress.begin(total)
        progress.follow(self.log.columns(), self.members.tasks)
        try:
            self.process.train(until, self)
        finally:
            progress.end(self.process.ended)

    def between(self) -> bool:
        """Show the progress -> whether it is time for a checkpoint."""
        self.options.progress.show(self.process.finished())
        return self._is_due()

    def _is_due(self) -> bool:
        return self.options.checkpoint is not None and time.monotonic() >= self.saved_at + self.pause

    def resting(self) -> None:
        """Write a checkpoint."""
        self._save()

    def interrupted(self) -> None:
        """Write a checkpoint from which the members under way go on."""
        if self.options.checkpoint is not None:
            self._save()

    def _train_by_epochs(self, begun: Array, until: Array) -> None:
        """Train an epoch of every member, call the callbacks, and so on."""
        members, callbacks, until = self.members, self.options.callbacks, until.copy()
        started: list[Callback] = []
        try:
            for callback in callbacks:
                started.append(callback)
                callback.on_start(self.many)  # type: ignore[arg-type]
            epoch = 0
            while self._left(until).any():
                epoch += 1
                logged = members.tasks["logged"].copy()
                self.many.hyperparameters.check()
                self.process.train(np.minimum(until, members.records["epoch"] + 1))
                metrics = self._metrics(members.tasks["logged"] > logged)
                stopped = np.zeros(len(self.many), bool)
                for callback in callbacks:
                    stopped |= self._stops(callback, callback.on_epoch(self.many, epoch, metrics))  # type: ignore[arg-type]
                until = np.where(stopped, members.records["epoch"], until)
                if self._is_due():
                    self._save()
        except BaseException:
            self.interrupted()
            raise
        finally:
            if self.best is not None:
                self.best.restore()
            for callback in reversed(started):
                callback.on_end(self.many)  # type: ignore[arg-type]

    def _left(self, until: Array) -> Array:
        """Which members have epochs left to train."""
        members = self.members
        idle = members.marked | (members.tasks["stopped"] != 0) | (self.data.rows == 0)
        left: Array = (until > members.records["epoch"]) & ~idle
        return left

    def _metrics(self, there: Array) -> dict[str, Array]:
        """The numbers of the epoch that has just ended, by name; NaN for members that were not trained."""
        last = np.maximum(self.members.tasks["logged"] - 1, 0)
        found: dict[str, Array] = {}
        for name, column in self.log.columns().items():
            found[name] = np.where(there, column[np.arange(len(last)), last], np.nan)
        return found

    def _stops(self, callback: Callback, returned: Any) -> Array:
        """Which members a callback's result stops."""
        if returned is None or isinstance(returned, bool | np.bool):
            return np.full(len(self.many), bool(returned))
        found: Array = np.asarray(returned)
        if found.dtype != np.bool_ or found.shape != (len(self.many),):
            function = getattr(callback, "function", None)
            name = getattr(function, "__name__", type(callback).__qualname__)
            expected = f"be True, False, None or an array of {len(self.many)} bools"
            raise InputError(wrong(f"callbacks: the result of {name}", expected, brief(returned)))
        return found

    # ---- the best parameters

    def _best(self) -> Best | None:
        """Rows for the best parameters of members that do not run to their end in one piece."""
        if not self.watching.keeps_best:
            return None
        kept, best = {} if self.resumed is None else self.resumed.best, Best(self.members)
        for k in self.trained if self.watching.every_epoch else kept:
            best.keep(int(k), kept.get(int(k)))
        best.point()
        return best

    def _note_best(self) -> None:
        """Note in which epochs of the history the parameters now are, for `Population.best`."""
        tasks, records = self.members.tasks, self.members.records
        restored = (tasks["best_epoch"] > 0) & (self.data.rows > 0)
        back = records["epoch"] - tasks["best_epoch"]
        self.many._back[self.trained] = np.where(restored, back, 0)[self.trained]

    # ---- checkpoints

    def _save(self) -> None:
        """Write a checkpoint while the threads rest."""
        begun = time.monotonic()
        best = self.process.under_way()
        if self.best is not None:
            best |= {k: row for k, row in self.best.rows.items() if self.members.tasks["best_epoch"][k] > 0}
        self._write(best)
        self.saved_at = time.monotonic()
        least = (self.options.checkpoint and self.options.checkpoint.every_seconds) or SAVE_SECONDS
        self.pause = max(least, SAVE_SHARE * (self.saved_at - begun))

    def _write(self, best: dict[int, Array]) -> None:
        assert self.options.checkpoint is not None
        history = PopulationHistory(len(self.many))
        history.replace(self.many.history, self.many.history.epochs)
        history.append(self.log.columns(), self.members.tasks["logged"])
        files.write(self.options.checkpoint.path, self.many._encoded(history, best, self._about_data()))

    def _about_data(self) -> dict[str, Any]:
        rows = hashlib.blake2b(self.data.rows.tobytes(), digest_size=8).hexdigest()
        return {"samples": len(self.data.data.y), "rows": rows, "digest": digest(self.data.data)}

    def _resume(self, path: str) -> Saved | None:
        """Set the population to where a checkpoint stands, if the file exists and belongs to it."""
        files.check_folder(path)
        if not os.path.exists(path):
            return None
        found = saved(files.read(path), path)
        _check_declaration(self.many, found, path)
        self._check_progress(found, path)
        put(self.members, found)
        self.many.history.replace(found.history, found.epochs)
        self.many._back[:] = back_of(found)
        if found.groups is not None:
            self.many._groups.values = found.groups
        return found

    def _check_progress(self, found: Saved, path: str) -> None:
        """Refuse to discard another training, or to go on with other data."""
        records = self.members.records
        own = np.stack([records[name] for name in ("iteration", "epoch")], axis=1)
        if own.any() and not np.array_equal(own, found.words[:, 4:6]):
            raise InputError(
                f"checkpoint: this population was trained differently from {path}; resuming would discard that. "
                "Make a new one to resume from the file, or give another path"
            )
        about = self._about_data()
        for name in ("samples", "rows"):
            if name in found.run and found.run[name] != about[name]:
                raise InputError(
                    f"checkpoint: {path} was written while training on other data ({found.run.get('samples')} samples, "
                    f"got {about['samples']}); give another path to train anew"
                )
        if found.run.get("digest", about["digest"]) != about["digest"]:
            warnings.warn(
                f"checkpoint: {path} was written with different data of the same size; the result will differ from "
                "that of an uninterrupted run",
                UserWarning,
                stacklevel=7,  # where fit was called
            )
        if found.numerics and found.numerics != numerics_id():
            warnings.warn(
                f"checkpoint: {path} was written with other numerics ({found.numerics}) than are used here "
                f"({numerics_id()}); the last bits of the result will differ from those of an uninterrupted run",
                UserWarning,
                stacklevel=7,
            )


STOPPING_FIELDS = ("best_value", "best_epoch", "waited", "stopped")


def _check_declaration(many: Population, found: Saved, path: str) -> None:
    """Refuse the file of a population that was declared otherwise."""
    mine = [family.recipe for family in many._members.families]
    if len(found.family) != len(many) or len(found.recipes) != len(mine):
        raise InputError(f"checkpoint: {path} has {len(found.family):,} members, not {len(many):,}; give another path")
    theirs, ours = found.run.get("declared"), many._declared
    same = all(_alike(a, b) for a, b in zip(found.recipes, mine, strict=True))
    if not same or not np.array_equal(found.family, many._members.family) or theirs not in (None, ours):
        raise InputError(
            f"checkpoint: {path} is of a population with other networks, components or hyperparameters; give another "
            "path, or remove the file to start anew"
        )
    if many._seeded and not np.array_equal(found.words[:, :4], _seeds(many)):
        raise InputError(f"checkpoint: {path} was written with another seed; pass the same rng=, or another path")
    if found.altered:
        raise InputError(
            f"checkpoint: the code of {' and '.join(found.altered)} has changed since {path} was written; remove the "
            "file to start anew"
        )


def _alike(theirs: Any, ours: Any) -> bool:
    """Whether recipes are the same but for initializers, which have done their work, seeds and threads."""

    def compared(recipe: Any) -> Iterable[Any]:
        layers = [(d.units, d.activation, d.dropout, d.constraint) for d in recipe.network.layers]
        names = ("loss", "optimizer", "regularizer", "batch_size", "shuffle", "dtype", "clip_value", "clip_norm")
        return [recipe.network.inputs, layers, *(getattr(recipe, name) for name in names)]

    return compared(theirs) == compared(ours)


def _seeds(many: Population) -> Array:
    return np.stack([many._members.records[f"seed_{i}"] for i in range(4)], axis=1)
