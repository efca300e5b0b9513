"""The regularizers by nbtrain's own checks, and in the objective, against NumPy."""

from __future__ import annotations

import nbtrain_regularizers as regularizers
import numpy as np
import pytest

import nbtrain
from nbtrain import testing

SPECS = {spec.name: spec for spec in regularizers.nbtrain_regularizers()}
WANTED = {
    "l1": lambda w, strength: (strength * np.abs(w), strength * np.sign(w)),
    "elastic_net": lambda w, strength, ratio: (
        strength * (ratio * np.abs(w) + (1 - ratio) / 2 * w**2),
        strength * (ratio * np.sign(w) + (1 - ratio) * w),
    ),
}
PARAMETERS = {"l1": {"strength": 0.3}, "elastic_net": {"strength": 0.7, "ratio": 0.2}}


@pytest.mark.parametrize("name", SPECS)
def test_it_is_sound(name):
    testing.check_regularizer(SPECS[name])


@pytest.mark.parametrize("name", SPECS)
def test_the_objective_and_its_gradient_have_it(name):
    random = np.random.default_rng(1)
    X, y = random.normal(size=(10, 3)), random.normal(size=(10, 2))
    found = {}
    for regularizer in (None, nbtrain.regularizer(name, **PARAMETERS[name])):
        network = nbtrain.Network(3, [nbtrain.Dense(5, "tanh"), nbtrain.Dense(2)])
        trainer = nbtrain.Trainer(network, loss="mse", regularizer=regularizer, dtype="float64", rng=0)
        trainer.weights[0][0][0, 0] = 0.0  # a kink
        found[regularizer is None] = trainer.loss_and_gradient(X, y)
    weights = trainer.theta[: 3 * 5 + 5 * 2]
    penalty, slope = WANTED[name](weights, **PARAMETERS[name])
    assert found[False][0] - found[True][0] == pytest.approx(penalty.sum() / 10, rel=1e-12)
    difference = found[False][1] - found[True][1]
    np.testing.assert_allclose(difference[: weights.size], slope / 10, rtol=1e-9, atol=1e-15)
    assert not difference[weights.size :].any()  # biases are left alone


def test_l1_makes_weights_of_useless_inputs_small():
    random = np.random.default_rng(0)
    X = random.normal(size=(400, 6))
    y = 2.0 * X[:, 0] - X[:, 1]
    optimizer = nbtrain.optimizer("sgd", learning_rate=1e-2)
    regularizer = nbtrain.regularizer("l1", strength=1.0)
    network = nbtrain.Network(6, [nbtrain.Dense(1)])
    trainer = nbtrain.Trainer(network, loss="mse", optimizer=optimizer, regularizer=regularizer, rng=0)
    trainer.fit(X, y, epochs=60)
    ((w, _),) = trainer.weights
    assert (np.abs(w[2:]) < 1e-2).all()
    np.testing.assert_allclose(w[:2, 0], [2.0 - 1 / 32, -1.0 + 1 / 32], atol=0.02)  # shrunk by strength/m
