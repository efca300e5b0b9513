"""What is minimized: losses and regularizers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..errors import InputError
from .spec import Function, Spec


@dataclass(frozen=True)
class Loss(Spec):
    """A loss, elementwise or row by row; the core weights it and averages it over the samples.

    Parameters
    ----------
    name : str
    value, slope : function
        Elementwise: `value(p, y, *parameters)` and its slope with respect to `p`. `p` is the network's output ŷ, or,
        with `output`, the z of an identity last layer. A sample's loss is the sum over its outputs.
    output : function, optional
        `output(z, *parameters) -> ŷ`: the loss's own output activation, applied in prediction.
    row : function
        Row by row instead: `row(z, y, slope, *parameters) -> loss`, with `z` (outputs,), `y` a row (outputs,) or an
        int label, and `slope` (outputs,) to be filled.
    row_output : function, optional
        `row_output(z, out, *parameters)`: fills `out` (outputs,) with the prediction.
    parameters : dict, optional
    target : {"float", "label"}
        Float targets (samples, outputs), or int64 labels (samples,).
    minimum, maximum : float, optional
        Bounds of float targets. With 0 and 1 the targets are two classes, and accuracy is counted.
    """

    kind: ClassVar[str] = "loss"
    roles: ClassVar[tuple[str, ...]] = ("value", "slope", "output", "row", "row_output")
    value: Function | None = None
    slope: Function | None = None
    output: Function | None = None
    row: Function | None = None
    row_output: Function | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict, compare=False)
    target: str = "float"
    minimum: float | None = None
    maximum: float | None = None

    def __post_init__(self) -> None:
        self._check(
            self.parameters,
            {
                "value": (self.value, 2),
                "slope": (self.slope, 2),
                "output": (self.output, 1),
                "row": (self.row, 3),
                "row_output": (self.row_output, 2),
            },
        )
        elementwise = self.value is not None and self.slope is not None
        if elementwise == (self.row is not None) or (self.value is None) != (self.slope is None):
            raise InputError(f"loss {self.name!r}: value and slope, or row, are wanted")
        if (self.output is not None and not elementwise) or (self.row_output is not None and elementwise):
            raise InputError(f"loss {self.name!r}: output goes with value and slope, row_output with row")
        if self.target not in ("float", "label"):
            raise InputError(f"target: {self.target!r} given; 'float' or 'label' is wanted")
        if self.target == "label" and elementwise:
            raise InputError(f"target: loss {self.name!r} is elementwise and takes floats; labels want row")

    @property
    def elementwise(self) -> bool:
        """Whether value and slope, not row, define it."""
        return self.row is None

    @property
    def owns_output(self) -> bool:
        """Whether it brings an output activation of its own."""
        return self.output is not None or self.row_output is not None


@dataclass(frozen=True)
class Regularizer(Spec):
    """A penalty `r(w)` on each weight; the core scales it by 1/m and adds it up over all weights, not biases.

    Parameters
    ----------
    name : str
    penalty : function
        `penalty(w, *parameters) -> r(w)`.
    slope : function
        `slope(w, *parameters) -> r'(w)`.
    parameters : dict, optional
    """

    kind: ClassVar[str] = "regularizer"
    roles: ClassVar[tuple[str, ...]] = ("penalty", "slope")
    penalty: Function
    slope: Function
    parameters: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        self._check(self.parameters, {"penalty": (self.penalty, 1), "slope": (self.slope, 1)})
