"""What a forked child makes of trainers: it has their memory, but not the threads that were inside them.

A lock that such a thread held would never be free again, and its call never end. A thread that forks in a callback of
its own call goes on with that call in the child.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING

from ..core import layout
from .state import restore

if TYPE_CHECKING:
    from .trainer import Trainer

_trainers: weakref.WeakSet[Trainer] = weakref.WeakSet()


def watch(trainer: Trainer) -> None:
    """Have a trainer freed in children."""
    _trainers.add(trainer)


def _free_all() -> None:
    for trainer in list(_trainers):
        free(trainer)


def free(trainer: Trainer) -> None:
    """Let a trainer be used that a thread was inside which is no more; a training goes back to its last whole epoch."""
    d = trainer.model.descriptor
    inside = bool(d["busy"][0])
    d["busy"] = 0  # no thread that forks is inside compiled code
    if trainer._lock.acquire(blocking=False):  # nobody's, or of the thread that has forked
        trainer._lock.release()
        return
    own = vars(trainer)
    own["_lock"] = threading.RLock()
    trainer._quick_limit[0] = trainer._quick_rows
    if inside and trainer._run is not None:  # in the middle of a step, perhaps
        restore(trainer)
    d["status"] = layout.OK
    own["_run"] = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_all)
