"""The disk cache: object code as plain bytes under a key of its content, one file per entry.

A file is written under a temporary name and moved into place, and carries a digest of its payload, so nothing depends
on the locks by which processes wait for each other, and a damaged file is seen before it is used. Nothing is unpickled.
Code that another user could have written is never run: the directory and its files belong to the user, or to the
administrator (a cache that was filled while a container image was built), and no one else can write there; links are
not followed. Windows keeps other users out of a user's folders by itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from .. import filesystem

MAGIC = b"nbtrain object code 2\n"
SUFFIX = ".nbo"
TEMPORARY = ".tmp"
LOCK = ".lock"  # of `compile_lock`
STALE_SECONDS = 3600.0  # temporary files of writers that died
LIMIT_BYTES = 256 * 1024 * 1024
LOCK_PAUSE, LOCK_SECONDS = 0.05, 120.0  # between two attempts to lock; in all, since the holder may have been stopped
ADMINISTRATOR = 0

_warned: set[str] = set()


class Info(NamedTuple):
    """What the cache holds."""

    directory: Path | None
    entries: int
    bytes: int


def warn_once(message: str) -> None:
    """Warn, once per process."""
    if message not in _warned:
        _warned.add(message)
        warnings.warn(message, RuntimeWarning, stacklevel=3)


def wanted_directory() -> Path | None:
    """Where the cache should be: NBTRAIN_CACHE_DIR, else the user's cache directory; None without a home.

    Never a relative path, which would mean another cache in every working directory.
    """
    given = os.environ.get("NBTRAIN_CACHE_DIR")
    if given:
        return Path(os.path.expanduser(given)).absolute()
    home = Path(os.path.expanduser("~"))
    if not home.is_absolute() or os.environ.get("HOME") == "":
        return None
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "nbtrain"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "nbtrain" / "cache"
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if os.path.isabs(base) else home / ".cache") / "nbtrain"


def located() -> tuple[Path | None, str]:
    """The cache's directory, created if necessary; or None, and why there is none that can be trusted."""
    wanted = wanted_directory()
    if wanted is None:
        return None, "no home directory for a cache"
    try:
        wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = os.lstat(wanted)
    except OSError as error:
        return None, f"no cache in {wanted} ({error.strerror})"
    fault = _distrust(found, stat.S_ISDIR, "directory")
    return (None, f"the cache directory {wanted} {fault}") if fault else (wanted, "")


def directory() -> Path | None:
    """The cache's directory; None, with a warning, where there is none that can be trusted."""
    folder, fault = located()
    if folder is None:
        warn_once(f"nbtrain: {fault}; compiled code is kept in memory only")
    return folder


def _distrust(found: os.stat_result, is_kind: Callable[[int], bool], kind: str) -> str | None:
    """Why code from this directory or file must not be run."""
    if stat.S_ISLNK(found.st_mode):
        return "is a symbolic link"
    if not is_kind(found.st_mode):
        return f"is not a {kind}"
    if hasattr(os, "getuid"):
        if found.st_uid not in (os.getuid(), ADMINISTRATOR):
            return "belongs to another user"
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return "can be written by other users"
    return None


def read(key: str) -> bytes | None:
    """The payload under a key; None where there is none, or where it cannot be trusted (with a warning)."""
    folder = directory()
    if folder is None:
        return None
    path = folder / (key + SUFFIX)
    try:
        fault = _distrust(os.lstat(path), stat.S_ISREG, "file")  # before it is opened: a pipe would wait for a writer
        if fault is None:
            with open(os.open(path, os.O_RDONLY | filesystem.OWN), "rb") as file:
                fault = _distrust(os.fstat(file.fileno()), stat.S_ISREG, "file")
                content = file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        warn_once(f"nbtrain: the cache file {path} cannot be read ({error.strerror}); its code is compiled again")
        return None
    if fault:
        warn_once(f"nbtrain: the cache file {path} {fault} and is not used; its code is compiled again")
        return None
    payload = _verified(content, key)
    if payload is None:
        warn_once(f"nbtrain: the cache file {path} is damaged; its code is compiled again")
    return payload


def _header(key: str, payload: bytes) -> bytes:
    digest = hashlib.sha256(payload).hexdigest()
    return MAGIC + f"{key} {digest} {len(payload)}\n".encode()


def _verified(content: bytes, key: str) -> bytes | None:
    """The payload of a file, if the file is what was written for this key."""
    end = content.find(b"\n", len(MAGIC)) + 1
    payload = content[end:]
    return payload if end and content[:end] == _header(key, payload) else None


def write(key: str, payload: bytes) -> None:
    """Store a payload; failures only warn."""
    import tempfile  # reading does not need it

    folder = directory()
    if folder is None:
        return
    try:
        _clean(folder)
        descriptor, temporary = tempfile.mkstemp(prefix=key[:16], suffix=TEMPORARY, dir=folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(_header(key, payload) + payload)
                file.flush()
                os.fsync(file.fileno())
            filesystem.move(temporary, str(folder / (key + SUFFIX)))
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        warn_once(f"nbtrain: cannot write to the cache in {folder} ({error.strerror}); compiled code stays in memory")


def _clean(folder: Path) -> None:
    """Remove what dead processes left behind, and the oldest entries of a cache that has grown too large."""
    now, total = time.time(), 0
    found = []
    for entry in os.scandir(folder):
        with contextlib.suppress(OSError):
            status = entry.stat(follow_symlinks=False)
            if entry.name.endswith((TEMPORARY, LOCK)) and now - status.st_mtime > STALE_SECONDS:
                os.unlink(entry.path)
            elif entry.name.endswith(SUFFIX):
                found.append((status.st_mtime, status.st_size, entry.path))
                total += status.st_size
    for _, size, path in sorted(found):
        if total <= LIMIT_BYTES:
            break
        with contextlib.suppress(OSError):
            os.unlink(path)
            total -= size


def info() -> Info:
    """Directory, number and size of the entries."""
    folder = directory()
    if folder is None:
        return Info(None, 0, 0)
    sizes = []
    for path in folder.glob(f"*{SUFFIX}"):
        with contextlib.suppress(OSError):  # another process may have removed it by now
            sizes.append(path.lstat().st_size)
    return Info(folder, len(sizes), sum(sizes))


def clear() -> int:
    """Remove all entries and return their number. Running processes keep the code that they have loaded."""
    folder = directory()
    count = 0
    for path in folder.iterdir() if folder is not None else ():
        if path.suffix in (SUFFIX, TEMPORARY, LOCK):
            with contextlib.suppress(OSError):
                path.unlink()
                count += path.suffix == SUFFIX
    return count


@contextmanager
def compile_lock(key: str) -> Iterator[None]:
    """Let one process compile what belongs under `key`; others wait, and then find it in the cache.

    It is a lock of a file, which ends with the process that holds it, and never a reason to fail: where files cannot
    be locked, or the holder takes too long, every process compiles for itself.
    """
    folder = directory()
    path = None if folder is None else folder / (key + LOCK)
    descriptor = None if path is None else _opened(path)
    if path is None or descriptor is None:
        yield
        return
    try:
        _lock(descriptor)
        yield
    finally:
        if filesystem.WINDOWS:  # others have it open, and it stays for them; `_clean` removes it
            os.close(descriptor)
        else:
            with contextlib.suppress(OSError):
                os.unlink(path)
            os.close(descriptor)


def _opened(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | filesystem.OWN, 0o600)
    except OSError:
        return None


def _lock(descriptor: int) -> None:
    end = time.monotonic() + LOCK_SECONDS
    while time.monotonic() < end:
        try:
            filesystem.lock(descriptor)
            break
        except BlockingIOError:
            time.sleep(LOCK_PAUSE)
        except OSError:
            break
