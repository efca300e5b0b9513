"""One process compiles what several want; the others wait for it, and find it in the cache.

The lock of a file, which goes with the process that holds it. Never a reason to fail: where files cannot be locked, or
whoever has the lock takes too long, everybody compiles for himself.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import cache

PAUSE = 0.05  # seconds between two attempts
MOST_SECONDS = 120.0  # the holder may have been stopped


@contextmanager
def turn(key: str) -> Iterator[None]:
    """Be the only process that compiles what belongs under `key`."""
    folder = cache.directory() if os.name == "posix" else None
    path = None if folder is None else folder / (key + cache.LOCK)
    descriptor = None if path is None else _opened(path)
    if path is None or descriptor is None:
        yield
        return
    try:
        _lock(descriptor)
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)
        os.close(descriptor)


def _opened(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | cache.OPEN_FLAGS, 0o600)
    except OSError:
        return None


def _lock(descriptor: int) -> None:
    import fcntl

    end = time.monotonic() + MOST_SECONDS
    while time.monotonic() < end:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            time.sleep(PAUSE)
        except OSError:
            break
