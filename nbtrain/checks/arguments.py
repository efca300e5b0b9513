"""Misspelt attributes and arguments are refused with what was probably meant.

Classes that users derive stay free to set whatever they like, and so is every name that begins with an underscore.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, ParamSpec, TypeVar

from .suggestions import did_you_mean, nearest, synonyms

Kind = TypeVar("Kind", bound=type[Any])
Given = ParamSpec("Given")
Made = TypeVar("Made")

# Of a trainer.
SETTABLE = ("learning_rate", "metadata")
GIVEN = "It is given when a Trainer is made."
NOT_SETTABLE = {
    **dict.fromkeys("network loss optimizer regularizer batch_size shuffle dtype rng threads".split(), GIVEN),
    **dict.fromkeys(("clip_value", "clip_norm"), GIVEN),
    **dict.fromkeys(("iteration", "epoch"), "Training counts it."),
    **dict.fromkeys(("model", "engine"), "trainer.set_weights([(W, b), …]) takes over the numbers of another."),
    "history": "Training fills it; trainer.metadata is for notes of one's own.",
    "theta": "trainer.theta[...] = numbers changes the numbers in it.",
    "weights": "trainer.set_weights([(W, b), …]) changes the numbers in them.",
}

# Arguments that are looked for in one call and belong to another.
EPOCHS, PENALTIES = ("n_epochs", "max_iter", "num_epochs"), ("l2", "alpha", "weight_decay")
IN_FIT = {
    **dict.fromkeys("epochs validation_data metrics callbacks progress".split(), "it is given to Trainer.fit"),
    **dict.fromkeys(("checkpoint", "sample_weight"), "it is given to Trainer.fit"),
    **dict.fromkeys(EPOCHS, "epochs is given to Trainer.fit"),
    "verbose": "progress=True is given to Trainer.fit",
    "learning_rate": "it belongs to the optimizer: optimizer=nbtrain.optimizer('adam', learning_rate=…)",
    "schedule": "it belongs to the optimizer: optimizer=nbtrain.optimizer('adam', learning_rate=nbtrain.schedule(…))",
    **dict.fromkeys(("dropout", "activation", "initializer", "constraint"), "it is given to a layer, nbtrain.Dense"),
    **dict.fromkeys(PENALTIES, "regularizer=nbtrain.regularizer('l2', strength=…) is meant"),
    **dict.fromkeys(("seed", "random_state"), "rng is meant"),
}
IN_TRAINER = {
    **dict.fromkeys(
        "loss optimizer regularizer batch_size shuffle dtype rng threads".split(), "it is given to Trainer"
    ),
    **dict.fromkeys(("clip_value", "clip_norm"), "it is given to Trainer"),
    **dict.fromkeys(("seed", "random_state"), "rng is given to Trainer"),
    "learning_rate": "it belongs to the optimizer; trainer.learning_rate = … changes it",
    "verbose": "progress=True is meant",
    **dict.fromkeys(EPOCHS, "epochs is meant"),
    **dict.fromkeys(PENALTIES, "regularizer=nbtrain.regularizer('l2', strength=…) is given to Trainer"),
    "validation_split": "validation_data=(X_val, y_val) is wanted, rows that are not in X",
}
IN_DENSE = {
    **dict.fromkeys(("inputs", "input_dim", "input_shape"), "it is given to nbtrain.Network(inputs, layers)"),
    **dict.fromkeys(("rate", "drop"), "dropout is meant"),
    "regularizer": "it is given to Trainer, for all layers",
    "kernel_initializer": "initializer is meant",
    "kernel_constraint": "constraint is meant",
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
    if (
        name.startswith("_")
        or name in settable
        or (name not in others and (name in vars(owner) or hasattr(type(owner), name)))
    ):
        return
    kind = type(owner).__name__
    known = f"What can be set: {', '.join(sorted(settable))}."
    if name in others:
        raise AttributeError(f"{kind}.{name} cannot be set. {others[name]} {known}")
    near = nearest(name, [*settable, *others])
    meant = f"; did you mean {near[0]!r}? {others.get(near[0], '')}".rstrip() if near else "."
    raise AttributeError(f"{kind} has no attribute {name!r}{meant} {known}")


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


def told(title: str, elsewhere: Mapping[str, str]) -> Callable[[Callable[Given, Made]], Callable[Given, Made]]:
    """Have a method that is called with arguments it does not have say what they are, in a TypeError.

    Parameters
    ----------
    title : str
        How the call is written.
    elsewhere : mapping of str to str
        Arguments that belong elsewhere, and where.
    """

    def decorate(method: Callable[Given, Made]) -> Callable[Given, Made]:
        parameters = list(inspect.signature(method).parameters.values())[1:]  # without self
        names = {parameter.name for parameter in parameters} | {"self"}
        most = 1 + sum(parameter.kind is parameter.POSITIONAL_OR_KEYWORD for parameter in parameters)

        @functools.wraps(method)
        def call(*arguments: Given.args, **named: Given.kwargs) -> Made:
            if len(arguments) > most or not named.keys() <= names:
                raise TypeError(_wrong_call(title, parameters, len(arguments) - most, named, elsewhere))
            return method(*arguments, **named)

        return call

    return decorate


def _wrong_call(
    title: str, parameters: list[inspect.Parameter], more: int, named: Mapping[str, Any], elsewhere: Mapping[str, str]
) -> str:
    names = [parameter.name for parameter in parameters]
    unknown = [name for name in named if name not in names]
    if not unknown:
        by_name = [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
        return f"{title}: {more} too many without a name; these are given by name: {', '.join(by_name)}"
    place = next((elsewhere[name] for name in (unknown[0], *synonyms(unknown[0])) if name in elsewhere), "")
    hint = f"; {place}." if place else did_you_mean(unknown[0], names)
    return f"{title}: there is no argument {unknown[0]!r}{hint} There are: {', '.join(names)}."
