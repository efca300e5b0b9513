"""One call of fit: threads that let compiled code train members, until all are finished."""

from __future__ import annotations

import math
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..checks.messages import wrong
from ..core import layout
from ..errors import DivergenceError
from ..status import DIVERGENCES, WORDS, check
from . import watching as watch
from .data import MemberData
from .members import Family, Members, Worker
from .watching import TASK_PLACES, Best, Watching

Array = np.ndarray[Any, Any]
SLICE_NANOSECONDS = 80_000_000  # how long compiled code runs before Python can react to Ctrl-C
WAIT_SECONDS = 0.02  # how long this thread waits for helpers before it looks again


class Log:
    """What a call logs: (members, epochs, columns) float64; only the pages that are written take memory."""

    numbers: Array

    def __init__(self, names: list[str], members: int, epochs: int) -> None:
        self.names = names
        shape = members, max(epochs, 1), len(names)
        try:
            self.numbers = np.empty(shape)
        except (MemoryError, ValueError) as error:
            needed = f"the history of {members:,} members needs {8 * math.prod(shape):,} bytes"
            raise MemoryError(wrong("epochs", "be smaller to fit in memory", f"{epochs:,}", needed)) from error

    def columns(self) -> dict[str, Array]:
        """(members, epochs) numbers by name."""
        return {name: self.numbers[:, :, column] for column, name in enumerate(self.names)}


class Hooks:
    """What a call of fit does while members are trained; here nothing."""

    def between(self) -> bool:
        """Between slices of time -> whether all threads are to come to rest."""
        return False

    def resting(self) -> None:
        """While they rest, with members under way."""

    def interrupted(self) -> None:
        """After an interrupt or an error, with members under way."""


class Run:
    """Trains members up to given epochs.

    Parameters
    ----------
    members : Members
    data : MemberData
    log : Log
    watching : Watching
    threads : int
    """

    members: Members
    data: MemberData
    log: Log
    watching: Watching
    threads: int
    stopping: threading.Event
    gates: list[threading.RLock]
    workers: list[list[Worker]]
    turns: int
    ended: int

    def __init__(self, members: Members, data: MemberData, log: Log, watching: Watching, threads: int) -> None:
        self.members, self.data, self.log, self.watching, self.threads = members, data, log, watching, threads
        self.stopping = threading.Event()
        self.gates = [threading.RLock() for _ in range(threads)]  # of helpers: taken while they are in compiled code
        for name in TASK_PLACES:
            members.tasks[name] = getattr(data, name)
        members.tasks["logged"] = 0
        watch.begin(members, watching, log.names)
        self.workers = [family.grow(threads) for family in members.families]
        self._let_go()
        for family, workers in zip(members.families, self.workers, strict=True):
            self._point(family)
            for worker in workers:
                watch.prepare(worker, watching, log.names)
        self.turns, self.ended = 0, 0
        self.kept: list[Array] = []  # the members' turns; they must live as long as this, which helpers hold
        self.best: Best | None = None

    def _point(self, family: Family) -> None:
        """Let a family's record point at the data and the log."""
        record, (x, y, weight) = family.record, self.data.data
        record["x"], record["y"] = x.ctypes.data, y.ctypes.data
        record["weight"] = 0 if weight is None else weight.ctypes.data
        record["log"], record["log_epochs"] = self.log.numbers.ctypes.data, self.log.numbers.shape[1]
        record["log_columns"] = len(self.log.names)

    @property
    def pairs(self) -> list[tuple[Family, Worker]]:
        """All workers, with the family of each."""
        families = zip(self.members.families, self.workers, strict=True)
        return [(family, worker) for family, workers in families for worker in workers]

    def train(self, until: Array, hooks: Hooks | None = None) -> None:
        """Train every member that is neither marked nor stopped until its epoch `until`.

        After an interrupt members stand at the ends of different epochs.
        """
        hooks = Hooks() if hooks is None else hooks
        self._take_turns(until)
        self.members.run = self
        try:
            while self._share(hooks.between):
                hooks.resting()
        except BaseException:
            self.end_helpers()
            hooks.interrupted()
            raise
        finally:
            self.settle()

    def settle(self) -> None:
        """Wait for helpers, and let the members under way stand where they are.

        A second interrupt may come meanwhile: the next call of fit then does this again.
        """
        self.end_helpers()
        self.ended = self.finished()
        for k, theta in self.under_way().items():
            self.members.theta(k)[...] = theta
        self._let_go()
        self.members.run = None

    def _let_go(self) -> None:
        """No worker has a member. Compiled code must not be running."""
        for family, worker in self.pairs:
            family.record["running"], worker.record["member"] = 0, -1

    def end_helpers(self) -> None:
        """Wait until no helper is in compiled code; none enters it any more.

        `Thread.join` would not do: after an interrupt it takes a thread that is running for one that has ended.
        """
        self.stopping.set()
        for gate in self.gates[1:]:
            with gate:
                pass

    def _take_turns(self, until: Array) -> None:
        """Put the members in the order in which they are taken."""
        members, tasks = self.members, self.members.tasks
        tasks["epochs"] = until
        idle = members.marked | (tasks["stopped"] != 0) | (tasks["rows"] == 0)
        left = np.where(idle, 0, until - members.records["epoch"])
        turns = longest_first(left * tasks["rows"], left > 0)
        self.turns, self.kept = len(turns), []
        for index, family in enumerate(members.families):
            own = np.ascontiguousarray(turns[members.family[turns] == index])
            self.kept.append(own)
            record = family.record
            record["turns"], record["turn_count"], record["next"], record["running"] = own.ctypes.data, len(own), 0, 1

    def _share(self, between: Callable[[], bool]) -> bool:
        """Work in this thread and in helpers -> whether they came to rest before all was done."""
        self.stopping.clear()
        failures: list[BaseException] = []
        try:
            ends = self._start(min(self.threads, max(self.turns, 1)) - 1, failures)
            self._work(0, between)
            for end in ends:
                while not end.wait(WAIT_SECONDS):
                    self._look(between)
        finally:
            self.end_helpers()
        if failures:
            raise failures[0]
        return self.finished() < self.turns

    def _start(self, count: int, failures: list[BaseException]) -> list[threading.Event]:
        """Start helpers, fewer than wanted where the system has no more threads -> what they set when they end."""
        ends: list[threading.Event] = []
        for index in range(1, count + 1):
            end = threading.Event()
            arguments = index, end, failures
            helper = threading.Thread(target=self._help, args=arguments, name=f"nbtrain-member-{index}", daemon=True)
            try:
                helper.start()
            except RuntimeError as error:
                text = f"nbtrain: {error}; training continues with {index} of {count + 1} threads"
                warnings.warn(text, RuntimeWarning, stacklevel=9)  # where fit was called
                break
            ends.append(end)
        return ends

    def _help(self, index: int, end: threading.Event, failures: list[BaseException]) -> None:
        try:
            self._work(index, lambda: False)
        except BaseException as error:  # it is raised in the thread that called fit
            failures.append(error)
        finally:
            end.set()

    def _look(self, between: Callable[[], bool]) -> None:
        if between():
            self.stopping.set()

    def _work(self, index: int, between: Callable[[], bool]) -> None:
        """Train members of one family after the other."""
        for family, workers in zip(self.members.families, self.workers, strict=True):
            more = True
            while more:
                with self.gates[index]:
                    more = not self.stopping.is_set() and self._slice(family, workers[index])
                self._look(between)

    def _slice(self, family: Family, worker: Worker) -> bool:
        """Train for a slice of time -> whether anything is left to do."""
        record, worker.engine.descriptor["slice_time"] = family.record, SLICE_NANOSECONDS
        if worker.record["member"][0] < 0 and record["next"][0] >= record["turn_count"][0]:
            return False
        addresses = family.memory.addresses["population"], worker.memory.addresses["worker"]
        check(worker.engine.in_turn(worker.engine.native.run_members, *addresses))
        return bool(worker.record["member"][0] >= 0 or record["next"][0] < record["turn_count"][0])

    def under_way(self) -> dict[int, Array]:
        """The best parameters of members that have been begun and are to go back to them when they are finished."""
        found: dict[int, Array] = {}
        for family, worker in self.pairs:
            k = int(worker.record["member"][0])
            if k >= 0 and family.record["restores"][0] and self.members.tasks["best_epoch"][k] > 0:
                kept = self.best.rows.get(k) if self.best is not None else None
                found[k] = worker.memory.array("best_theta") if kept is None else kept
        return found

    def finished(self) -> int:
        """Members whose training has ended in the call of `train` that is under way."""
        taken = sum(min(int(f.record["next"][0]), int(f.record["turn_count"][0])) for f in self.members.families)
        return taken - sum(int(worker.record["member"][0]) >= 0 for _, worker in self.pairs)


def longest_first(work: Array, there: Array) -> Array:
    """The members that are `there`, those with most work first: the last ones to end are then short."""
    found = np.flatnonzero(there)
    return found[np.argsort(-work[found], kind="stable")]


def report_failures(members: Members, trained: Array, before: Array) -> None:
    """Warn of members that were given up, or raise: where all were, and for what is no divergence."""
    tasks = members.tasks
    failed = trained[(tasks["status"][trained] != layout.OK) & ~before[trained]]
    if not len(failed):
        return
    other = failed[~np.isin(tasks["status"][failed], DIVERGENCES)]
    if len(other):
        k = int(other[0])
        family = members.families[members.family[k]]
        try:
            check(int(tasks["status"][k]), family.recipe.loss)
        except Exception as error:
            raise type(error)(f"{reason(members, k)}") from None
    if len(failed) == np.count_nonzero(~before[trained]):
        raise DivergenceError(f"all {len(failed):,} members diverged; {reason(members, int(failed[0]))}. " + REMEDY)
    warnings.warn(
        f"{len(failed):,} of {len(trained):,} members diverged and were put back to their last finite epochs; the "
        f"first: {reason(members, int(failed[0]))}. `many.status` marks them, `many.why(k)` says more",
        RuntimeWarning,
        stacklevel=6,  # where fit was called
    )


REMEDY = "A smaller learning rate, inputs scaled to about 1, or smaller initial weights usually help."


def reason(members: Members, k: int) -> str:
    """Why a member was given up, in words."""
    task = members.tasks[k]
    status = int(task["status"])
    if status == layout.OK:
        return ""
    rate = float(members.records["learning_rate"][k] * members.records["rate_scale"][k])
    return (
        f"member {k}: {WORDS[status]}, in epoch {int(task['failed_epoch'])}, iteration "
        f"{int(task['failed_iteration'])}, learning rate {rate:g}"
    )
