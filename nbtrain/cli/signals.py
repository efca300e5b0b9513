"""SIGTERM and SIGHUP, handled like Ctrl-C."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP was received."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def number_of(interrupt: KeyboardInterrupt) -> int:
    """The signal behind an interrupt."""
    return interrupt.number if isinstance(interrupt, Terminated) else int(signal.SIGINT)


@contextlib.contextmanager
def as_interrupts() -> Iterator[None]:
    """Let the first SIGTERM or SIGHUP raise Terminated; ignore later ones, as the model is then being saved.

    Signals that are ignored (nohup) or have a handler already are left alone.
    """
    received = False

    def act(number: int, frame: Any) -> None:
        nonlocal received
        if not received:
            received = True
            raise Terminated(number)

    before: dict[int, Any] = {}
    try:
        if threading.current_thread() is threading.main_thread():  # only it may set handlers
            for wanted in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):  # Windows has no SIGHUP
                if signal.getsignal(wanted) == signal.SIG_DFL:
                    before[wanted] = signal.signal(wanted, act)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
