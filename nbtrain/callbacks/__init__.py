"""What a training run tells while it goes on, and what can be done about it.

Callbacks are given to `Trainer.fit(…, callbacks=[…])`: `EarlyStopping`, `ReduceOnPlateau`, `TimeLimit`, `Checkpoint`,
`CSVLogger`, `JSONLinesLogger`, `TensorBoard`, plain functions, or one's own, derived from `Callback`.
"""

from __future__ import annotations

from ..checks.arguments import closed
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

for _kind in (
    *(Checkpoint, CSVLogger, JSONLinesLogger, TensorBoard, EarlyStopping, ReduceOnPlateau),
    *(PrintProgress, TqdmProgress, TimeLimit),
):
    closed(_kind, ("every_steps", "every_seconds", "first_at_end"))
