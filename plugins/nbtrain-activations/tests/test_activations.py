"""The activations by nbtrain's own checks, against PyTorch where it is installed, and in training."""

from __future__ import annotations

import nbtrain_activations as activations
import numpy as np
import pytest

import nbtrain
from nbtrain import testing

SPECS = {spec.name: spec for spec in activations.nbtrain_activations()}
OTHERS = {"elu": {"alpha": 0.3}, "softplus": {"beta": 2.5}}
Z = np.concatenate([np.linspace(-12, 12, 481) + 1e-3, [-1e4, -90.0, 90.0, 1e4]])


@pytest.mark.parametrize("name", SPECS)
def test_it_is_sound(name):
    testing.check_activation(SPECS[name])


@pytest.mark.parametrize("name", SPECS)
def test_it_is_found_by_name(name):
    """Without an import or a registration: through the installed distribution's entry point."""
    assert nbtrain.activation(name).name == name


def given_by_torch(torch, name, z, **parameters):
    F = torch.nn.functional
    calls = {
        "elu": lambda z: F.elu(z, **parameters),
        "selu": F.selu,
        "silu": F.silu,
        "gelu": F.gelu,
        "gelu_tanh": lambda z: F.gelu(z, approximate="tanh"),
        "softplus": lambda z: F.softplus(z, threshold=40, **parameters),
        "softsign": F.softsign,
        "mish": F.mish,
        "hard_sigmoid": F.hardsigmoid,
        "hard_swish": F.hardswish,
    }
    z = torch.tensor(z, dtype=torch.float64, requires_grad=True)
    a = calls[name](z)
    (slope,) = torch.autograd.grad(a.sum(), z)
    return a.detach().numpy(), slope.numpy()


def through_a_layer(name, z, **parameters):
    """Value and slope of an activation as a one-unit network computes them: ŷ(z) and dJ/db for targets ŷ - 1."""
    layer = nbtrain.Dense(1, nbtrain.activation(name, **parameters))
    trainer = nbtrain.Trainer(nbtrain.Network(1, [layer]), loss="mse", dtype="float64", rng=0)
    trainer.set_weights([([[1.0]], [0.0])])
    a = trainer.predict(z[:, None])
    slopes = [trainer.loss_and_gradient([[x]], [value - 1.0])[1][1] for x, value in zip(z, a, strict=True)]
    return a[:, 0], np.array(slopes)


@pytest.mark.parametrize("name", SPECS)
def test_it_is_pytorchs(name):
    torch = pytest.importorskip("torch")
    for parameters in [{}, OTHERS.get(name, {})]:
        a, slope = through_a_layer(name, Z, **parameters)
        wanted_a, wanted_slope = given_by_torch(torch, name, Z, **parameters)
        np.testing.assert_allclose(a, wanted_a, rtol=1e-12, atol=1e-14)
        usual = np.abs(Z) < 80  # beyond, PyTorch's derivatives of mish and softplus have NaN
        np.testing.assert_allclose(slope[usual], wanted_slope[usual], rtol=1e-9, atol=1e-8)  # its 1/6 is float32


KNOWN = {  # from the papers' formulas, to ten digits, with mpmath
    "elu": (-1.0, -0.6321205588),
    "selu": (-1.0, -1.1113307378),
    "silu": (1.5, 1.2263617142),
    "gelu": (-1.0, -0.1586552539),
    "gelu_tanh": (-1.0, -0.1588080094),
    "softplus": (0.0, 0.6931471806),
    "softsign": (-3.0, -0.75),
    "mish": (1.0, 0.8650983882),
    "hard_sigmoid": (1.5, 0.75),
    "hard_swish": (-1.5, -0.375),
}


@pytest.mark.parametrize("name", SPECS)
def test_a_known_value(name):
    z, wanted = KNOWN[name]
    layer = nbtrain.Dense(1, name)
    trainer = nbtrain.Trainer(nbtrain.Network(1, [layer]), loss="mse", dtype="float64", rng=0)
    trainer.set_weights([([[1.0]], [0.0])])
    assert trainer.predict([[z]])[0, 0] == pytest.approx(wanted, abs=1e-10)


@pytest.mark.parametrize("name", SPECS)
def test_a_network_learns_with_it(name):
    random = np.random.default_rng(0)
    X = random.uniform(-2, 2, (256, 2))
    y = np.sin(X[:, 0]) + 0.5 * X[:, 1] ** 2
    network = nbtrain.Network(2, [nbtrain.Dense(32, name), nbtrain.Dense(1)])
    trainer = nbtrain.Trainer(network, loss="mse", optimizer=nbtrain.optimizer("adam", learning_rate=2e-2), rng=0)
    before = trainer.evaluate(X, y)["loss"]
    trainer.fit(X, y, epochs=100)
    assert trainer.evaluate(X, y)["loss"] < 0.4 * before
