"""Quick calls give what the long way gives, and leave to it whatever is not at hand in the right form."""

from __future__ import annotations

import gc
import sys

import numpy as np
import pytest

import nbtrain
from nbtrain.model import quick

LOSSES = ["mse", "binary_cross_entropy", "softmax_cross_entropy"]


def make_trainer(loss="softmax_cross_entropy", dtype="float32", outputs=3):
    network = nbtrain.Network(4, [nbtrain.Dense(6, "tanh", dropout=0.2), nbtrain.Dense(outputs)])
    return nbtrain.Trainer(network, loss=loss, dtype=dtype, batch_size=8, rng=0)


def batch(loss="softmax_cross_entropy", dtype="float32", outputs=3, rows=8):
    random = np.random.default_rng(3)
    x = random.standard_normal((rows, 4)).astype(dtype)
    if loss == "softmax_cross_entropy":
        return x, random.integers(0, outputs, rows)
    return x, random.integers(0, 2, (rows, outputs)).astype(dtype)


def test_this_interpreter_has_quick_calls():
    assert quick.possible()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", LOSSES)
def test_quick_steps_and_predictions_are_those_of_the_long_way(loss, dtype):
    x, y = batch(loss, dtype)
    ours, theirs = make_trainer(loss, dtype), make_trainer(loss, dtype)
    theirs._quick_step = theirs._quick_predict = quick.decline
    for rows in (8, 1, 3):
        assert ours.train_step(x[:rows], y[:rows]) == theirs.train_step(x[:rows], y[:rows])
        np.testing.assert_array_equal(ours.predict(x[:rows]), theirs.predict(x[:rows]))
    np.testing.assert_array_equal(ours.theta, theirs.theta)
    assert ours.iteration == theirs.iteration == 3
    assert np.isfinite(ours._quick_step(x, y))  # it was the quick way


def test_one_output_takes_a_vector_of_targets():
    ours, theirs = make_trainer("mse", outputs=1), make_trainer("mse", outputs=1)
    x, y = batch("mse", outputs=1)
    assert ours.train_step(x, y[:, 0].copy()) == theirs.train_step(x, y)


X, Y = batch()
UNFIT = [
    (X.astype(np.float64), Y),
    (np.asfortranarray(X), Y),
    (np.repeat(X, 2, axis=0)[::2], Y),
    (X.astype(">f4"), Y),
    (X.view(np.matrix), Y),
    (X.tolist(), Y),
    (X, Y.astype(np.int32)),
    (X, Y.tolist()),
    (X, np.repeat(Y, 2)[::2]),
]


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize("given", UNFIT, ids=range(len(UNFIT)))
def test_other_forms_of_the_same_data_go_the_long_way(given):
    ours, theirs = make_trainer(), make_trainer()
    assert np.isnan(ours._quick_step(*given))
    assert ours.iteration == 0
    assert ours.train_step(*given) == theirs.train_step(X, Y)
    np.testing.assert_array_equal(ours.theta, theirs.theta)


def changed(array, index, value):
    array = array.copy()
    array[index] = value
    return array


BAD = [
    (changed(X, (2, 1), np.nan), Y, "X"),
    (changed(X, (2, 1), np.inf), Y, "X"),
    (X, changed(Y, 3, 3), "y"),
    (X, changed(Y, 3, -1), "y"),
    (X, Y[:5].copy(), "y"),
    (X[:, :3].copy(), Y, "X"),
    (X[:0], Y[:0], "X"),
    (X[0], Y[:1], "X"),
    (X, X[:, :3].copy(), "y"),
    (X[:, :3].copy().view(np.int32), Y, "X"),
    ("X", Y, "X"),
    (None, None, "X"),
]


@pytest.mark.parametrize(("x", "y", "name"), BAD, ids=range(len(BAD)))
def test_bad_data_is_left_to_the_long_way_which_names_it(x, y, name):
    trainer = make_trainer()
    before = trainer.theta.copy()
    with pytest.raises(nbtrain.InputError, match=f"^{name}"):
        trainer.train_step(x, y)
    np.testing.assert_array_equal(trainer.theta, before)


@pytest.mark.parametrize("value", [1.5, -0.5, np.nan])
def test_targets_out_of_range_are_refused(value):
    trainer = make_trainer("binary_cross_entropy")
    x, y = batch("binary_cross_entropy")
    with pytest.raises(nbtrain.InputError, match=r"^y"):
        trainer.train_step(x, changed(y, (1, 1), value))


def test_a_wrong_number_of_arguments_is_declined():
    trainer = make_trainer()
    for arguments in ((), (X,), (X, Y, None)):
        assert np.isnan(trainer._quick_step(*arguments))
        assert np.isnan(trainer._quick_predict(*arguments))


def test_predictions_are_not_written_to_unfit_arrays():
    trainer = make_trainer()
    frozen = np.zeros((8, 3), np.float32)
    frozen.flags.writeable = False
    for out in (frozen, np.zeros((7, 3), np.float32), np.zeros((8, 3)), np.zeros((3, 8), np.float32).T):
        assert np.isnan(trainer._quick_predict(X, out))
        assert not out.any()


def test_a_busy_model_is_not_touched():
    trainer = make_trainer()
    trainer.engine.descriptor["busy"] = 1  # as another thread inside it leaves it
    before = trainer.theta.copy()
    assert np.isnan(trainer._quick_step(X, Y))
    assert np.isnan(trainer._quick_predict(X, np.zeros((8, 3), np.float32)))
    np.testing.assert_array_equal(trainer.theta, before)


def test_references_are_neither_lost_nor_kept():
    trainer = make_trainer()
    out = np.empty((8, 3), np.float32)
    before = [sys.getrefcount(item) for item in (X, Y, out)]
    for _ in range(1000):
        trainer._quick_step(X, Y)
        trainer._quick_predict(X, out)
        trainer._quick_step(X)
    assert [sys.getrefcount(item) for item in (X, Y, out)] == before


def test_a_quick_function_keeps_its_model_alive():
    step = make_trainer()._quick_step
    reference = make_trainer()
    gc.collect()
    blocks = [np.ones(100_000) for _ in range(20)]  # would lie where the model was
    assert step(X, Y) == reference.train_step(X, Y)
    assert all((block == 1).all() for block in blocks)


def test_without_quick_calls_all_goes_the_long_way(monkeypatch):
    monkeypatch.setattr(quick, "possible", lambda: False)
    trainer, reference = make_trainer(), make_trainer()
    assert trainer._quick_step is quick.decline
    assert trainer.train_step(X, Y) == reference.train_step(X, Y)
    np.testing.assert_array_equal(trainer.predict(X), reference.predict(X))
