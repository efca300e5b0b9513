"""Locks that a forked child can use: a fork waits until no other thread holds them.

A thread that holds a lock does not exist in the child, where the lock would stay taken for ever, and what the lock
protects would stay half done.
"""

from __future__ import annotations

import logging  # noqa: F401  # its lock is then taken after ours: a thread that compiles may be waiting for it
import os
import threading


def held_across_forks(lock: threading.Lock | threading.RLock) -> None:
    """Have the forking thread take `lock` before a fork, and release it in the parent and in the child.

    Locks that are taken while another one is held have to be registered first: forks take the last one first.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
