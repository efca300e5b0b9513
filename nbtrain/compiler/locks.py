"""Locks that a forked child can use: a fork waits until no other thread holds them.

A thread that holds a lock does not exist in the child, where the lock would stay locked, and what it protects would
stay half changed.
"""

from __future__ import annotations

import _thread
import logging  # noqa: F401  # its lock is then taken after ours: a thread that compiles may be waiting for it
import os
import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

PATIENCE = 60.0  # seconds that a fork waits at most
LATER = 0.02  # seconds from a fork to the Ctrl-C that came meanwhile
Given = ParamSpec("Given")
Made = TypeVar("Made")


class _AcrossForks:
    """Holds a lock while its thread forks. What a handler of forks raises never reaches the program."""

    def __init__(self, lock: Any) -> None:
        self.lock = lock
        self.taken = self.interrupted = False

    def before(self) -> None:
        """Take the lock; remember a Ctrl-C."""
        self.taken, end = False, time.monotonic() + PATIENCE
        while not self.taken and time.monotonic() < end:
            try:
                self.taken = self.lock.acquire(timeout=0.1)
            except KeyboardInterrupt:
                self.interrupted = True

    def after_in_parent(self) -> None:
        """Release it, and raise the Ctrl-C after the fork."""
        if self.taken:
            self.taken = False
            self.lock.release()
        if self.interrupted:
            self.interrupted = False
            threading.Timer(LATER, _thread.interrupt_main).start()

    def after_in_child(self) -> None:
        """Release it, or make it anew where another thread held it too long."""
        if self.taken:
            self.lock.release()
        else:
            self.lock._at_fork_reinit()
        self.taken = self.interrupted = False


def held_across_forks(lock: threading.Lock | threading.RLock) -> None:
    """Have the forking thread hold `lock` during a fork; afterwards it is free in the child.

    Locks that are taken while another one is held have to be registered first: forks take the last one first.
    """
    if hasattr(os, "register_at_fork"):
        held = _AcrossForks(lock)
        os.register_at_fork(
            before=held.before, after_in_parent=held.after_in_parent, after_in_child=held.after_in_child
        )


_llvm_lock = threading.RLock()
held_across_forks(_llvm_lock)


def not_during_forks(function: Callable[Given, Made]) -> Callable[Given, Made]:
    """Let forks wait for the end of a function that calls llvmlite, whose own lock a child could not free."""

    @wraps(function)
    def locked(*arguments: Given.args, **named: Given.kwargs) -> Made:
        with _llvm_lock:
            return function(*arguments, **named)

    return locked
