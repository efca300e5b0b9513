"""Programs that tests start: they begin alike, however the tests themselves were started."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

PATIENCE = 600.0  # seconds after which a program counts as stuck, on a busy machine, too
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextlib.contextmanager
def signals_of_children(ignored: tuple[int, ...] = ()) -> Iterator[None]:
    """Let programs that are started meanwhile ignore these signals only, whatever this process ignores.

    A shell without job control starts what is in its background with SIGINT ignored, nohup does so with SIGHUP, and
    children inherit it. They never inherit handlers, so that only what is ignored has to change.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}
    wrong = [number for number in SIGNALS if (before[number] == signal.SIG_IGN) != (number in ignored)]
    try:
        for number in wrong:
            signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)
        yield
    finally:
        for number in wrong:
            signal.signal(number, before[number])


def start(command: list[Any], ignored: tuple[int, ...] = (), **options: Any) -> subprocess.Popen[str]:
    """A program whose output and errors can be read as text; it has no input."""
    given = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    with signals_of_children(ignored):
        return subprocess.Popen(command, **given)


def run(command: list[Any], **options: Any) -> subprocess.CompletedProcess[str]:
    """A program that has ended, with its output and errors as text."""
    given = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "timeout": PATIENCE} | options
    with signals_of_children():
        return subprocess.run(command, **given)
