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
    """Base class of nbtrain's exceptions."""


class InputError(Error, ValueError):
    """An argument, a data array or a name is invalid."""


class PluginError(Error):
    """A plugin, or one of its components, cannot be used."""


class DivergenceError(Error, ArithmeticError):
    """Training produced NaN or infinity; the model was restored to its last finite state."""


class ModelFileError(Error):
    """A file is not an intact model file, or needs something that is not installed."""


class MissingFileError(ModelFileError, FileNotFoundError):
    """A file does not exist."""

    def __str__(self) -> str:
        return str(self.args[0])


class WorkerError(Error):
    """A worker of `nbtrain.distributed` was lost, or cannot take part; the message names shard, round and host."""


class PluginWarning(UserWarning):
    """A plugin cannot be used and was left out."""


def __dir__() -> list[str]:
    return sorted(__all__)
