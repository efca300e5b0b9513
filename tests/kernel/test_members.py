"""Members of a population in compiled code: steps, predictions, and what is refused."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from numba import njit, prange

import nbtrain
from nbtrain import Dense, kernel

NETWORK = nbtrain.Network(3, [Dense(5, "tanh", dropout=0.2), Dense(2)])
RATES = [0.01, 0.02, 0.03, 0.04]


def population(**options):
    optimizer = nbtrain.optimizer("adam", learning_rate=RATES)
    return nbtrain.Population(NETWORK, 4, loss="mse", optimizer=optimizer, rng=0, **{"batch_size": 8} | options)


def lone(many, k, **options):
    optimizer = nbtrain.optimizer("adam", learning_rate=RATES[k])
    given = {"loss": "mse", "optimizer": optimizer, "batch_size": 8} | options
    return nbtrain.Trainer(NETWORK, rng=many.seed(k), **given)


@njit
def train(model, X, y, first, last, steps):
    return kernel.train_members(model, X, y, first, last, steps)


@njit
def train_weighted(model, X, y, first, last, steps, weight):
    return kernel.train_members(model, X, y, first, last, steps, weight)


@njit
def predict(model, X, out, first, last):
    return kernel.predict_members(model, X, out, first, last)


def data(*shape, dtype=np.float32):
    random = np.random.default_rng(1)
    return random.normal(size=(*shape, 3)).astype(dtype), random.normal(size=(*shape, 2)).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_steps_are_those_of_trainers_across_the_ends_of_epochs(dtype):
    X, y = data(20, dtype=dtype)  # three steps an epoch
    many = population(dtype=dtype)
    for steps in (1, 4, 2):  # it goes on within an epoch
        assert train(many.model, X, y, 0, 3, steps) == 0
    assert many.iteration.tolist() == [7, 7, 7, 0]
    assert many.epoch.tolist() == [2, 2, 2, 0]
    for k in range(3):
        trainer = lone(many, k, dtype=dtype)
        trainer.fit(X, y, 2)
        many_k = many[k]
        many_k.fit(X, y, 1)  # the rest of the third epoch
        trainer.fit(X, y, 1)
        assert np.array_equal(many_k.theta, trainer.theta)
        assert np.array_equal(many_k.model.state, trainer.model.state)


def test_blocks_of_rows_for_each_member_and_weights():
    X, y = data(2, 16)
    weight = np.random.default_rng(2).uniform(0.5, 2.0, (2, 16)).astype(np.float32)
    many = population()
    assert train_weighted(many.model, X, y, 1, 3, 2, weight) == 0
    for k in (1, 2):
        trainer = lone(many, k)
        history = trainer.fit(X[k - 1], y[k - 1], 1, sample_weight=weight[k - 1])
        assert np.array_equal(many.theta[k], trainer.theta)
        assert many.model.loss[k] == history["loss"][0]
    assert np.isnan(many.model.loss[[0, 3]]).all()
    out = np.zeros((2, 16, 2), np.float32)
    assert predict(many.model, X, out, 1, 3) == 0
    assert all(np.array_equal(out[k - 1], many[k].predict(X[k - 1])) for k in (1, 2))
    shared = np.zeros((4, 16, 2), np.float32)
    assert predict(many.model, X[0], shared, 0, 4) == 0
    assert np.array_equal(shared, many.predict(X[0]))


def test_labels_of_each_member():
    network = nbtrain.Network(3, [Dense(3)])
    many = nbtrain.Population(network, 2, loss="softmax_cross_entropy", rng=0)
    X, labels = data(2, 9)[0], np.random.default_rng(3).integers(0, 3, (2, 9))
    assert train(many.model, X, labels, 0, 2, 1) == 0
    for k in range(2):
        trainer = nbtrain.Trainer(network, loss="softmax_cross_entropy", rng=many.seed(k))
        trainer.fit(X[k], labels[k], 1)
        assert np.array_equal(many.theta[k], trainer.theta)
    labels[1, 4] = 3
    assert train(many.model, X, labels, 0, 2, 1) == 4


def test_what_does_not_fit_is_refused_by_a_status_and_changes_nothing():
    many, (X, y) = population(), data(20)
    before = many.theta.copy()
    assert train(many.model, X, y, 2, 5, 1) == 17
    assert train(many.model, X, y, -1, 2, 1) == 17
    assert train(many.model, *data(3, 20), 0, 2, 1) == 17  # three blocks for two members
    assert train(many.model, X, y[:19], 0, 2, 1) == 2
    assert train(many.model, X[:, :2].copy(), y, 0, 2, 1) == 1
    assert train(many.model, data(2, 20)[0], data(3, 20)[1], 0, 2, 1) == 17
    assert train_weighted(many.model, X, y, 0, 2, 1, np.full(20, -1, np.float32)) == 6
    assert train_weighted(many.model, X, y, 0, 2, 1, np.ones(19, np.float32)) == 6
    assert predict(many.model, X, np.zeros((2, 19, 2), np.float32), 0, 2) == 5
    assert predict(many.model, X, np.zeros((3, 20, 2), np.float32), 0, 2) == 5
    assert predict(many.model, X, np.zeros((2, 20, 1), np.float32), 0, 2) == 5
    assert np.array_equal(many.theta, before)
    trainer = lone(many, 0)
    with pytest.raises(
        nbtrain.InputError, match=r"model must be a population's model.*trainer's model is of one network"
    ):
        train(trainer.model, X, y, 0, 2, 1)
    with pytest.raises(nbtrain.InputError, match="model must be a trainer's model"):
        njit(lambda model, x, y: kernel.train_step(model, x, y))(many.model, X, y)
    with pytest.raises(
        nbtrain.InputError, match=r"y must be a C-contiguous float32 array of shape \(members, m, outputs\)"
    ):
        train(many.model, data(2, 20)[0], y[0], 0, 2, 1)


def test_a_member_that_diverges_is_marked_and_left_out():
    many, (X, y) = population(), data(20)
    many.hyperparameters["learning_rate"][1] = np.inf
    assert train(many.model, X, y, 0, 3, 2) == 12
    assert many.status.tolist() == [0, 12, 0, 0]
    assert many.iteration.tolist() == [2, 0, 2, 0]
    many.copy(1, 0)
    many.hyperparameters["learning_rate"][1] = 0.01
    assert train(many.model, X, y, 0, 3, 1) == 0
    assert many.iteration.tolist() == [3, 3, 3, 0]


@njit
def copy(model, target, source):
    return kernel.copy_member(model, target, source)


def test_copies_are_those_of_the_population():
    many, alike, (X, y) = population(), population(), data(20)
    for each in (many, alike):
        train(each.model, X, y, 0, 4, 4)
    many.copy(3, 1)
    assert copy(alike.model, 3, 1) == 0
    for each in (many, alike):
        train(each.model, X, y, 0, 4, 3)
    assert np.array_equal(many.theta, alike.theta)
    assert many.iteration.tolist() == alike.iteration.tolist()
    assert copy(many.model, 4, 0) == copy(many.model, 0, -1) == 17


def test_compiled_callers_are_sent_away_while_python_trains():
    many, (X, y) = population(), data(20)
    found = []

    def after(many, epoch, metrics):
        found.append(train(many.model, X, y, 0, 1, 1))

    def between():
        while not many._members.families[0].record["running"][0]:
            pass
        found.append(train(many.model, X, y, 0, 1, 1))

    many.fit(X, y, 1, callbacks=after)
    assert found == [0]  # between epochs the members stand still
    thread = threading.Thread(target=between, daemon=True)
    thread.start()
    many.fit(X, y, 3000)
    thread.join()
    assert found == [0, 7]


@njit(parallel=True)
def train_halves(model, X, y, steps):
    status = np.zeros(2, np.int64)
    for half in prange(2):
        status[half] = kernel.train_members(model, X, y, 2 * half, 2 * half + 2, steps)
    return status


def test_as_many_threads_train_at_once_as_the_population_has():
    (X, y), many, alike = data(20), population(threads=2), population()
    assert train_halves(many.model, X, y, 200).tolist() == [0, 0]
    assert train(alike.model, X, y, 0, 4, 200) == 0
    assert np.array_equal(many.theta, alike.theta)


def test_the_model_outlives_its_population():
    X, y = data(20)
    model, wanted = population().model, population()
    assert train(model, X, y, 0, 4, 3) == 0
    train(wanted.model, X, y, 0, 4, 3)
    assert np.array_equal(model.theta, wanted.theta)
    with pytest.raises(nbtrain.Error, match="save its population"):
        __import__("pickle").dumps(model)
    other = nbtrain.Population([NETWORK, nbtrain.Network(3, [Dense(2)])], loss="mse")
    with pytest.raises(nbtrain.Error, match="no model for compiled callers"):
        _ = other.model
