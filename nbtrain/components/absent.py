"""What stands for a component whose plugin is missing where a pickle is loaded."""

from __future__ import annotations

from typing import Any, NoReturn

from ..errors import PluginError


class Absent:
    """In place of a spec, or of what is built from specs: every use raises.

    A pickle may be loaded by the machinery of a process pool, which an exception would end. A use is the user's own.

    Parameters
    ----------
    message : str
        What is missing, and who provided it.
    kind, name, provider : str, optional
        Of a spec.
    """

    message: str
    kind: str
    name: str
    provider: str

    def __init__(self, message: str, kind: str = "", name: str = "", provider: str = "") -> None:
        self.message, self.kind, self.name, self.provider = message, kind, name, provider

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):  # asked for by copy, pickle and hasattr
            raise AttributeError(name)
        raise PluginError(self.message)

    def __call__(self, *arguments: Any) -> NoReturn:
        raise PluginError(self.message)

    def __deepcopy__(self, memo: Any) -> Absent:
        return self
