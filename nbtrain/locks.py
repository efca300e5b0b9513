"""Locks that a forked child finds free.

The thread that holds a lock is not in the child, where nobody would ever give it back; and what it was in the middle
of would stay so. Whoever forks therefore waits until nobody holds them. Those that are taken first come last here.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from typing import Any


def whole_in_children(lock: AbstractContextManager[Any]) -> None:
    """Have forks wait for a lock, which is no thread's while they happen but that of the thread that forks."""
    if hasattr(os, "register_at_fork"):

        def give_back() -> None:
            lock.__exit__(None, None, None)

        os.register_at_fork(before=lock.__enter__, after_in_parent=give_back, after_in_child=give_back)
