"""Callbacks, called while `Trainer.fit` runs: `fit(…, callbacks=[…])`.

`EarlyStopping`, `ReduceOnPlateau`, `TimeLimit`, `Checkpoint`, `CSVLogger`, `JSONLinesLogger` and `TensorBoard`; plain
functions and classes derived from `Callback` work, too.
"""

from __future__ import annotations

from .base import Callback, as_callbacks
from .checkpoint import Checkpoint
from .logs import CSVLogger, JSONLinesLogger, TensorBoard
from .plateau import EarlyStopping, ReduceOnPlateau
from .progress import PrintProgress, TqdmProgress
from .timelimit import TimeLimit

__all__ = [
    "CSVLogger",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "JSONLinesLogger",
    "PrintProgress",
    "ReduceOnPlateau",
    "TensorBoard",
    "TimeLimit",
    "TqdmProgress",
    "as_callbacks",
]

for _name in __all__:  # pickles and tracebacks name the public path
    globals()[_name].__module__ = __name__


def __dir__() -> list[str]:
    return sorted(__all__)
