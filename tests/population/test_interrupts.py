"""Ctrl-C, kills and checkpoints: no finished member is lost, and a resumed run has the bits of one without a break."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import numpy as np
import processes
import pytest
from common import ROOT, SUPPORT

import nbtrain
from nbtrain import Dense

NETWORK = nbtrain.Network(6, [Dense(32, "tanh", dropout=0.1), Dense(1)])
MEMBERS, EPOCHS = 12, 400


def population(**options):
    rates = np.geomspace(1e-3, 1e-2, MEMBERS)
    optimizer = nbtrain.optimizer("adam", learning_rate=rates)
    return nbtrain.Population(NETWORK, MEMBERS, loss="mse", optimizer=optimizer, rng=3, **options)


def data(seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=(MEMBERS, 64, 6)).astype(np.float32), random.normal(size=(MEMBERS, 64, 1)).astype(
        np.float32
    )


@pytest.fixture(scope="module")
def whole():
    """A run without a break."""
    many = population()
    many.fit(*data(), EPOCHS)
    return many


def interrupt_when(many, condition):
    """Press Ctrl-C once a condition holds."""
    main = threading.main_thread().ident

    def press():
        while not condition():
            time.sleep(0.001)
        signal.pthread_kill(main, signal.SIGINT)

    thread = threading.Thread(target=press, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("threads", [1, 2])
def test_an_interrupted_run_continues_to_the_same_bits(whole, threads):
    many = population(threads=threads)
    epochs = 100 * EPOCHS  # it would take minutes
    thread = interrupt_when(many, lambda: many.epoch.max() > 0)
    with pytest.raises(KeyboardInterrupt):
        many.fit(*data(), epochs)
    thread.join()
    assert many.epoch.min() == 0  # most members had not begun
    assert 0 < many.epoch.max() < epochs
    assert (many.history.epochs == many.epoch).all()
    begun = int(many.epoch.argmax())
    trainer = nbtrain.Trainer(
        NETWORK,
        loss="mse",
        optimizer=nbtrain.optimizer("adam", learning_rate=float(many.hyperparameters["learning_rate"][begun])),
        rng=many.seed(begun),
    )
    X, y = data()
    trainer.fit(X[begun], y[begun], int(many.epoch[begun]))
    assert np.array_equal(trainer.theta, many.theta[begun])
    left = np.maximum(EPOCHS - many.epoch, 0)
    many.fit(X, y, left)
    done = many.epoch == EPOCHS
    assert done.sum() >= MEMBERS - threads
    assert np.array_equal(many.theta[done], whole.theta[done])


def test_early_stopping_restores_the_best_of_members_that_are_interrupted():
    many, valid = population(), data(1)
    thread = interrupt_when(many, lambda: many.epoch.max() > 20)
    with pytest.raises(KeyboardInterrupt):
        many.fit(*data(), 10**6, validation_data=valid, early_stopping={"patience": 10**6})
    thread.join()
    k = int(many.epoch.argmax())
    losses = many.history.member(k)["val_loss"]
    found = many.evaluate(*valid)["loss"][k]
    assert found == min(losses)


def test_a_run_that_is_interrupted_resumes_with_its_early_stopping(tmp_path):
    options = {"validation_data": data(1), "early_stopping": {"patience": 60}, "checkpoint": tmp_path / "run.nbt"}
    wanted = population()
    wanted.fit(*data(), EPOCHS, **options | {"checkpoint": None})
    many = population()
    thread = interrupt_when(many, lambda: many.epoch.max() > 5)
    with pytest.raises(KeyboardInterrupt):
        many.fit(*data(), EPOCHS, **options)
    thread.join()
    again = population()
    found = again.fit(*data(), EPOCHS, **options)
    assert np.array_equal(again.theta, wanted.theta)
    assert all(np.array_equal(found[name], column, equal_nan=True) for name, column in wanted.history.items())
    assert again.best("val_loss") == wanted.best("val_loss")


PROGRAM = f"""
import sys
sys.path[:0] = {[str(ROOT / "tests" / "population"), str(SUPPORT)]!r}
from test_interrupts import *
from nbtrain.callbacks import Checkpoint
many, stopping = population(threads=int(sys.argv[2])), {{"patience": 60}}
many.fit(*data(), EPOCHS, validation_data=data(1), early_stopping=stopping,
         checkpoint=Checkpoint(sys.argv[1], every_minutes=1e-9))
print("done", flush=True)
"""


def begun(path):
    """Whether a checkpoint holds some progress."""
    if not path.exists():
        return False
    found = nbtrain.load(path).epoch
    return found.max() > 0 and found.min() < EPOCHS


def test_a_killed_run_resumes_from_its_checkpoint_bit_for_bit(tmp_path):
    path = tmp_path / "run.nbt"
    arguments = [sys.executable, "-c", PROGRAM, str(path), "2"]
    kills = 0
    for _ in range(50):
        process = processes.start(arguments)
        try:
            while process.poll() is None and not begun(path):
                time.sleep(0.005)
            if process.poll() is None and kills < 2:
                os.kill(process.pid, signal.SIGKILL)
                kills += 1
            errors = process.communicate(timeout=processes.PATIENCE)[1]
        finally:
            process.kill()
        if process.returncode != -signal.SIGKILL:
            break
    assert process.returncode == 0, errors
    many = nbtrain.load(path)
    wanted = population()
    wanted.fit(*data(), EPOCHS, validation_data=data(1), early_stopping={"patience": 60})
    assert np.array_equal(many.theta, wanted.theta)
    assert many.history.epochs.tolist() == wanted.history.epochs.tolist()
    assert all(np.array_equal(many.history[name], column, equal_nan=True) for name, column in wanted.history.items())


def test_a_checkpoint_of_another_population_is_refused(tmp_path):
    path, (X, y) = tmp_path / "run.nbt", data()
    many = population()
    many.fit(X, y, 3, checkpoint=path)
    again = population()
    assert (again.fit(X, y, 5, checkpoint=path).epochs == 5).all()
    many.fit(X, y, 2)
    assert np.array_equal(many.theta, again.theta)
    again.fit(X, y, 6, checkpoint=path)
    with pytest.raises(nbtrain.InputError, match="trained differently"):
        many.fit(X, y, 9, checkpoint=path)
    other = nbtrain.Population(NETWORK, MEMBERS, loss="mse", rng=3)
    with pytest.raises(nbtrain.InputError, match="other networks, components or hyperparameters"):
        other.fit(X, y, 9, checkpoint=path)
    with pytest.raises(nbtrain.InputError, match="other data"):
        population().fit(X[:, :20], y[:, :20], 9, checkpoint=path)
    with pytest.warns(UserWarning, match="different data of the same size"):
        population().fit(X + 1, y, 9, checkpoint=path)
