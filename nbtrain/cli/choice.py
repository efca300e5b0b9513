"""The components that the options of `nbtrain train` choose, checked before a file is read."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..components import Component
from ..components.by_name import activation, initializer, loss, optimizer, regularizer, schedule
from ..components.network import Dense
from ..errors import InputError
from . import options

LAYERS = 2  # of the network, unless --hidden says otherwise


@dataclass(frozen=True)
class Choice:
    """Components by layer; the loss is None where the target decides.

    Parameters
    ----------
    activations, dropouts : list
        One for each hidden layer.
    initializer : Component, optional
    optimizer : options.Named
    learning_rate : float or Component, optional
        None where the number of rows decides.
    regularizer : Component, str or None
        "default" where nothing was said.
    loss : Component, optional
    """

    activations: list[Component]
    dropouts: list[float]
    initializer: Component | None
    optimizer: options.Named
    learning_rate: float | Component | None
    regularizer: Component | str | None
    loss: Component | None

    def layers(self, units: Sequence[int]) -> list[Dense]:
        """The hidden layers."""
        rows = zip(units, self.activations, self.dropouts, strict=True)
        return [Dense(count, g, dropout=p, initializer=self.initializer) for count, g, p in rows]

    def with_rate(self, rate: float) -> Component:
        """The optimizer; `rate` counts for adam where the command line names none."""
        chosen = self.learning_rate
        if chosen is None and self.optimizer.name == "adam" and "learning_rate" not in self.optimizer.parameters:
            chosen = rate
        given = {} if chosen is None else {"learning_rate": chosen}
        return _made(self.optimizer, optimizer, "--optimizer", more=given)


def chosen(arguments: argparse.Namespace) -> Choice:
    """The components that the options name.

    Raises
    ------
    InputError
        If one does not exist or does not accept a value; the message names the option.
    """
    count = LAYERS if arguments.hidden is None else len(arguments.hidden)
    functions = [_made(named, activation, "--activation") for named in arguments.activation]
    rate = arguments.learning_rate
    if isinstance(rate, options.Named):
        rate = _made(rate, schedule, "--learning-rate", "; a number works, too")
    named = arguments.regularizer
    penalty: Component | str | None = "default"
    if named is not None:
        penalty = None if named.text == "none" else _made(named, regularizer, "--regularizer")
    choice = Choice(
        options.for_each(functions, count, "--activation"),
        options.for_each(arguments.dropout, count, "--dropout"),
        arguments.initializer and _made(arguments.initializer, initializer, "--initializer"),
        arguments.optimizer,
        rate,
        penalty,
        arguments.loss and _made(arguments.loss, loss, "--loss"),
    )
    choice.layers([1] * count), choice.with_rate(1e-3)  # what they refuse is told before a file is read
    return choice


def _made(
    named: options.Named, make: Any, option: str, hint: str = "", *, more: dict[str, Any] | None = None
) -> Component:
    """A component, or an error that starts with the option."""
    try:
        component: Component = make(named.name, **named.parameters | (more or {}))
    except InputError as error:
        raise InputError(f"{option}: {str(error).removeprefix(f'{make.__name__}: ')}{hint}") from None
    return component
