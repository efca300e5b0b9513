"""Learning rates over the iterations t = 1, 2, …: constant, step, exponential, cosine."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ...checks.messages import wrong
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
    """rate t / warmup for t <= warmup; then half a cosine from `rate` to `minimum`, which follows iteration `steps`.

    Without warm-up the first iteration has the rate itself, as in PyTorch, Keras and optax.
    I. Loshchilov, F. Hutter: SGDR: stochastic gradient descent with warm restarts. ICLR 2017.
    """
    done = (t - 1.0 - warmup) / (steps - warmup)
    done = 1.0 if done > 1.0 else done
    falling = minimum + 0.5 * (rate - minimum) * (1.0 + math.cos(math.pi * done))
    return rate * t / warmup if t <= warmup else falling


def check_cosine(steps: float, rate: float, minimum: float, warmup: float) -> str | None:
    """The minimum is not above the rate, and the warm-up shorter than the whole."""
    if minimum > rate:
        return wrong("minimum", "be <= rate", f"{minimum:g} with rate {rate:g}")
    if warmup >= steps:
        return wrong("warmup", "be < steps", f"{warmup:g} with steps {steps:g}")
    return None


@hookimpl
def nbtrain_schedules() -> Iterator[Schedule]:
    steps = Parameter(1000.0, minimum=1.0)
    yield Schedule("constant", constant, {"rate": RATE})
    factor = Parameter(0.5, above=0.0, maximum=1.0)
    yield Schedule("step", step, {"rate": RATE, "steps": steps, "factor": factor})
    yield Schedule("exponential", exponential, {"rate": RATE, "steps": steps, "factor": factor})
    zero = Parameter(0.0, minimum=0.0)
    yield Schedule("cosine", cosine, {"steps": steps, "rate": RATE, "minimum": zero, "warmup": zero}, check_cosine)
