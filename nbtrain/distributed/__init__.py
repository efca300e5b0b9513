"""Training, prediction and evaluation by several processes or machines: `fit`, `predict` and `evaluate`.

Existing engines place the work: a Dask `Client`, any `concurrent.futures.Executor`, or an mpi4py communicator. What is
learned depends on the data, the seed, the shards and the algorithm, to the bit, and not on which engine or how many
workers do the work, or on how many of them are lost.
"""

from __future__ import annotations

from ..errors import WorkerError
from .calls import evaluate, fit, predict

__all__ = ["WorkerError", "evaluate", "fit", "predict"]

for _function in (fit, predict, evaluate):
    _function.__module__ = __name__


def __dir__() -> list[str]:
    return sorted(__all__)
