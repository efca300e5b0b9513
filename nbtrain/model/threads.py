"""Helper threads of a trainer: ordinary Python threads, and when they are called.

A helper sleeps until it is sent to a call, registers there, and does its share of the tasks until the call is over
(`nbtrain.core.team`). Python never waits for it: a helper that comes too late, or never, is not missed, so an interrupt
or a fork at any moment leaves nothing behind.
"""

from __future__ import annotations

import math
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

from ..core.layout import MOST_THREADS
from .cores import available_cores
from .memory import Memory
from .recipe import Recipe

SHARE_FLOPS = 4e5  # work of a step for each thread that repays their synchronization
CALL_FLOPS = 2e7  # work of a call that repays waking the helpers
LONGEST_REST = 8  # calls, after one that sent its helpers away
PROBE_SECONDS = 0.02  # how long training alone, or together, is tried to compare them
PROBES = 6  # at the start, alternating
PROBE_EVERY = 32  # slices from one comparison to the next

__all__ = ["MOST_THREADS", "Team", "suitable_threads"]

Task = tuple[Any, int, int, object]


def suitable_threads(recipe: Recipe) -> int:
    """Number of threads that share a step with `threads="auto"`: by its work, its rows and the cores."""
    wanted = min(recipe.work_per_step / SHARE_FLOPS, recipe.batch_size / 2, 64)
    return max(1, min(int(wanted), available_cores()))


class Helpers:
    """Daemon threads, started when they are first needed, and again in a forked child, which does not inherit them."""

    def __init__(self) -> None:
        self._threads: list[tuple[threading.Thread, SimpleQueue[Task | None]]] = []
        self._warned = False

    def send(self, count: int, task: Task) -> None:
        """Let `count` threads call `function(model, call)`; `task` also holds what must live until they return."""
        for index in range(count):
            if index == len(self._threads) or not self._threads[index][0].is_alive():
                try:
                    self._start(index)
                except RuntimeError as error:
                    self._warn(index, error)
                    return
            self._threads[index][1].put(task)

    def _start(self, index: int) -> None:
        """Start a thread, which is recorded first: an interrupt may come while it starts."""
        queue: SimpleQueue[Task | None] = SimpleQueue()
        thread = threading.Thread(target=_work, args=(queue,), name=f"nbtrain-{index + 1}", daemon=True)
        for _, old in self._threads[index : index + 1]:
            old.put(None)
        self._threads[index : index + 1] = [(thread, queue)]
        thread.start()

    def _warn(self, count: int, error: RuntimeError) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"nbtrain: {error}; training continues with {count + 1} of the requested threads",
                RuntimeWarning,
                stacklevel=2,
            )

    def __del__(self) -> None:
        for _, queue in self._threads:
            queue.put(None)


def _work(queue: SimpleQueue[Task | None]) -> None:
    while (task := queue.get()) is not None:
        function, model, call, _ = task
        function(model, call)
        del task, _  # they hold the trainer's memory


class Pace:
    """Whether training is faster together than alone: both are tried, and again now and then."""

    def __init__(self) -> None:
        self._slices = 0
        self._seconds = {True: 0.0, False: 0.0}  # per step, together and alone

    def choose(self) -> tuple[bool, float]:
        """Whether to train the next slice together, and for how long at most."""
        self._slices += 1
        if self._slices <= PROBES:
            return self._slices % 2 == 1, self._probe()
        together = self._seconds[True] < self._seconds[False]
        if self._slices % PROBE_EVERY == 0:
            return not together, self._probe()
        return together, math.inf

    def _probe(self) -> float:
        """Long enough for some steps: helpers come too late for the first."""
        return max(PROBE_SECONDS, 4.0 * self._seconds[False])

    def note(self, together: bool, seconds: float) -> None:
        """Record the time of a step; at the start the best counts, since helpers may begin on the leader's core."""
        known = self._seconds[together] or seconds
        self._seconds[together] = min(known, seconds) if self._slices <= PROBES else (known + seconds) / 2


class Team:
    """Decides when the helpers of a trainer are called.

    A call that had to dismiss them, since cores were busy elsewhere, is followed by calls without them, each time twice
    as many. With `threads="auto"` training alone and together are also compared now and then.
    """

    def __init__(self, size: int, automatic: bool, memory: Memory, assist: Any) -> None:
        self.size = size
        self._assist, self._memory = assist, memory
        self._address = memory.address("descriptor")
        self._descriptor = memory.array("descriptor")
        self._helpers = Helpers()
        self._calls = 0
        self._sent, self._rest, self._next_rest = False, 0, 1
        self._pace = Pace() if automatic else None

    def send(self, flops: float) -> bool:
        """Send the helpers to the next call, if that is worth it; that call must release the interpreter lock."""
        if self.size == 1 or flops < CALL_FLOPS or not self._rested():
            return False
        self._sent = True
        self._calls += 1
        self._descriptor["team_call"] = self._calls
        self._helpers.send(self.size - 1, (self._assist, self._address, self._calls, self._memory))
        return True

    def _rested(self) -> bool:
        if self._sent and self._descriptor["team_dismissed"][0]:
            self._rest, self._next_rest = self._next_rest, min(2 * self._next_rest, LONGEST_REST)
        elif self._sent:
            self._next_rest = max(1, self._next_rest // 2)
        self._sent = False
        if self._rest > 0:
            self._rest -= 1
            return False
        return True

    @contextmanager
    def slice(self, flops: float, longest: float) -> Iterator[None]:
        """Around a slice of training that has so much work and lasts at most `longest` seconds."""
        d = self._descriptor
        together, most = (True, longest) if self._pace is None or self.size == 1 else self._pace.choose()
        d["slice_time"] = int(min(most, longest) * 1e9)
        if together:
            self.send(flops)
        begun, iteration, tasks = time.perf_counter(), int(d["iteration"][0]), int(d["team_tasks"][0])
        yield
        steps, tasks = int(d["iteration"][0]) - iteration, int(d["team_tasks"][0]) - tasks
        if self._pace is not None and steps > 0:
            self._pace.note(2 * tasks > steps, (time.perf_counter() - begun) / steps)
