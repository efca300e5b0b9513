"""Gradients of every combination of components against central differences and against the oracle."""

from __future__ import annotations

import ctypes
import itertools

import numpy as np
import pytest
from common import LABEL_LOSSES, assert_close, data, network, pair, theta
from numba import njit
from oracle import LOSSES, draw, flat

import nbtrain
from nbtrain.core.backward import is_largest

SIZES = (3, 5, 4, 2)
ACTIVATIONS = ["sigmoid", "tanh", "relu", "leaky_relu", ("leaky_relu", 0.3), "identity"]
REGULARIZERS = [None, ("l2", {"strength": 0.7})]
STEP = 1e-5


def central_differences(trainer, X, y, weight=None):
    """Slope of J along every parameter, from J alone."""
    slopes = []
    for vector in [w for w, _ in trainer.weights] + [b for _, b in trainer.weights]:
        for index in np.ndindex(vector.shape):
            kept = vector[index]
            vector[index] = kept + STEP
            above, _ = trainer.loss_and_gradient(X, y, weight)
            vector[index] = kept - STEP
            below, _ = trainer.loss_and_gradient(X, y, weight)
            vector[index] = kept
            slopes.append((above - below) / (2 * STEP))
    return np.array(slopes)


def assert_gradient(trainer, X, y, weight=None):
    before = theta(trainer)
    _, gradient = trainer.loss_and_gradient(X, y, weight)
    wanted = central_differences(trainer, X, y, weight)
    np.testing.assert_array_equal(theta(trainer), before)
    assert np.linalg.norm(gradient - wanted) <= 1e-6 * np.linalg.norm(wanted)
    np.testing.assert_allclose(gradient, wanted, rtol=1e-6, atol=1e-9)


def build(activation, loss, regularizer, last=None, batch_size=32):
    last = last or ("identity" if loss != "mse" else activation)
    name, parameters = regularizer or (None, {})
    trainer = nbtrain.Trainer(
        network(SIZES, [activation, activation, last]),
        loss=loss,
        regularizer=name and nbtrain.regularizer(name, **parameters),
        dtype="float64",
        batch_size=batch_size,
        rng=0,
    )
    trainer.set_weights(draw(SIZES, seed=3))
    return trainer


@pytest.mark.parametrize("rows", [256, 700, 1023, 2500, 3])
def test_a_batch_whose_parts_are_summed_apart_has_the_gradient_of_the_whole(rows):
    trainer, oracle = pair(SIZES, ["tanh", "sigmoid", "identity"], "mse", l2=0.7, batch_size=1000)
    assert trainer.engine.recipe.gradient_count > 3
    X, y = data("mse", rows, SIZES[0], SIZES[-1])
    weight = np.random.default_rng(5).random(rows)
    objective, gradient = trainer.loss_and_gradient(X, y, weight)
    data_loss, gradients = oracle.loss_and_gradients(X, y, weight)
    assert_close(objective, data_loss + oracle.penalty(weight.sum()), 1e-13)
    assert_close(gradient, flat(gradients), 1e-13)


@pytest.mark.parametrize("regularizer", REGULARIZERS, ids=lambda given: given[0] if given else "none")
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_gradient_is_the_slope_of_the_objective(activation, loss, regularizer):
    X, y = data(loss, 7, SIZES[0], SIZES[-1])
    assert_gradient(build(activation, loss, regularizer), X, y)


@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_with_sample_weights(loss):
    X, y = data(loss, 7, SIZES[0], SIZES[-1])
    weight = np.array([1.0, 0.5, 0.0, 2.0, 3.0, 0.25, 1.0])
    assert_gradient(build("tanh", loss, REGULARIZERS[-1]), X, y, weight)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_objective_and_gradient_are_those_of_the_definitions(activation, loss):
    last = "identity" if loss != "mse" else activation
    trainer, oracle = pair(SIZES, [activation, activation, last], loss, l2=0.7)
    X, y = data(loss, 11, SIZES[0], SIZES[-1])
    weight = np.random.default_rng(2).uniform(0, 2, len(X))
    for weights in (None, weight):
        m = len(X) if weights is None else weights.sum()
        data_loss, gradients = oracle.loss_and_gradients(X, y, weights)
        objective, gradient = trainer.loss_and_gradient(X, y, weights)
        assert_close(objective, data_loss + oracle.penalty(m), 1e-13)
        assert_close(gradient, flat(gradients), 1e-13)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-12)])
@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("loss", sorted(LABEL_LOSSES))
def test_losses_of_labels_for_few_and_many_classes(loss, classes, dtype, tolerance):
    trainer, oracle = pair((4, classes), ["identity"], loss, batch_size=64, dtype=dtype)
    for rows, scale in itertools.product((1, 2, 7, 8, 15, 16, 17, 33, 50), (1.0, 200.0)):
        X, y = data(loss, rows, 4, classes)
        X *= scale
        J, gradient = trainer.loss_and_gradient(X, y)
        wanted, slopes = oracle.loss_and_gradients(X, y)
        assert_close(J, wanted, tolerance)
        assert_close(gradient, flat(slopes), tolerance)


@pytest.mark.parametrize(("dtype", "margin"), [("float32", 20.0), ("float64", 40.0)])
def test_a_small_loss_of_two_classes_is_not_rounded_away(dtype, margin):
    trainer = nbtrain.Trainer(network((1, 2), ["identity"]), loss="softmax_cross_entropy", dtype=dtype, rng=0)
    trainer.set_weights([([[1.0, 0.0]], [0.0, 0.0])])
    assert trainer.evaluate([[margin]], [0])["loss"] == pytest.approx(np.exp(-margin), rel=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("first", [1e30, -1e30])
@pytest.mark.parametrize("place", [0, 1])
def test_infinite_outputs(classes, first, place):
    """An output of ∞ leaves no softmax; one of -∞ is a class that cannot be."""
    trainer = nbtrain.Trainer(network((1, classes), ["identity"]), loss="softmax_cross_entropy", rng=0)
    weights = np.zeros((1, classes))
    weights[0, place] = first
    trainer.set_weights([(weights, np.zeros(classes))])
    for label in range(2):
        if first < 0 and label != place:
            assert trainer.evaluate([[1e30]], [label])["loss"] == pytest.approx(np.log(classes - 1))
        else:
            with pytest.raises(nbtrain.DivergenceError):
                trainer.train_step([[1e30]], [label])


def test_a_batch_larger_than_batch_size_has_the_gradient_of_the_whole():
    X, y = data("mse", 23, SIZES[0], SIZES[-1])
    small = build("tanh", "mse", REGULARIZERS[-1], batch_size=4)
    large = build("tanh", "mse", REGULARIZERS[-1], batch_size=64)
    for found, wanted in zip(small.loss_and_gradient(X, y), large.loss_and_gradient(X, y), strict=True):
        assert_close(found, wanted, 1e-13)


def test_gradient_leaves_the_trainer_alone():
    trainer = build("tanh", "mse", None)
    X, y = data("mse", 7, SIZES[0], SIZES[-1])
    _, kept = trainer.loss_and_gradient(X, y)
    copy = kept.copy()
    trainer.loss_and_gradient(2 * X, y)
    np.testing.assert_array_equal(kept, copy)
    assert int(trainer.model.iteration[0]) == 0


@pytest.mark.parametrize(("activation", "slope"), [("relu", 1.0), ("leaky_relu", 1.0), ("identity", 1.0)])
def test_slope_at_exactly_zero(activation, slope):
    trainer = nbtrain.Trainer(network((1, 1), [activation]), loss="mse", dtype="float64", rng=0)
    trainer.set_weights([([[1.0]], [0.0])])
    _, gradient = trainer.loss_and_gradient([[0.0]], [[-3.0]])  # z = 0, so dJ/db = (0 + 3) g'(0)
    assert gradient[1] == 3.0 * slope


def test_dropout_plays_no_part():
    X, y = data("mse", 7, SIZES[0], SIZES[-1])
    with_dropout, oracle = pair(SIZES, ["tanh", "tanh", "identity"], "mse", dropout=[0.5, 0.5, 0.0])
    assert_close(with_dropout.loss_and_gradient(X, y)[1], flat(oracle.loss_and_gradients(X, y)[1]), 1e-13)


def test_relu_kinks_stay_away_from_the_differences():
    """The differences above would be wrong, not the gradient, where a z lies within STEP of relu's kink."""
    for loss in LOSSES:
        X, _ = data(loss, 7, SIZES[0], SIZES[-1])
        for activation in ("relu", ("leaky_relu", 0.3)):
            _, oracle = pair(SIZES, [activation, activation, "identity"], loss, seed=3)
            assert min(np.abs(z).min() for z in oracle.forward(X)[0]) > 1e-4


@njit
def largest(row, index):
    return is_largest(row, index)


@pytest.mark.parametrize("index", [-1, 3, 1 << 44, -(1 << 44)])
def test_a_label_that_another_thread_has_changed_is_no_index(index):
    """Labels are checked when a call begins, and read again to count the correct predictions."""
    numbers = np.array([9.0, 9.0, 1.0, 2.0, 3.0, 9.0, 9.0])
    assert not largest(numbers[2:5], index)
    assert largest(numbers[2:5], 2)


@pytest.mark.parametrize("label", [-1, 6, 9])
def test_a_label_that_another_thread_has_changed_writes_to_no_other_row(label):
    trainer = nbtrain.Trainer(network((3, 5), ["identity"]), loss="softmax_cross_entropy", dtype="float64", rng=0)
    address = int(trainer.engine.descriptor["loss"][0])
    loss = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 8, ctypes.c_double)(address)
    z, found = np.random.default_rng(0).normal(size=(4, 5)), []
    for changed in (0, label):
        y, slope, losses = np.array([3, changed, 2, 4]), np.zeros((4, 5)), np.zeros(4)
        arrays = [z.ctypes.data, y.ctypes.data, 0, slope.ctypes.data, losses.ctypes.data]
        assert loss(*arrays, 4, 5, 0, 1.0) == 0
        found.append(slope[[0, 2, 3]])
    np.testing.assert_array_equal(*found)
