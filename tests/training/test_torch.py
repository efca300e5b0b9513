"""Training runs against PyTorch, where it is installed and has the same definitions.

Two of its definitions differ and are mapped: its momentum is a sum, `v = μ v + g`, so that the low-pass
form with rate α is PyTorch's with rate `α (1 - β)`; and its weight decay is λ/m, for weights alone. Relu
never meets an exact 0, where the slopes differ.
"""

from __future__ import annotations

import numpy as np
import pytest
from common import assert_close, data, pair, theta

torch = pytest.importorskip("torch")

SIZES, BATCH, STRENGTH = (4, 9, 6, 3), 8, 0.3
OPTIMIZERS = {
    "sgd": lambda groups: torch.optim.SGD(groups, lr=1e-2),
    "momentum": lambda groups: torch.optim.SGD(groups, lr=1e-2 * (1 - 0.9), momentum=0.9),
    "rmsprop": lambda groups: torch.optim.RMSprop(groups, lr=1e-3, alpha=0.9, eps=1e-8),
    "adam": lambda groups: torch.optim.Adam(groups, lr=1e-3, betas=(0.9, 0.999), eps=1e-7),
}
ACTIVATIONS = {
    "sigmoid": torch.nn.Sigmoid,
    "tanh": torch.nn.Tanh,
    "relu": torch.nn.ReLU,
    "leaky_relu": torch.nn.LeakyReLU,
    "identity": torch.nn.Identity,
}
LOSSES = {
    "mse": lambda p, y: 0.5 * ((p - y) ** 2).sum() / len(p),
    "binary_cross_entropy": lambda p, y: (
        torch.nn.functional.binary_cross_entropy_with_logits(p, y, reduction="sum") / len(p)
    ),
    "softmax_cross_entropy": torch.nn.functional.cross_entropy,
}


def torch_network(weights, activations):
    layers = []
    for (w, b), activation in zip(weights, activations, strict=True):
        linear = torch.nn.Linear(*w.shape, dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(w.T))
            linear.bias.copy_(torch.from_numpy(b))
        layers += [linear, ACTIVATIONS[activation]()]
    return torch.nn.Sequential(*layers)


def torch_theta(module):
    linear = [layer for layer in module if isinstance(layer, torch.nn.Linear)]
    parts = [layer.weight.detach().numpy().T.ravel() for layer in linear]
    return np.concatenate(parts + [layer.bias.detach().numpy() for layer in linear])


def torch_run(module, optimizer, loss, X, y, epochs):
    weights = [p for name, p in module.named_parameters() if name.endswith("weight")]
    biases = [p for name, p in module.named_parameters() if name.endswith("bias")]
    rule = OPTIMIZERS[optimizer]([{"params": weights, "weight_decay": STRENGTH / BATCH}, {"params": biases}])
    X, y = torch.from_numpy(X), torch.from_numpy(y)
    for _ in range(epochs):
        for start in range(0, len(X), BATCH):
            rule.zero_grad()
            LOSSES[loss](module(X[start : start + BATCH]), y[start : start + BATCH]).backward()
            rule.step()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("loss", LOSSES)
def test_a_run_of_100_iterations_is_pytorchs(loss, optimizer):
    activations = ["tanh", "relu", "identity"]
    trainer, oracle = pair(SIZES, activations, loss, optimizer, l2=STRENGTH, batch_size=BATCH, shuffle=False)
    module = torch_network(oracle.weights, activations)
    X, y = data(loss, 80, SIZES[0], SIZES[-1])
    trainer.fit(X, y, epochs=10)
    torch_run(module, optimizer, loss, X, y, 10)
    assert_close(theta(trainer), torch_theta(module), 1e-10)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_trains_as_pytorchs_does(activation):
    activations = [activation, activation, "identity"]
    trainer, oracle = pair(SIZES, activations, "mse", "adam", l2=STRENGTH, batch_size=BATCH, shuffle=False)
    module = torch_network(oracle.weights, activations)
    X, y = data("mse", 80, SIZES[0], SIZES[-1])
    trainer.fit(X, y, epochs=10)
    torch_run(module, "adam", "mse", X, y, 10)
    assert_close(theta(trainer), torch_theta(module), 1e-10)
