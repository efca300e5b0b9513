"""Components in the form that scikit-learn's MLP has, where nbtrain's own differ from it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from ..components import Component, Loss, Optimizer, Parameter
from ..registry import bound, registry

BETA = Parameter(0.9, minimum=0.0, below=1.0)


def adam_prepare(t: int, hyper: Any) -> tuple[float, ...]:
    """1 - β1, 1 - β2 and α √(1-β2^t) / (1-β1^t)."""
    rate = hyper.learning_rate * math.sqrt(1.0 - hyper.beta2**t) / (1.0 - hyper.beta1**t)
    return 1.0 - hyper.beta1, 1.0 - hyper.beta2, rate


def adam(w: float, g: float, slots: Any, prepared: tuple[float, ...], hyper: Any) -> tuple[float, tuple[float, ...]]:
    """V ← β1 V + (1-β1) dw; S ← β2 S + (1-β2) dw²; w ← w - α √(1-β2^t) / (1-β1^t) V / (√S + ε).

    The form at the end of section 2 of D. P. Kingma, J. Ba: Adam, ICLR 2015: ε is added to √S, where nbtrain's own
    "adam" adds it to √Ŝ.
    """
    V = hyper.beta1 * slots.velocity + prepared[0] * g
    S = hyper.beta2 * slots.square + prepared[1] * g * g
    return w - prepared[2] * V / (math.sqrt(S) + hyper.epsilon), (V, S)


def poisson(z: float, y: float) -> float:
    """Half the Poisson deviance of e^z: y log y - y z - y + e^z."""
    return y * math.log(y if y > 0.0 else 1.0) - y * z - y + math.exp(z)


def poisson_slope(z: float, y: float) -> float:
    """e^z - y."""
    return math.exp(z) - y


def exponential(z: float) -> float:
    """e^z."""
    return math.exp(z)


ADAM = Optimizer(
    "adam_scikit_learn",
    adam,
    ("velocity", "square"),
    adam_prepare,
    {
        "beta1": BETA,
        "beta2": Parameter(0.999, minimum=0.0, below=1.0),
        "epsilon": Parameter(1e-8, minimum=0.0),
    },
)
POISSON = Loss("poisson_scikit_learn", poisson, poisson_slope, output=exponential, minimum=0.0)


def heavy_ball(learning_rate: Any, momentum: float, nesterov: bool) -> Component:
    """The built-in heavy ball, with a momentum up to and including 1."""
    spec: Any = registry.get("optimizer", "heavy_ball")
    parameters = dict(spec.parameters) | {"momentum": Parameter(0.9, minimum=0.0, maximum=1.0)}
    given = {"learning_rate": learning_rate, "momentum": momentum, "nesterov": float(nesterov)}
    return bound(replace(spec, parameters=parameters), given)
