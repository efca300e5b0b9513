"""Signals that ask a process to end, taken as Ctrl-C is."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP has come."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def number_of(interrupt: KeyboardInterrupt) -> int:
    """The signal behind an interrupt."""
    return interrupt.number if isinstance(interrupt, Terminated) else int(signal.SIGINT)


@contextlib.contextmanager
def as_interrupts() -> Iterator[None]:
    """Have the first SIGTERM or SIGHUP raise Terminated, and those after it do nothing: a model is being saved then.

    What is ignored already (nohup) stays so, and so does what the host of this process has made of a signal.
    """
    came = False

    def act(number: int, frame: Any) -> None:
        nonlocal came
        if not came:
            came = True
            raise Terminated(number)

    before: dict[int, Any] = {}
    try:
        if threading.current_thread() is threading.main_thread():  # no other may set handlers
            for wanted in (signal.SIGTERM, signal.SIGHUP):
                if signal.getsignal(wanted) == signal.SIG_DFL:
                    before[wanted] = signal.signal(wanted, act)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
