"""The memory of a model: one allocation for all its arrays, each of which keeps it alive."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

ALIGNMENT = 64  # a cache line, and the widest vector


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


class _View:
    """The `.base` of an array: it exposes the array's memory and holds the owner of all of it."""

    __slots__ = ("__array_interface__", "owner")

    def __init__(self, owner: Memory, interface: dict[str, Any]) -> None:
        self.owner = owner
        self.__array_interface__ = interface


class Memory:
    """A zeroed block of 64-byte aligned arrays.

    Parameters
    ----------
    plans
        The arrays, with distinct names.
    keep
        Objects that must live as long as any array of this memory: compiled code, component specs.
    """

    def __init__(self, plans: Iterable[Plan], keep: Iterable[object] = ()) -> None:
        self.keep = list(keep)
        plans = list(plans)
        sizes = [plan.nbytes for plan in plans]
        size = sum(sizes) + ALIGNMENT
        if size > sys.maxsize:
            raise MemoryError(f"a model of {size:,} bytes")
        self.block = np.zeros(size, np.uint8)
        start = int(self.block.ctypes.data)
        start += -start % ALIGNMENT
        self.addresses: dict[str, int] = {}
        self._plans = {plan.name: plan for plan in plans}
        for plan, nbytes in zip(plans, sizes, strict=True):
            self.addresses[plan.name] = start
            start += nbytes

    @property
    def nbytes(self) -> int:
        """Size of the whole block in bytes."""
        return int(self.block.nbytes)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of the array of that name."""
        return self._plans[name].shape

    def array(self, name: str, read_only: bool = False) -> np.ndarray[Any, Any]:
        """The array of that name; it and all views of it keep this memory alive."""
        plan = self._plans[name]
        interface = {
            "version": 3,
            "shape": plan.shape,
            "typestr": plan.dtype.str,
            "data": (self.addresses[name], read_only),
        }
        made = np.asarray(_View(self, interface))
        return made if plan.dtype.names is None else made.view(plan.dtype)
