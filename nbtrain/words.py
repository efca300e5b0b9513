"""Words of messages: articles, and the name that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .offered import synonyms


def an(noun: str) -> str:
    """The noun with its article."""
    return f"a{'n' * (noun[0] in 'aeiou')} {noun}"


def nearest(name: str, names: Iterable[str]) -> list[str]:
    """The name that was probably meant, if there is one."""
    names = list(names)
    for meant in synonyms(name):
        if meant in names:
            return [meant]
    from difflib import get_close_matches  # wanted for errors alone

    lower = {known.lower(): known for known in names}
    return [lower[found] for found in get_close_matches(name.lower(), lower, 1)]


def did_you_mean(name: Any, names: Iterable[str]) -> str:
    """The end of a sentence that tells of an unknown name, with a hint where one is near."""
    near = nearest(name, names) if isinstance(name, str) else []
    return f"; did you mean {near[0]!r}?" if near else "."


class MissingName(AttributeError):
    """A module has no such name; what was meant is looked for when somebody reads it, for imports ask in passing.

    Parameters
    ----------
    module : str
    name : str
    names : sequence of str
        Those that there are.
    """

    def __init__(self, module: str, name: str, names: Sequence[str]) -> None:
        super().__init__(f"module {module!r} has no attribute {name!r}")
        self.module, self.missing, self.names = module, name, names

    def __reduce__(self) -> Any:
        return MissingName, (self.module, self.missing, self.names)

    def __str__(self) -> str:
        return f"{self.args[0]}{did_you_mean(self.missing, self.names).rstrip('.')}"
