"""sgd, momentum, rmsprop, adam, and the heavy ball. Each reads like its formula; 1 - β is formed in float64."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from .. import Optimizer, Parameter
from ..hooks import hookimpl

Numbers = tuple[float, ...]
DECAY = Parameter(0.9, minimum=0.0, below=1.0)


def sgd(w: float, g: float, slots: Any, prepared: Numbers, hyper: Any) -> tuple[float, Numbers]:
    """w ← w - α dw."""
    return w - hyper.learning_rate * g, ()


def complement(t: int, hyper: Any) -> Numbers:
    """1 - β."""
    return (1.0 - hyper.beta,)


def momentum(w: float, g: float, slots: Any, prepared: Numbers, hyper: Any) -> tuple[float, Numbers]:
    """V ← β V + (1-β) dw; w ← w - α V."""
    V = hyper.beta * slots.velocity + prepared[0] * g
    return w - hyper.learning_rate * V, (V,)


def rmsprop(w: float, g: float, slots: Any, prepared: Numbers, hyper: Any) -> tuple[float, Numbers]:
    """S ← β S + (1-β) dw²; w ← w - α dw / (√S + ε), 0/0 taken as 0.

    T. Tieleman, G. Hinton: Lecture 6.5, Neural Networks for Machine Learning, 2012.
    """
    S = hyper.beta * slots.square + prepared[0] * g * g
    divisor = math.sqrt(S) + hyper.epsilon
    return w - hyper.learning_rate * (g / (1.0 if divisor == 0.0 else divisor)), (S,)


def adam_prepare(t: int, hyper: Any) -> Numbers:
    """1 - β1, 1 - β2, α / (1 - β1^t) and 1 / √(1 - β2^t): a parameter's own arithmetic is spared these."""
    return (
        1.0 - hyper.beta1,
        1.0 - hyper.beta2,
        hyper.learning_rate / (1.0 - hyper.beta1**t),
        1.0 / math.sqrt(1.0 - hyper.beta2**t),
    )


def adam(w: float, g: float, slots: Any, prepared: Numbers, hyper: Any) -> tuple[float, Numbers]:
    """V ← β1 V + (1-β1) dw; S ← β2 S + (1-β2) dw²; w ← w - α V̂ / (√Ŝ + ε), V̂ = V/(1-β1^t), Ŝ = S/(1-β2^t).

    0/0 is taken as 0. D. P. Kingma, J. Ba: Adam: a method for stochastic optimization. ICLR 2015.
    """
    V = hyper.beta1 * slots.velocity + prepared[0] * g
    S = hyper.beta2 * slots.square + prepared[1] * g * g
    divisor = math.sqrt(S) * prepared[3] + hyper.epsilon
    return w - prepared[2] * (V / (1.0 if divisor == 0.0 else divisor)), (V, S)


def heavy_ball(w: float, g: float, slots: Any, prepared: Numbers, hyper: Any) -> tuple[float, Numbers]:
    """v ← μ v - α dw; w ← w + v, or with Nesterov's look-ahead w ← w + μ v - α dw.

    B. T. Polyak: Some methods of speeding up the convergence of iteration methods. 1964; the form of I. Sutskever
    et al., ICML 2013, which scikit-learn's SGD has.
    """
    velocity = hyper.momentum * slots.velocity - hyper.learning_rate * g
    ahead = hyper.momentum * velocity - hyper.learning_rate * g
    return w + (ahead if hyper.nesterov > 0.5 else velocity), (velocity,)


@hookimpl
def nbtrain_optimizers() -> Iterator[Optimizer]:
    epsilon = Parameter(1e-8, minimum=0.0)
    yield Optimizer("sgd", sgd, learning_rate=1e-2)
    yield Optimizer("momentum", momentum, ("velocity",), complement, {"beta": DECAY}, learning_rate=1e-2)
    yield Optimizer("rmsprop", rmsprop, ("square",), complement, {"beta": DECAY, "epsilon": epsilon})
    yield Optimizer(
        "adam",
        adam,
        ("velocity", "square"),
        adam_prepare,
        {"beta1": DECAY, "beta2": Parameter(0.999, minimum=0.0, below=1.0), "epsilon": Parameter(1e-7, minimum=0.0)},
    )
    parameters = {
        "momentum": Parameter(0.9, minimum=0.0, maximum=1.0),
        "nesterov": Parameter(1.0, minimum=0.0, maximum=1.0),
    }
    yield Optimizer("heavy_ball", heavy_ball, ("velocity",), parameters=parameters, learning_rate=1e-2)
