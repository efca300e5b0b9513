"""The components that the options of `nbtrain train` choose, checked before a file is read."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

from ..components import Component
from ..components.by_name import activation, loss, optimizer, regularizer, schedule
from ..components.network import Dense
from ..errors import InputError
from . import options


@dataclass(frozen=True)
class Choice:
    """Hidden layers and components; loss is None if the target decides."""

    hidden: list[Dense]
    optimizer: Component
    regularizer: Component | None
    loss: Component | None


def chosen(arguments: argparse.Namespace) -> Choice:
    """The components that the options name.

    Raises
    ------
    InputError
        If one does not exist or does not accept a value; the message names the option.
    """
    if arguments.validation_size + arguments.test_size >= 1.0:
        raise InputError("--validation-size and --test-size together must leave rows to train on")
    count = len(arguments.hidden)
    functions = [_made(named, activation, "--activation") for named in arguments.activation]
    functions = options.for_each(functions, count, "--activation")
    rates = options.for_each(arguments.dropout, count, "--dropout")
    rate = arguments.learning_rate
    if isinstance(rate, options.Named):
        rate = _made(rate, schedule, "--learning-rate", "; a number works, too")
    given = {} if rate is None else {"learning_rate": rate}
    return Choice(
        [Dense(units, g, dropout=p) for units, g, p in zip(arguments.hidden, functions, rates, strict=True)],
        _made(arguments.optimizer, optimizer, "--optimizer", more=given),
        arguments.regularizer and _made(arguments.regularizer, regularizer, "--regularizer"),
        arguments.loss and _made(arguments.loss, loss, "--loss"),
    )


def _made(
    named: options.Named, make: Any, option: str, hint: str = "", *, more: dict[str, Any] | None = None
) -> Component:
    """A component, or an error that starts with the option."""
    try:
        component: Component = make(named.name, **named.parameters | (more or {}))
    except InputError as error:
        raise InputError(f"{option}: {str(error).removeprefix(f'{make.__name__}: ')}{hint}") from None
    return component
