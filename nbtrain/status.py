"""The status codes of the core, in words and as errors."""

from __future__ import annotations

from typing import Any

from .core import layout
from .errors import DivergenceError, Error, InputError

WORDS = {
    layout.OK: "success",
    layout.WRONG_X: "x has no rows, or its columns are not the network's inputs",
    layout.WRONG_Y: "y has other rows than x, or its columns are not the network's outputs (or target_columns)",
    layout.WRONG_TARGET: "y has floats but the loss takes int64 labels, or the other way round",
    layout.WRONG_LABEL: "y has a label that is not one of 0 … outputs - 1",
    layout.WRONG_OUT: "the shape of out or delta is not (rows of x, outputs), or that of dx not (rows of x, inputs)",
    layout.WRONG_WEIGHT: "sample_weight has a negative number, NaN or infinity, or not one number per sample",
    layout.BUSY: "another thread is using this model",
    layout.DIVERGED: "the loss became NaN or infinite",
    layout.NO_MEMORY: "not enough memory for the order of the samples",
    layout.FAILED: "a function of the loss used an index out of range, or did something else for which Python raises",
    layout.WRONG_MODEL: "the model is a copy or has another dtype than the function; pass trainer.model itself",
    layout.WRONG_RATE: "the learning rate is negative, NaN or infinite",
    layout.WRONG_GRADIENT: "the gradient has NaN or infinity",
    layout.WRONG_MEMBER: "the population has no such members, or there is not one block of rows for each of them",
    layout.NO_FORWARD: (
        "backward and input_gradient need a forward of as many rows just before, without another call on the model in "
        "between; accumulate=True needs a backward since the last update"
    ),
    layout.TOO_MANY_ROWS: "x has more rows than batch_size, which forward and backward take at most",
    layout.OTHER_NETWORK: "the two models have layers of different sizes, or different dtypes",
    layout.WRONG_WORK: "work has fewer bytes than work_size says for so many rows",
    layout.WRONG_TAU: "tau is not a number from 0 to 1",
    layout.WRONG_M: "m is not a finite number above 0",
}
DIVERGENCES = (layout.DIVERGED, layout.WRONG_GRADIENT)


def check(status: int, loss: Any = None) -> None:
    """Raise the error that a status stands for.

    Parameters
    ----------
    status : int
        What a C function of the core returned, or `model.status[0]`.
    loss : Component, optional
        The model's, to be named if it failed.
    """
    if status == layout.OK:
        return
    if status == layout.FAILED and loss is not None:
        raise Error(f"loss {loss.spec.name!r}: {WORDS[status]}")
    if status == layout.NO_MEMORY:
        raise MemoryError(WORDS[status])
    if status in (layout.BUSY, layout.FAILED):
        raise Error(WORDS[status])
    if status in DIVERGENCES:
        raise DivergenceError(WORDS[status])
    raise InputError(WORDS[status])
