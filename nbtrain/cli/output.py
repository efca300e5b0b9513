"""What commands write: to standard output or to a file, never over what is read, whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Mapping

from ..errors import InputError
from ..formats.modelfile import files

STANDARD = "-"


def check(path: str | None, option: str, inputs: Mapping[str, str | None], *, model: bool = False) -> None:
    """Refuse, before anything is read or trained, a file that must not or cannot be written.

    Parameters
    ----------
    path : str, optional
        None and `-` are standard output.
    option : str
        Its name, for messages.
    inputs : dict
        Files that are read, by what they are; the path may name none of them, nor lead to one by a link.
    model : bool
        Whether a model is to be written: then only a model, or an empty file, is replaced.

    Raises
    ------
    InputError
        The message names the option.
    """
    if path is None or path == STANDARD:
        if path is not None and model:
            raise InputError(f"{option}: {path!r} given; a model goes to a file")
        return
    if os.path.isdir(path) or not path:
        raise InputError(f"{option}: {path!r} given; the path of a file is wanted")
    if not os.path.isdir(os.path.dirname(os.path.realpath(path))):
        raise InputError(f"{option}: {path!r} given; there is no such directory")
    _check_present(path, option, inputs, model)


def _check_present(path: str, option: str, inputs: Mapping[str, str | None], model: bool) -> None:
    """Whether what is there already, if it is, may be written."""
    found = _standing(path)
    if found is None:
        return
    if not stat.S_ISREG(found.st_mode):
        if model:
            raise InputError(f"{option}: {path!r} is no regular file; the path of a file is wanted")
        return
    for what, source in inputs.items():
        read = None if source is None else _standing(source)
        if read is not None and os.path.samestat(read, found):
            raise InputError(f"{option}: {path!r} is the {what}, which would be overwritten; give another file")
    if found.st_size and files.is_model(path) != model:
        kind = "no model of nbtrain" if model else "a model of nbtrain"
        raise InputError(f"{option}: {path!r} is there and {kind}; give another file, or remove it first")


def _standing(path: str) -> os.stat_result | None:
    """What a path leads to, `-` to standard input; None where there is nothing."""
    try:
        return os.fstat(0) if path == STANDARD else os.stat(path)
    except OSError:
        return None


def _standard_stream(found: os.stat_result) -> int | None:
    """The descriptor of standard output or standard error where that is this file; what is pending there is written."""
    for descriptor, stream in ((1, sys.stdout), (2, sys.stderr)):
        with contextlib.suppress(OSError):  # it is closed
            if os.path.samestat(os.fstat(descriptor), found):
                if stream is not None:
                    stream.flush()
                return descriptor
    return None


def write(text: str, path: str | None, option: str) -> None:
    """To standard output, into a pipe or a device, or to a file that is either whole or as it was.

    Raises
    ------
    InputError
        If it cannot be written; the message names the option.
    """
    if path is None or path == STANDARD:
        if sys.stdout is None:
            raise InputError("standard output is closed; --output FILE writes to a file")
        sys.stdout.write(text)
        return
    try:
        _deliver(text.encode(), path)
    except OSError as error:
        raise InputError(f"{option}: {path!r} cannot be written: {error.strerror or error}") from error
    print(f"wrote {path}", file=sys.stderr)


def _deliver(data: bytes, path: str) -> None:
    """Replace a regular file, whose links and permissions stay; anything else, such as a pipe, is written into.

    So is what standard output or standard error goes to: `>> file` is not to lose what was in the file.
    """
    found = _standing(path)
    descriptor = None if found is None else _standard_stream(found)
    if descriptor is not None:
        with open(os.dup(descriptor), "wb") as stream:  # the same offset, and at the end where it appends
            stream.write(data)
        return
    if found is None or stat.S_ISREG(found.st_mode):
        files.write(path, [memoryview(data)])
        return
    with open(os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY), "wb") as stream:
        stream.write(data)
