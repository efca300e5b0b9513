"""Forward, backward and gradients with respect to the inputs, called from Python."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checks import arrays as checks
from ..checks.messages import brief, wrong
from ..core import layout
from ..errors import DivergenceError, InputError
from ..status import WORDS, check
from .engine import Engine

Array = np.ndarray[Any, Any]
LAST_DRAW = 2**63 - 1


def forward(engine: Engine, X: Any, training: Any, draw: Any) -> Array:
    """Outputs of the last layer for at most batch_size rows; the model keeps what `backward` needs."""
    x = _few_rows(engine, X)
    with_dropout, number = _flag(training, "training"), checks.whole_number(draw, "draw", 0)
    if number > LAST_DRAW:
        raise InputError(wrong("draw", "be below 2**63", draw))
    out = np.empty((len(x), engine.recipe.network.outputs), engine.recipe.dtype)
    with engine.alone():
        check(engine.call_on("forward", len(x), *_of(x), *_of(out), with_dropout, number))
    return out


def backward(engine: Engine, X: Any, delta: Any, dx: Any, accumulate: Any) -> Array:
    """Write the gradient for a given dJ/d output to `model.gradient`, which is returned, and to dx, if given."""
    x = _few_rows(engine, X)
    given = _delta(engine, delta, len(x))
    target = (0, 0, 0) if dx is None else _of(_writable(engine, dx, len(x)))
    adds = _flag(accumulate, "accumulate")
    with engine.alone():
        check(engine.call_on("backward", len(x), *_of(x), *_of(given), *target, adds))
    return engine.model.gradient


def input_gradient(engine: Engine, X: Any, delta: Any) -> Array:
    """dJ/dx for any number of rows, in blocks of batch_size, without dropout."""
    x, outputs, dtype = engine.inputs.inputs(X), engine.recipe.network.outputs, engine.recipe.dtype
    if delta is None and outputs > 1:
        expected = f"be an array of shape ({len(x)}, {outputs}) where the network has several outputs"
        raise InputError(wrong("delta", expected, "None", "for the gradient of output k, give ones in its column k"))
    given = np.ones((len(x), 1), dtype) if delta is None else _delta(engine, delta, len(x))
    dx = np.empty_like(x)
    out = np.empty((min(len(x), engine.recipe.batch_size), outputs), dtype)
    with engine.alone():
        for first in range(0, len(x), engine.recipe.batch_size):
            rows = slice(first, first + engine.recipe.batch_size)
            block = x[rows]
            status = layout.NO_FORWARD
            while status == layout.NO_FORWARD:  # a compiled caller in another thread came in between
                check(engine.call_on("forward", len(block), *_of(block), *_of(out[: len(block)]), 0, 0))
                status = engine.call_on("input_gradient", len(block), *_of(block), *_of(given[rows]), *_of(dx[rows]))
            check(status)
    return dx


def activations(engine: Engine, X: Any) -> list[Array]:
    """Every layer's activation, without dropout, for any number of rows, in blocks of batch_size."""
    x, units, dtype = engine.inputs.inputs(X), engine.recipe.network.sizes[1:], engine.recipe.dtype
    found = [np.empty((len(x), count), dtype) for count in units]
    with engine.alone():
        for first in range(0, len(x), engine.recipe.batch_size):
            block = x[first : first + engine.recipe.batch_size]
            rows = len(block)
            together = np.empty(rows * sum(units), dtype)
            check(engine.call_on("activations", rows, *_of(block), together.ctypes.data, rows, sum(units)))
            cuts = np.cumsum([rows * count for count in units])[:-1]
            for target, part, count in zip(found, np.split(together, cuts), units, strict=True):
                target[first : first + rows] = part.reshape(rows, count)
    return found


def update(engine: Engine) -> None:
    """One iteration of the optimizer with `model.gradient` as it is."""
    with engine.alone():
        status = engine.in_turn(engine.native.update)
    if status == layout.WRONG_GRADIENT:
        raise DivergenceError(f"{WORDS[status]}; no parameter was changed")
    check(status)


def _of(array: Array) -> tuple[int, int, int]:
    """Address, rows and columns, as the core takes a matrix."""
    return array.ctypes.data, array.shape[0], array.shape[1]


def _few_rows(engine: Engine, X: Any) -> Array:
    """X as a finite (m, inputs) array of at most batch_size rows."""
    x, most = engine.inputs.inputs(X), engine.recipe.batch_size
    if len(x) > most:
        hint = "use a Trainer with a larger batch_size, or pass the rows in parts and add up with accumulate=True"
        raise InputError(wrong("X", f"have at most batch_size = {most} rows", str(len(x)), hint))
    return x


def _delta(engine: Engine, delta: Any, rows: int) -> Array:
    """dJ/d output as a finite (rows, outputs) array."""
    array = checks.targets(delta, rows, engine.recipe.network.outputs, engine.recipe.dtype, "delta")
    engine.inputs.check_finite(array, "delta", delta)
    return array


def _writable(engine: Engine, dx: Any, rows: int) -> Array:
    """The array that dJ/dx is to be written to, checked."""
    shape, dtype = (rows, engine.recipe.network.inputs), engine.recipe.dtype
    expected = f"be a writable, C-contiguous array of shape {shape} and dtype {dtype}"
    if not isinstance(dx, np.ndarray):
        raise InputError(wrong("dx", expected, brief(dx), "use dx = np.empty_like(X)"))
    fits = dx.shape == shape and dx.dtype == dtype and dx.flags.c_contiguous and dx.flags.aligned
    if not fits or not dx.flags.writeable:
        order = "" if dx.flags.c_contiguous else ", not contiguous"
        found = f"shape {dx.shape}, dtype {dx.dtype}{order}{'' if dx.flags.writeable else ', read-only'}"
        raise InputError(wrong("dx", expected, found, f"use np.empty({shape}, np.{dtype})"))
    return dx


def _flag(value: Any, argument: str) -> int:
    """A bool as the core takes it."""
    if isinstance(value, bool | np.bool):
        return int(value)
    raise InputError(wrong(argument, "be True or False", brief(value)))
