"""The helpers of a trainer with several threads: ordinary Python threads that sleep between calls."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

Task = Callable[[int], Any]


class _Helper:
    """A daemon thread that runs one task at a time."""

    def __init__(self, rank: int) -> None:
        self.rank = rank
        self._task: Task | None = None
        self._wanted, self._idle = threading.Semaphore(0), threading.Event()
        self._idle.set()
        self._thread = threading.Thread(target=self._work, name=f"nbtrain-{rank}", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while True:
            self._wanted.acquire()
            task, self._task = self._task, None
            if task is None:
                return
            try:
                task(self.rank)
            finally:
                del task  # it holds the trainer's data
                self._idle.set()

    def start(self, task: Task) -> None:
        self._task = task
        self._idle.clear()
        self._wanted.release()

    def wait(self) -> None:
        self._idle.wait()

    def dismiss(self) -> None:
        self._task = None
        self._wanted.release()


class Helpers:
    """Members 1, 2, … of a team; member 0 is the thread that calls.

    The threads are started when they are first needed, and anew in a forked child, which does not inherit them.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._members: list[_Helper] = []
        self._process = os.getpid()

    def run(self, task: Task, own: Callable[[], Any], cancel: Callable[[], None]) -> Any:
        """Run `task(rank)` on every helper beside `own()` on this thread, whose result is returned.

        `cancel` is called at the end, however that comes: helpers that `own` did not set going must come back.
        """
        if self._process != os.getpid():
            self._members, self._process = [], os.getpid()
        while len(self._members) < self.count:
            self._members.append(_Helper(len(self._members) + 1))
        started: list[_Helper] = []
        try:
            for helper in self._members:
                started.append(helper)
                helper.start(task)
            return own()
        finally:
            self._settle(started, cancel)

    def _settle(self, started: list[_Helper], cancel: Callable[[], None]) -> None:
        """Wait until all helpers are idle; an interrupt meanwhile is passed on only then."""
        interrupt: BaseException | None = None
        while started:
            try:
                cancel()
                started[-1].wait()
                started.pop()
            except BaseException as caught:
                interrupt = caught
        if interrupt is not None:
            raise interrupt

    def __del__(self) -> None:
        for helper in self._members:
            helper.dismiss()
