"""Samples as the trainer takes them."""

from __future__ import annotations

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
    """A sparse matrix as an array; anything else as it is."""
    made: Array = X.toarray() if issparse(X) else X
    return made
