"""The memory of a model: one allocation for all its arrays, each of which keeps it alive."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from .quick import address

ALIGNMENT = 64  # a cache line, and the widest vector
INT64 = np.dtype(np.int64)


class Plan(NamedTuple):
    """An array to allocate: its name, shape and dtype."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def nbytes(self) -> int:
        """Size in bytes, rounded up to whole cache lines, with one line to spare."""
        size = math.prod(self.shape) * self.dtype.itemsize
        return (size + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT + ALIGNMENT


def total_bytes(plans: Iterable[Plan]) -> int:
    """Size of the block that holds these arrays."""
    return sum(plan.nbytes for plan in plans) + ALIGNMENT


class Layout:
    """Where arrays are in a block of memory: their offsets in bytes from its first cache line on.

    Parameters
    ----------
    plans : iterable of Plan
        The arrays, with distinct names.
    """

    plans: dict[str, Plan]
    nbytes: int

    def __init__(self, plans: Iterable[Plan]) -> None:
        self.plans = {plan.name: plan for plan in plans}
        self.offsets: dict[str, int] = {}
        self.nbytes = ALIGNMENT
        for plan in self.plans.values():
            self.offsets[plan.name] = self.nbytes - ALIGNMENT
            self.nbytes += plan.nbytes
        if self.nbytes > sys.maxsize:
            raise MemoryError(f"a model of {self.nbytes:,} bytes")
        self._several: dict[tuple[str, ...], np.ndarray[Any, Any]] = {}

    def offsets_of(self, names: tuple[str, ...]) -> np.ndarray[Any, Any]:
        """The offsets of several arrays, int64."""
        if names not in self._several:
            self._several[names] = np.array([self.offsets[name] for name in names], np.int64)
        return self._several[names]


class Block(np.ndarray):
    """The bytes of a model. It is the base of all arrays in it, so that it lives as long as any of them.

    Attributes
    ----------
    keep : object
        What must live as long: compiled code, component specs.
    release : function or None
        Called when the block is freed, but not at the end of the process.
    """

    keep: Any = None
    release: Callable[[], Any] | None = None

    def __del__(self, ends: Callable[[], bool] = sys.is_finalizing) -> None:
        if self.release is not None and not ends():
            self.release()


class Memory:
    """A zeroed block of 64-byte aligned arrays.

    Parameters
    ----------
    layout : Layout or iterable of Plan
        The arrays.
    keep : object, optional
        What must live as long as any array of this memory.
    """

    layout: Layout

    def __init__(self, layout: Layout | Iterable[Plan], keep: object = None) -> None:
        self.layout = layout if isinstance(layout, Layout) else Layout(layout)
        whole = np.zeros(self.layout.nbytes, np.uint8)
        begin = address(whole)
        self._start = -begin % ALIGNMENT
        self._address = begin + self._start
        # NumPy makes the array itself, not its view, the base of further views, unless a view lies in between
        self.block: Block = whole.view(Block).view(Block)
        self.block.keep = keep

    @property
    def nbytes(self) -> int:
        """Size of the whole block in bytes."""
        return int(self.block.nbytes)

    @cached_property
    def addresses(self) -> dict[str, int]:
        """The addresses of all arrays, by name."""
        return {name: self.address(name) for name in self.layout.plans}

    def address(self, name: str) -> int:
        """The address of the array of that name."""
        found: int = self._address + self.layout.offsets[name]
        return found

    def addresses_of(self, names: tuple[str, ...]) -> np.ndarray[Any, Any]:
        """The addresses of several arrays, int64."""
        found: np.ndarray[Any, Any] = self._address + self.layout.offsets_of(names)
        return found

    def words(self, name: str) -> np.ndarray[Any, Any]:
        """The array of that name as int64, for records of eight-byte fields."""
        plan = self.layout.plans[name]
        return np.ndarray(
            math.prod(plan.shape) * plan.dtype.itemsize // 8, INT64, self.block, self._start + self.layout.offsets[name]
        )

    def array(self, name: str, read_only: bool = False) -> np.ndarray[Any, Any]:
        """The array of that name; it and all views of it keep this memory's block alive."""
        plan = self.layout.plans[name]
        start = self._start + self.layout.offsets[name]
        if read_only:  # nobody can make it writable again
            made = np.frombuffer(self.block.data.toreadonly(), plan.dtype, math.prod(plan.shape), start)
            return made.reshape(plan.shape)
        return np.ndarray(plan.shape, plan.dtype, self.block, start)
