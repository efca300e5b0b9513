"""Samples as the trainer takes them."""

from __future__ import annotations

import math
import os
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse

Array = np.ndarray[Any, Any]
SPARSE = ["csr", "csc"]
DTYPES = (np.float64, np.float32)
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # of version 2, of version 1


class Data(NamedTuple):
    """Inputs, an array or, until the rows are chosen, a sparse matrix; targets as the loss wants them, and weights."""

    X: Array
    target: Array
    weight: Array | None

    def at(self, rows: Array) -> Data:
        """Some of the samples."""
        return Data(self.X[rows], self.target[rows], None if self.weight is None else self.weight[rows])

    def dense(self) -> Data:
        """With X as an array, which it is not where it was given as a sparse matrix."""
        return Data(self.X.toarray(), self.target, self.weight) if issparse(self.X) else self  # type: ignore[attr-defined]

    @property
    def total_weight(self) -> float:
        """The sum of the sample weights; each is 1 where none are given."""
        return float(len(self.target)) if self.weight is None else float(np.sum(self.weight, dtype=np.float64))


def by_rows(X: Any) -> Any:
    """A sparse matrix in the form whose rows can be taken; anything else as it is.

    Raises
    ------
    MemoryError
        If it would be larger, as an array, than the memory there is, where the system would end the process.
    """
    if not issparse(X):
        return X
    size, memory = X.shape[0] * X.shape[1] * X.dtype.itemsize, usable_memory()
    if size > memory:
        raise MemoryError(
            f"X: a sparse matrix of shape {X.shape} given, which takes {size / 2**30:,.1f} GiB as an array of "
            f"{X.dtype}; this process may use {memory / 2**30:,.1f} GiB. Fewer features are wanted (TruncatedSVD, "
            "SelectKBest, FeatureHasher), float32, or partial_fit with some rows at a time"
        )
    return X.tocsr()


def usable_memory() -> float:
    """Bytes of memory that this computer has, or that its container may use; infinity where the system does not say."""
    try:
        installed = float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        installed = math.inf
    return min(installed, *map(_limit, LIMITS))


def _limit(path: str) -> float:
    """Bytes that a control group allows; infinity where there is none, or no limit."""
    try:
        with open(path, encoding="ascii") as file:
            return float(file.read())  # "max" is no number
    except (OSError, ValueError):
        return math.inf
