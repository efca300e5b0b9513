"""The helper thread that reads the next block of a source while the present one is trained."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from typing import NamedTuple

from .filling import Buffer

WAIT = 0.1  # seconds from one look at Ctrl-C to the next, where the system cannot interrupt a wait
GOODBYE = 1.0  # seconds that a reader has to end: one whose source hangs is left behind, since it is a daemon


class Filled(NamedTuple):
    """A buffer that holds rows `first` to `last` of an epoch."""

    buffer: Buffer
    first: int
    last: int


class ReaderLost(Exception):
    """The thread of a reader is gone: this is a forked process."""


class Reader:
    """Reads ranges of an epoch's rows into buffers in turn.

    Parameters
    ----------
    fill : function
        Reads rows `first` to `last` of the epoch into a buffer: `fill(buffer, first, last)`.
    ranges : iterable of (first, last)
    buffers : sequence of Buffer
    threads : set of int
        Gets the identity of the thread, as long as it reads.
    """

    def __init__(
        self,
        fill: Callable[[Buffer, int, int], None],
        ranges: Iterable[tuple[int, int]],
        buffers: Iterable[Buffer],
        threads: set[int],
    ) -> None:
        self._fill, self._ranges, self._threads = fill, ranges, threads
        self._ready: SimpleQueue[Filled | BaseException | None] = SimpleQueue()
        self._free: SimpleQueue[Buffer | None] = SimpleQueue()
        for buffer in buffers:
            self._free.put(buffer)
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="nbtrain-reader", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        own = threading.get_ident()
        self._threads.add(own)
        try:
            for first, last in self._ranges:
                buffer = self._free.get()
                if self._closed or buffer is None:
                    return
                self._fill(buffer, first, last)
                self._ready.put(Filled(buffer, first, last))
            self._ready.put(None)
        except BaseException as error:  # it is raised where blocks are taken
            self._ready.put(error)
        finally:
            self._threads.discard(own)

    def take(self) -> Filled | None:
        """The next rows, or None after the last; raises what reading them has raised."""
        while True:
            try:
                found = self._ready.get(timeout=WAIT)
            except Empty:
                if self._thread.is_alive() or not self._ready.empty():
                    continue
                raise ReaderLost from None
            if isinstance(found, BaseException):
                raise found
            return found

    def give_back(self, filled: Filled) -> None:
        """Let a buffer be filled again."""
        self._free.put(filled.buffer)

    def close(self) -> None:
        """End the thread, if it ends in time."""
        self._closed = True
        self._free.put(None)
        self._thread.join(GOODBYE)
