"""A reset optimizer is a new one, and schedules do not notice."""

from __future__ import annotations

import numpy as np
import pytest
from common import assert_close, data, pair, theta
from model_files import changed, taken_apart
from oracle import OPTIMIZERS

import nbtrain

SIZES, ACTIVATIONS = (4, 9, 6, 3), ["tanh", ("leaky_relu", 0.1), "identity"]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_reset_optimizer_steps_as_the_oracles_new_one(optimizer):
    trainer, oracle = pair(SIZES, ACTIVATIONS, "mse", optimizer, l2=0.1, batch_size=8, shuffle=False)
    X, y = data("mse", 40, SIZES[0], SIZES[-1])
    trainer.fit(X, y, epochs=10)
    trainer.reset_optimizer()
    oracle.weights = [(w.copy(), b.copy()) for w, b in trainer.weights]
    for _ in range(5):
        trainer.train_step(X, y)
        oracle.train_step(X, y)
    assert_close(theta(trainer), oracle.theta, 1e-11)
    trainer.fit(X, y, epochs=2)
    oracle.fit(X, y, 2, 8)
    assert_close(theta(trainer), oracle.theta, 1e-11)
    assert trainer.iteration == 50 + 5 + 10


def test_a_schedule_goes_on():
    rate = nbtrain.schedule("exponential", rate=0.02, factor=0.5, steps=2)
    trainer, _ = pair(SIZES, ACTIVATIONS, "mse", "adam", hyper={"learning_rate": rate})
    X, y = data("mse", 20, SIZES[0], SIZES[-1])
    rates = []
    for step in range(8):
        if step == 5:
            trainer.reset_optimizer()
        trainer.train_step(X, y)
        rates.append(trainer.learning_rate)
    np.testing.assert_allclose(rates, [rate.spec.rate(t, *rate.values) for t in range(1, 9)], rtol=1e-12)


def test_an_iteration_that_is_set_back_after_a_reset_counts_for_both():
    trainer, oracle = pair(SIZES, ACTIVATIONS, "mse", "adam")
    X, y = data("mse", 20, SIZES[0], SIZES[-1])
    trainer.train_step(X, y)
    trainer.reset_optimizer()
    trainer.model.iteration[0] = 0
    oracle.weights = [(w.copy(), b.copy()) for w, b in trainer.weights]
    for _ in range(3):
        trainer.train_step(X, y)
        oracle.train_step(X, y)
    assert_close(theta(trainer), oracle.theta, 1e-12)


def test_a_file_says_when_the_optimizer_began_where_that_is_not_the_beginning():
    trainer, _ = pair(SIZES, ACTIVATIONS, "mse", "adam", batch_size=8)
    X, y = data("mse", 40, SIZES[0], SIZES[-1])
    trainer.fit(X, y, epochs=2)
    table, description, _ = taken_apart(trainer._bytes())
    assert (table["__metadata__"]["version"], "optimizer_start" in description) == ("1", False)
    trainer.reset_optimizer()
    table, description, _ = taken_apart(trainer._bytes())
    assert (table["__metadata__"]["version"], description["optimizer_start"]) == ("2", 10)
    loaded = nbtrain.Trainer.from_bytes(trainer._bytes())
    for each in (trainer, loaded):
        each.fit(X, y, epochs=2)
    assert loaded.theta.tobytes() == trainer.theta.tobytes()
    with pytest.raises(nbtrain.ModelFileError, match="optimizer_start"):
        nbtrain.Trainer.from_bytes(changed(trainer._bytes(), lambda _, trainer: trainer.update(optimizer_start=-1)))


def test_divergence_after_a_reset_restores_the_t_of_the_epoch_before():
    trainer, _ = pair(SIZES, ACTIVATIONS, "mse", "adam", batch_size=8)
    X, y = data("mse", 40, SIZES[0], SIZES[-1])
    trainer.fit(X, y, epochs=1)
    before = trainer._bytes()

    class Reset(nbtrain.callbacks.Callback):
        every_steps = 1

        def on_step(self, trainer, iteration, metrics):
            if iteration == 7:
                trainer.reset_optimizer()
            if iteration == 9:
                trainer.theta[0] = np.nan

    with pytest.raises(nbtrain.DivergenceError):
        trainer.fit(X, y, epochs=1, callbacks=[Reset()])
    assert trainer.iteration == 5
    twin = nbtrain.Trainer.from_bytes(before)
    for each in (trainer, twin):
        each.fit(X, y, epochs=2)
    assert trainer.theta.tobytes() == twin.theta.tobytes()
