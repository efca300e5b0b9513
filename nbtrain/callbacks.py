"""What a training run tells while it goes on, and how it is stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .errors import InputError

if TYPE_CHECKING:
    from .trainer import Trainer


class Callback:
    """Base of callbacks; override what is needed.

    Instead of an object, a plain function ``f(trainer, epoch, metrics)`` serves as `on_epoch`.
    """

    def on_start(self, trainer: Trainer) -> None:
        """Before the first epoch of a call of fit."""

    def on_epoch(self, trainer: Trainer, epoch: int, metrics: Mapping[str, float]) -> bool | None:
        """After every epoch, counted from 1 over the trainer's life; True stops the training."""

    def on_end(self, trainer: Trainer) -> None:
        """After the last epoch, however the run came to its end."""


class _Function(Callback):
    def __init__(self, function: Callable[..., bool | None]) -> None:
        self.function = function

    def on_epoch(self, trainer: Trainer, epoch: int, metrics: Mapping[str, float]) -> bool | None:
        return self.function(trainer, epoch, metrics)


def as_callbacks(given: Any) -> list[Callback]:
    """The callbacks that fit was given, functions wrapped."""
    if isinstance(given, Callback) or callable(given):
        given = (given,)
    if not isinstance(given, Iterable):
        raise InputError(f"callbacks: {given!r} given; a sequence of callbacks is wanted")
    made: list[Callback] = []
    for item in given:
        if isinstance(item, Callback):
            made.append(item)
        elif callable(item) and not isinstance(item, type):
            made.append(_Function(item))
        else:
            raise InputError(f"callbacks: {item!r} given; nbtrain.Callback objects or functions are wanted")
    return made


class PrintProgress(Callback):
    """One line an epoch on standard output."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.done = 0

    def on_epoch(self, trainer: Trainer, epoch: int, metrics: Mapping[str, float]) -> None:
        self.done += 1
        numbers = "  ".join(f"{name} {number:.4f}" for name, number in metrics.items())
        print(f"epoch {self.done:{len(str(self.epochs))}d}/{self.epochs}  {numbers}", flush=True)
