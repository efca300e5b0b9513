"""The network that a user declares: fully connected layers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import Any

import numpy as np

from ..checks.arguments import explain_arguments
from ..checks.arrays import whole_number
from ..checks.messages import brief, wrong
from ..errors import InputError
from . import Component
from .by_name import resolve
from .spec import is_per_member, per_member
from .summary import Summary, summarized


@dataclass(frozen=True, init=False)
class Dense:
    """A layer in which every unit is connected to every unit of the layer before: a = g(x W + b).

    Parameters
    ----------
    units : int
        Width of the layer.
    activation : str or component, default "identity"
        g, by name or from `nbtrain.activation`.
    dropout : float, default 0.0
        Probability, from 0 up to but not including 1, that a unit is disabled in a training iteration; the kept ones
        are scaled by 1 / (1 - dropout). Not on the last layer. For a `Population`, a list or array of them, too.
    initializer : str or component, optional
        Of the weights; by default the one that the activation names.
    constraint : str or component, optional
        Projects the weights (not the biases) after every update, from `nbtrain.constraint`.

    Raises
    ------
    InputError
        If an argument cannot be used.

    Examples
    --------
    >>> import nbtrain
    >>> hidden = nbtrain.Dense(64, "relu", dropout=0.2, constraint=nbtrain.constraint("max_norm", limit=3.0))
    >>> network = nbtrain.Network(10, [hidden, nbtrain.Dense(1)])
    """

    units: int
    activation: Component
    dropout: float  # or PerMember, for a Population
    initializer: Component
    constraint: Component | None

    @explain_arguments
    def __init__(
        self,
        units: int,
        activation: Any = "identity",
        *,
        dropout: float = 0.0,
        initializer: Any = None,
        constraint: Any = None,
    ) -> None:
        g = resolve("activation", activation, "activation")
        several = is_per_member(dropout)
        rate: Any = per_member(dropout, "dropout", dropout_rate) if several else dropout_rate(dropout, "dropout")
        chosen = g.spec.initializer if initializer is None else initializer
        object.__setattr__(self, "units", whole_number(units, "units", 1))
        object.__setattr__(self, "activation", g)
        object.__setattr__(self, "dropout", rate)
        object.__setattr__(self, "initializer", resolve("initializer", chosen, "initializer"))
        kept = None if constraint is None else resolve("constraint", constraint, "constraint")
        object.__setattr__(self, "constraint", kept)

    def __repr__(self) -> str:
        parts = [repr(self.units), _short(self.activation)]
        if self.dropout:
            parts.append(f"dropout={self.dropout!r}")
        if self.initializer.name != self.activation.spec.initializer:
            parts.append(f"initializer={_short(self.initializer)}")
        if self.constraint is not None:
            parts.append(f"constraint={_short(self.constraint)}")
        return f"Dense({', '.join(parts)})"


def dropout_rate(value: Any, argument: str) -> float:
    """A dropout rate as a float."""
    number = isinstance(value, Real) and not isinstance(value, bool | np.bool)
    if not number or not 0.0 <= float(value) < 1.0:
        raise InputError(wrong(argument, "be a number >= 0 and < 1", brief(value)))
    return float(value)


def _short(component: Component) -> str:
    return repr(component) if component.parameters else repr(component.name)


@dataclass(frozen=True, init=False)
class Network:
    """Fully connected layers, one after the other.

    Parameters
    ----------
    inputs : int
        Numbers per sample.
    layers : sequence of Dense
        At least one; the last gives the outputs.

    Raises
    ------
    InputError
        If an argument cannot be used.

    Examples
    --------
    >>> import nbtrain
    >>> network = nbtrain.Network(4, [nbtrain.Dense(8, "relu"), nbtrain.Dense(3)])
    >>> network.sizes, network.outputs
    ((4, 8, 3), 3)
    >>> network.weight_count, network.parameter_count
    (56, 67)
    """

    inputs: int
    layers: tuple[Dense, ...]

    def __init__(self, inputs: int, layers: Iterable[Dense]) -> None:
        object.__setattr__(self, "inputs", whole_number(inputs, "inputs", 1))
        if isinstance(layers, Dense | str) or not isinstance(layers, Iterable):
            single = "a single Dense" if isinstance(layers, Dense) else brief(layers)
            raise InputError(wrong("layers", "be a list of nbtrain.Dense", single))
        made = tuple(layers)
        for layer in made:
            if not isinstance(layer, Dense):
                raise InputError(wrong("layers", "be a list of nbtrain.Dense", f"{brief(layer)} in it"))
        if not made:
            raise InputError(wrong("layers", "have at least one nbtrain.Dense", "none"))
        if made[-1].dropout:
            raise InputError(wrong("dropout", "be 0 on the last layer, whose units are the outputs", made[-1].dropout))
        object.__setattr__(self, "layers", made)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Inputs, then the units of every layer."""
        return (self.inputs, *(layer.units for layer in self.layers))

    @property
    def outputs(self) -> int:
        """Units of the last layer."""
        return self.layers[-1].units

    @cached_property
    def weight_count(self) -> int:
        """Number of weights, without the biases."""
        return sum(inputs * units for inputs, units in zip(self.sizes[:-1], self.sizes[1:], strict=True))

    @cached_property
    def parameter_count(self) -> int:
        """Number of weights and biases."""
        return self.weight_count + sum(self.sizes[1:])

    def summary(self, batch_size: int = 32, dtype: Any = "float32") -> Summary:
        """The layers in numbers: parameters, bytes, operations of a training step.

        Parameters
        ----------
        batch_size : int, default 32
            Rows of the training step whose operations are counted.
        dtype : {"float32", "float64"}, default "float32"
            Of the parameters, for their bytes.

        Returns
        -------
        Summary
            It is printed as a table, and shown as one in notebooks. `parameters`, `bytes` and `operations` are the
            totals, `layers` has the rows.

        Raises
        ------
        InputError
            If an argument is invalid.

        Examples
        --------
        >>> import nbtrain
        >>> network = nbtrain.Network(4, [nbtrain.Dense(8, "relu"), nbtrain.Dense(1)])
        >>> network.summary().parameters
        49
        """
        return summarized(self.inputs, self.layers, batch_size, dtype)

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()

    def __repr__(self) -> str:
        return f"Network({self.inputs}, [{', '.join(map(repr, self.layers))}])"
