"""What systems do differently with files: flags, locks, and how a file is moved over another one.

On Windows a file that somebody has open can be neither removed nor replaced, so temporary files need no lock there,
and a move waits for readers, such as virus scanners.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from typing import Any

WINDOWS = sys.platform == "win32"
BINARY = sum(getattr(os, name, 0) for name in ("O_BINARY", "O_CLOEXEC"))  # as every file is opened
AT_ONCE = BINARY | getattr(os, "O_NONBLOCK", 0)  # a FIFO must not wait for a writer
OWN = AT_ONCE | getattr(os, "O_NOFOLLOW", 0)  # files of which nbtrain knows that they are no links
MOVE_SECONDS, MOVE_PAUSE = 2.0, 0.02  # how long a move waits for those who have the file open
LOCK_AT = 0x7FFFFFF0  # the byte that stands for a whole file on Windows: behind its end


def lock(descriptor: int, wait: bool = False) -> None:
    """Lock a file until it is closed.

    Raises
    ------
    BlockingIOError
        If another one has locked it, and this one does not `wait`.
    OSError
        If its file system has no locks.
    """
    if WINDOWS:
        _lock_byte(descriptor)
        return
    import fcntl

    fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


def _lock_byte(descriptor: int) -> None:
    import msvcrt

    module: Any = msvcrt
    place = os.lseek(descriptor, 0, os.SEEK_CUR)
    os.lseek(descriptor, LOCK_AT, os.SEEK_SET)
    try:
        module.locking(descriptor, module.LK_NBLCK, 1)
    except PermissionError as error:
        raise BlockingIOError(errno.EAGAIN, "locked by another process") from error
    finally:
        os.lseek(descriptor, place, os.SEEK_SET)


def move(source: str, target: str) -> None:
    """Move a closed file over another one, in one step."""
    end = time.monotonic() + MOVE_SECONDS
    while True:
        try:
            os.replace(source, target)
            return
        except PermissionError:
            if not WINDOWS or time.monotonic() > end:
                raise
        time.sleep(MOVE_PAUSE)


def keep_mode(descriptor: int, replaced: os.stat_result) -> None:
    """Give a file the permissions of the one that it replaces, and its owner and group, as far as may be.

    On Windows a file has those of its folder.
    """
    if WINDOWS:
        return
    try:
        os.fchown(descriptor, replaced.st_uid, replaced.st_gid)
    except OSError:
        with contextlib.suppress(OSError):
            os.fchown(descriptor, -1, replaced.st_gid)
    os.fchmod(descriptor, replaced.st_mode & 0o7777)


def sync_folder(folder: str) -> None:
    """Make moves in a folder durable, on systems that can sync one."""
    if WINDOWS:
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | BINARY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
