"""Training takes numbers below the smallest normal one for zero; everything else computes with them."""

from __future__ import annotations

import platform

import numpy as np
import pytest
from numba import njit

import nbtrain
from nbtrain import kernel

TINY = {"float32": 1e-40, "float64": 1e-310}
pytestmark = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64", "aarch64", "arm64"), reason="for processors that can be told to"
)


def line(dtype, **options):
    """y = w x with w = 0, which a sample (tiny, 1) moves by `1e36 tiny` under a learning rate of 1e36."""
    optimizer = nbtrain.optimizer("sgd", learning_rate=1e36)
    trainer = nbtrain.Trainer(
        nbtrain.Network(1, [nbtrain.Dense(1)]), loss="mse", optimizer=optimizer, dtype=dtype, rng=0, **options
    )
    trainer.theta[:] = 0.0
    return trainer


def sample(dtype):
    return np.full((4, 1), TINY[dtype], dtype), np.ones((4, 1), dtype)


@njit
def compiled_step(model, x, y):
    return kernel.train_step(model, x, y)


TRAIN = {
    "train_step": lambda trainer, x, y: trainer.train_step(x, y),
    "fit": lambda trainer, x, y: trainer.fit(x, y, epochs=1),
    "compiled": lambda trainer, x, y: compiled_step(trainer.model, x, y),
}


@pytest.mark.parametrize("dtype", TINY)
@pytest.mark.parametrize("way", TRAIN)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_step_takes_subnormal_inputs_for_zero_and_leaves_the_threads_arithmetic_as_it_was(dtype, way, threads):
    trainer = line(dtype, threads=threads)
    x, y = sample(dtype)
    half = np.dtype(dtype).type(0.5)
    before = x * half
    TRAIN[way](trainer, x, y)
    assert trainer.theta[0] == 0.0
    assert trainer.theta[1] != 0.0  # the bias was moved: it was a step
    np.testing.assert_array_equal(x * half, before)
    assert before.all()


@pytest.mark.parametrize("dtype", TINY)
def test_gradients_and_predictions_are_computed_with_subnormal_numbers(dtype):
    trainer = line(dtype)
    x, y = sample(dtype)
    _, gradient = trainer.loss_and_gradient(x, y)
    assert gradient[0] == pytest.approx(-TINY[dtype], rel=1e-4)
    trainer.theta[0] = 1.0
    np.testing.assert_array_equal(trainer.predict(x), x)


def test_a_network_whose_dead_units_have_weights_near_zero_makes_no_subnormal_state():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(64, 3)).astype(np.float32), rng.normal(size=(64, 1)).astype(np.float32)
    trainer = nbtrain.Trainer(
        nbtrain.Network(3, [nbtrain.Dense(8, "relu"), nbtrain.Dense(1)]),
        loss="mse",
        regularizer=nbtrain.regularizer("l2", strength=1e-3),
        rng=0,
    )
    trainer.theta[:24] *= np.float32(1e-17)
    trainer.fit(X, y, epochs=3)
    state = np.asarray(trainer.model.state)
    assert np.isfinite(state).all()
    assert not ((state != 0) & (np.abs(state) < np.finfo(np.float32).smallest_normal)).any()
