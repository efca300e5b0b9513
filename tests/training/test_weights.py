"""Sample weights at their ends: 0 removes a sample whatever it holds, and the data loss is that of their ratios."""

from __future__ import annotations

import numpy as np
import pytest
from common import assert_close, data, pair, theta
from numba import njit

import nbtrain
from nbtrain import kernel

SIZES, LARGE = (4, 9, 6, 3), (420, 150, 33, 3)
ACTIVATIONS = ["tanh", ("leaky_relu", 0.1), "identity"]
LINEAR = ["identity"] * 3
HUGE = {"float32": 3e38, "float64": 1e308}
LOSSES = ["mse", "softmax_cross_entropy"]


def removable(loss, sizes, count, dtype):
    """Samples of which every third has weight 0 and numbers that overflow, and which of them count."""
    X, y = data(loss, count, sizes[0], sizes[-1])
    weight = np.random.default_rng(3).uniform(0.5, 2.0, count)
    weight[1::3] = 0.0
    X[1::3] = np.where(X[1::3] > 0, HUGE[dtype], -HUGE[dtype])
    if loss == "mse":
        y[1::3] = HUGE[dtype]
    return X, y, weight, weight > 0


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("sizes", [SIZES, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("loss", LOSSES)
def test_training_is_the_oracles_on_the_samples_that_count(loss, dtype, sizes, threads):
    options = {"dtype": dtype, "batch_size": 8, "shuffle": False, "threads": threads}
    trainer, oracle = pair(sizes, LINEAR, loss, "adam", l2=0.3, **options)
    X, y, weight, counts = removable(loss, sizes, 20, dtype)
    close = 1e-10 if dtype == "float64" else 2e-4
    for rows in (slice(0, 8), slice(0, 3), slice(0, 20)):  # within a batch, and in chunks
        found = trainer.train_step(X[rows], y[rows], weight[rows])
        mine = [array[rows][counts[rows]] for array in (X, y, weight)]
        assert_close(found, oracle.train_step(*mine), close)
    trainer.fit(X, y, epochs=2, sample_weight=weight)
    for _ in range(2):
        for first in range(0, 20, 8):
            here = slice(first, first + 8)
            oracle.train_step(*[array[here][counts[here]] for array in (X, y, weight)])
    assert_close(theta(trainer), oracle.theta, close)
    value, gradient = trainer.loss_and_gradient(X, y, weight)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    scores = trainer.evaluate(X, y, weight)
    assert_close(scores["loss"], oracle.data_loss(X[counts], y[counts], weight[counts]), close)
    assert scores == pytest.approx(trainer.evaluate(X[counts], y[counts], weight[counts]), rel=1e-6)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("sizes", [SIZES, LARGE], ids=["small", "large"])
def test_what_a_removed_sample_holds_changes_no_bit(sizes, shuffle):
    X, y, weight, _ = removable("mse", sizes, 43, "float32")
    found = []
    for inputs, targets in ((X, y), (np.where(weight[:, None] > 0, X, 0.0), np.where(weight[:, None] > 0, y, 7.0))):
        options = {"dropout": [0.3, 0.2, 0.0], "batch_size": 8, "dtype": "float32", "shuffle": shuffle}
        trainer, _ = pair(sizes, ACTIVATIONS, "mse", "adam", **options)
        trainer.fit(inputs, targets, epochs=4, sample_weight=weight)
        found.append(trainer.theta.tobytes())
    assert found[0] == found[1]


@njit
def step(model, x, y, weight):
    return kernel.train_step(model, x, y, weight)


def test_compiled_callers_may_fill_removed_samples_with_nan():
    X, y, weight, counts = removable("mse", SIZES, 20, "float64")
    X[~counts], y[~counts] = np.nan, np.nan
    trainer, oracle = pair(SIZES, ACTIVATIONS, "mse", "adam", batch_size=8)
    before = X.copy()
    for _ in range(3):
        found = step(trainer.model, X, y, weight)
        assert_close(found, oracle.train_step(X[counts], y[counts], weight[counts]), 1e-11)
    assert_close(theta(trainer), oracle.theta, 1e-11)
    np.testing.assert_array_equal(X, before)  # the caller's own data are never written


@pytest.mark.parametrize("loss", [*LOSSES, "binary_cross_entropy"])
@pytest.mark.parametrize("scale", [1e-36, 1e-20, 1e20, 1e36, 1e37, 1e38])
def test_the_scale_of_the_weights_does_not_matter(scale, loss):
    trainer, oracle = pair(SIZES, ACTIVATIONS, loss, "sgd", hyper={"learning_rate": 0.1}, dtype="float32")
    X, y = data(loss, 32, SIZES[0], SIZES[-1])
    weight = np.random.default_rng(5).uniform(0.5, 2.0, 32)
    for _ in range(3):
        assert_close(trainer.train_step(X, y, weight * scale), oracle.train_step(X, y, weight), 1e-5)
    assert_close(theta(trainer), oracle.theta, 1e-5)


def test_weights_that_all_count_as_zero_are_refused():
    trainer, _ = pair(SIZES, ACTIVATIONS, "mse", dtype="float32")
    X, y = data("mse", 32, SIZES[0], SIZES[-1])
    with pytest.raises(nbtrain.InputError, match=r"sample_weight must have a positive weight, got at most 1\.4e-45"):
        trainer.fit(X, y, sample_weight=np.full(32, 1e-45))
    assert trainer.iteration == 0


@pytest.mark.parametrize("fill", [1e20, 1e300])
def test_r2_leaves_removed_samples_out(fill):
    trainer, oracle = pair((4, 5, 1), ["tanh", "identity"], "mse")
    X, y = data("mse", 30, 4, 1)
    weight = np.random.default_rng(5).uniform(0.5, 2.0, 30)
    weight[::4], y[::4] = 0.0, fill
    kept = weight > 0
    error = oracle.predict(X[kept])[:, 0] - y[kept, 0]
    mean = np.average(y[kept, 0], weights=weight[kept])
    wanted = 1 - (weight[kept] * error**2).sum() / (weight[kept] * (y[kept, 0] - mean) ** 2).sum()
    assert trainer.evaluate(X, y, weight)["r2"] == pytest.approx(wanted, rel=1e-12)
