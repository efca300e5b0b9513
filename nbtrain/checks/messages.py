"""Makes the messages of errors: `units must be an integer >= 1, got 0`, and then the remedy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .suggestions import nearest

LONGEST = 60  # characters of a value in a message


def wrong(argument: str, expected: str, got: Any, hint: str = "") -> str:
    """The message for a wrong argument.

    Parameters
    ----------
    argument : str
        Its name, as the caller wrote it.
    expected : str
        What it must do, beginning with a verb: `"be an integer >= 1"`, `"have shape (n_samples, 4)"`.
    got : object
        The value, shown by its repr, shortened. A string is taken for a description and shown as it is: pass
        `brief(value)` where a user's value may be one.
    hint : str, optional
        The remedy.

    Examples
    --------
    >>> from nbtrain.checks.messages import wrong
    >>> wrong("units", "be an integer >= 1", 0)
    'units must be an integer >= 1, got 0'
    >>> wrong("X", "have shape (n_samples, 4)", "(4,)", "use X.reshape(1, -1) for a single sample")
    'X must have shape (n_samples, 4), got (4,); use X.reshape(1, -1) for a single sample'
    """
    found = got if isinstance(got, str) else brief(got)
    return f"{argument} must {expected}, got {found}" + (f"; {hint}" if hint else "")


def unknown(kind: str, name: str, names: Iterable[str], hint: str = "") -> str:
    """The message for an unknown name, with the most similar one and all that are available.

    Examples
    --------
    >>> from nbtrain.checks.messages import unknown
    >>> unknown("activation", "rellu", ["relu", "tanh"])
    "unknown activation 'rellu'; did you mean 'relu'? Available: relu, tanh"
    """
    known = list(names)
    near = nearest(name, known) if isinstance(name, str) else []
    meant = hint or (f"did you mean {near[0]!r}?" if near else "")
    sentence = f"unknown {kind} {brief(name)}" + (f"; {meant}" if meant else "")
    if not known:
        return sentence
    return f"{sentence}{'' if sentence.endswith('?') else '.'} Available: {', '.join(known)}"


def brief(value: Any) -> str:
    """A value's repr on one line, shortened."""
    try:
        text = " ".join(repr(value).split())
    except (ValueError, RecursionError):  # of an int of thousands of digits, or a list in itself
        text = f"a {type(value).__name__}"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
