"""LAMB against its paper's algorithm in NumPy, against optax where it is installed, and in training."""

from __future__ import annotations

import numpy as np
import pytest

import nbtrain
from nbtrain import testing

SIZES = (50, 30, 3)  # the first W is longer than a block of the update


def make(dtype="float64", **parameters):
    network = nbtrain.Network(SIZES[0], [nbtrain.Dense(SIZES[1], "tanh"), nbtrain.Dense(SIZES[2])])
    optimizer = nbtrain.optimizer("lamb", **parameters)
    return nbtrain.Trainer(network, loss="mse", optimizer=optimizer, dtype=dtype, batch_size=64, rng=0)


def samples():
    random = np.random.default_rng(1)
    X = random.normal(size=(64, SIZES[0]))
    return X, np.tanh(X[:, :3] + X[:, 3:6])


def arrays(trainer, theta):
    """theta in its four arrays: weights of both layers, then biases."""
    sizes = [w.size for w, _ in trainer.weights] + [b.size for _, b in trainer.weights]
    return np.split(theta, np.cumsum(sizes)[:-1])


class Paper:
    """Algorithm 2: one array of parameters at a time; biases, which begin at 0, take r = 1 in the first step."""

    def __init__(self, count, rate, beta1=0.9, beta2=0.999, epsilon=1e-6, decay=0.0):
        self.rate, self.beta1, self.beta2, self.epsilon, self.decay = rate, beta1, beta2, epsilon, decay
        self.m, self.v, self.t = [0.0] * count, [0.0] * count, 0

    def step(self, parameters, gradients):
        self.t += 1
        moved = []
        for i, (x, g) in enumerate(zip(parameters, gradients, strict=True)):
            self.m[i] = self.beta1 * self.m[i] + (1 - self.beta1) * g
            self.v[i] = self.beta2 * self.v[i] + (1 - self.beta2) * g**2
            m, v = self.m[i] / (1 - self.beta1**self.t), self.v[i] / (1 - self.beta2**self.t)
            update = m / (np.sqrt(v) + self.epsilon) + self.decay * x
            trust = np.linalg.norm(x) / np.linalg.norm(update) if x.any() and update.any() else 1.0
            moved.append(x - self.rate * trust * update)
        return moved


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_it_is_the_papers(decay, dtype):
    X, y = samples()
    trainer = make(dtype, learning_rate=0.02, weight_decay=decay, beta2=0.99)
    paper = Paper(4, 0.02, beta2=0.99, decay=decay)
    parameters = arrays(trainer, trainer.theta.astype(np.float64))
    reference = make("float64", learning_rate=0.02)
    for _ in range(30):
        reference.theta[:] = np.concatenate(parameters)
        _, gradient = reference.loss_and_gradient(X, y)
        parameters = paper.step(parameters, arrays(trainer, gradient))
        trainer.train_step(X, y)
    tolerance = 1e-10 if dtype == "float64" else 2e-5
    np.testing.assert_allclose(trainer.theta, np.concatenate(parameters), atol=tolerance)


def test_it_is_optaxs():
    optax = pytest.importorskip("optax")
    X, y = samples()
    trainer = make("float32", learning_rate=0.02, weight_decay=0.1)
    rule = optax.lamb(0.02, weight_decay=0.1)
    parameters = [part.copy() for part in arrays(trainer, trainer.theta)]
    state = rule.init(parameters)
    for _ in range(10):
        _, gradient = trainer.loss_and_gradient(X, y)
        updates, state = rule.update(arrays(trainer, gradient), state, parameters)
        parameters = [np.asarray(part) for part in optax.apply_updates(parameters, updates)]
        trainer.train_step(X, y)
        np.testing.assert_allclose(trainer.theta, np.concatenate(parameters), atol=1e-5)


def test_every_array_moves_by_its_own_norm():
    X, y = samples()
    trainer = make(learning_rate=0.01)
    trainer.fit(X, y, epochs=3)  # biases have left 0
    before = arrays(trainer, trainer.theta.copy())
    trainer.train_step(X, y)
    for old, new in zip(before, arrays(trainer, trainer.theta), strict=True):
        assert np.linalg.norm(new - old) == pytest.approx(0.01 * np.linalg.norm(old), rel=1e-12)


def test_a_network_learns_with_it():
    X, y = samples()
    trainer = make("float32", learning_rate=0.02)
    before = trainer.evaluate(X, y)["loss"]
    trainer.fit(X, y, epochs=150)
    assert trainer.evaluate(X, y)["loss"] < 0.1 * before


def test_it_goes_on_bit_for_bit_from_a_file(tmp_path):
    X, y = samples()
    whole, pieces = make("float32", weight_decay=0.1), make("float32", weight_decay=0.1)
    whole.fit(X, y, epochs=6)
    pieces.fit(X, y, epochs=4)
    pieces.save(tmp_path / "lamb.nbtrain")
    pieces = nbtrain.load(tmp_path / "lamb.nbtrain")
    pieces.fit(X, y, epochs=2)
    np.testing.assert_array_equal(whole.theta, pieces.theta)


def test_it_is_sound():
    testing.check_optimizer("lamb")
