"""Model files are whole or absent: they are written under a temporary name, synced, and moved into place."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import secrets
import stat
import time
from collections.abc import Iterable, Iterator
from typing import Any

from ... import filesystem
from ...checks.messages import brief, wrong
from ...errors import InputError, MissingFileError, ModelFileError
from .container import DIGEST_AT, begins_as_model, header_length, refuse

PREFIX, SUFFIX = ".nbtrain-", ".tmp"
LEFT_SECONDS = 60.0  # after which a temporary file on Windows is a leftover
Path = str | os.PathLike[str]


def write(path: Path, parts: Iterable[memoryview]) -> None:
    """Replace the file at `path` in one step: whatever happens, the old or the new file is there, whole.

    Raises
    ------
    InputError
        If `path` is something other than a regular file.
    OSError
        If the file cannot be written; FileNotFoundError if its folder does not exist.
    """
    target = os.path.realpath(checked_path(path))  # a link stays a link
    folder = os.path.dirname(target)
    check_folder(target)
    replaced = _standing(target)
    remove_leftovers(folder)
    try:
        with _temporary(folder, replaced) as (file, temporary):
            for part in parts:
                _write_all(file, part)
            os.fsync(file.fileno())
            if filesystem.WINDOWS:
                file.close()  # elsewhere it stays locked
            filesystem.move(temporary, target)
        filesystem.sync_folder(folder)
    except OSError as error:
        error.filename = target
        raise


def checked_path(path: Any) -> str:
    """A path as a str, or an InputError."""
    if not isinstance(path, str | os.PathLike) or not isinstance(found := os.fspath(path), str) or not found:
        raise InputError(wrong("path", "be the path of a file", brief(path)))
    if "\0" in found:
        raise InputError(wrong("path", "have no NUL character", brief(path)))
    return found


def check_folder(path: str) -> None:
    """Raise FileNotFoundError if the folder of a file to be written does not exist."""
    folder = os.path.dirname(os.path.realpath(path))
    if not os.path.isdir(folder):
        raise FileNotFoundError(
            errno.ENOENT, f"no such folder: {folder!r}; create it first (os.makedirs), or give another path", path
        )


def is_model(path: str) -> bool:
    """Whether a file begins as model files do; False where it cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | filesystem.AT_ONCE)
    except OSError:
        return False
    try:
        return stat.S_ISREG(os.fstat(descriptor).st_mode) and begins_as_model(os.read(descriptor, DIGEST_AT))
    finally:
        os.close(descriptor)


def _standing(target: str) -> os.stat_result | None:
    """The file that is replaced, whose owner and permissions are kept; None if there is none."""
    try:
        found = os.stat(target)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise InputError(wrong("path", "be the path of a regular file", brief(target)))
    return found


@contextlib.contextmanager
def _temporary(folder: str, replaced: os.stat_result | None) -> Iterator[tuple[io.FileIO, str]]:
    """A new file beside the target, locked for as long as its writer lives; removed unless it was moved away."""
    while True:
        temporary = os.path.join(folder, f"{PREFIX}{secrets.token_hex(8)}{SUFFIX}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | filesystem.BINARY, 0o666)
        with io.FileIO(descriptor, "wb") as file:
            try:
                if not filesystem.WINDOWS:
                    with contextlib.suppress(OSError):  # a file system without locks: leftovers stay
                        filesystem.lock(descriptor, wait=True)
                    if not os.fstat(descriptor).st_nlink:
                        continue  # another process took it for a leftover before it was locked
                if replaced is not None:
                    filesystem.keep_mode(descriptor, replaced)
                yield file, temporary
                return
            except BaseException:
                file.close()
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
                raise


def remove_leftovers(folder: str) -> None:
    """Remove temporary files of writers that died: those that no process holds locked."""
    with contextlib.suppress(OSError):
        for found in os.listdir(folder):
            if found.startswith(PREFIX) and found.endswith(SUFFIX):
                _remove_unlocked(os.path.join(folder, found))


def _remove_unlocked(temporary: str) -> None:
    with contextlib.suppress(OSError):
        if filesystem.WINDOWS:  # where it cannot be removed while its writer has it open
            if time.time() - os.stat(temporary).st_mtime > LEFT_SECONDS:  # but for a moment, before it is moved
                os.unlink(temporary)
            return
        descriptor = os.open(temporary, os.O_RDONLY | filesystem.OWN)
        try:
            filesystem.lock(descriptor)
            os.unlink(temporary)
        finally:
            os.close(descriptor)


def _write_all(file: io.FileIO, part: memoryview) -> None:
    while part:
        part = part[os.write(file.fileno(), part) :]


def read(path: Path) -> bytearray:
    """Read the bytes of a model file; of another file, only the beginning is read.

    Raises
    ------
    ModelFileError
        If there is no such file (also a FileNotFoundError), it cannot be read, or it does not begin as a model file
        does.
    """
    where = checked_path(path)
    try:
        with io.FileIO(os.open(where, os.O_RDONLY | filesystem.AT_ONCE)) as file:
            return _read_all(file, where)
    except FileNotFoundError as error:
        missing = MissingFileError(f"no such file: {where!r}")
        missing.errno, missing.filename = error.errno, where
        raise missing from error
    except OSError as error:
        raise ModelFileError(f"{where}: cannot be read: {error.strerror or error}") from error


def _read_all(file: io.FileIO, where: str) -> bytearray:
    found = os.fstat(file.fileno())
    if not stat.S_ISREG(found.st_mode):
        refuse(where, "path", "not a regular file")
    header_length(file.read(DIGEST_AT), found.st_size, where)
    file.seek(0)
    try:
        data = bytearray(found.st_size)
    except (MemoryError, OverflowError) as error:
        raise ModelFileError(f"{where}: not enough memory for its {found.st_size:,} bytes") from error
    view, done = memoryview(data), 0
    while done < len(data) and (count := file.readinto(view[done:])):
        done += count
    if done != len(data):
        refuse(where, f"end at byte {done}", f"expected {len(data)} bytes")
    return data
