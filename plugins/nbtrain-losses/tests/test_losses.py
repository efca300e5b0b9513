"""The losses by nbtrain's own checks, against scikit-learn and PyTorch, and in training."""

from __future__ import annotations

import nbtrain_losses as losses
import numpy as np
import pytest

import nbtrain
from nbtrain import testing

SPECS = {spec.name: spec for spec in losses.nbtrain_losses()}
CLASSES = {"hinge", "focal"}
PARAMETERS = {"huber": {"delta": 0.8}, "quantile": {"q": 0.2}, "focal": {"gamma": 1.5, "alpha": 0.6}}


@pytest.mark.parametrize("name", SPECS)
def test_it_is_sound(name):
    testing.check_loss(SPECS[name])


def data(name, outputs=1, samples=40):
    random = np.random.default_rng(7)
    X = random.normal(size=(samples, 3))
    if name in CLASSES:
        return X, random.integers(0, 2, (samples, outputs)).astype(float)
    if name == "poisson":
        return X, random.poisson(2.0, (samples, outputs)).astype(float)
    return X, 2.0 * random.normal(size=(samples, outputs))


def linear(name, outputs=1):
    """A trainer of a linear network, and its weights."""
    network = nbtrain.Network(3, [nbtrain.Dense(outputs)])
    loss = nbtrain.loss(name, **PARAMETERS.get(name, {}))
    return nbtrain.Trainer(network, loss=loss, dtype="float64", rng=3)


@pytest.mark.parametrize("name", ["mae", "quantile", "hinge", "poisson"])
def test_it_is_scikit_learns(name):
    metrics = pytest.importorskip("sklearn.metrics")
    X, y = data(name)
    trainer = linear(name)
    ((w, b),) = trainer.weights
    z, y1 = (X @ w + b)[:, 0], y[:, 0]
    if name == "mae":
        wanted = metrics.mean_absolute_error(y1, z)
    elif name == "quantile":
        wanted = metrics.mean_pinball_loss(y1, z, alpha=0.2)
    elif name == "hinge":
        wanted = metrics.hinge_loss(y1, z)
    else:  # half the deviance is the loss without what depends on y alone
        logs = np.where(y1 > 0, y1 * np.log(np.maximum(y1, 1)) - y1, 0.0)
        wanted = 0.5 * metrics.mean_poisson_deviance(y1, np.exp(z)) - logs.mean()
    assert trainer.evaluate(X, y)["loss"] == pytest.approx(wanted, rel=1e-12)


def by_torch(torch, name, z, y):
    F = torch.nn.functional
    if name == "mae":
        return F.l1_loss(z, y, reduction="sum")
    if name == "huber":
        return F.huber_loss(z, y, reduction="sum", delta=0.8)
    if name == "quantile":
        return torch.maximum(0.2 * (y - z), -0.8 * (y - z)).sum()
    if name == "poisson":
        return F.poisson_nll_loss(z, y, log_input=True, reduction="sum")
    if name == "hinge":
        return torch.relu(1 - (2 * y - 1) * z).sum()
    p = torch.sigmoid(z)
    right = torch.where(y == 1, p, 1 - p)
    share = 0.6 * y + 0.4 * (1 - y)
    return (-share * (1 - right) ** 1.5 * torch.log(right)).sum()


@pytest.mark.parametrize("name", SPECS)
def test_it_is_pytorchs(name):
    torch = pytest.importorskip("torch")
    X, y = data(name, outputs=2)
    trainer = linear(name, outputs=2)
    loss, gradient = trainer.loss_and_gradient(X, y)
    ((w, b),) = trainer.weights
    w, b = torch.tensor(w, requires_grad=True), torch.tensor(b, requires_grad=True)
    wanted = by_torch(torch, name, torch.tensor(X) @ w + b, torch.tensor(y)) / len(X)
    wanted.backward()
    assert loss == pytest.approx(wanted.item(), rel=1e-12)
    np.testing.assert_allclose(gradient, np.concatenate([w.grad.numpy().ravel(), b.grad.numpy()]), rtol=1e-9)


@pytest.mark.parametrize("name", SPECS)
def test_a_gradient_is_that_of_differences(name):
    X, y = data(name, outputs=2)
    trainer = linear(name, outputs=2)
    _, gradient = trainer.loss_and_gradient(X, y)
    for i in range(trainer.theta.size):
        kept = trainer.theta[i]
        trainer.theta[i] = kept + 1e-6
        above = trainer.loss_and_gradient(X, y)[0]
        trainer.theta[i] = kept - 1e-6
        below = trainer.loss_and_gradient(X, y)[0]
        trainer.theta[i] = kept
        assert gradient[i] == pytest.approx((above - below) / 2e-6, rel=1e-6, abs=1e-8)


def test_a_constant_learns_the_quantile():
    random = np.random.default_rng(0)
    y = random.exponential(size=2000)
    trainer = nbtrain.Trainer(
        nbtrain.Network(1, [nbtrain.Dense(1)]),
        loss=nbtrain.loss("quantile", q=0.9),
        optimizer=nbtrain.optimizer("adam", learning_rate=1e-2),
        rng=0,
    )
    X = np.zeros((2000, 1))
    trainer.fit(X, y, epochs=30)
    assert trainer.predict(X[:1])[0, 0] == pytest.approx(np.quantile(y, 0.9), rel=0.05)


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_two_classes_are_told_apart(name):
    random = np.random.default_rng(2)
    X = random.normal(size=(300, 2))
    y = (X[:, 0] > 0.3).astype(float)
    network = nbtrain.Network(2, [nbtrain.Dense(8, "tanh"), nbtrain.Dense(1)])
    optimizer = nbtrain.optimizer("adam", learning_rate=1e-2)
    trainer = nbtrain.Trainer(network, loss=name, optimizer=optimizer, rng=0)
    trainer.fit(X, y, epochs=40)
    predicted = trainer.predict(X)[:, 0]
    assert ((predicted >= 0) & (predicted <= 1)).all()
    accuracy = np.mean((predicted > 0.5) == (y == 1))
    assert accuracy > 0.95
    assert trainer.evaluate(X, y)["accuracy"] == pytest.approx(accuracy)


def test_counts_are_predicted_by_their_mean():
    X, y = np.zeros((500, 1)), np.random.default_rng(0).poisson(3.0, 500).astype(float)
    optimizer = nbtrain.optimizer("adam", learning_rate=1e-2)
    trainer = nbtrain.Trainer(nbtrain.Network(1, [nbtrain.Dense(1)]), loss="poisson", optimizer=optimizer, rng=0)
    trainer.fit(X, y, epochs=60)
    assert trainer.predict(X[:1])[0, 0] == pytest.approx(y.mean(), rel=0.05)


def test_negative_counts_are_refused():
    with pytest.raises(nbtrain.InputError):
        linear("poisson").fit([[0.0, 0.0, 0.0]], [[-1.0]])
