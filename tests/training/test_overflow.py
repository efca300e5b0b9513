"""A gradient that overflows while the loss is finite: nothing is changed, and the error or status says so."""

from __future__ import annotations

import numpy as np
import pytest
from common import data, pair, theta
from numba import njit

import nbtrain
from nbtrain import kernel

SMALL, LARGE = (4, 9, 6, 2), (420, 150, 33, 2)
LINEAR = ["identity"] * 3
ROWS = 12
WRONG_GRADIENT = 13


def make(sizes, optimizer="adam", **options):
    """A trainer whose first layer ignores its inputs, and samples whose derivatives by its weights overflow."""
    trainer, _ = pair(sizes, LINEAR, "mse", optimizer, dtype="float32", batch_size=8, **options)
    trainer.weights[0][0][...] = 0.0
    X, y = data("mse", ROWS, sizes[0], sizes[-1])
    bad = X.copy()
    bad[-1] = 1e33
    far = y.copy()
    far[-1] = 1e10
    with np.errstate(over="ignore"):
        assert np.isinf(np.float32(bad[-1, 0]) * np.float32(far[-1, 0] / 12))
    return trainer, [array.astype(np.float32) for array in (X, y, bad, far)]


def standing(trainer):
    return theta(trainer).tobytes(), trainer.model.state.tobytes(), trainer.iteration, trainer.epoch


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("sizes", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("rows", [slice(None), slice(-5, None)], ids=["chunks", "batch"])
def test_a_step_changes_nothing_and_raises(rows, sizes, threads):
    options = {"l2": 0.1, "threads": threads}
    (trainer, (X, y, bad, far)), (twin, _) = make(sizes, **options), make(sizes, **options)
    for each in (trainer, twin):
        each.train_step(X[rows], y[rows])
        each.weights[0][0][...] = 0.0
    before = standing(trainer)
    with pytest.raises(nbtrain.DivergenceError, match=r"infinity in the gradient.*no parameter was changed"):
        trainer.train_step(bad[rows], far[rows])
    assert standing(trainer) == before
    for each in (trainer, twin):
        each.train_step(X[rows], y[rows])
    assert standing(trainer) == standing(twin)


@pytest.mark.parametrize("option", [{"clip_value": 1.0}, {"clip_norm": 1.0}])
def test_clipping_makes_no_number_of_infinity(option):
    trainer, (_, _, bad, far) = make(SMALL, **option)
    before = standing(trainer)
    with pytest.raises(nbtrain.DivergenceError, match="the gradient"):
        trainer.train_step(bad, far)
    assert standing(trainer) == before


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("sizes", [SMALL, LARGE], ids=["small", "large"])
def test_fit_returns_to_its_last_finite_epoch(sizes, threads):
    trainer, (X, y, bad, far) = make(sizes, threads=threads, shuffle=False)
    trainer.fit(X, y, epochs=2)
    trainer.weights[0][0][...] = 0.0
    before = standing(trainer)
    with pytest.raises(nbtrain.DivergenceError, match=r"the gradient, epoch 3, iteration 5,.*restored"):
        trainer.fit(bad[::-1], far[::-1], epochs=2)
    assert standing(trainer) == before
    assert np.isfinite(trainer.fit(X, y, epochs=1)["loss"]).all()


@njit
def step(model, x, y):
    return kernel.status_of(kernel.train_step(model, x, y))


@njit
def epoch(model, x, y):
    return kernel.status_of(kernel.train_epoch(model, x, y))


@pytest.mark.parametrize("call", [step, epoch])
@pytest.mark.parametrize("sizes", [SMALL, LARGE], ids=["small", "large"])
def test_compiled_callers_get_the_status_of_the_gradient(sizes, call):
    trainer, (_, _, bad, far) = make(sizes)
    bad, far = bad[-5:], far[-5:]  # one step
    before = standing(trainer)
    assert call(trainer.model, bad, far) == trainer.model.status[0] == WRONG_GRADIENT
    assert standing(trainer) == before
    with pytest.raises(nbtrain.DivergenceError, match="the gradient has NaN or infinity"):
        nbtrain.status.check(WRONG_GRADIENT)


@pytest.mark.parametrize("threads", [1, 2])
def test_large_numbers_that_do_not_overflow_are_trained_with_the_same_bits(threads):
    """Inputs times 2**120, and weights divided by it: only the derivatives by these weights are 2**120 times as large.

    Weights of a large model are updated while their derivatives are computed, unless these might overflow.
    """
    gradients, others = [], []
    random = np.random.default_rng(0)
    signs = random.choice([-1.0, 1.0], (8, LARGE[0])), random.choice([-1.0, 1.0], LARGE[:2])
    y = random.normal(size=(8, LARGE[-1])) * 300
    for power in (0.0, 120.0):
        trainer, _ = pair(LARGE, LINEAR, "mse", "sgd", dtype="float32", batch_size=8, threads=threads)
        trainer.weights[0][0][...] = signs[1] * 2.0**-power
        trainer.train_step(signs[0] * 2.0**power, y)
        count = LARGE[0] * LARGE[1]
        gradients.append(trainer.model.gradient[:count].astype(np.float64) * 2.0**-power)
        others.append(trainer.theta[count:].tobytes())
    delta = float(np.abs(trainer.engine.memory.array("delta0")).max())
    assert delta * 8 * 2.0**120 > 2.0**126  # the bound that is used is not below the largest number
    np.testing.assert_array_equal(*gradients)
    assert others[0] == others[1]
