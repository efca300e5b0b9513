"""Learning-rate schedules for nbtrain. `t` = 1, 2, … counts iterations; `rate` is the largest learning rate."""

from __future__ import annotations

import math
from collections.abc import Iterator

import nbtrain

__version__ = "1.0.0"
nbtrain_contract = 1


def warmup(t: int, rate: float, steps: float) -> float:
    """Linear from rate/steps to the rate over `steps` iterations, then constant."""
    return rate * min(t / steps, 1.0)


def polynomial(t: int, steps: float, rate: float, minimum: float, power: float) -> float:
    """minimum + (rate - minimum) (1 - (t-1)/steps)^power, then the minimum; power 1 is linear."""
    left = max(1.0 - (t - 1) / steps, 0.0)
    return minimum + (rate - minimum) * float(left**power)


def inverse_time(t: int, rate: float, steps: float, decay: float) -> float:
    """rate / (1 + decay (t-1)/steps).

    H. Robbins, S. Monro: A stochastic approximation method. Ann. Math. Stat. 22, 1951.
    """
    return rate / (1.0 + decay * (t - 1) / steps)


def inverse_sqrt(t: int, rate: float, warmup: float) -> float:
    """rate min(t/warmup, √(warmup/t)).

    A. Vaswani et al.: Attention is all you need. NeurIPS 2017, where the rate is 1/√(model width · warmup).
    """
    return rate * min(t / warmup, math.sqrt(warmup / t))


def cosine_restarts(t: int, steps: float, rate: float, minimum: float, factor: float, warmup: float) -> float:
    """Linear over `warmup` iterations; then half cosines from rate to minimum, the first over `steps` iterations and
    each `factor` times as long as the one before.

    I. Loshchilov, F. Hutter: SGDR: stochastic gradient descent with warm restarts. ICLR 2017.
    """
    if t <= warmup:
        return rate * t / warmup
    since, length = t - 1.0 - warmup, steps
    if factor == 1.0:
        since -= length * math.floor(since / length)
    while since >= length:
        since -= length
        length *= factor
    return minimum + 0.5 * (rate - minimum) * (1.0 + math.cos(math.pi * since / length))


def one_cycle(t: int, steps: float, rate: float, rise: float, start_divisor: float, end_divisor: float) -> float:
    """Half a cosine up from rate/start_divisor to the rate over the part `rise` of `steps` iterations, and half a
    cosine down to rate/start_divisor/end_divisor, where it stays.

    L. N. Smith, N. Topin: Super-convergence: very fast training of neural networks using large learning rates. 2019;
    with PyTorch's cosines.
    """
    start = rate / start_divisor
    end = start / end_divisor
    peak, last = max(rise * steps - 1.0, 1e-9), steps - 1.0
    now = min(t - 1.0, last)
    if now <= peak:
        return start + 0.5 * (rate - start) * (1.0 - math.cos(math.pi * now / peak))
    return end + 0.5 * (rate - end) * (1.0 + math.cos(math.pi * (now - peak) / (last - peak)))


def cyclic(t: int, rate: float, minimum: float, steps: float) -> float:
    """Triangles: linear from minimum to rate over `steps` iterations, and back.

    L. N. Smith: Cyclical learning rates for training neural networks. WACV 2017.
    """
    position = (t - 1) / steps
    position -= 2.0 * math.floor(0.5 * position)
    return minimum + (rate - minimum) * (1.0 - abs(position - 1.0))


def _at_most_rate(minimum: float, rate: float) -> str | None:
    return f"minimum must be <= rate, got {minimum:g} with rate {rate:g}" if minimum > rate else None


def check_polynomial(steps: float, rate: float, minimum: float, power: float) -> str | None:
    """The minimum is not above the rate."""
    return _at_most_rate(minimum, rate)


def check_restarts(steps: float, rate: float, minimum: float, factor: float, warmup: float) -> str | None:
    """The minimum is not above the rate."""
    return _at_most_rate(minimum, rate)


def check_cyclic(rate: float, minimum: float, steps: float) -> str | None:
    """The minimum is not above the rate."""
    return _at_most_rate(minimum, rate)


@nbtrain.hookimpl
def nbtrain_schedules() -> Iterator[nbtrain.Schedule]:
    Schedule, Parameter = nbtrain.Schedule, nbtrain.Parameter
    rate, steps, zero = Parameter(1e-3, above=0.0), Parameter(1000.0, minimum=1.0), Parameter(0.0, minimum=0.0)
    yield Schedule("warmup", warmup, {"rate": rate, "steps": Parameter(100.0, minimum=1.0)})
    power = Parameter(1.0, above=0.0)
    yield Schedule(
        "polynomial", polynomial, {"steps": steps, "rate": rate, "minimum": zero, "power": power}, check_polynomial
    )
    yield Schedule("inverse_time", inverse_time, {"rate": rate, "steps": steps, "decay": Parameter(1.0, minimum=0.0)})
    yield Schedule("inverse_sqrt", inverse_sqrt, {"rate": rate, "warmup": Parameter(1000.0, minimum=1.0)})
    factor = Parameter(2.0, minimum=1.0)
    restarts = {"steps": steps, "rate": rate, "minimum": zero, "factor": factor, "warmup": zero}
    yield Schedule("cosine_restarts", cosine_restarts, restarts, check_restarts)
    rise = Parameter(0.3, above=0.0, below=1.0)
    divisors = {"start_divisor": Parameter(25.0, minimum=1.0), "end_divisor": Parameter(1e4, minimum=1.0)}
    cycle = {"steps": Parameter(1000.0, minimum=2.0), "rate": rate, "rise": rise} | divisors
    yield Schedule("one_cycle", one_cycle, cycle)
    triangle = {"rate": rate, "minimum": Parameter(1e-4, minimum=0.0), "steps": steps}
    yield Schedule("cyclic", cyclic, triangle, check_cyclic)
