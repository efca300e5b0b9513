"""Optimizers for nbtrain: accelerated, adaptive and sign-based relatives of gradient descent.

`g` is the gradient, `α` the learning rate. What does not depend on the parameter (bias corrections, 1 - β) is formed in
`prepare`, in float64. Weight decay acts on every parameter, biases included, as PyTorch's does by default.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import nbtrain

__version__ = "1.0.0"
nbtrain_contract = 1

Numbers = tuple[float, ...]


def nesterov(w: float, g: float, slots: Any, prepared: Numbers, hyper: Any) -> tuple[float, Numbers]:
    """v ← μ v + g; w ← w - α (g + μ v).

    Y. Nesterov: A method of solving a convex programming problem with convergence rate O(1/k²). 1983; in the form of
    I. Sutskever, J. Martens, G. Dahl, G. Hinton: On the importance of initialization and momentum in deep learning.
    ICML 2013.
    """
    v = hyper.momentum * slots.velocity + g
    return w - hyper.learning_rate * (g + hyper.momentum * v), (v,)


def adagrad(w: float, g: float, slots: Any, prepared: Numbers, hyper: Any) -> tuple[float, Numbers]:
    """S ← S + g²; w ← w - α g / (√S + ε).

    J. Duchi, E. Hazan, Y. Singer: Adaptive subgradient methods for online learning and stochastic optimization. JMLR
    12, 2011.
    """
    S = slots.square + g * g
    return w - hyper.learning_rate * g / (math.sqrt(S) + hyper.epsilon), (S,)


def adadelta_prepare(t: int, hyper: Any) -> Numbers:
    """1 - ρ."""
    return (1.0 - hyper.rho,)


def adadelta(w: float, g: float, slots: Any, prepared: Numbers, hyper: Any) -> tuple[float, Numbers]:
    """S ← ρ S + (1-ρ) g²; Δ = g √(D + ε) / √(S + ε); D ← ρ D + (1-ρ) Δ²; w ← w - α Δ.

    M. D. Zeiler: ADADELTA: an adaptive learning rate method. arXiv:1212.5701, 2012, where α = 1.
    """
    S = hyper.rho * slots.square + prepared[0] * g * g
    change = g * math.sqrt(slots.change + hyper.epsilon) / math.sqrt(S + hyper.epsilon)
    D = hyper.rho * slots.change + prepared[0] * change * change
    return w - hyper.learning_rate * change, (S, D)


def adam_prepare(t: int, hyper: Any) -> Numbers:
    """1 - β1, 1 - β2, 1 / (1 - β1^t) and 1 / √(1 - β2^t)."""
    return (
        1.0 - hyper.beta1,
        1.0 - hyper.beta2,
        1.0 / (1.0 - hyper.beta1**t),
        1.0 / math.sqrt(1.0 - hyper.beta2**t),
    )


def adamw(w: float, g: float, slots: Any, prepared: Numbers, hyper: Any) -> tuple[float, Numbers]:
    """Adam with decoupled weight decay: w ← w - α λ w - α V̂ / (√Ŝ + ε).

    I. Loshchilov, F. Hutter: Decoupled weight decay regularization. ICLR 2019.
    """
    V = hyper.beta1 * slots.velocity + prepared[0] * g
    S = hyper.beta2 * slots.square + prepared[1] * g * g
    adam = (V * prepared[2]) / (math.sqrt(S) * prepared[3] + hyper.epsilon)
    return w - hyper.learning_rate * (hyper.weight_decay * w + adam), (V, S)


def amsgrad(w: float, g: float, slots: Any, prepared: Numbers, hyper: Any) -> tuple[float, Numbers]:
    """Adam with the largest S so far: M ← max(M, S); w ← w - α V̂ / (√(M / (1 - β2^t)) + ε).

    S. J. Reddi, S. Kale, S. Kumar: On the convergence of Adam and beyond. ICLR 2018; with bias corrections, as PyTorch
    has them.
    """
    V = hyper.beta1 * slots.velocity + prepared[0] * g
    S = hyper.beta2 * slots.square + prepared[1] * g * g
    M = slots.largest if slots.largest > S else S
    return w - hyper.learning_rate * (V * prepared[2]) / (math.sqrt(M) * prepared[3] + hyper.epsilon), (V, S, M)


def nadam_prepare(t: int, scalars: Any, hyper: Any) -> tuple[Numbers, Numbers]:
    """μ_t = β1 (1 - 0.96^(t ψ) / 2), and the products of all μ so far: kept as 1 - product, which begins at 0."""
    mu = hyper.beta1 * (1.0 - 0.5 * 0.96 ** (t * hyper.momentum_decay))
    next_mu = hyper.beta1 * (1.0 - 0.5 * 0.96 ** ((t + 1) * hyper.momentum_decay))
    product = (1.0 - scalars.shrunk) * mu
    prepared = (
        1.0 - hyper.beta1,
        1.0 - hyper.beta2,
        (1.0 - mu) / (1.0 - product),
        next_mu / (1.0 - product * next_mu),
        1.0 / math.sqrt(1.0 - hyper.beta2**t),
    )
    return prepared, (1.0 - product,)


def nadam(w: float, g: float, slots: Any, prepared: Numbers, hyper: Any) -> tuple[float, Numbers]:
    """Adam with Nesterov's look-ahead: w ← w - α (μ_{t+1} V / (1 - Π^{t+1} μ) + (1-μ_t) g / (1 - Π^t μ)) / (√Ŝ + ε).

    T. Dozat: Incorporating Nesterov momentum into Adam. ICLR workshop 2016.
    """
    V = hyper.beta1 * slots.velocity + prepared[0] * g
    S = hyper.beta2 * slots.square + prepared[1] * g * g
    ahead = prepared[2] * g + prepared[3] * V
    return w - hyper.learning_rate * ahead / (math.sqrt(S) * prepared[4] + hyper.epsilon), (V, S)


def radam_prepare(t: int, hyper: Any) -> Numbers:
    """1 - β1, 1 - β2, 1 / (1 - β1^t), and r_t √(1 - β2^t), or 0 where the variance of S is not yet tractable."""
    decayed = hyper.beta2**t
    largest = 2.0 / (1.0 - hyper.beta2) - 1.0
    length = largest - 2.0 * t * decayed / (1.0 - decayed)
    rectified = 0.0
    if length > 5.0:
        ratio = (length - 4.0) * (length - 2.0) * largest / ((largest - 4.0) * (largest - 2.0) * length)
        rectified = math.sqrt(ratio * (1.0 - decayed))
    return (1.0 - hyper.beta1, 1.0 - hyper.beta2, 1.0 / (1.0 - hyper.beta1**t), rectified)


def radam(w: float, g: float, slots: Any, prepared: Numbers, hyper: Any) -> tuple[float, Numbers]:
    """w ← w - α V̂ r_t √(1 - β2^t) / (√S + ε), or w - α V̂ in the first iterations.

    L. Liu, H. Jiang, P. He, W. Chen, X. Liu, J. Gao, J. Han: On the variance of the adaptive learning rate and beyond.
    ICLR 2020.
    """
    V = hyper.beta1 * slots.velocity + prepared[0] * g
    S = hyper.beta2 * slots.square + prepared[1] * g * g
    adaptive = prepared[3] / (math.sqrt(S) + hyper.epsilon)
    return w - hyper.learning_rate * V * prepared[2] * (adaptive if prepared[3] > 0.0 else 1.0), (V, S)


def lion_prepare(t: int, hyper: Any) -> Numbers:
    """1 - β1, 1 - β2."""
    return (1.0 - hyper.beta1, 1.0 - hyper.beta2)


def lion(w: float, g: float, slots: Any, prepared: Numbers, hyper: Any) -> tuple[float, Numbers]:
    """c = β1 V + (1-β1) g; w ← w - α (sign c + λ w); V ← β2 V + (1-β2) g.

    X. Chen et al.: Symbolic discovery of optimization algorithms. NeurIPS 2023.
    """
    c = hyper.beta1 * slots.velocity + prepared[0] * g
    sign = 1.0 if c > 0.0 else (-1.0 if c < 0.0 else c)
    V = hyper.beta2 * slots.velocity + prepared[1] * g
    return w - hyper.learning_rate * (sign + hyper.weight_decay * w), (V,)


@nbtrain.hookimpl
def nbtrain_optimizers() -> Iterator[nbtrain.Optimizer]:
    Optimizer, Parameter = nbtrain.Optimizer, nbtrain.Parameter

    def decay(default: float) -> nbtrain.Parameter:
        return Parameter(default, minimum=0.0, below=1.0)

    def above_0(default: float) -> nbtrain.Parameter:
        return Parameter(default, above=0.0)

    at_least_0 = Parameter(0.0, minimum=0.0)
    adam = {"beta1": decay(0.9), "beta2": decay(0.999), "epsilon": above_0(1e-8)}
    moments = ("velocity", "square")
    yield Optimizer("nesterov", nesterov, ("velocity",), parameters={"momentum": decay(0.9)}, learning_rate=1e-2)
    yield Optimizer("adagrad", adagrad, ("square",), parameters={"epsilon": above_0(1e-10)}, learning_rate=1e-2)
    parameters = {"rho": decay(0.9), "epsilon": above_0(1e-6)}
    yield Optimizer("adadelta", adadelta, ("square", "change"), adadelta_prepare, parameters, learning_rate=1.0)
    with_decay = adam | {"weight_decay": Parameter(1e-2, minimum=0.0)}
    yield Optimizer("adamw", adamw, moments, adam_prepare, with_decay)
    yield Optimizer("amsgrad", amsgrad, (*moments, "largest"), adam_prepare, adam)
    momentum_decay = {"momentum_decay": Parameter(4e-3, minimum=0.0)}
    yield Optimizer("nadam", nadam, moments, nadam_prepare, adam | momentum_decay, 2e-3, scalars=("shrunk",))
    yield Optimizer("radam", radam, moments, radam_prepare, adam)
    parameters = {"beta1": decay(0.9), "beta2": decay(0.99), "weight_decay": at_least_0}
    yield Optimizer("lion", lion, ("velocity",), lion_prepare, parameters, learning_rate=1e-4)
