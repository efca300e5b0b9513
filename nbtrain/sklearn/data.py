"""Samples in the form that the trainer takes."""

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
    """Inputs (an array, or a sparse matrix until the rows are chosen), targets of the loss, and sample weights."""

    X: Array
    target: Array
    weight: Array | None

    def at(self, rows: Array) -> Data:
        """Some of the samples."""
        return Data(self.X[rows], self.target[rows], None if self.weight is None else self.weight[rows])

    def dense(self) -> Data:
        """The same with X as a dense array."""
        return Data(self.X.toarray(), self.target, self.weight) if issparse(self.X) else self  # type: ignore[attr-defined]

    @property
    def total_weight(self) -> float:
        """The sum of the sample weights, which are 1 by default."""
        return float(len(self.target)) if self.weight is None else float(np.sum(self.weight, dtype=np.float64))


def by_rows(X: Any) -> Any:
    """A sparse matrix as CSR, whose rows can be selected; anything else unchanged.

    Raises
    ------
    MemoryError
        If it exceeds the memory as a dense array: the system would kill the process.
    """
    if not issparse(X):
        return X
    size, memory = X.shape[0] * X.shape[1] * X.dtype.itemsize, usable_memory()
    if size > memory:
        raise MemoryError(
            f"X: a sparse matrix of shape {X.shape} takes {size / 2**30:,.1f} GiB as a dense {X.dtype} array, but this "
            f"process may use {memory / 2**30:,.1f} GiB; reduce the features (TruncatedSVD, SelectKBest), use float32, "
            "or call partial_fit with some rows at a time"
        )
    return X.tocsr()


def usable_memory() -> float:
    """Bytes of memory of this computer or its container; infinity if the system does not say."""
    try:
        installed = float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        installed = math.inf
    return min(installed, *map(_limit, LIMITS))


def _limit(path: str) -> float:
    """Limit of a control group in bytes; infinity if there is none."""
    try:
        with open(path, encoding="ascii") as file:
            return float(file.read())  # "max" is no number
    except (OSError, ValueError):
        return math.inf
