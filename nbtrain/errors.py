"""The errors nbtrain raises: every message names the argument, what it was, and what is wanted."""

from __future__ import annotations


class Error(Exception):
    """Base of everything that nbtrain raises on purpose."""


class InputError(Error, ValueError):
    """An argument, a data array or a name that cannot be used."""


class PluginError(Error):
    """A plugin, or a component that it provides, that cannot be used."""


class DivergenceError(Error, ArithmeticError):
    """Training produced NaN or infinity; the model was put back to its last finite state."""


class ModelFileError(Error):
    """A file that is no intact model file, or that needs something that is not installed."""


class MissingFileError(ModelFileError, FileNotFoundError):
    """There is no file of that name."""

    def __str__(self) -> str:
        return str(self.args[0])


class PluginWarning(UserWarning):
    """A plugin that could not be used and was left out."""
