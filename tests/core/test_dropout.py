"""Dropout: which units it drops, how it scales, and where it stays away.

The masks are read off public numbers. With hidden activations `a`, no output weights and targets `-I m`, the
loss's slope is the unit matrix, so that the gradient of the output weights is the dropped and scaled `a`.
"""

from __future__ import annotations

import numpy as np
import pytest
from common import assert_close, data, network, pair, theta
from oracle import flat

import nbtrain

UNITS, BATCH = 200, 24


def mask_reader(rate, dtype="float64", seed=0):
    """A trainer whose hidden units all give 1, and which does not move."""
    optimizer = nbtrain.optimizer("sgd", learning_rate=1e-300 if dtype == "float64" else 1e-40)
    net = network((1, UNITS, BATCH), ["identity", "identity"], [rate, 0.0])
    trainer = nbtrain.Trainer(net, loss="mse", optimizer=optimizer, batch_size=BATCH, dtype=dtype, rng=seed)
    trainer.set_weights([(np.zeros((1, UNITS)), np.ones(UNITS)), (np.zeros((UNITS, BATCH)), np.zeros(BATCH))])
    return trainer


def dropped_activations(trainer):
    """What the hidden layer gave in one training step, shape (BATCH, UNITS)."""
    trainer.weights[1][0][...], trainer.weights[1][1][...] = 0.0, 0.0  # however little the step before moved them
    trainer.train_step(np.zeros((BATCH, 1)), -BATCH * np.eye(BATCH))
    start = UNITS  # behind the weights of the first layer
    return trainer.model.gradient[start : start + UNITS * BATCH].reshape(UNITS, BATCH).T.copy()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_units_are_dropped_with_the_rate_and_the_others_scaled(rate, dtype):
    trainer = mask_reader(rate, dtype)
    seen = np.stack([dropped_activations(trainer) for _ in range(20)])
    kept = seen != 0
    np.testing.assert_allclose(seen[kept], 1 / (1 - rate), rtol=1e-6 if dtype == "float32" else 1e-14)
    deviation = np.sqrt(rate * (1 - rate) / seen.size)
    assert abs(kept.mean() - (1 - rate)) < 5 * deviation


def test_draws_are_independent_over_steps_samples_and_units():
    trainer = mask_reader(0.5)
    kept = np.stack([dropped_activations(trainer) != 0 for _ in range(20)]) * 2.0 - 1.0
    for axis in range(3):
        for distance in (1, 2, 4, 8):
            moved = np.roll(kept, distance, axis=axis)
            assert abs((kept * moved).mean()) < 5 / np.sqrt(kept.size)


def test_layers_draw_their_own_masks():
    size = 30
    net = network((1, size, size, 1), ["identity"] * 3, [0.5, 0.5, 0.0])
    optimizer = nbtrain.optimizer("sgd", learning_rate=1e-300)
    trainer = nbtrain.Trainer(net, loss="mse", optimizer=optimizer, dtype="float64", rng=0)
    hidden = [(np.zeros((inputs, size)), np.ones(size)) for inputs in (1, size)]
    trainer.set_weights([*hidden, (np.ones((size, 1)), [0.0])])
    trainer.train_step([[0.0]], [[-1.0]])
    gradient = trainer.model.gradient
    slopes = gradient[size : size + size * size].reshape(size, size)  # outer product of what was kept
    first, second = slopes.any(axis=1), slopes.any(axis=0)
    assert 0 < first.sum() < size
    assert 0 < second.sum() < size
    assert (first != second).any()


def test_the_backward_pass_uses_the_mask_of_the_forward_pass():
    sizes, rate = (3, 6, 2), 0.4
    for seed in range(5):
        trainer, oracle = pair(sizes, ["tanh", "identity"], "mse", l2=0.0, dropout=[rate, 0.0], seed=seed)
        X, y = data("mse", 1, 3, 2, seed)
        loss = trainer.train_step(X, y)
        gradient = trainer.model.gradient.copy()
        kept = gradient[18:30].reshape(6, 2).any(axis=1)[None, :]
        wanted_loss, wanted = oracle.loss_and_gradients(X, y, masks=[kept, None])
        assert_close(loss, wanted_loss, 1e-13)
        assert_close(gradient, flat(wanted), 1e-13)


def test_prediction_and_evaluation_use_all_units():
    trainer, oracle = pair((3, 50, 2), ["tanh", "identity"], "mse", dropout=[0.5, 0.0])
    X, y = data("mse", 40, 3, 2)
    assert_close(trainer.predict(X), oracle.predict(X), 1e-13)
    assert_close(trainer.evaluate(X, y)["loss"], oracle.data_loss(X, y), 1e-13)
    trainer.fit(X, y, epochs=2)
    np.testing.assert_array_equal(trainer.predict(X), trainer.predict(X))


def test_a_rate_of_zero_is_no_dropout():
    X, y = data("mse", 40, 3, 2)
    thetas = []
    for dropout in ([0.0, 0.0], ()):
        trainer, _ = pair((3, 8, 2), ["tanh", "identity"], "mse", dropout=dropout, batch_size=8)
        trainer.fit(X, y, epochs=3)
        thetas.append(theta(trainer).tobytes())
    assert thetas[0] == thetas[1]


def test_the_seed_determines_the_masks():
    seen = [dropped_activations(mask_reader(0.5, seed=seed)).tobytes() for seed in (0, 0, 1)]
    assert seen[0] == seen[1] != seen[2]
