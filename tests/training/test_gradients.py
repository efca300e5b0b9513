"""Trainer.forward, backward, input_gradient, activations and update: what they take, and what they refuse."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from common import assert_close, network

import nbtrain
from nbtrain.core import layout


def make(outputs=2, **options):
    net = network((4, 6, outputs), ["tanh", "sigmoid"], options.pop("dropout", ()))
    return nbtrain.Trainer(net, loss="mse", dtype="float64", rng=0, **({"batch_size": 16} | options))


@pytest.fixture
def x():
    return np.random.default_rng(0).standard_normal((10, 4))


def by_hand(trainer, x):
    """Activations of both layers, and dJ/dx for J = the sum of the first output."""
    (w1, b1), (w2, b2) = trainer.weights
    hidden = np.tanh(x @ w1 + b1)
    out = 1 / (1 + np.exp(-(hidden @ w2 + b2)))
    slope = (out[:, :1] * (1 - out[:, :1]) * w2[:, 0]) * (1 - hidden**2)
    return hidden, out, slope @ w1.T


def test_activations_are_those_of_every_layer_for_any_number_of_rows(x):
    trainer = make(dropout=[0.5, 0.0])
    many = np.concatenate([x] * 5)
    found = trainer.activations(many)
    assert [a.shape for a in found] == [(50, 6), (50, 2)]
    for a, wanted in zip(found, by_hand(trainer, many), strict=False):
        assert_close(a, wanted, 1e-14)


def test_the_gradient_with_respect_to_the_inputs_is_without_dropout_and_takes_any_number_of_rows(x):
    many = np.concatenate([x] * 5)
    two, one = make(dropout=[0.5, 0.0]), make(outputs=1)
    assert_close(two.input_gradient(many, np.tile([1.0, 0.0], (50, 1))), by_hand(two, many)[2], 1e-14)
    for delta in (None, np.ones(50), np.ones((50, 1)), [1] * 50):
        assert_close(one.input_gradient(many, delta), by_hand(one, many)[2], 1e-14)


def test_what_is_passed_is_converted(x):
    trainer = make()
    out = trainer.forward(x.tolist())
    assert_close(out, by_hand(trainer, x)[1], 1e-14)
    gradient = trainer.backward(np.asfortranarray(x), np.ones((10, 2), np.int32))
    assert gradient is trainer.model.gradient
    wanted = gradient.copy()
    trainer.forward(x, training=np.True_, draw=np.int32(0))
    np.testing.assert_array_equal(trainer.backward(x, np.ones((10, 2))), wanted)


def test_an_update_uses_the_gradient_as_it_is_then(x):
    trainer = make(optimizer=nbtrain.optimizer("sgd", learning_rate=0.5), clip_value=0.01)
    before = trainer.theta.copy()
    trainer.forward(x)
    gradient = trainer.backward(x, np.ones((10, 2)))
    gradient[0] = 0.0
    wanted = before - 0.5 * np.clip(gradient, -0.01, 0.01)
    trainer.update()
    assert_close(trainer.theta, wanted, 1e-15)
    assert trainer.iteration == 1


REFUSED = {
    "X must have at most batch_size = 16 rows, got 17; use a Trainer with a larger batch_size": lambda t, x: t.forward(
        np.ones((17, 4))
    ),
    "X must have at most batch_size = 16 rows, got 17; use a Trainer with": lambda t, x: t.backward(
        np.ones((17, 4)), np.ones((17, 2))
    ),
    r"X must have shape \(n_samples, 4\), got \(10, 3\)": lambda t, x: t.forward(x[:, :3]),
    "X must be finite, got nan at row 1, column 2": lambda t, x: t.forward(np.where(x == x[1, 2], np.nan, x)),
    "training must be True or False, got 1": lambda t, x: t.forward(x, training=1),
    "training must be True or False, got 'yes'": lambda t, x: t.forward(x, "yes"),
    "draw must be an integer >= 0, got -1": lambda t, x: t.forward(x, draw=-1),
    "draw must be an integer >= 0, got True": lambda t, x: t.forward(x, draw=True),
    r"draw must be below 2\*\*63, got 9223372036854775808": lambda t, x: t.forward(x, draw=2**63),
    r"delta must have shape \(10, 2\), got \(10,\)": lambda t, x: t.backward(x, np.ones(10)),
    "delta must be finite, got inf at row 0, column 0": lambda t, x: t.backward(x, np.full((10, 2), np.inf)),
    "delta must be an array of numbers, got None": lambda t, x: t.backward(x, None),
    "accumulate must be True or False, got 'add'": lambda t, x: t.backward(x, np.ones((10, 2)), accumulate="add"),
    r"dx must be a writable, C-contiguous array of shape \(10, 4\) and dtype float64, got True; use dx = np": (
        lambda t, x: t.backward(x, np.ones((10, 2)), True)
    ),
    r"dx must .*, got shape \(10, 4\), dtype float32; use np\.empty\(\(10, 4\), np\.float64\)": lambda t, x: t.backward(
        x, np.ones((10, 2)), np.empty((10, 4), np.float32)
    ),
    r"dx must .*, got shape \(10, 4\), dtype float64, not contiguous": lambda t, x: t.backward(
        x, np.ones((10, 2)), np.empty((10, 4), order="F")
    ),
    r"dx must .*, got shape \(10, 4\), dtype float64, read-only": lambda t, x: t.backward(
        x, np.ones((10, 2)), np.broadcast_to(0.0, (10, 4)).copy().view(ReadOnly)
    ),
    r"delta must be an array of shape \(10, 2\) where the network has several outputs, got None; for the gradient of": (
        lambda t, x: t.input_gradient(x)
    ),
    r"delta must have shape \(10, 2\), got \(9, 2\)": lambda t, x: t.input_gradient(x, np.ones((9, 2))),
    "backward and input_gradient need a forward of as many rows just before": lambda t, x: t.backward(
        x[:9], np.ones((9, 2))
    ),
}


class ReadOnly(np.ndarray):
    """A view that cannot be written to."""

    def __array_finalize__(self, source):
        if type(source) is np.ndarray:
            self.flags.writeable = False


@pytest.mark.parametrize("message", REFUSED)
def test_wrong_arguments_are_named_and_end_nothing(message, x):
    trainer = make()
    trainer.forward(x)
    with pytest.raises(nbtrain.InputError, match=f"^{message}"):
        REFUSED[message](trainer, x)
    trainer.backward(x, np.ones((10, 2)))


def test_a_gradient_that_is_not_finite_is_refused_by_the_update(x):
    trainer = make()
    before = trainer.theta.copy()
    trainer.model.gradient[3] = np.inf
    with pytest.raises(nbtrain.DivergenceError, match=r"^the gradient has NaN or infinity; no parameter was changed$"):
        trainer.update()
    np.testing.assert_array_equal(trainer.theta, before)


def test_another_threads_use_in_between_is_an_error_and_not_another_gradient(x):
    trainer = make()
    trainer.forward(x)
    thread = threading.Thread(target=trainer.forward, args=(x[:5],))
    thread.start()
    thread.join()
    with pytest.raises(nbtrain.InputError, match="without another call on the model in between"):
        trainer.backward(x, np.ones((10, 2)))


def test_a_gradient_of_the_inputs_repeats_a_forward_that_a_compiled_caller_has_ended(x, monkeypatch):
    trainer = make()
    usual, ended = trainer.engine.call_on, []

    def call_on(name, rows, *arguments):
        if name == "input_gradient" and len(ended) < 3:
            ended.append(trainer.engine.in_turn(trainer.engine.short.update))
            trainer.theta[:] = before
        return usual(name, rows, *arguments)

    before = trainer.theta.copy()
    monkeypatch.setattr(trainer.engine, "call_on", call_on)
    found = trainer.input_gradient(x, np.tile([1.0, 0.0], (10, 1)))
    assert ended == [layout.OK] * 3
    assert_close(found, by_hand(trainer, x)[2], 1e-14)
