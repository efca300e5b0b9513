"""What the status codes of the core mean: in words, and as errors."""

from __future__ import annotations

from typing import Any

from .core import layout
from .errors import DivergenceError, Error, InputError

WORDS = {
    layout.OK: "all is well",
    layout.WRONG_X: "x has no rows, or another number of columns than the network has inputs",
    layout.WRONG_Y: "y has another number of rows than x, or of columns than the network has outputs",
    layout.WRONG_TARGET: "y holds floats where the loss wants int64 labels, or labels where it wants floats",
    layout.WRONG_LABEL: "y holds a label that is not one of 0 … outputs - 1",
    layout.WRONG_OUT: "out has not the shape (rows of x, outputs)",
    layout.WRONG_WEIGHT: "sample_weight holds a negative number, NaN or infinity, or not one number for each sample",
    layout.BUSY: "another thread is inside this model",
    layout.DIVERGED: "the loss became NaN or infinite",
    layout.NO_MEMORY: "there is no memory for the order of the samples",
    layout.FAILED: "a function of the loss took an index out of range, or did something else for which Python raises",
    layout.WRONG_MODEL: "the model is a copy or has another dtype than the function; pass trainer.model itself",
    layout.WRONG_RATE: "the learning rate is negative, NaN or infinite",
    layout.WRONG_GRADIENT: "the gradient holds NaN or infinity",
}


def check(status: int, loss: Any = None) -> None:
    """Raise what a status stands for.

    Parameters
    ----------
    status : int
        What a C function of the core returned, or `model.status[0]`.
    loss : Component, optional
        The model's, to be named where it failed.
    """
    if status == layout.OK:
        return
    if status == layout.FAILED and loss is not None:
        raise Error(f"loss {loss.spec.name!r}: {WORDS[status]}")
    if status == layout.NO_MEMORY:
        raise MemoryError(WORDS[status])
    if status in (layout.BUSY, layout.FAILED):
        raise Error(WORDS[status])
    if status == layout.DIVERGED:
        raise DivergenceError(WORDS[status])
    raise InputError(WORDS[status])
