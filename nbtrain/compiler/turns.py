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

from . import cache

PAUSE = 0.05  # seconds between two attempts
MOST_SECONDS = 120.0  # the holder may have been stopped


@contextmanager
def turn(key: str) -> Iterator[None]:
    """Be the only process that compiles what belongs under `key`."""
    descriptor = _opened(key)
    if descriptor is None:
        yield
        return
    try:
        _lock(descriptor)
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(_path(key))
        os.close(descriptor)


def _path(key: str) -> str:
    return os.path.join(str(cache.directory() or ""), key + cache.LOCK)


def _opened(key: str) -> int | None:
    if os.name != "posix" or cache.directory() is None:
        return None
    try:
        return os.open(_path(key), os.O_RDWR | os.O_CREAT | cache.OPEN_FLAGS, 0o600)
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
