"""A network as a table: what `Network.summary` returns and notebooks show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple

import numpy as np

from ..checks.arrays import whole_number
from ..checks.messages import brief, wrong
from ..errors import InputError

HEADINGS = ("layer", "activation", "dropout", "W", "parameters", "bytes", "operations")
LEFT = ("activation",)  # columns of text


class LayerSummary(NamedTuple):
    """A layer in numbers.

    Attributes
    ----------
    layer : int
        From 1.
    activation : str
        Name and parameters.
    dropout : float
    shape : tuple of int
        Of the weights: (inputs, units).
    parameters : int
        Weights and biases.
    bytes : int
        That the parameters take, without the optimizer's state.
    operations : int
        Floating-point operations of its matrix products in a training step.
    """

    layer: int
    activation: str
    dropout: float
    shape: tuple[int, int]
    parameters: int
    bytes: int
    operations: int

    def cells(self) -> tuple[str, ...]:
        """The row as texts."""
        numbers = (f"{number:,}" for number in (self.parameters, self.bytes, self.operations))
        number = isinstance(self.dropout, float)  # else one for each member of a population
        dropout = (f"{self.dropout:g}" if self.dropout else "") if number else "…"
        return (str(self.layer), self.activation, dropout, f"{self.shape[0]} × {self.shape[1]}", *numbers)


@dataclass(frozen=True)
class Summary:
    """The layers of a network in numbers; it is printed as a table.

    Attributes
    ----------
    layers : tuple of LayerSummary
    inputs : int
        Numbers per sample.
    batch_size : int
        Rows of the training step whose operations are counted.
    dtype : str
        Of the parameters, for their bytes.
    """

    layers: tuple[LayerSummary, ...]
    inputs: int
    batch_size: int
    dtype: str

    @property
    def parameters(self) -> int:
        """Weights and biases of all layers."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def bytes(self) -> int:
        """What they take; an optimizer's state takes as much again for each of its numbers per parameter."""
        return sum(layer.bytes for layer in self.layers)

    @property
    def operations(self) -> int:
        """Floating-point operations of the matrix products in a training step."""
        return sum(layer.operations for layer in self.layers)

    def __str__(self) -> str:
        rows = [HEADINGS, *(layer.cells() for layer in self.layers), self._total()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(width) if heading in LEFT else cell.rjust(width)
                for heading, cell, width in zip(HEADINGS, row, widths, strict=True)
            ).rstrip()
            for row in rows
        ]
        rule = "─" * (sum(widths) + 2 * (len(widths) - 1))
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1], self._note()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        def row(tag: str, cells: tuple[str, ...]) -> str:
            aligned = zip(HEADINGS, cells, strict=True)
            return "".join(
                f'<{tag} style="text-align: {"left" if heading in LEFT else "right"}">{escape(cell)}</{tag}>'
                for heading, cell in aligned
            )

        body = "".join(f"<tr>{row('td', layer.cells())}</tr>" for layer in self.layers)
        return (
            f"<table><thead><tr>{row('th', HEADINGS)}</tr></thead><tbody>{body}</tbody>"
            f"<tfoot><tr>{row('th', self._total())}</tr></tfoot></table><p>{escape(self._note())}</p>"
        )

    def _total(self) -> tuple[str, ...]:
        return ("", "", "", "total", f"{self.parameters:,}", f"{self.bytes:,}", f"{self.operations:,}")

    def _note(self) -> str:
        return (
            f"{self.inputs} inputs; bytes of the parameters in {self.dtype}; operations of the matrix products in a "
            f"training step with {self.batch_size} row{'s' * (self.batch_size != 1)}"
        )


def summarized(inputs: int, layers: Iterable[Any], batch_size: int, dtype: Any) -> Summary:
    """The summary of a network with these layers.

    Raises
    ------
    InputError
        If an argument is invalid.
    """
    rows = whole_number(batch_size, "batch_size", 1)
    try:
        kind = np.dtype(dtype)
    except TypeError:
        kind = np.dtype(object)
    if kind not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise InputError(wrong("dtype", "be float32 or float64", brief(dtype)))
    return Summary(tuple(_layers(inputs, layers, rows, kind)), inputs, rows, str(kind))


def _layers(inputs: int, layers: Iterable[Any], rows: int, dtype: np.dtype[Any]) -> Iterator[LayerSummary]:
    for number, layer in enumerate(layers, 1):
        parameters = (inputs + 1) * layer.units
        # forward, gradient of the weights, and, but for the first layer, the gradient of its inputs; 2 for a fused pair
        products = 2 if number == 1 else 3
        yield LayerSummary(
            number,
            _described(layer.activation),
            layer.dropout,
            (inputs, layer.units),
            parameters,
            parameters * dtype.itemsize,
            2 * products * rows * inputs * layer.units,
        )
        inputs = layer.units


def _described(component: Any) -> str:
    numbers = ", ".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}=…" for name, value in component.parameters
    )
    return f"{component.name}({numbers})" if numbers else str(component.name)
