"""The protocol: what a training run tells while it goes on, and how it is stopped."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..checks.suggestions import nearest
from ..errors import InputError

if TYPE_CHECKING:
    from ..training.trainer import Trainer


class Callback:
    """Base of callbacks; override what is needed.

    Instead of an object, a plain function ``f(trainer, epoch, metrics)`` serves as `on_epoch`. A callback may change
    the learning rate (`trainer.learning_rate`, `trainer.scale_learning_rate`) and save the trainer.

    Attributes
    ----------
    every_steps : int, optional
        `on_step` is called whenever the trainer's iteration is a multiple of it.
    every_seconds : float, optional
        `on_step` is called whenever so much time has passed, to a tenth of a second.
    first_at_end : bool
        Whether its `on_end` comes before that of the others, and it is told of epochs after all that have a state: for
        callbacks that save.
    """

    every_steps: int | None = None
    every_seconds: float | None = None
    first_at_end = False

    def on_start(self, trainer: Trainer) -> None:
        """Before the first epoch of a call of fit."""

    def on_step(self, trainer: Trainer, iteration: int, metrics: Mapping[str, float]) -> bool | None:
        """Within an epoch, as often as `every_steps` and `every_seconds` say; True stops the training.

        `metrics` has the mean `loss` of the epoch so far. A training that was stopped within an epoch continues that
        epoch with the next call of fit. At the end of an epoch it comes before `on_epoch`, and before that epoch is in
        the history.
        """

    def on_epoch(self, trainer: Trainer, epoch: int, metrics: Mapping[str, float]) -> bool | None:
        """After every epoch, counted from 1 over the trainer's life; True stops the training."""

    def on_end(self, trainer: Trainer) -> None:
        """After the last epoch, however the run came to its end: also after Ctrl-C and after divergence."""

    def state_dict(self) -> Mapping[str, Any]:
        """What a checkpoint keeps of it, by name: what JSON can hold, and arrays of float32 or float64."""
        return {}

    def resume(self, trainer: Trainer, state: Mapping[str, Any]) -> bool | None:
        """After `on_start`, where fit goes on from a checkpoint: what `state_dict` gave when that was written.

        True ends the call of fit before it trains: the training had come to its end by this callback.
        """


def stops(returned: Any, callback: Callback, method: str) -> bool:
    """Whether what a callback's method has returned ends the training; an array is neither true nor false."""
    try:
        return bool(returned)
    except (ValueError, TypeError):
        name = getattr(getattr(callback, "function", None), "__name__", f"{type(callback).__qualname__}.{method}")
        raise InputError(
            f"callbacks: {type(returned).__name__} returned by {name}; True (to stop), False or None is wanted"
        ) from None


def keeps_state(callback: Callback) -> bool:
    """Whether there is something of it in checkpoints."""
    return type(callback).state_dict is not Callback.state_dict


class _Function(Callback):
    def __init__(self, function: Callable[..., bool | None]) -> None:
        self.function = function

    def on_epoch(self, trainer: Trainer, epoch: int, metrics: Mapping[str, float]) -> bool | None:
        return self.function(trainer, epoch, metrics)


def as_callbacks(given: Any) -> list[Callback]:
    """The callbacks that fit was given, functions wrapped."""
    if isinstance(given, Callback) or callable(given):
        given = (given,)
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InputError(f"callbacks: {given!r} given; a sequence of callbacks is wanted")
    made: list[Callback] = []
    for item in given:
        if isinstance(item, Callback):
            _check_methods(item)
            made.append(item)
        elif callable(item) and not isinstance(item, type):
            _check_arguments(item)
            made.append(_Function(item))
        else:
            raise InputError(
                f"callbacks: {item!r} given; nbtrain.Callback objects or functions are wanted{_maker(item)}"
            )
    return made


def _maker(item: Any) -> str:
    """How a callback is made, for somebody who has given its class or the name of that."""
    if isinstance(item, str):
        item = {kind.__name__: kind for kind in Callback.__subclasses__()}.get(item)
    return f": {item.__name__}(…) makes one" if isinstance(item, type) and issubclass(item, Callback) else ""


def _check_methods(callback: Callback) -> None:
    """Refuse a callback that would be told of nothing, because its methods have other names."""
    own = {name: method for name, method in vars(Callback).items() if inspect.isfunction(method)}
    if any(inspect.getattr_static(callback, name, None) is not method for name, method in own.items()):
        return
    names = [name for name in own if name.startswith("on_")]
    kind = type(callback)
    odd = [name for name in dir(kind) if name.startswith("on_") and name not in names]
    odd = [name for name in odd if inspect.isfunction(inspect.getattr_static(kind, name, None))]
    if odd:
        near = nearest(odd[0], names)
        raise InputError(
            f"callbacks: {type(callback).__name__} has {', '.join(odd)}, which nothing calls; "
            + (f"did you mean {near[0]}? " if near else "")
            + f"Override {', '.join(names)}"
        )


def _check_arguments(function: Callable[..., Any]) -> None:
    """Refuse a function that cannot be called as callbacks are, before anything is trained."""
    try:
        signature = inspect.signature(function)
    except ValueError:  # a function of C may not tell
        return
    try:
        signature.bind(None, 0, {})
    except TypeError:
        raise InputError(
            f"callbacks: a function of {signature} given; one of (trainer, epoch, metrics) is wanted"
        ) from None
