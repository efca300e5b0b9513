"""A helper thread that trains while the calling thread makes the next batches."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

from .reader import WAIT

Work = Callable[[], int]
NOTHING = -1  # no status


class Beside:
    """Runs work in a thread of its own, beside what the calling thread does.

    Attributes
    ----------
    paused : bool
        Whether the work is to end soon.
    """

    def __init__(self) -> None:
        self.paused = False
        self._thread: threading.Thread | None = None
        self._tasks: SimpleQueue[Work | None] = SimpleQueue()
        self._done: SimpleQueue[int | BaseException] = SimpleQueue()

    def run(self, work: Work, meanwhile: Callable[[], None]) -> int:
        """What the work returns, which has ended when this does, whatever interrupts it."""
        if self._thread is None or not self._thread.is_alive():  # it is not in a forked process
            self._tasks, self._done = SimpleQueue(), SimpleQueue()
            self._thread = threading.Thread(
                target=_serve, args=(self._tasks, self._done), name="nbtrain-batches", daemon=True
            )
            self._thread.start()
        self.paused = False
        try:
            self._tasks.put(work)
            meanwhile()
            self.paused = True
            found = self._result()
        except BaseException:
            self._settle()
            raise
        if isinstance(found, BaseException):
            raise found
        return found

    def close(self) -> None:
        """End the thread."""
        self._tasks.put(None)
        self._thread = None

    def _result(self) -> int | BaseException:
        while True:
            try:
                return self._done.get(timeout=WAIT)
            except Empty:
                continue

    def _settle(self) -> None:
        """Wait until the thread has nothing to do, whether or not it was given the work before the interrupt."""
        self.paused = True
        self._tasks.put(_nothing)
        while True:
            try:
                if self._result() == NOTHING:
                    return
            except KeyboardInterrupt:  # one is on its way already
                continue


def _nothing() -> int:
    return NOTHING


def _serve(tasks: SimpleQueue[Any], done: SimpleQueue[Any]) -> None:
    while (work := tasks.get()) is not None:
        try:
            done.put(work())
        except BaseException as error:  # it is raised where the work was wanted
            done.put(error)
        del work
