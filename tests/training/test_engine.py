"""State, the read-only descriptor, and engines in forked children."""

import os
import signal
import threading
import tracemalloc
import warnings

import numpy as np
import pytest
from common import data, network

import nbtrain
from nbtrain.model.state import RECORD, RowLayout, State

LOSS = "softmax_cross_entropy"
SIZES = (5, 9, 3)
X, Y = data(LOSS, 70, SIZES[0], SIZES[-1])
OPTIMIZERS = ["sgd", "adam", "heavy_ball"]


def make(optimizer="adam", dtype="float32", rng=3):
    net = network(SIZES, ["tanh", "identity"], [0.3, 0.0])
    return nbtrain.Trainer(net, loss=LOSS, optimizer=optimizer, batch_size=16, dtype=dtype, rng=rng)


def standing(trainer):
    """Everything that training changes."""
    return trainer.theta.tobytes(), trainer.model.state.tobytes(), trainer.iteration, trainer.epoch


# ---- State


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_state_that_is_put_back_continues_with_the_same_bits(optimizer, dtype):
    trainer = make(optimizer, dtype)
    trainer.fit(X, Y, epochs=2)
    trainer.train_step(X[:7], Y[:7])
    state, there = trainer.engine.take(), standing(trainer)
    trainer.fit(X, Y, epochs=3)
    wanted = standing(trainer)
    trainer.engine.put(state)
    assert standing(trainer) == there
    trainer.fit(X, Y, epochs=3)
    assert standing(trainer) == wanted


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_another_trainer_continues_from_the_bytes_of_a_state_with_its_seed(optimizer):
    one, other = make(optimizer, rng=3), make(optimizer, rng=99)
    one.fit(X, Y, epochs=2)
    other.fit(X[:33], Y[:33], epochs=1)
    kept = one.engine.take().data.tobytes()
    layout = RowLayout.of(other.engine.recipe)
    other.engine.put(State(layout, np.frombuffer(kept, np.uint8)))
    for trainer in (one, other):
        trainer.fit(X, Y, epochs=2)
    assert standing(one) == standing(other)


def test_a_state_is_one_block_of_counters_theta_state_and_scalars():
    trainer = make()
    trainer.fit(X, Y, epochs=1)
    state = trainer.engine.take()
    assert state.data.flags.c_contiguous
    row = state.data[RECORD.itemsize :].tobytes()
    wanted = trainer.theta.tobytes() + trainer.model.state.tobytes()
    assert row[: len(wanted)] == wanted
    assert state.counters["epoch"] == 1
    assert state.counters["iteration"] == trainer.iteration
    trainer.theta[:] = 0.0
    assert state.theta.any()  # a copy


def test_bytes_of_another_size_are_refused():
    layout = RowLayout.of(make().engine.recipe)
    with pytest.raises(ValueError, match="a state of 3 bytes where the model has"):
        State(layout, np.zeros(3, np.uint8))


# ---- the descriptor


def test_the_descriptor_cannot_be_written_but_learning_rate_and_iteration_can():
    trainer = make()
    with pytest.raises(ValueError, match="read-only"):
        trainer.model.descriptor["inputs"] = 7
    with pytest.raises(ValueError, match="WRITEABLE"):
        trainer.model.descriptor.flags.writeable = True
    trainer.model.learning_rate[0], trainer.model.iteration[0] = 0.5, 40
    assert (trainer.learning_rate, trainer.iteration) == (0.5, 40)
    assert trainer.model.descriptor["iteration"][0] == 40  # a view


# ---- forks


def predicted(trainer, rows):
    """What NumPy predicts with the trainer's weights."""
    for index, (w, b) in enumerate(trainer.weights):
        rows = rows.astype(np.float64) @ w + b
        rows = np.tanh(rows) if index < 2 else rows
    return rows


def in_child(check):
    """Whether `check()` is true in a forked child; a child that hangs is ended by an alarm."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of forks with threads
        child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(60)
        try:
            os._exit(0 if check() else 3)
        finally:
            os._exit(4)
    return os.waitpid(child, 0)[1] == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_child_that_is_forked_while_helpers_work_predicts_and_trains_as_alone():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(1024, 64)).astype("f4"), random.normal(size=(1024, 1)).astype("f4")
    net = network((64, 192, 192, 1), ["tanh", "tanh", "identity"])
    trainer = nbtrain.Trainer(net, loss="mse", batch_size=256, rng=0, threads=2)
    team, over = trainer.engine.memory.array("team"), threading.Event()

    def work():
        while not over.is_set():
            trainer.fit(x, y, epochs=3)

    def child_is_right():
        few = np.abs(trainer.predict(x[:6]) - predicted(trainer, x[:6])).max() < 1e-4
        many = np.abs(trainer.predict(x) - predicted(trainer, x)).max() < 1e-4
        trainer.evaluate(x, y)
        trainer.train_step(x[:300], y[:300])
        trainer.fit(x, y, epochs=1)
        return few and many

    thread = threading.Thread(target=work)
    thread.start()
    try:
        forks = 0
        while forks < 6:
            helped = any(team.flat[0] % 256 for _ in range(200_000))  # until a helper is in the team
            assert in_child(child_is_right)
            forks += 1 if helped else 0.5
    finally:
        over.set()
        thread.join()


# ---- what a trainer shows and needs


def test_a_model_has_a_short_repr():
    assert repr(make().model) == "<nbtrain.Model of 84 parameters, float32>"


@pytest.mark.parametrize("weighted", [False, True])
def test_r2_is_that_of_scikit_learn_over_more_rows_than_are_read_at_once(weighted):
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(0)
    x, y = random.normal(size=(9001, 4)), random.normal(size=(9001, 2)) * [1.0, 1e3] + [0.0, 1e5]
    weight = random.random(9001) if weighted else None
    trainer = nbtrain.Trainer(network((4, 2), ["identity"]), loss="mse", dtype="float64", rng=0)
    wanted = metrics.r2_score(y, trainer.predict(x), sample_weight=weight)
    np.testing.assert_allclose(trainer.evaluate(x, y, weight)["r2"], wanted, rtol=1e-9)


def test_constant_targets_have_r2_0_or_1():
    trainer = nbtrain.Trainer(network((3, 1), ["identity"]), loss="mse", rng=0)
    x = np.random.default_rng(0).normal(size=(31, 3))
    assert trainer.evaluate(x, np.full((31, 1), 0.1))["r2"] == 0.0
    trainer.theta[:] = 0.0
    trainer.weights[0][1][:] = 0.1
    assert trainer.evaluate(x, np.full((31, 1), 0.1))["r2"] == 1.0


def test_evaluate_makes_no_copy_of_float_targets():
    trainer = nbtrain.Trainer(network((1, 8), ["identity"]), loss="mse", rng=0)
    x, y = np.zeros((200_000, 1), "f4"), np.zeros((200_000, 8), "f4")
    trainer.evaluate(x, y)
    tracemalloc.start()
    try:
        trainer.evaluate(x, y)
        assert tracemalloc.get_traced_memory()[1] < y.nbytes / 4
    finally:
        tracemalloc.stop()
