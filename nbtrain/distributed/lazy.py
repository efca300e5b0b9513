"""Predictions of Dask arrays, computed when they are asked for."""

from __future__ import annotations

import copy
import hashlib
from typing import Any

import numpy as np

from ..checks.messages import wrong
from ..errors import InputError
from ..training.trainer import Trainer

Array = np.ndarray[Any, Any]


class Prediction:
    """Predicts for a chunk of rows. Its trainer is a copy: later training changes nothing."""

    trainer: Trainer

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = copy.deepcopy(trainer)

    def __call__(self, rows: Array) -> Array:
        if not len(rows):  # Dask tries functions on empty chunks
            return np.empty((0, self.trainer.network.outputs), self.trainer.dtype)
        return self.trainer.predict(rows)

    def __dask_tokenize__(self) -> str:
        found = hashlib.blake2b(repr(self.trainer).encode(), digest_size=16)
        found.update(self.trainer.theta.data)
        return found.hexdigest()


def predict(trainer: Trainer, X: Any) -> Any:
    """A Dask array of predictions."""
    columns = trainer.network.inputs
    if X.ndim != 2 or X.shape[1] != columns:
        raise InputError(wrong("X", f"have shape (n_samples, {columns})", str(X.shape)))
    rows = X.rechunk({1: -1})
    chunks = rows.chunks[0], (trainer.network.outputs,)
    return rows.map_blocks(
        Prediction(trainer), dtype=trainer.dtype, chunks=chunks, meta=np.empty((0, 0), trainer.dtype)
    )
