"""Arguments and attributes that do not exist: the error says what was meant, or where it belongs."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar

from .messages import unknown
from .suggestions import nearest, synonyms

Kind = TypeVar("Kind", bound=type[Any])
Given = ParamSpec("Given")
Made = TypeVar("Made")

_RATE = "set it in the optimizer, nbtrain.optimizer('adam', learning_rate=…)"
_PENALTY = "pass regularizer=nbtrain.regularizer('l2', strength=…) to Trainer"
BELONGS = {
    **dict.fromkeys(
        "loss optimizer regularizer batch_size shuffle dtype rng clip_value clip_norm threads".split(),
        "pass it to Trainer",
    ),
    **dict.fromkeys(
        (
            "epochs validation_data metrics callbacks progress checkpoint sample_weight batches steps_per_epoch "
            "validation_batches block_rows"
        ).split(),
        "pass it to Trainer.fit",
    ),
    **dict.fromkeys("activation dropout initializer constraint".split(), "pass it to Dense"),
    **dict.fromkeys("inputs input_dim input_shape".split(), "pass it to Network as its first argument"),
    **dict.fromkeys("learning_rate schedule".split(), _RATE),
    **dict.fromkeys("l2 alpha weight_decay".split(), _PENALTY),
    "validation_split": "split the data and pass validation_data=(X_val, y_val) to Trainer.fit",
    "save_best_only": "EarlyStopping(restore_best=True) keeps the best parameters",
}
# What other libraries call an argument
RENAMED = {
    **dict.fromkeys("seed random_state".split(), "rng"),
    **dict.fromkeys("n_epochs num_epochs max_iter".split(), "epochs"),
    **dict.fromkeys("rate drop".split(), "dropout"),
    "verbose": "progress",
    "monitor": "metric",
    "restore_best_weights": "restore_best",
    **dict.fromkeys("filepath filename".split(), "path"),
    "log_dir": "directory",
    "min_lr": "minimum",
    "kernel_initializer": "initializer",
    "kernel_constraint": "constraint",
    "kernel_regularizer": "regularizer",
}


def explain_arguments(method: Callable[Given, Made]) -> Callable[Given, Made]:
    """Decorator of functions: the TypeError of an unknown keyword says what was meant, or where it belongs."""
    names = [name for name in inspect.signature(method).parameters if name != "self"]
    title = method.__qualname__.removesuffix(".__init__")

    @functools.wraps(method)
    def call(*arguments: Given.args, **named: Given.kwargs) -> Made:
        for name in named:
            if name not in names:
                raise TypeError(f"{title}: {unknown('argument', name, names, _remedy(name, names))}")
        return method(*arguments, **named)

    return call


def _remedy(name: str, names: Iterable[str]) -> str:
    meant = RENAMED.get(name, name)
    if meant in names:
        return f"did you mean {meant!r}?"
    place = next((BELONGS[known] for known in (meant, *synonyms(name)) if known in BELONGS), "")
    if place and meant != name:
        return f"it is called {meant!r} here: {place}"
    return place


def check_attribute(owner: object, name: str, fixed: Iterable[str] = ()) -> None:
    """Raise AttributeError for an attribute that an object does not have, or for one of the `fixed` ones.

    Names that begin with an underscore are free.
    """
    kind = type(owner)
    if name in fixed:
        raise AttributeError(f"attribute {name!r} of {kind.__name__} cannot be assigned")
    if not (name.startswith("_") or name in vars(owner) or hasattr(kind, name)):
        near = nearest(name, [known for known in dir(owner) if not known.startswith("_")])
        remedy = BELONGS.get(name) or (f"did you mean {near[0]!r}?" if near else "")
        raise AttributeError(f"{kind.__name__} has no attribute {name!r}" + f"; {remedy}" * bool(remedy))


def no_new_attributes(kind: Kind) -> Kind:
    """Class decorator: once an instance is made, an attribute that it does not have cannot be set; subclasses can."""
    make = kind.__init__

    @functools.wraps(make)
    def __init__(self: Any, *arguments: Any, **named: Any) -> None:
        make(self, *arguments, **named)
        if type(self) is kind:
            self._made = True

    def __setattr__(self: Any, name: str, value: Any) -> None:
        if "_made" in vars(self):
            check_attribute(self, name)
        object.__setattr__(self, name, value)

    kind.__init__, kind.__setattr__ = __init__, __setattr__  # type: ignore[assignment]
    return kind
