"""The constraints against their formulas in NumPy, against PyTorch where it is installed, and in training."""

from __future__ import annotations

import nbtrain_constraints as constraints
import numpy as np
import pytest

import nbtrain
from nbtrain import testing

SPECS = {spec.name: spec for spec in constraints.nbtrain_constraints()}
INPUTS, UNITS = 37, 21
EPSILON = {"float32": np.finfo(np.float32).eps, "float64": np.finfo(np.float64).eps}

FORMULAS = {
    "max_norm": lambda w: w * np.minimum(1.0, 0.7 / np.linalg.norm(w, axis=0)),
    "unit_norm": lambda w: w / np.linalg.norm(w, axis=0),
    "non_negative": lambda w: np.maximum(w, 0.0),
}
PARAMETERS = {"max_norm": {"limit": 0.7}}


def bound(name):
    return nbtrain.constraint(name, **PARAMETERS.get(name, {}))


def trainer_with(name, dtype, rate=0.1, optimizer="sgd"):
    layers = [nbtrain.Dense(UNITS, "tanh", constraint=bound(name)), nbtrain.Dense(2)]
    return nbtrain.Trainer(
        nbtrain.Network(INPUTS, layers),
        loss="mse",
        optimizer=nbtrain.optimizer(optimizer, learning_rate=rate),
        dtype=dtype,
        rng=0,
    )


def samples(count=64):
    random = np.random.default_rng(1)
    return random.normal(size=(count, INPUTS)), random.normal(size=(count, 2))


@pytest.mark.parametrize("name", SPECS)
def test_it_is_sound(name):
    testing.check_constraint(SPECS[name])


@pytest.mark.parametrize("name", SPECS)
def test_it_is_found_by_name(name):
    """Without an import or a registration: through the installed distribution's entry point."""
    assert nbtrain.constraint(name).name == name


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", SPECS)
def test_an_update_is_that_of_the_optimizer_and_then_the_formula(name, dtype):
    X, y = samples()
    trainer = trainer_with(name, dtype)
    for _ in range(10):
        _, gradient = trainer.loss_and_gradient(X, y)
        moved = trainer.theta.astype(np.float64) - 0.1 * gradient
        (w, _), *_ = trainer.weights
        moved[: w.size] = FORMULAS[name](moved[: w.size].reshape(w.shape)).ravel()
        trainer.train_step(X, y)
        np.testing.assert_allclose(trainer.theta, moved, atol=8 * EPSILON[dtype])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", SPECS)
def test_it_holds_after_every_step(name, dtype):
    X, y = samples()
    trainer = trainer_with(name, dtype, rate=1e-2, optimizer="adam")
    others = []
    for _ in range(20):
        trainer.train_step(X, y)
        w = trainer.weights[0][0].astype(np.float64)
        norms = np.linalg.norm(w, axis=0)
        if name == "max_norm":
            assert norms.max() <= 0.7 * (1 + 2 * EPSILON[dtype])
        elif name == "unit_norm":
            np.testing.assert_allclose(norms, 1.0, rtol=2 * EPSILON[dtype])
        else:
            assert w.min() >= 0.0
        others.append(trainer.weights[1][0].copy())
    assert min(w.min() for w in others) < 0.0  # a layer without a constraint
    assert trainer.weights[0][1].any()  # biases


def test_weights_within_the_limit_are_left_alone():
    X, y = samples()
    wide = nbtrain.Dense(UNITS, "tanh", constraint=nbtrain.constraint("max_norm", limit=1e3))
    plain = nbtrain.Dense(UNITS, "tanh")
    ends = []
    for layer in (wide, plain):
        network = nbtrain.Network(INPUTS, [layer, nbtrain.Dense(2)])
        trainer = nbtrain.Trainer(network, loss="mse", rng=0)
        trainer.fit(X, y, epochs=5)
        ends.append(trainer.theta.copy())
    np.testing.assert_array_equal(*ends)


@pytest.mark.parametrize("name", SPECS)
def test_it_goes_on_bit_for_bit_from_a_file(name, tmp_path):
    X, y = samples()
    whole, pieces = trainer_with(name, "float32"), trainer_with(name, "float32")
    whole.fit(X, y, epochs=6)
    pieces.fit(X, y, epochs=4)
    pieces.save(tmp_path / "constrained.nbtrain")
    pieces = nbtrain.load(tmp_path / "constrained.nbtrain")
    pieces.fit(X, y, epochs=2)
    assert pieces.network == whole.network
    np.testing.assert_array_equal(whole.theta, pieces.theta)


@pytest.mark.parametrize("name", SPECS)
def test_nan_is_not_hidden(name):
    X, y = samples()
    trainer = trainer_with(name, "float32", rate=1e30)
    with pytest.raises(nbtrain.DivergenceError):
        trainer.fit(1e30 * X, 1e30 * y, epochs=3)


def test_weights_of_0_have_no_direction():
    trainer = trainer_with("unit_norm", "float64")
    trainer.set_weights([(np.zeros((INPUTS, UNITS)), np.zeros(UNITS)), (np.zeros((UNITS, 2)), np.zeros(2))])
    trainer.train_step(*samples())
    assert not trainer.weights[0][0].any()  # no gradient reaches them: the layer above is 0, too


def test_max_norm_is_pytorchs_renorm():
    torch = pytest.importorskip("torch")
    trainer, X, y = trainer_with("max_norm", "float64"), *samples()
    _, gradient = trainer.loss_and_gradient(X, y)
    (w, _), *_ = trainer.weights
    moved = torch.from_numpy(w - 0.1 * gradient[: w.size].reshape(w.shape))
    wanted = torch.renorm(moved, 2, 1, 0.7).numpy()
    trainer.train_step(X, y)
    np.testing.assert_allclose(trainer.weights[0][0], wanted, atol=1e-6)  # it adds 1e-7 to the norm


@pytest.mark.parametrize("limit", [0.0, -1.0])
def test_a_limit_that_makes_no_sense_is_refused(limit):
    with pytest.raises(nbtrain.InputError, match=r"limit must be a finite number > 0, got "):
        nbtrain.constraint("max_norm", limit=limit)
