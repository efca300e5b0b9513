"""Specs of what is minimized: losses and regularizers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..checks.arrays import whole_number
from ..checks.messages import brief, wrong
from ..errors import InputError
from .spec import Function, Spec


@dataclass(frozen=True)
class Loss(Spec):
    """A loss, elementwise, row by row or all rows at once; the core weights it and averages it over the samples.

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
    rows : function
        All rows of a batch at once instead, which is faster where rows are short, since loops can run over the whole:
        `rows(z, y, slope, losses, outputs, *parameters)` with flat `z` and `slope` (rows * outputs,), `y` alike or
        labels (rows,), and `losses` (rows,) in float64. It fills `slope` and `losses`.
    rows_output : function, optional
        `rows_output(z, out, outputs, *parameters)`: fills the flat `out` with the predictions.
    parameters : dict, optional
    target : {"float", "label"}
        Float targets (samples, outputs), or int64 labels (samples,).
    minimum, maximum : float, optional
        Bounds of float targets. With 0 and 1 the targets are two classes, and accuracy is counted.
    target_columns : int, optional
        Columns of float targets, where they are not one number for each output: `y` is then a row (target_columns,),
        or flat (rows * target_columns,) for `rows`. What its numbers mean is the loss's own matter, so `evaluate` gives
        the loss alone, without R² or accuracy. For `row` and `rows` only.

    Examples
    --------
    The pinball loss of quantile regression, max(q (y - p), (q - 1) (y - p)):
    R. Koenker and G. Bassett: Regression Quantiles. Econometrica 46, 1978.

    >>> import nbtrain
    >>> def value(p, y, q):
    ...     return max(q * (y - p), (q - 1.0) * (y - p))
    >>> def slope(p, y, q):
    ...     return -q if y > p else 1.0 - q
    >>> pinball = nbtrain.Loss("my_pinball", value, slope, parameters={"q": 0.9})
    >>> pinball.elementwise, pinball.owns_output, pinball.columns(2)
    (True, False, 2)
    >>> trainer = nbtrain.Trainer(nbtrain.Network(4, [nbtrain.Dense(1)]), loss=pinball, rng=0)
    """

    kind: ClassVar[str] = "loss"
    roles: ClassVar[tuple[str, ...]] = ("value", "slope", "output", "row", "row_output", "rows", "rows_output")
    value: Function | None = None
    slope: Function | None = None
    output: Function | None = None
    row: Function | None = None
    row_output: Function | None = None
    rows: Function | None = None
    rows_output: Function | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict, compare=False)
    target: str = "float"
    minimum: float | None = None
    maximum: float | None = None
    target_columns: int | None = None

    def __post_init__(self) -> None:
        self._check(
            self.parameters,
            {
                "value": (self.value, "p, y"),
                "slope": (self.slope, "p, y"),
                "output": (self.output, "z"),
                "row": (self.row, "z, y, slope"),
                "row_output": (self.row_output, "z, out"),
                "rows": (self.rows, "z, y, slope, losses, outputs"),
                "rows_output": (self.rows_output, "z, out, outputs"),
            },
        )
        forms = [("value", "output"), ("row", "row_output"), ("rows", "rows_output")]
        given = [form for form in forms if getattr(self, form[0]) is not None]
        if len(given) != 1 or (self.value is None) != (self.slope is None):
            raise InputError(f"loss {self.name!r} must have value and slope, or row, or rows")
        if any(getattr(self, output) is not None for form, output in forms if (form, output) not in given):
            raise InputError(
                f"loss {self.name!r}: output goes with value and slope, row_output with row, rows_output with rows"
            )
        elementwise = self.value is not None
        if self.target not in ("float", "label"):
            raise InputError(wrong("target", "be 'float' or 'label'", brief(self.target)))
        if self.target == "label" and elementwise:
            raise InputError(f"target: loss {self.name!r} is elementwise and takes floats; for labels, use row or rows")
        if self.target_columns is not None:
            object.__setattr__(self, "target_columns", self._checked_columns())

    def _checked_columns(self) -> int:
        """Columns of targets of the loss's own width."""
        columns = whole_number(self.target_columns, "target_columns", 1)
        if self.elementwise:
            raise InputError(
                f"target_columns: loss {self.name!r} is elementwise, with one target for each output; use row or rows"
            )
        if self.target != "float":
            raise InputError(f"target_columns: loss {self.name!r} takes labels; use target='float' for rows of numbers")
        return columns

    def columns(self, outputs: int) -> int:
        """How many columns float targets have.

        Parameters
        ----------
        outputs : int
            Outputs of the network.

        Returns
        -------
        int
            `target_columns`, or the number of outputs.
        """
        return outputs if self.target_columns is None else self.target_columns

    @property
    def elementwise(self) -> bool:
        """Whether value and slope define it."""
        return self.value is not None

    @property
    def owns_output(self) -> bool:
        """Whether it has its own output activation."""
        return any(output is not None for output in (self.output, self.row_output, self.rows_output))


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

    Examples
    --------
    >>> import nbtrain
    >>> quartic = nbtrain.Regularizer("quartic", penalty=lambda w: w**4, slope=lambda w: 4.0 * w**3)
    >>> trainer = nbtrain.Trainer(nbtrain.Network(4, [nbtrain.Dense(1)]), loss="mse", regularizer=quartic, rng=0)
    """

    kind: ClassVar[str] = "regularizer"
    roles: ClassVar[tuple[str, ...]] = ("penalty", "slope")
    penalty: Function
    slope: Function
    parameters: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        self._check(self.parameters, {"penalty": (self.penalty, 1), "slope": (self.slope, 1)})
