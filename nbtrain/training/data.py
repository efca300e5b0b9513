"""Checked data: arrays of the right shape and dtype, as the core takes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..checks import arrays as checks
from ..checks.messages import wrong
from ..components import Loss
from ..errors import InputError
from ..model.native import Native
from ..model.quick import address

Array = np.ndarray[Any, Any]
SPREAD, FIRST = "spread", "first"  # rows that tell data from others: evenly spaced ones, or the first
SAMPLED_ROWS = 1024
Numbers = Sequence[int] | Array  # of the rows of a part of an array


class Dataset(NamedTuple):
    """Checked arrays, as the core takes them."""

    x: Array
    y: Array
    weight: Array | None

    def rows(self, first: int, last: int) -> Dataset:
        """A range of the samples."""
        weight = None if self.weight is None else self.weight[first:last]
        return Dataset(self.x[first:last], self.y[first:last], weight)

    def blocks(self, rows: int, batch_size: int) -> Iterator[tuple[Dataset, bool]]:
        """The samples in parts of so many rows, and whether one continues the part before: none does."""
        for first in range(0, len(self.x), rows):
            yield self.rows(first, first + rows), False

    def targets(self, rows: int) -> Iterator[tuple[Array, Array | None]]:
        """Targets and weights, so many rows at a time."""
        for first in range(0, len(self.y), rows):
            part = self.rows(first, first + rows)
            yield part.y, part.weight

    def arguments(self, kind: int) -> tuple[int, ...]:
        """x, rows, columns, y, y_rows, y_columns, y_kind, weight for the core's functions."""
        x, y = self.x, self.y
        columns = y.shape[1] if y.ndim == 2 else 1
        weight = 0 if self.weight is None else address(self.weight)
        return address(x), x.shape[0], x.shape[1], address(y), y.shape[0], columns, kind, weight


def sampled_rows(rows: int) -> Array:
    """Numbers of about a thousand rows, evenly spaced: of all where there are no more."""
    return np.unique(np.linspace(0, rows - 1, SAMPLED_ROWS).astype(np.int64))


@dataclass(frozen=True)
class InputSpec:
    """What a network and its loss accept as data."""

    columns: int
    outputs: int
    loss: Loss
    dtype: np.dtype[Any]
    native: Native

    @property
    def hint(self) -> str:
        """Why targets have the columns that they have, where these are not the outputs."""
        columns = self.loss.target_columns
        return f"loss {self.loss.name!r} has target_columns={columns}" if columns is not None else ""

    def inputs(self, X: Any, argument: str = "X") -> Array:
        """X as a finite (samples, inputs) array."""
        x = checks.inputs(X, self.columns, self.dtype, argument)
        self.check_finite(x, argument, X, rows=True)
        return x

    def dataset(self, X: Any, y: Any, weight: Any = None, prefix: str = "") -> Dataset:
        """X, y and sample weights as the core takes them; errors name them with `prefix`."""
        x = self.inputs(X, f"{prefix}X")
        target = self.targets(y, len(x), f"{prefix}y")
        return Dataset(x, target, None if weight is None else self.weights(weight, len(x), f"{prefix}sample_weight"))

    def targets(self, y: Any, rows: int, argument: str = "y") -> Array:
        """The targets of so many rows: labels, or finite floats (rows, outputs)."""
        if self.loss.target == "label":
            target = checks.labels(y, rows, argument)
            self.check_labels(target, argument)
            return target
        target = checks.targets(y, rows, self.loss.columns(self.outputs), self.dtype, argument, self.hint)
        self.check_finite(target, argument, y, rows=True)
        self.check_range(target, argument)
        return target

    def weights(self, weight: Any, rows: int, argument: str = "sample_weight") -> Array:
        """Weights of so many rows."""
        weights = checks.weights(weight, rows, self.dtype, argument)
        self.check_weights(weights, argument)
        return weights

    def check_finite(
        self, array: Array, argument: str, given: Any = None, rows: bool = False, numbers: Numbers | None = None
    ) -> None:
        """Raise InputError for NaN and infinity, naming the first; the number `given` may be finite but too large.

        `rows`: these are samples, of which some can be left out; `numbers`: those of the rows, where it is a part.
        """
        index = self.native.bad_number(address(array), array.size)
        if index < 0:
            return
        found, hint = str(array.flat[index]), ""
        if rows and np.isnan(array.flat[index]):
            hint = "fill missing values, or leave out their rows"
        if given is not None and np.isinf(array.flat[index]):
            was = float(np.asarray(given).flat[index])
            if np.isfinite(was):
                found, hint = f"{was:g}", f"the largest {self.dtype} is {np.finfo(self.dtype).max:.2g}"
        raise InputError(wrong(argument, "be finite", f"{found} at {checks.place(array, index, numbers)}", hint))

    def check_weights(self, array: Array, argument: str, numbers: Numbers | None = None) -> None:
        """Raise InputError for negative weights, NaN and infinity."""
        index = self.native.bad_weight(address(array), array.size)
        if index >= 0:
            raise InputError(
                wrong(argument, "be finite and >= 0", f"{array[index]} at {checks.place(array, index, numbers)}")
            )

    def check_labels(self, array: Array, argument: str, numbers: Numbers | None = None) -> None:
        """Raise InputError for labels that are no class of the network."""
        index = self.native.bad_label(address(array), array.size, self.outputs)
        if index >= 0:
            expected = f"hold labels from 0 to {self.outputs - 1}"
            raise InputError(wrong(argument, expected, f"{array[index]} at {checks.place(array, index, numbers)}"))

    def check_range(self, array: Array, argument: str) -> None:
        """Raise InputError for targets beyond those that the loss accepts."""
        spec = self.loss
        low, high = spec.minimum, spec.maximum
        if (low is not None and array.min() < low) or (high is not None and array.max() > high):
            bounds = [f">= {low}"] * (low is not None) + [f"<= {high}"] * (high is not None)
            expected = f"be {' and '.join(bounds)} for loss {spec.name!r}"
            raise InputError(wrong(argument, expected, f"values from {array.min():g} to {array.max():g}"))
