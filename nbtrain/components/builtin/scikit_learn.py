"""adam_epsilon_hat, poisson_deviance: what `nbtrain.sklearn` needs to compute what scikit-learn's MLP does."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from .. import Loss, Optimizer, Parameter
from ..hooks import hookimpl

BETA = Parameter(0.9, minimum=0.0, below=1.0)


def adam_prepare(t: int, hyper: Any) -> tuple[float, ...]:
    """1 - β1, 1 - β2 and α √(1-β2^t) / (1-β1^t)."""
    rate = hyper.learning_rate * math.sqrt(1.0 - hyper.beta2**t) / (1.0 - hyper.beta1**t)
    return 1.0 - hyper.beta1, 1.0 - hyper.beta2, rate


def adam(w: float, g: float, slots: Any, prepared: tuple[float, ...], hyper: Any) -> tuple[float, tuple[float, ...]]:
    """V ← β1 V + (1-β1) dw; S ← β2 S + (1-β2) dw²; w ← w - α √(1-β2^t) / (1-β1^t) V / (√S + ε).

    The form with ε̂ at the end of section 2 of D. P. Kingma, J. Ba: Adam, ICLR 2015: ε is added to √S, where "adam"
    adds it to √Ŝ. 0/0 is taken as 0.
    """
    V = hyper.beta1 * slots.velocity + prepared[0] * g
    S = hyper.beta2 * slots.square + prepared[1] * g * g
    divisor = math.sqrt(S) + hyper.epsilon
    return w - prepared[2] * V / (1.0 if divisor == 0.0 else divisor), (V, S)


def poisson(z: float, y: float) -> float:
    """Half the Poisson deviance of e^z: y log y - y z - y + e^z; infinite where e^z is, whatever y z is."""
    predicted = math.exp(z)
    loss = y * math.log(y if y > 0.0 else 1.0) - y * z - y + predicted
    return loss if predicted - predicted == 0.0 else predicted


def poisson_slope(z: float, y: float) -> float:
    """e^z - y."""
    return math.exp(z) - y


def exponential(z: float) -> float:
    """e^z."""
    return math.exp(z)


@hookimpl
def nbtrain_optimizers() -> Iterator[Optimizer]:
    beta2, epsilon = Parameter(0.999, minimum=0.0, below=1.0), Parameter(1e-8, minimum=0.0)
    parameters = {"beta1": BETA, "beta2": beta2, "epsilon": epsilon}
    yield Optimizer("adam_epsilon_hat", adam, ("velocity", "square"), adam_prepare, parameters)


@hookimpl
def nbtrain_losses() -> Iterator[Loss]:
    yield Loss("poisson_deviance", poisson, poisson_slope, output=exponential, minimum=0.0)
