"""The callback protocol: when callbacks are called, and how they stop the training."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks.messages import brief, unknown, wrong
from ..errors import InputError

if TYPE_CHECKING:
    from ..training.trainer import Trainer


class Callback:
    """Base class of callbacks; override the methods you need.

    A plain function ``f(trainer, epoch, metrics)`` can be passed instead; it is called as `on_epoch`. A callback may
    change the learning rate (`trainer.learning_rate`, `trainer.scale_learning_rate`) and save the trainer.

    Attributes
    ----------
    every_steps : int, optional
        Call `on_step` whenever the trainer's iteration is a multiple of it.
    every_seconds : float, optional
        Call `on_step` each time this many seconds have passed, to a tenth of a second.
    first_at_end : bool
        Call its `on_end` before that of the other callbacks, and its `on_epoch` after all callbacks that have a
        state: for callbacks that save.

    Examples
    --------
    A callback that counts the iterations of each call of `fit`, keeps the count in checkpoints, and stops where the
    loss is small:

    >>> import nbtrain
    >>> class Count(nbtrain.Callback):
    ...     every_steps = 1
    ...
    ...     def on_start(self, trainer):
    ...         self.steps = 0
    ...
    ...     def on_step(self, trainer, iteration, metrics):
    ...         self.steps += 1
    ...
    ...     def on_epoch(self, trainer, epoch, metrics):
    ...         return metrics["loss"] < 1e-6
    ...
    ...     def on_end(self, trainer):
    ...         print(f"{self.steps} iterations")
    ...
    ...     def state_dict(self):
    ...         return {"steps": self.steps}
    ...
    ...     def resume(self, trainer, state):
    ...         self.steps = state["steps"]
    >>> X, y = nbtrain.datasets.load_digits()
    >>> network = nbtrain.Network(64, [nbtrain.Dense(10)])
    >>> trainer = nbtrain.Trainer(network, loss="softmax_cross_entropy", batch_size=100, rng=0)
    >>> history = trainer.fit(X, y, epochs=2, callbacks=[Count()])
    36 iterations
    """

    every_steps: int | None = None
    every_seconds: float | None = None
    first_at_end = False

    def on_start(self, trainer: Trainer) -> None:
        """Prepare for a call of `fit`; called before its first epoch.

        Parameters
        ----------
        trainer : Trainer
            The trainer whose `fit` was called.
        """

    def on_step(self, trainer: Trainer, iteration: int, metrics: Mapping[str, float]) -> bool | None:
        """Look at the training within an epoch, as often as `every_steps` and `every_seconds` say.

        If training stops within an epoch, the next call of `fit` continues it. At the end of an epoch, `on_step`
        is called before `on_epoch` and before the epoch is in the history.

        Parameters
        ----------
        trainer : Trainer
            The trainer whose `fit` was called.
        iteration : int
            Updates that the trainer has made.
        metrics : mapping
            The mean `loss` of the epoch so far.

        Returns
        -------
        bool or None
            True stops the training.
        """

    def on_epoch(self, trainer: Trainer, epoch: int, metrics: Mapping[str, float]) -> bool | None:
        """Look at the training after an epoch.

        Parameters
        ----------
        trainer : Trainer
            The trainer whose `fit` was called.
        epoch : int
            Number of the epoch, counted from 1 over the trainer's life.
        metrics : mapping
            The epoch's numbers by name: `loss`, `val_loss` and so on.

        Returns
        -------
        bool or None
            True stops the training.
        """

    def on_end(self, trainer: Trainer) -> None:
        """Finish; called after the last epoch, however training ended: also after Ctrl-C and after divergence.

        Parameters
        ----------
        trainer : Trainer
            The trainer whose `fit` was called.
        """

    def state_dict(self) -> Mapping[str, Any]:
        """Give the state that checkpoints store.

        Returns
        -------
        mapping
            By name: anything that JSON can hold, and arrays of float32 or float64.
        """
        return {}

    def resume(self, trainer: Trainer, state: Mapping[str, Any]) -> bool | None:
        """Take a state back; called after `on_start`, when `fit` resumes from a checkpoint.

        Parameters
        ----------
        trainer : Trainer
            The trainer whose `fit` was called.
        state : mapping
            What `state_dict` gave when the checkpoint was written.

        Returns
        -------
        bool or None
            True if this callback had already stopped the training: `fit` then ends at once.
        """


def stops(returned: Any, callback: Callback, method: str) -> bool:
    """Whether a callback's return value ends the training.

    Raises
    ------
    InputError
        If it is neither a bool nor None.
    """
    if returned is None or isinstance(returned, bool | np.bool):
        return bool(returned)
    name = getattr(getattr(callback, "function", None), "__name__", f"{type(callback).__qualname__}.{method}")
    raise InputError(wrong(f"callbacks: the result of {name}", "be True (to stop), False or None", brief(returned)))


def keeps_state(callback: Callback) -> bool:
    """Whether checkpoints store a state for it."""
    return type(callback).state_dict is not Callback.state_dict


class _Function(Callback):
    def __init__(self, function: Callable[..., bool | None]) -> None:
        self.function = function

    def on_epoch(self, trainer: Trainer, epoch: int, metrics: Mapping[str, float]) -> bool | None:
        return self.function(trainer, epoch, metrics)


def as_callbacks(given: Any) -> list[Callback]:
    """Check what was passed as `callbacks`, and wrap the functions in it.

    Parameters
    ----------
    given : Callback, function, or sequence of them
        As `fit` takes it.

    Returns
    -------
    list of Callback
        In the same order.

    Raises
    ------
    InputError
        If something is neither a callback nor a function of (trainer, epoch, metrics).

    Examples
    --------
    >>> from nbtrain.callbacks import TimeLimit, as_callbacks
    >>> len(as_callbacks([TimeLimit(60), lambda trainer, epoch, metrics: metrics["loss"] < 0.01]))
    2
    """
    if isinstance(given, tuple) and not given:
        return []
    if isinstance(given, Callback) or callable(given):
        given = (given,)
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InputError(wrong("callbacks", "be a sequence of callbacks", brief(given)))
    made: list[Callback] = []
    for item in given:
        if isinstance(item, Callback):
            _check_methods(item)
            made.append(item)
        elif isinstance(item, type):
            name = item.__name__
            raise InputError(f"callbacks: got the class {name}; pass an instance, {name}(...)")
        elif callable(item):
            _check_arguments(item)
            made.append(_Function(item))
        else:
            raise InputError(wrong("callbacks", "be nbtrain.Callback objects or functions", brief(item)))
    return made


def _check_methods(callback: Callback) -> None:
    """Refuse a callback that would never be called, because its methods have other names."""
    own = {name: method for name, method in vars(Callback).items() if inspect.isfunction(method)}
    if any(inspect.getattr_static(callback, name, None) is not method for name, method in own.items()):
        return
    names = [name for name in own if name.startswith("on_")]
    kind = type(callback)
    odd = [name for name in dir(kind) if name.startswith("on_") and name not in names]
    odd = [name for name in odd if inspect.isfunction(inspect.getattr_static(kind, name, None))]
    if odd:
        raise InputError(f"callbacks: {kind.__name__} has an {unknown('method', odd[0], names)}")


def _check_arguments(function: Callable[..., Any]) -> None:
    """Refuse a function that cannot be called as a callback, before training starts."""
    try:
        signature = inspect.signature(function)
    except ValueError:  # a function written in C may have no signature
        return
    try:
        signature.bind(None, 0, {})
    except TypeError:
        raise InputError(
            wrong("callbacks", "be functions of (trainer, epoch, metrics)", f"one of {signature}")
        ) from None
