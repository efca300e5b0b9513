"""Schedules: the rates of a run, parameters that contradict each other, and runs beyond a schedule's end."""

import math
import warnings

import numpy as np
import pytest

import nbtrain


def rates(schedule, steps):
    """Learning rates of a training run: sgd moves a bias whose gradient is 1 by as much."""
    network = nbtrain.Network(1, [nbtrain.Dense(1)])
    optimizer = nbtrain.optimizer("sgd", learning_rate=schedule)
    trainer = nbtrain.Trainer(network, loss="mse", optimizer=optimizer, dtype="float64", rng=0)
    found = []
    for _ in range(steps):
        before = trainer.weights[0][1][0]
        trainer.train_step([[0.0]], [[before - 1.0]])
        found.append(before - trainer.weights[0][1][0])
    return np.array(found)


def decay(count, steps, rate, minimum=0.0):
    """Keras' CosineDecay, optax.cosine_decay_schedule and PyTorch's CosineAnnealingLR after `count` updates."""
    return minimum + (rate - minimum) * 0.5 * (1.0 + math.cos(math.pi * min(count, steps) / steps))


def test_cosine_begins_with_the_rate_and_reaches_the_minimum_after_its_steps():
    wanted = [decay(count, 6, 1.0) for count in range(9)]
    np.testing.assert_allclose(rates(nbtrain.schedule("cosine", steps=6, rate=1.0), 9), wanted, atol=1e-15)
    assert wanted[0] == 1.0
    assert wanted[5] > 0.0


def test_cosine_after_a_warm_up():
    schedule = nbtrain.schedule("cosine", steps=20, rate=0.1, minimum=0.01, warmup=5)
    wanted = [0.1 * t / 5 for t in range(1, 6)] + [decay(count, 15, 0.1, 0.01) for count in range(20)]
    np.testing.assert_allclose(rates(schedule, 25), wanted, rtol=1e-12)


def test_cosine_is_that_of_pytorch():
    torch = pytest.importorskip("torch")
    rule = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(rule, T_max=12, eta_min=0.01)
    wanted = []
    for _ in range(12):
        wanted.append(rule.param_groups[0]["lr"])
        rule.step()
        schedule.step()
    np.testing.assert_allclose(rates(nbtrain.schedule("cosine", steps=12, rate=0.1, minimum=0.01), 12), wanted)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"rate": 1e-3, "minimum": 0.01}, r"minimum must be <= rate, got 0\.01 with rate 0\.001"),
        ({"steps": 5, "warmup": 10}, "warmup must be < steps, got 10 with steps 5"),
        ({"steps": 5, "warmup": 5}, "warmup must be < steps, got 5 with steps 5"),
    ],
)
def test_parameters_that_contradict_each_other_are_refused(given, words):
    with pytest.raises(nbtrain.InputError, match=f"^schedule 'cosine': {words}"):
        nbtrain.schedule("cosine", **given)


def fit(schedule, epochs):
    optimizer = nbtrain.optimizer("sgd", learning_rate=schedule)
    trainer = nbtrain.Trainer(nbtrain.Network(2, [nbtrain.Dense(1)]), loss="mse", optimizer=optimizer, rng=0)
    X = np.random.default_rng(0).normal(size=(64, 2))  # two batches
    trainer.fit(X, X[:, :1], epochs=epochs, callbacks=[lambda trainer, epoch, metrics: None])
    return trainer


def test_a_run_beyond_a_schedule_that_ends_at_0_warns_once():
    with pytest.warns(RuntimeWarning, match=r"the learning rate is 0: schedule\('cosine', .* has ended") as found:
        fit(nbtrain.schedule("cosine", steps=6), epochs=10)
    assert len(found) == 1
    assert found[0].filename == __file__


@pytest.mark.parametrize(
    "schedule",
    [
        nbtrain.schedule("cosine", steps=20),
        nbtrain.schedule("cosine", steps=2, minimum=1e-9),
        nbtrain.Schedule("saw", lambda t: 0.01 * (t % 2)),  # 0 at the end of every epoch
    ],
)
def test_a_run_within_a_schedule_does_not_warn(schedule):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(schedule, epochs=10)


@pytest.mark.parametrize("activation", ["identity", "sigmoid", "tanh", "relu", "leaky_relu"])
def test_weights_are_drawn_by_glorot_unless_another_initializer_is_named(activation):
    layer = nbtrain.Dense(300, activation)
    assert layer.initializer.name == "glorot_uniform"
    trainer = nbtrain.Trainer(nbtrain.Network(200, [layer]), loss="mse", rng=0)
    w, b = trainer.weights[0]
    np.testing.assert_allclose(w.var(), 2.0 / 500, rtol=0.03)
    assert np.abs(w).max() <= math.sqrt(6.0 / 500)
    assert not b.any()
    assert nbtrain.Dense(300, activation, initializer="he_uniform").initializer.name == "he_uniform"
