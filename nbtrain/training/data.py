"""Data on its way to the core: arrays of the right shape and dtype, whose contents were looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

import numpy as np

from ..checks import arrays as checks
from ..components import Loss
from ..errors import InputError
from ..model.native import Native

Array = np.ndarray[Any, Any]


class Dataset(NamedTuple):
    """Checked arrays, as the core takes them."""

    x: Array
    y: Array
    weight: Array | None

    def rows(self, first: int, last: int) -> Dataset:
        """A range of the samples."""
        weight = None if self.weight is None else self.weight[first:last]
        return Dataset(self.x[first:last], self.y[first:last], weight)

    def arguments(self, kind: int) -> tuple[int, ...]:
        """x, rows, columns, y, y_rows, y_columns, y_kind, weight for the core's functions."""
        x, y = self.x, self.y
        columns = y.shape[1] if y.ndim == 2 else 1
        weight = 0 if self.weight is None else self.weight.ctypes.data
        return x.ctypes.data, x.shape[0], x.shape[1], y.ctypes.data, y.shape[0], columns, kind, weight


@dataclass(frozen=True)
class Intake:
    """What a network and its loss accept as data."""

    columns: int
    outputs: int
    loss: Loss
    dtype: np.dtype[Any]
    native: Native

    def inputs(self, X: Any, argument: str = "X") -> Array:
        """X, finite, as a (samples, inputs) array."""
        x = checks.inputs(X, self.columns, self.dtype, argument)
        self.check_finite(x, argument, X)
        return x

    def dataset(self, X: Any, y: Any, weight: Any = None, prefix: str = "") -> Dataset:
        """X, y and sample weights as the core takes them; `prefix` names where they come from."""
        x = self.inputs(X, f"{prefix}X")
        if self.loss.target == "label":
            target = checks.labels(y, len(x), f"{prefix}y")
            self._check_labels(target, f"{prefix}y")
        else:
            target = checks.targets(y, len(x), self.outputs, self.dtype, f"{prefix}y")
            self.check_finite(target, f"{prefix}y", y)
            self._check_range(target, f"{prefix}y")
        if weight is None:
            return Dataset(x, target, None)
        weights = checks.weights(weight, len(x), self.dtype, f"{prefix}sample_weight")
        self._check_weights(weights, f"{prefix}sample_weight")
        return Dataset(x, target, weights)

    def check_finite(self, array: Array, argument: str, given: Any = None) -> None:
        """Refuse NaN and infinity, naming the first; what was `given` may have been finite, and too large."""
        index = self.native.bad_number(array.ctypes.data, array.size)
        if index >= 0:
            found, largest = array.flat[index], ""
            if np.isinf(found):
                was = found if given is None else np.asarray(given, np.float64).flat[index]
                largest = f", of at most {np.finfo(self.dtype).max:.2g},"
                found = f"{was:g}, too large for {self.dtype}," if np.isfinite(was) else found
            _refuse(argument, f"{found} at {checks.place(array, index)}", f"finite {self.dtype} numbers{largest}")

    def _check_weights(self, array: Array, argument: str) -> None:
        index = self.native.bad_weight(array.ctypes.data, array.size)
        if index >= 0:
            _refuse(argument, f"{array[index]} at index {index}", "finite numbers of at least 0")

    def _check_labels(self, array: Array, argument: str) -> None:
        index = self.native.bad_label(array.ctypes.data, array.size, self.outputs)
        if index >= 0:
            _refuse(argument, f"label {array[index]} at index {index}", f"labels from 0 to {self.outputs - 1}")

    def _check_range(self, array: Array, argument: str) -> None:
        spec = self.loss
        low, high = spec.minimum, spec.maximum
        if (low is not None and array.min() < low) or (high is not None and array.max() > high):
            bounds = f"from {low}" + (f" to {high}" if high is not None else "")
            bounds = bounds if low is not None else f"up to {high}"
            _refuse(argument, f"values from {array.min():g} to {array.max():g}", f"targets {bounds}")


def _refuse(argument: str, given: str, wanted: str) -> NoReturn:
    raise InputError(f"{argument}: {given} given; {wanted} are wanted")
