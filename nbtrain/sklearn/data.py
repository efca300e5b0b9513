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


class Data(NamedTuple):
    """Inputs, targets as the loss wants them, and sample weights if there are any."""

    X: Array
    target: Array
    weight: Array | None

    def at(self, rows: Array) -> Data:
        """Some of the samples."""
        return Data(self.X[rows], self.target[rows], None if self.weight is None else self.weight[rows])

    @property
    def total_weight(self) -> float:
        """The sum of the sample weights; each is 1 where none are given."""
        return float(len(self.X)) if self.weight is None else float(np.sum(self.weight, dtype=np.float64))


def dense(X: Any) -> Array:
    """A sparse matrix as an array; anything else as it is.

    Raises
    ------
    MemoryError
        If it would be larger than the memory of this computer, where the system would end the process.
    """
    if not issparse(X):
        made: Array = X
        return made
    size, memory = X.shape[0] * X.shape[1] * X.dtype.itemsize, installed_memory()
    if size > memory:
        raise MemoryError(
            f"X: a sparse matrix of shape {X.shape} given, which takes {size / 2**30:,.1f} GiB as an array of "
            f"{X.dtype}; this computer has {memory / 2**30:,.1f} GiB. Fewer features are wanted (TruncatedSVD, "
            "SelectKBest, FeatureHasher), or partial_fit with some rows at a time"
        )
    made = X.toarray()
    return made


def installed_memory() -> float:
    """Bytes of memory that this computer has; infinity where the system does not say."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return math.inf
