"""The exceptions of nbtrain. Messages name the argument, what is expected, what was given, and the remedy."""

from __future__ import annotations

__all__ = [
    "DivergenceError",
    "Error",
    "InputError",
    "MissingFileError",
    "ModelFileError",
    "PluginError",
    "PluginWarning",
    "WorkerError",
]


class Error(Exception):
    """Base class of nbtrain's exceptions.

    Examples
    --------
    >>> import nbtrain
    >>> try:
    ...     nbtrain.load("no such file")
    ... except nbtrain.Error as error:
    ...     print(type(error).__name__)
    MissingFileError
    """


class InputError(Error, ValueError):
    """An argument, a data array or a name is invalid.

    Examples
    --------
    >>> import nbtrain
    >>> try:
    ...     nbtrain.Dense(0)
    ... except nbtrain.InputError as error:
    ...     print(error)
    units must be an integer >= 1, got 0
    """


class PluginError(Error):
    """A plugin, or one of its components, cannot be used.

    Examples
    --------
    >>> import nbtrain
    >>> class Plugin:
    ...     @nbtrain.hookimpl
    ...     def nbtrain_activations(self):
    ...         yield "relu"
    >>> try:
    ...     nbtrain.register(Plugin())
    ... except nbtrain.PluginError:
    ...     print("a hook yields definitions, not names")
    a hook yields definitions, not names
    """


class DivergenceError(Error, ArithmeticError):
    """Training produced NaN or infinity; the model was restored to its last finite state.

    Examples
    --------
    >>> import numpy as np, nbtrain
    >>> network = nbtrain.Network(1, [nbtrain.Dense(1)])
    >>> trainer = nbtrain.Trainer(network, loss="mse", optimizer=nbtrain.optimizer("sgd", learning_rate=1e30), rng=0)
    >>> try:
    ...     trainer.fit(np.ones((4, 1)), np.zeros(4), epochs=5)
    ... except nbtrain.DivergenceError:
    ...     print("use a smaller learning rate")
    use a smaller learning rate
    """


class ModelFileError(Error):
    """A file is not an intact model file, or needs something that is not installed.

    Examples
    --------
    >>> import nbtrain
    >>> with open("broken.nbt", "wb") as file:
    ...     _ = file.write(bytes(100))
    >>> try:
    ...     nbtrain.load("broken.nbt")
    ... except nbtrain.ModelFileError:
    ...     print("not an intact model file")
    not an intact model file
    """


class MissingFileError(ModelFileError, FileNotFoundError):
    """A file does not exist."""

    def __str__(self) -> str:
        return str(self.args[0])


class WorkerError(Error):
    """A worker of `nbtrain.distributed` was lost, or cannot take part; the message names shard, round and host.

    Examples
    --------
    >>> from nbtrain.distributed import WorkerError, fit
    >>> try:
    ...     fit(trainer, data, executor=executor, retries=0)  # doctest: +SKIP
    ... except WorkerError as error:
    ...     print(error)  # doctest: +SKIP
    """


class PluginWarning(UserWarning):
    """A plugin cannot be used and was left out.

    Examples
    --------
    A program that must not run without its plugins:

    >>> import warnings, nbtrain
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", nbtrain.PluginWarning)
    ...     network = nbtrain.Network(2, [nbtrain.Dense(1, "tanh")])
    """


def __dir__() -> list[str]:
    return sorted(__all__)
