"""docs/reference/definitions.md in plain NumPy: what nbtrain's compiled code is compared with.

Written to be checked against that page by eye, not to be fast. Arrays: samples along axis 0, W of shape
(inputs, units); a `theta` is all weights, layer by layer, then all biases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Pairs = list[tuple[Array, Array]]

# ---- 1. Activations: value g(z) and slope g'(z)


def _sigmoid(z: Array) -> Array:
    small = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + small), small / (1 + small))


ACTIVATIONS: dict[str, tuple[Callable[..., Array], Callable[..., Array]]] = {
    "sigmoid": (_sigmoid, lambda z: _sigmoid(z) * (1 - _sigmoid(z))),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "relu": (lambda z: np.where(z < 0, 0.0, z), lambda z: np.where(z < 0, 0.0, 1.0)),
    "leaky_relu": (
        lambda z, slope=0.01: np.where(z < 0, slope * z, z),
        lambda z, slope=0.01: np.where(z < 0, slope, 1.0),
    ),
    "identity": (lambda z: z, np.ones_like),
}

# ---- Losses: per-sample loss, its slope with respect to the last layer's output, the output activation


def _mse(p: Array, y: Array) -> tuple[Array, Array]:
    return 0.5 * ((p - y) ** 2).sum(axis=1), p - y


def _binary_cross_entropy(z: Array, y: Array) -> tuple[Array, Array]:
    # -y log s(z) - (1-y) log(1-s(z)) = max(z, 0) - y z + log(1 + e^-|z|)
    value = np.maximum(z, 0) - y * z + np.log1p(np.exp(-np.abs(z)))
    return value.sum(axis=1), _sigmoid(z) - y


def softmax(z: Array) -> Array:
    """Row by row, without overflow."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def _softmax_cross_entropy(z: Array, y: Array) -> tuple[Array, Array]:
    rows, top = np.arange(len(z)), z.max(axis=1)
    value = top + np.log(np.exp(z - top[:, None]).sum(axis=1)) - z[rows, y]
    slope = softmax(z)
    slope[rows, y] -= 1
    return value, slope


LOSSES: dict[str, Callable[[Array, Array], tuple[Array, Array]]] = {
    "mse": _mse,
    "binary_cross_entropy": _binary_cross_entropy,
    "softmax_cross_entropy": _softmax_cross_entropy,
}
OUTPUTS: dict[str, Callable[[Array], Array]] = {
    "mse": lambda z: z,
    "binary_cross_entropy": _sigmoid,
    "softmax_cross_entropy": softmax,
}

# ---- 5.-7. Optimizers: (parameters, gradient, state, t, hyperparameters) -> parameters; state changes


def _sgd(w: Array, g: Array, state: dict[str, Array], t: int, h: dict[str, float]) -> Array:
    return w - h["learning_rate"] * g


def _momentum(w: Array, g: Array, state: dict[str, Array], t: int, h: dict[str, float]) -> Array:
    v = state["V"] = h["beta"] * state.get("V", np.zeros_like(w)) + (1 - h["beta"]) * g
    return w - h["learning_rate"] * v


def _rmsprop(w: Array, g: Array, state: dict[str, Array], t: int, h: dict[str, float]) -> Array:
    s = state["S"] = h["beta"] * state.get("S", np.zeros_like(w)) + (1 - h["beta"]) * g**2
    below = np.sqrt(s) + h["epsilon"]
    return w - h["learning_rate"] * np.divide(g, below, out=np.zeros_like(w), where=below != 0)


def _adam(w: Array, g: Array, state: dict[str, Array], t: int, h: dict[str, float]) -> Array:
    v = state["V"] = h["beta1"] * state.get("V", np.zeros_like(w)) + (1 - h["beta1"]) * g
    s = state["S"] = h["beta2"] * state.get("S", np.zeros_like(w)) + (1 - h["beta2"]) * g**2
    v_hat, s_hat = v / (1 - h["beta1"] ** t), s / (1 - h["beta2"] ** t)
    below = np.sqrt(s_hat) + h["epsilon"]
    return w - h["learning_rate"] * np.divide(v_hat, below, out=np.zeros_like(w), where=below != 0)


def _adam_epsilon_hat(w: Array, g: Array, state: dict[str, Array], t: int, h: dict[str, float]) -> Array:
    correction = np.sqrt(1 - h["beta2"] ** t)  # √S + ε = correction (√Ŝ + ε / correction)
    return _adam(w, g, state, t, h | {"epsilon": h["epsilon"] / correction})


@dataclass(frozen=True)
class Rule:
    """An optimizer's iteration and the defaults of its hyperparameters."""

    step: Callable[[Array, Array, dict[str, Array], int, dict[str, float]], Array]
    defaults: dict[str, float]


OPTIMIZERS = {
    "sgd": Rule(_sgd, {"learning_rate": 1e-2}),
    "momentum": Rule(_momentum, {"learning_rate": 1e-2, "beta": 0.9}),
    "rmsprop": Rule(_rmsprop, {"learning_rate": 1e-3, "beta": 0.9, "epsilon": 1e-8}),
    "adam": Rule(_adam, {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 10e-8}),
    "adam_epsilon_hat": Rule(_adam_epsilon_hat, {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}),
}


def flat(pairs: Iterable[tuple[Array, Array]]) -> Array:
    """All weights, then all biases, in one vector."""
    pairs = list(pairs)
    return np.concatenate([w.ravel() for w, _ in pairs] + [b.ravel() for _, b in pairs])


def draw(sizes: Sequence[int], seed: int = 0, scale: float = 1.0) -> Pairs:
    """Weights and biases with entries of about `scale / sqrt(inputs)`."""
    random = np.random.default_rng(seed)
    return [
        (random.normal(0, scale / np.sqrt(inputs), (inputs, units)), random.normal(0, 0.1 * scale, units))
        for inputs, units in pairwise(sizes)
    ]


@dataclass
class Oracle:
    """A network in training, in the dtype of its weights.

    `activations` holds one entry per layer: a name, or (name, parameter); `dropout` a rate per layer.
    """

    weights: Pairs
    activations: Sequence[str | tuple[str, float]]
    loss: str
    optimizer: str = "sgd"
    hyper: dict[str, float] = field(default_factory=dict)
    l2: float = 0.0
    dropout: Sequence[float] = ()
    t: int = 0
    states: dict[tuple[int, int], dict[str, Array]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.weights = [(np.array(w), np.array(b)) for w, b in self.weights]
        self.dropout = list(self.dropout) or [0.0] * len(self.weights)
        self.hyper = OPTIMIZERS[self.optimizer].defaults | self.hyper

    @property
    def theta(self) -> Array:
        """All parameters, flat."""
        return flat(self.weights)

    def _activation(self, layer: int) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
        given = self.activations[layer]
        name, parameters = (given, ()) if isinstance(given, str) else (given[0], given[1:])
        value, slope = ACTIVATIONS[name]
        return lambda z: value(z, *parameters), lambda z: slope(z, *parameters)

    def forward(self, X: Array, masks: Sequence[Array | None] = ()) -> tuple[list[Array], list[Array]]:
        """z of every layer, and what every layer takes in, the network's output last.

        `masks`, one per layer, are True where a unit is kept; without them nothing is dropped.
        """
        masks = list(masks) or [None] * len(self.weights)
        zs, taken = [], [X]
        for layer, (w, b) in enumerate(self.weights):
            z = taken[-1] @ w + b
            a = self._activation(layer)[0](z)
            if masks[layer] is not None:
                a = a * masks[layer] / (1 - self.dropout[layer])
            zs.append(z)
            taken.append(a)
        return zs, taken

    def predict(self, X: Array) -> Array:
        """What the loss's output activation gives; no dropout."""
        return OUTPUTS[self.loss](self.forward(X)[1][-1])

    def data_loss(self, X: Array, y: Array, weight: Array | None = None) -> float:
        """Mean loss of the samples; no dropout, no penalty."""
        weight = np.ones(len(X)) if weight is None else weight
        return float((weight * LOSSES[self.loss](self.forward(X)[1][-1], y)[0]).sum() / weight.sum())

    def penalty(self, m: float) -> float:
        """(λ / 2m) ||W||² over the weights of every layer."""
        return float(self.l2 / (2 * m) * sum((w**2).sum() for w, _ in self.weights))

    def loss_and_gradients(
        self, X: Array, y: Array, weight: Array | None = None, masks: Sequence[Array | None] = ()
    ) -> tuple[float, Pairs]:
        """Data loss of a batch, and the gradient of J (data loss and penalty) for every layer's W and b."""
        weight = np.ones(len(X), X.dtype) if weight is None else weight
        masks = list(masks) or [None] * len(self.weights)
        m = weight.sum()
        zs, taken = self.forward(X, masks)
        losses, slope = LOSSES[self.loss](taken[-1], y)
        delta = slope * weight[:, None] / m
        gradients: Pairs = []
        for layer in reversed(range(len(self.weights))):
            w = self.weights[layer][0]
            if masks[layer] is not None:
                delta = delta * masks[layer] / (1 - self.dropout[layer])
            delta = delta * self._activation(layer)[1](zs[layer])
            gradients.insert(0, (taken[layer].T @ delta + self.l2 / m * w, delta.sum(axis=0)))
            delta = delta @ w.T
        return float((weight * losses).sum() / m), gradients

    def train_step(self, X: Array, y: Array, weight: Array | None = None, masks: Sequence[Array | None] = ()) -> float:
        """One iteration; returns the batch's data loss before it. A batch of weight 0 changes nothing."""
        if weight is not None and weight.sum() == 0:
            return 0.0
        loss, gradients = self.loss_and_gradients(X, y, weight, masks)
        self.t += 1
        step = OPTIMIZERS[self.optimizer].step
        updated = []
        for layer, (parameters, slopes) in enumerate(zip(self.weights, gradients, strict=True)):
            pair = []
            for part, (w, g) in enumerate(zip(parameters, slopes, strict=True)):
                state = self.states.setdefault((layer, part), {})
                pair.append(step(w, g, state, self.t, self.hyper))
            updated.append((pair[0], pair[1]))
        self.weights = updated
        return loss

    def fit(self, X: Array, y: Array, epochs: int, batch_size: int, weight: Array | None = None) -> list[float]:
        """Epochs over the samples in the order given; returns each one's loss, the mean over its samples."""
        history = []
        for _ in range(epochs):
            total = mass = 0.0
            for start in range(0, len(X), batch_size):
                part = slice(start, start + batch_size)
                m = float(len(X[part]) if weight is None else weight[part].sum())
                total += m * self.train_step(X[part], y[part], None if weight is None else weight[part])
                mass += m
            history.append(total / mass)
        return history
