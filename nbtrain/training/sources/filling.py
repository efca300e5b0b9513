"""Memory for a block of samples, and how parts of a source get there: converted and checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from ...checks import arrays as checks
from ...checks.messages import wrong
from ...errors import InputError
from ..data import Dataset, InputSpec

Array = np.ndarray[Any, Any]
Numbers = Sequence[int] | Array  # of the rows of a part, as its user counts them


class Block(NamedTuple):
    """Samples that are trained next."""

    data: Dataset
    samples: int = 0  # of the epoch, as the core counts them
    first: int = 0  # samples of the epoch before it
    number: int = 0
    open: bool = False  # whether others follow
    streamed: bool = True  # False: it is the whole epoch, in memory

    @property
    def last(self) -> int:
        """Samples of the epoch up to its end."""
        return self.first + len(self.data.x)


class Buffer:
    """Memory for a block of samples.

    Parameters
    ----------
    inputs : InputSpec
    data : Dataset
        The memory: contiguous arrays.
    """

    def __init__(self, inputs: InputSpec, data: Dataset) -> None:
        self.inputs, self.data = inputs, data
        self.x, self.y, self.weight = data

    @classmethod
    def new(cls, inputs: InputSpec, rows: int, weighted: bool) -> Self:
        """Memory for so many samples."""
        x = empty((rows, inputs.columns), inputs.dtype, "X", "a smaller block_rows needs less")
        y = empty_targets(inputs, rows)
        return cls(inputs, Dataset(x, y, empty((rows,), inputs.dtype, "sample_weight", "") if weighted else None))

    def __len__(self) -> int:
        return len(self.x)

    def move(self, first: int, last: int, other: Buffer) -> None:
        """Copy some of the samples to the beginning of another buffer."""
        for own, theirs in ((self.x, other.x), (self.y, other.y), (self.weight, other.weight)):
            if own is not None and theirs is not None:
                theirs[: last - first] = own[first:last]

    def put_x(self, at: int, part: Any, numbers: Numbers, name: str = "X") -> None:
        """Rows of X from place `at` on."""
        put_inputs(self.inputs, self.x[at : at + len(numbers)], part, numbers, name)

    def put_y(self, at: int, part: Any, numbers: Numbers, name: str = "y") -> None:
        """Their targets."""
        inputs, target = self.inputs, self.y[at : at + len(numbers)]
        if inputs.loss.target == "label":
            target[...] = checks.labels(part, len(numbers), name, numbers)
            inputs.check_labels(target, name, numbers)
            return
        array = real(part, name)
        checks.check_targets_shape(array.shape, len(target), target.shape[1], name, inputs.hint)
        convert(array.reshape(target.shape), target)
        inputs.check_finite(target, name, array, rows=True, numbers=numbers)
        inputs.check_range(target, name)

    def put_weight(self, at: int, part: Any, numbers: Numbers, name: str = "sample_weight") -> None:
        """Their weights."""
        assert self.weight is not None
        array, target = real(part, name), self.weight[at : at + len(numbers)]
        if array.shape != target.shape:
            raise InputError(wrong(name, f"have shape {target.shape}", str(array.shape)))
        convert(array, target)
        self.inputs.check_weights(target, name, numbers)


def put_inputs(inputs: InputSpec, target: Array, part: Any, numbers: Numbers, name: str) -> None:
    """Rows of X as the core takes them, written to `target`."""
    array = real(part, name)
    if array.shape != target.shape:
        raise InputError(wrong(name, f"have shape {target.shape}", str(array.shape)))
    convert(array, target)
    inputs.check_finite(target, name, array, rows=True, numbers=numbers)


def empty_targets(inputs: InputSpec, rows: int) -> Array:
    """Memory for the targets of so many rows."""
    if inputs.loss.target == "label":
        return empty((rows,), np.dtype(np.int64), "y", "")
    return empty((rows, inputs.loss.columns(inputs.outputs)), inputs.dtype, "y", "")


def real(part: Any, name: str) -> Array:
    """An array of real numbers."""
    array = part if type(part) is np.ndarray else checks.as_array(part, name)
    if array.dtype.kind not in "fiub":
        if array.dtype == object:
            return checks.as_array(array, name)
        raise InputError(wrong(name, "contain real numbers", f"an array of dtype {array.dtype}"))
    return array


def convert(array: Array, target: Array) -> None:
    """Write the numbers of an array to another one; what does not fit becomes infinite."""
    if array.dtype == target.dtype:
        target[...] = array
        return
    with np.errstate(over="ignore", invalid="ignore"):
        np.copyto(target, array, casting="unsafe")


def empty(shape: tuple[int, ...], dtype: np.dtype[Any], what: str, hint: str) -> Array:
    """A new array; the MemoryError says how many bytes it would have, and what avoids it."""
    try:
        return np.empty(shape, dtype)
    except (MemoryError, ValueError):  # ValueError: larger than the address space
        size = int(np.prod([float(n) for n in shape])) * dtype.itemsize
        raise MemoryError(f"{size:,} bytes are needed for {what}, {shape} {dtype}" + f"; {hint}" * bool(hint)) from None
