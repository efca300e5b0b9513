"""Locks that a forked child finds free.

The thread that holds a lock is not in the child, where nobody would ever give it back; and what it was in the middle
of would stay so. Whoever forks therefore waits until nobody holds them. Those that are taken first come last here.
"""

from __future__ import annotations

import _thread
import logging  # noqa: F401  # Forks take the locks of later modules first: who compiles may be waiting for this one's.
import os
import threading
import time
from typing import Protocol

LATER = 0.02  # seconds after a fork
PATIENCE = 60.0  # seconds; who holds a lock may wait for one that the fork has taken already


class Lock(Protocol):
    """A lock of `threading`."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it, or wait for so long."""
        ...

    def release(self) -> None:
        """Give it back."""
        ...


class _AtFork:
    """What happens to a lock when a thread forks."""

    def __init__(self, lock: Lock) -> None:
        self.lock = lock
        self.taken = self.interrupted = False

    def before(self) -> None:
        """Take the lock. Nothing that is raised here would reach the program."""
        taken, interrupted, end = False, False, time.monotonic() + PATIENCE
        while not taken and time.monotonic() < end:
            try:
                taken = self.lock.acquire(timeout=0.1)
            except KeyboardInterrupt:
                interrupted = True
        if taken:
            self.taken = True
        self.interrupted |= interrupted

    def after_in_child(self) -> None:
        """Give it back."""
        if self.taken:
            self.taken = False
            self.lock.release()

    def after_in_parent(self) -> None:
        """Give it back, and let a Ctrl-C come that came meanwhile."""
        self.after_in_child()
        if self.interrupted:
            self.interrupted = False
            threading.Timer(LATER, _thread.interrupt_main).start()  # not here, where nothing raised goes on


def whole_in_children(lock: Lock) -> None:
    """Have forks wait for a lock, which is no thread's while they happen but that of the thread that forks."""
    if hasattr(os, "register_at_fork"):
        kept = _AtFork(lock)
        os.register_at_fork(
            before=kept.before, after_in_parent=kept.after_in_parent, after_in_child=kept.after_in_child
        )
