"""The last finite epoch of a trainer: kept by the core at the end of every epoch, put back when training diverges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .trainer import Trainer

Array = np.ndarray[Any, Any]


def snapshot(trainer: Trainer) -> None:
    """Keep parameters and optimizer state as the last finite epoch."""
    d = trainer.model.descriptor
    for kept, current in _parts(trainer):
        kept[...] = current
    d["snapshot_iteration"], d["snapshot_epoch"] = d["iteration"], d["epoch"]


def restore(trainer: Trainer) -> None:
    """Go back to the last finite epoch."""
    d = trainer.model.descriptor
    for kept, current in _parts(trainer):
        current[...] = kept
    d["iteration"], d["epoch"], d["position"] = d["snapshot_iteration"], d["snapshot_epoch"], 0


def _parts(trainer: Trainer) -> list[tuple[Array, Array]]:
    """(kept, current) of theta, state and scalars, as the core lays them out."""
    block, theta, state = trainer.memory.array("snapshot"), trainer.model.theta, trainer.model.state
    middle, end = theta.nbytes, theta.nbytes + state.nbytes
    scalars = trainer.memory.array("scalars")
    start = (end + 7) // 8 * 8
    return [
        (block[:middle].view(theta.dtype), theta),
        (block[middle:end].view(state.dtype).reshape(state.shape), state),
        (block[start : start + scalars.nbytes].view(np.float64), scalars),
    ]
