"""Output of commands: to standard output, or to a file that is either complete or unchanged."""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
import sys
from collections.abc import Iterable

from .. import filesystem
from ..checks.messages import brief, wrong
from ..errors import InputError
from ..formats.modelfile import files

STANDARD = "-"
STREAMS = (None, STANDARD, "/dev/stdout")


def quoted(text: str) -> str:
    """A text as an argument for the system's shell, in commands that messages propose."""
    return subprocess.list2cmdline([text]) if filesystem.WINDOWS else shlex.quote(text)


def check(path: str | None, option: str, inputs: Iterable[tuple[str, str | None]], *, model: bool = False) -> None:
    """Refuse a file that must not or cannot be written, before anything is read or trained.

    Parameters
    ----------
    path : str, optional
        None and `-` are standard output.
    option : str
        Its name, for messages.
    inputs : sequence of (role, path)
        Files that are read, or written besides; the path must not be one of them, nor a link to one.
    model : bool
        Whether a model is written: it replaces only a model or an empty file.

    Raises
    ------
    InputError
        The message names the option.
    """
    if path is None or (path == STANDARD and not model):
        return
    if path == STANDARD or os.path.isdir(path) or not path:
        raise InputError(wrong(option, "be the path of a file", brief(path)))
    if not os.path.isdir(os.path.dirname(os.path.realpath(path))):
        raise InputError(f"{option}: the directory of {path!r} does not exist")
    _check_present(path, option, inputs, model)


def _check_present(path: str, option: str, inputs: Iterable[tuple[str, str | None]], model: bool) -> None:
    """Refuse to overwrite an input or a file of another kind."""
    found = _status(path)
    if found is None:
        return
    if not stat.S_ISREG(found.st_mode):
        if model:
            raise InputError(wrong(option, "be the path of a regular file", brief(path)))
        return
    for what, source in inputs:
        read = None if source is None else _status(source)
        if read is not None and os.path.samestat(read, found):
            raise InputError(f"{option}: {path!r} is the {what}, which would be overwritten; use another file")
    if found.st_size and files.is_model(path) != model:
        kind = "not an nbtrain model" if model else "an nbtrain model"
        raise InputError(f"{option}: {path!r} exists and is {kind}; use another file, or remove it first")


def _status(path: str) -> os.stat_result | None:
    """The status of a path, where `-` is standard input; None if it does not exist."""
    try:
        return os.fstat(0) if path == STANDARD else os.stat(path)
    except OSError:
        return None


def write(text: str, path: str | None, option: str) -> None:
    """Write to standard output, a pipe or a device, or to a file that is either complete or unchanged.

    Raises
    ------
    InputError
        If it cannot be written; the message names the option.
    """
    if path in STREAMS or path is None:
        if sys.stdout is None:
            raise InputError("standard output is closed; --output FILE writes to a file")
        sys.stdout.write(text)
        return
    try:
        _deliver(text.encode(), path)
    except OSError as error:
        raise InputError(f"{option}: cannot write {path!r}: {error.strerror or error}") from error
    print(f"wrote {path}", file=sys.stderr)


def _deliver(data: bytes, path: str) -> None:
    """Replace a regular file, keeping its links and permissions; write into anything else, such as a pipe."""
    found = _status(path)
    if found is None or stat.S_ISREG(found.st_mode):
        files.write(path, [memoryview(data)])
        return
    with open(os.open(path, os.O_WRONLY | filesystem.BINARY | getattr(os, "O_NOCTTY", 0)), "wb") as stream:
        stream.write(data)
