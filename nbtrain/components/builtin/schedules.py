"""Learning rates over the iterations t = 1, 2, …: constant, step, exponential, cosine."""

from __future__ import annotations

import math
from collections.abc import Iterator

from .. import Parameter, Schedule
from ..hooks import hookimpl

RATE = Parameter(1e-3, above=0.0)


def constant(t: int, rate: float) -> float:
    """The rate."""
    return rate


def step(t: int, rate: float, steps: float, factor: float) -> float:
    """rate * factor^floor((t - 1) / steps)."""
    return rate * factor ** math.floor((t - 1) / steps)


def exponential(t: int, rate: float, steps: float, factor: float) -> float:
    """rate * factor^((t - 1) / steps)."""
    decayed: float = rate * factor ** ((t - 1) / steps)
    return decayed


def cosine(t: int, steps: float, rate: float, minimum: float, warmup: float) -> float:
    """Linear from 0 over `warmup` iterations, then half a cosine from `rate` to `minimum` up to iteration `steps`.

    I. Loshchilov, F. Hutter: SGDR: stochastic gradient descent with warm restarts. ICLR 2017.
    """
    part = (t - warmup) / max(steps - warmup, 1.0)
    part = 1.0 if part > 1.0 else part
    falling = minimum + 0.5 * (rate - minimum) * (1.0 + math.cos(math.pi * part))
    return rate * t / warmup if t < warmup else falling


@hookimpl
def nbtrain_schedules() -> Iterator[Schedule]:
    steps = Parameter(1000.0, minimum=1.0)
    yield Schedule("constant", constant, {"rate": RATE})
    factor = Parameter(0.5, above=0.0, maximum=1.0)
    yield Schedule("step", step, {"rate": RATE, "steps": steps, "factor": factor})
    yield Schedule("exponential", exponential, {"rate": RATE, "steps": steps, "factor": factor})
    zero = Parameter(0.0, minimum=0.0)
    yield Schedule("cosine", cosine, {"steps": steps, "rate": RATE, "minimum": zero, "warmup": zero})
