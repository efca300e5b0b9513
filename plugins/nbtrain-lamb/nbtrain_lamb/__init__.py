"""LAMB for nbtrain: Adam's direction, scaled for each weight matrix and each bias vector by its own norm.

Y. You, J. Li, S. Reddi, J. Hseu, S. Kumar, S. Bhojanapalli, X. Song, J. Demmel, K. Keutzer, C.-J. Hsieh: Large batch
optimization for deep learning: training BERT in 76 minutes. ICLR 2020, algorithm 2, with φ the identity.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import nbtrain

__version__ = "1.0.0"
nbtrain_contract = 1

Numbers = tuple[float, ...]


def prepare(t: int, hyper: Any) -> Numbers:
    """1 - β1, 1 - β2, 1 / (1 - β1^t) and 1 / √(1 - β2^t)."""
    return (
        1.0 - hyper.beta1,
        1.0 - hyper.beta2,
        1.0 / (1.0 - hyper.beta1**t),
        1.0 / math.sqrt(1.0 - hyper.beta2**t),
    )


def direction(w: float, g: float, slots: Any, prepared: Numbers, hyper: Any) -> tuple[float, Numbers]:
    """V ← β1 V + (1-β1) g; S ← β2 S + (1-β2) g²; u = V̂ / (√Ŝ + ε) + λ w."""
    V = hyper.beta1 * slots.velocity + prepared[0] * g
    S = hyper.beta2 * slots.square + prepared[1] * g * g
    return V * prepared[2] / (math.sqrt(S) * prepared[3] + hyper.epsilon) + hyper.weight_decay * w, (V, S)


def scale(norm_w: float, norm_u: float, hyper: Any) -> float:
    """α ‖w‖ / ‖u‖, or α where either norm is 0; w ← w - scale u."""
    return hyper.learning_rate * (1.0 if norm_w == 0.0 or norm_u == 0.0 else norm_w / norm_u)


@nbtrain.hookimpl
def nbtrain_optimizers() -> Iterator[nbtrain.Optimizer]:
    yield nbtrain.Optimizer(
        "lamb",
        direction,
        slots=("velocity", "square"),
        prepare=prepare,
        parameters={
            "beta1": nbtrain.Parameter(0.9, minimum=0.0, below=1.0),
            "beta2": nbtrain.Parameter(0.999, minimum=0.0, below=1.0),
            "epsilon": nbtrain.Parameter(1e-6, above=0.0),
            "weight_decay": nbtrain.Parameter(0.0, minimum=0.0),
        },
        norms="layer",
        scale=scale,
    )
