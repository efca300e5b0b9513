"""One call of fit: threads that let compiled code train members, until all are finished."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import layout
from ..errors import DivergenceError
from ..status import DIVERGENCES, WORDS, check
from .data import MemberData
from .members import Family, Members, Worker

Array = np.ndarray[Any, Any]
SLICE_NANOSECONDS = 80_000_000  # how long compiled code runs before Python can react to Ctrl-C
MOST_SHARE = 64  # of the address space that a log may not pass: see `Log`
TASK_PLACES = ("x_first", "y_first", "weight_first", "rows")


class Log:
    """What a call logs: (members, epochs, columns) float64; only the pages that are written take memory."""

    def __init__(self, names: list[str], members: int, epochs: int) -> None:
        self.names = names
        self.numbers = np.empty((members, max(epochs, 1), len(names)))

    def columns(self) -> dict[str, Array]:
        """(members, epochs) numbers by name."""
        return {name: self.numbers[:, :, column] for column, name in enumerate(self.names)}


class Run:
    """Trains members up to given epochs.

    Parameters
    ----------
    members : Members
    data : MemberData
    log : Log
    threads : int
    """

    def __init__(self, members: Members, data: MemberData, log: Log, threads: int) -> None:
        self.members, self.data, self.log, self.threads = members, data, log, threads
        tasks = members.tasks
        for name in TASK_PLACES:
            tasks[name] = getattr(data, name)
        tasks["logged"] = 0
        self.workers = [family.grow(threads) for family in members.families]
        self.stopping = threading.Event()
        for family in members.families:
            self._point(family)

    def _point(self, family: Family) -> None:
        """Let a family's record point at the data and the log."""
        record, (x, y, weight) = family.record, self.data.data
        record["x"], record["y"] = x.ctypes.data, y.ctypes.data
        record["weight"] = 0 if weight is None else weight.ctypes.data
        record["log"], record["log_epochs"] = self.log.numbers.ctypes.data, self.log.numbers.shape[1]
        record["log_columns"] = len(self.log.names)
        record["accuracy"] = self.log.names.index("accuracy") if "accuracy" in self.log.names else -1

    def train(self, until: Array, watch: Callable[[int], None] | None = None) -> None:
        """Train every member that is not marked until its epoch `until`; `watch` is told how many are finished.

        After an interrupt members stand at the ends of different epochs.
        """
        members = self.members
        tasks = members.tasks
        tasks["epochs"] = until
        left = np.where((tasks["rows"] > 0) & ~members.marked, until - members.records["epoch"], 0)
        turns = longest_first(left * tasks["rows"], left > 0)
        kept = []
        for family in members.families:
            own = np.ascontiguousarray(turns[members.family[turns] == members.families.index(family)])
            kept.append(own)
            record = family.record
            record["turns"], record["turn_count"], record["next"] = own.ctypes.data, len(own), 0
            record["running"] = 1
        self.stopping.clear()
        try:
            self._share(watch, len(turns))
        finally:
            for family, workers in zip(members.families, self.workers, strict=True):
                family.record["running"] = 0
                for worker in workers:
                    worker.record["member"] = -1
            del kept

    def _share(self, watch: Callable[[int], None] | None, turns: int) -> None:
        """Work in this thread and in helpers until nothing is left."""
        count = min(self.threads, max(turns, 1))
        failures: list[BaseException] = []
        helpers = [
            threading.Thread(target=self._help, args=(index, failures), name=f"nbtrain-member-{index}", daemon=True)
            for index in range(1, count)
        ]
        begun: list[threading.Thread] = []
        try:
            for helper in helpers:
                try:
                    helper.start()
                except RuntimeError as error:
                    warnings.warn(
                        f"nbtrain: {error}; training continues with {len(begun) + 1} of {count} threads",
                        RuntimeWarning,
                        stacklevel=6,
                    )
                    break
                begun.append(helper)
            self._work(0, watch)
            while any(helper.is_alive() for helper in begun):
                begun[0].join(0.02) if begun[0].is_alive() else begun.pop(0)
                if watch is not None:
                    watch(self.finished())
        finally:
            self.stopping.set()
            for helper in begun:
                helper.join()
        if failures:
            raise failures[0]

    def _help(self, index: int, failures: list[BaseException]) -> None:
        try:
            self._work(index, None)
        except BaseException as error:  # it is raised in the thread that called fit
            failures.append(error)

    def _work(self, index: int, watch: Callable[[int], None] | None) -> None:
        """Train members of one family after the other."""
        for family, workers in zip(self.members.families, self.workers, strict=True):
            worker, record = workers[index], family.record
            worker.engine.descriptor["slice_time"] = SLICE_NANOSECONDS
            while not self.stopping.is_set() and self._slice(family, worker):
                if watch is not None:
                    watch(self.finished())
            del record

    def _slice(self, family: Family, worker: Worker) -> bool:
        """Train for a slice of time -> whether anything is left to do."""
        record = family.record
        if worker.record["member"][0] < 0 and record["next"][0] >= record["turn_count"][0]:
            return False
        addresses = family.memory.addresses["population"], worker.memory.addresses["worker"]
        check(worker.engine.in_turn(worker.engine.native.run_members, *addresses))
        return bool(worker.record["member"][0] >= 0 or record["next"][0] < record["turn_count"][0])

    def finished(self) -> int:
        """Members whose training has ended in the call of `train` that is under way."""
        total = 0
        for family, workers in zip(self.members.families, self.workers, strict=True):
            taken = min(int(family.record["next"][0]), int(family.record["turn_count"][0]))
            total += taken - sum(int(worker.record["member"][0]) >= 0 for worker in workers)
        return total


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
        stacklevel=4,
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
