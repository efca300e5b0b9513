"""Checked data whose rows are read when they are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...checks import arrays as checks
from ..data import Dataset, InputSpec
from .arrays import Rows, to_be_read
from .filling import Buffer, empty_targets
from .orders import InOrder, Order, read_rows

Array = np.ndarray[Any, Any]
INT64 = np.dtype(np.int64)


def any_to_be_read(inputs: InputSpec, X: Any, y: Any = None, weight: Any = None) -> bool:
    """Whether one of the arrays is read block by block; all of them are then."""
    target = INT64 if inputs.loss.target == "label" else inputs.dtype
    return to_be_read(X, inputs.dtype) or to_be_read(y, target) or to_be_read(weight, inputs.dtype)


class SourceData:
    """X, y and sample weights, of which some are read when they are needed; errors name them with `prefix`.

    Attributes
    ----------
    x, y, weight : Rows
        `weight` is None where there are no weights, `y` where there are no targets.
    """

    def __init__(self, inputs: InputSpec, X: Any, y: Any = None, weight: Any = None, prefix: str = "") -> None:
        self.inputs, self.prefix = inputs, prefix
        self.x = self._x(X)
        self.y = None if y is None else self._y(y)
        self.weight = None if weight is None else self._weight(weight)

    def __len__(self) -> int:
        return len(self.x)

    def _x(self, X: Any) -> Rows:
        name = f"{self.prefix}X"
        if not to_be_read(X, self.inputs.dtype):
            return Rows(self.inputs.inputs(X, name), name)
        found = Rows(X, name)
        checks.check_inputs_shape(found.shape, self.inputs.columns, name)
        return found

    def _y(self, y: Any) -> Rows:
        inputs, name, rows = self.inputs, f"{self.prefix}y", len(self)
        label = inputs.loss.target == "label"
        if not to_be_read(y, INT64 if label else inputs.dtype):
            return Rows(inputs.targets(y, rows, name), name)
        found = Rows(y, name)
        if label:
            checks.check_labels_shape(found.shape, rows, name)
        else:
            checks.check_targets_shape(found.shape, rows, inputs.loss.columns(inputs.outputs), name, inputs.hint)
        return found

    def _weight(self, weight: Any) -> Rows:
        name = f"{self.prefix}sample_weight"
        if not to_be_read(weight, self.inputs.dtype):
            return Rows(self.inputs.weights(weight, len(self), name), name)
        found = Rows(weight, name)
        checks.check_weights_shape(found.shape, len(self), name)
        return found

    @property
    def sources(self) -> list[Rows]:
        """All that there are."""
        return [rows for rows in (self.x, self.y, self.weight) if rows is not None]

    @property
    def gathers(self) -> bool:
        """Whether rows can be read in any order."""
        return all(rows.gathers for rows in self.sources)

    @property
    def row_bytes(self) -> int:
        """Of a row of X in a block."""
        return self.inputs.columns * self.inputs.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """All of it as the core takes it."""
        label = self.inputs.loss.target == "label"
        y = 8 if label else self.inputs.loss.columns(self.inputs.outputs) * self.inputs.dtype.itemsize
        return len(self) * (self.row_bytes + y + (self.weight is not None) * self.inputs.dtype.itemsize)

    # ---- reading

    def buffer(self, rows: int) -> Buffer:
        """A buffer for so many rows."""
        return Buffer.new(self.inputs, rows, self.weight is not None)

    def fill(self, buffer: Buffer, order: Order, first: int, last: int) -> None:
        """Read rows `first` to `last` of an order, convert and check them."""
        at = 0
        for part in order.parts(first, last):
            self._put(self.x, buffer.put_x, at, part)
            if self.y is not None:
                self._put(self.y, buffer.put_y, at, part)
            if self.weight is not None:
                self._put(self.weight, buffer.put_weight, at, part)
            at += len(part)

    @staticmethod
    def _put(source: Rows, put: Callable[..., None], at: int, part: range | Array) -> None:
        if not isinstance(part, range):
            put(at, source.gather(part), part, source.name)
            return
        for numbers, rows in source.read(part.start, part.stop):
            put(at, rows, numbers, source.name)
            at += len(numbers)

    def loaded(self) -> Dataset:
        """All of it in memory; a MemoryError says how much that is."""
        refuse_too_large(self.nbytes, self.x)
        rows, count = len(self), read_rows(self.row_bytes, 1)
        whole = self.buffer(rows)
        for first in range(0, rows, count):
            last = min(first + count, rows)
            self.fill(Buffer(self.inputs, whole.data.rows(first, last)), InOrder(), first, last)
        for source in self.sources:
            source.forget()
        return whole.data

    def blocks(self, rows: int, batch_size: int) -> Iterator[tuple[Dataset, bool]]:
        """Blocks for an evaluation in calls of so many rows each, and whether they continue the last one."""
        count, total = read_rows(self.row_bytes, batch_size), len(self)
        buffer = self.buffer(min(count, total))
        for start in range(0, total, rows):
            stop = min(start + rows, total)
            for first in range(start, stop, count):
                last = min(first + count, stop)
                self.fill(buffer, InOrder(), first, last)
                yield buffer.data.rows(0, last - first), first > start

    def targets(self, rows: int) -> Iterator[tuple[Array, Array | None]]:
        """Targets and weights, so many rows at a time."""
        assert self.y is not None
        for first in range(0, len(self), rows):
            part = range(first, min(first + rows, len(self)))
            weight = None if self.weight is None else np.empty(len(part), self.inputs.dtype)
            nothing = np.empty((0, self.inputs.columns), self.inputs.dtype)
            buffer = Buffer(self.inputs, Dataset(nothing, empty_targets(self.inputs, len(part)), weight))
            self._put(self.y, buffer.put_y, 0, part)
            if self.weight is not None:
                self._put(self.weight, buffer.put_weight, 0, part)
            yield buffer.y, weight


def refuse_too_large(size: int, x: Rows) -> None:
    """Raise MemoryError where so many bytes are not there: the system might end the process instead."""
    free = available_bytes()
    if free is not None and size > free:
        raise MemoryError(
            f"{x.name}: {size:,} bytes are needed to load it, {free:,} are available; it is loaded, since shuffle=True "
            f"takes single rows, which a {type(x.source).__name__} does not give in any order. shuffle='blocks' and "
            "shuffle=False read it block by block"
        )


def available_bytes() -> int | None:
    """Memory that is available, where the system says so."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError, IndexError):
        return None
