"""Misspelt attributes: what is set on an object that has no such attribute is refused, with what was probably meant.

Classes that users derive stay free to set whatever they like, and so is every name that begins with an underscore.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from .catalogue import nearest

Kind = TypeVar("Kind", bound=type[Any])

# Of a trainer.
SETTABLE = ("learning_rate", "metadata")
GIVEN = "It is given when a Trainer is made."
NOT_SETTABLE = {
    **dict.fromkeys("network loss optimizer regularizer batch_size shuffle dtype rng threads".split(), GIVEN),
    **dict.fromkeys(("clip_value", "clip_norm"), GIVEN),
    **dict.fromkeys(("iteration", "epoch"), "Training counts it."),
    "theta": "trainer.theta[...] = numbers changes the numbers in it.",
    "weights": "trainer.set_weights([(W, b), …]) changes the numbers in them.",
}


def check_attribute(
    owner: object, name: str, settable: Collection[str], others: Mapping[str, str] | None = None
) -> None:
    """Raise AttributeError if an object has no attribute of that name, or has one that cannot be set.

    Parameters
    ----------
    owner : object
    name : str
        What is to be set.
    settable : collection of str
        Names to offer.
    others : mapping of str to str, optional
        What cannot be set, and what to do instead, in a sentence.
    """
    others = others or {}
    if name.startswith("_") or (name not in others and (name in vars(owner) or hasattr(type(owner), name))):
        return
    kind = type(owner).__name__
    known = f"What can be set: {', '.join(sorted(settable))}."
    if name in others:
        raise AttributeError(f"{kind}.{name} cannot be set. {others[name]} {known}", name=name, obj=owner)
    near = nearest(name, [*settable, *others])
    meant = f"; did you mean {near[0]!r}? {others.get(near[0], '')}".rstrip() if near else "."
    raise AttributeError(f"{kind} has no attribute {name!r}{meant} {known}", name=name, obj=owner)


def closed(kind: Kind, settable: Collection[str]) -> Kind:
    """Have a class refuse attributes that neither its constructor sets nor `settable` names; derived ones are free."""
    make = kind.__init__

    @functools.wraps(make)
    def __init__(self: Any, *arguments: Any, **named: Any) -> None:
        make(self, *arguments, **named)
        if type(self) is kind:
            self._closed = True

    def __setattr__(self: Any, name: str, value: Any) -> None:
        if "_closed" in self.__dict__ and name not in self.__dict__:
            own = [known for known in vars(self) if not known.startswith("_")]
            check_attribute(self, name, {*own, *settable})
        object.__setattr__(self, name, value)

    kind.__init__, kind.__setattr__ = __init__, __setattr__  # type: ignore[assignment]
    return kind
