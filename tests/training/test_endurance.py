"""Endurance: runs that diverge, are killed or interrupted, or are repeated; in full length with `make soak`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap

import numpy as np
import processes
import pytest
from common import SOAKING, SUPPORT, data, network, times

import nbtrain


def python(code, *arguments, cwd=None):
    """Run a program in a process of its own -> what it printed."""
    done = processes.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code), *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(SUPPORT), os.environ.get("PYTHONPATH")]))},
        timeout=2 * processes.PATIENCE if SOAKING else processes.PATIENCE,
        cwd=cwd,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return done.stdout


# ---- divergence

OPTIMIZERS = ["sgd", "momentum", "rmsprop", "adam", "heavy_ball"]
ACTIVATIONS = ["relu", "tanh", "sigmoid", "leaky_relu"]
RATES = [1e0, 1e3, 1e8, 1e20, 1e30]
CONFIGURATIONS = [
    (optimizer, activation, loss, dtype, rate)
    for number, (optimizer, activation, rate) in enumerate(
        (optimizer, activation, rate) for optimizer in OPTIMIZERS for activation in ACTIVATIONS for rate in RATES
    )
    for loss, dtype in [("mse", "float32"), (("softmax_cross_entropy", "mse")[number % 2], "float64")]
]


def diverging(optimizer, activation, loss, dtype, rate):
    """A trainer that a learning rate and large inputs drive to infinity, or nearly, and its data."""
    net = network((6, 12, 8, 3), [activation, activation, "identity"])
    chosen = nbtrain.optimizer(optimizer, learning_rate=rate)
    X, y = data(loss, 40, 6, 3)
    return nbtrain.Trainer(net, loss=loss, optimizer=chosen, dtype=dtype, batch_size=8, rng=1), 100 * X, y


def test_divergence_is_told_within_an_epoch_and_leaves_the_last_finite_one():
    assert len(CONFIGURATIONS) == 200
    diverged = 0
    for configuration in CONFIGURATIONS:
        trainer, X, y = diverging(*configuration)
        words = ""
        try:
            trainer.fit(X, y, epochs=20)
        except nbtrain.DivergenceError as error:
            words = str(error)
        if words:
            assert f"epoch {trainer.epoch + 1}," in words, configuration
            iteration = int(re.search(r"iteration (\d+),", words)[1])
            assert trainer.iteration < iteration <= trainer.iteration + 5, configuration  # 5 steps an epoch
            diverged += 1
            twin, X, y = diverging(*configuration)
            twin.fit(X, y, epochs=trainer.epoch)  # without an error
            assert twin.theta.tobytes() == trainer.theta.tobytes(), configuration
            assert twin.model.state.tobytes() == trainer.model.state.tobytes(), configuration
            with pytest.raises(nbtrain.DivergenceError):
                twin.fit(X, y, epochs=1)
        else:
            assert trainer.epoch == 20
        assert trainer.history.epochs == trainer.epoch
        assert np.isfinite(trainer.theta).all(), configuration
        assert np.isfinite(trainer.model.state).all(), configuration
        assert np.isfinite(trainer.history["loss"]).all() if trainer.epoch else True, configuration
    assert 60 < diverged < 200


# ---- kills while training

KILLED = """
    import csv, os, random, signal, sys, time
    import numpy as np
    import nbtrain
    from common import data, network
    from nbtrain import callbacks as c

    kills = int(sys.argv[1])
    X, y = data("softmax_cross_entropy", 200, 6, 3)
    held_out = data("softmax_cross_entropy", 60, 6, 3, seed=2)
    EPOCHS = 4 * kills

    def run(folder, told):
        net = network((6, 16, 3), ["tanh", "identity"], [0.1, 0.0])
        trainer = nbtrain.Trainer(net, loss="softmax_cross_entropy", batch_size=8, rng=3)
        early = c.EarlyStopping(patience=EPOCHS)
        log = c.CSVLogger(f"{folder}/log.csv", append=True)
        plateau = c.ReduceOnPlateau(patience=7, factor=0.9)
        checkpoint = c.Checkpoint(f"{folder}/c.nbt", every_epochs=2, every_minutes=0.001)
        tell = lambda trainer, epoch, metrics: os.write(told, b".") and None
        callbacks = [early, plateau, log, tell]
        trainer.fit(X, y, EPOCHS, validation_data=held_out, callbacks=callbacks, checkpoint=checkpoint)
        return trainer, early

    os.makedirs("once"), os.makedirs("killed")
    nobody = os.open(os.devnull, os.O_WRONLY)
    at_once, early = run("once", nobody)
    random.seed(0)
    in_training = 0
    for _ in range(kills):
        read, told = os.pipe()
        child = os.fork()
        if child == 0:
            run("killed", told)
            os._exit(0)
        os.close(told)
        for _ in range(random.randint(0, 6)):  # epochs
            os.read(read, 1)
        time.sleep(random.uniform(0.0, 0.01))
        os.kill(child, signal.SIGKILL)
        in_training += os.waitpid(child, 0)[1] == signal.SIGKILL
        os.close(read)
    trainer, early_again = run("killed", nobody)
    assert trainer.theta.tobytes() == at_once.theta.tobytes()
    assert trainer.model.state.tobytes() == at_once.model.state.tobytes()
    assert dict(trainer.history) == dict(at_once.history)
    assert trainer.learning_rate == at_once.learning_rate
    assert (early.best, early.best_epoch) == (early_again.best, early_again.best_epoch)
    for folder in ("once", "killed"):
        with open(f"{folder}/log.csv", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
        assert [int(row["epoch"]) for row in rows] == list(range(1, EPOCHS + 1)), folder
        assert [float(row["val_loss"]) for row in rows] == at_once.history["val_loss"], folder
    print(in_training)
"""


def test_a_run_that_is_killed_again_and_again_ends_as_one_that_was_not(tmp_path):
    kills = times(12, 200)
    assert int(python(KILLED, kills, cwd=tmp_path)) > kills / 4


# ---- interrupts

LATENCY = """
    import os, signal, sys, threading, time
    import numpy as np
    import nbtrain
    from common import network

    random = np.random.default_rng(0)
    X = random.normal(size=(100_000, 64)).astype(np.float32)
    trainer = nbtrain.Trainer(network((64, 256, 8), ["relu", "identity"]), loss="mse", rng=0)
    waited = []
    while len(waited) < int(sys.argv[1]):
        sent = []

        def send():
            sent.append(time.perf_counter())
            os.kill(os.getpid(), signal.SIGINT)

        timer = threading.Timer(random.uniform(0.05, 0.3), send)
        try:
            timer.start()
            trainer.fit(X, X[:, :8], epochs=1000)
        except KeyboardInterrupt:
            waited.append(time.perf_counter() - sent[0])
        timer.join()
    print(np.quantile(waited, 0.99))
"""


@pytest.mark.skipif(not SOAKING, reason="a matter of time: make soak")
def test_an_interrupt_ends_a_fit_within_half_a_second():
    assert float(python(LATENCY, 100)) <= 0.5


# ---- memory


@pytest.mark.skipif(sys.platform != "linux", reason="protects pages with the C library's mprotect")
def test_random_models_touch_nothing_beside_their_arrays_and_predict_as_numpy():
    program = SUPPORT / "fuzz_memory.py"
    command = [sys.executable, program, str(times(400, 20_000))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout[-100:]}{done.stderr[-4000:]}"


# ---- leaks

LEAKS = """
    import resource, sys
    import nbtrain
    from common import data, network

    X, y = data("mse", 50, 4, 2)

    def fits(count):
        for number in range(count):
            net = network((4, 8, 2), ["tanh", "identity"], [0.2, 0.0])
            trainer = nbtrain.Trainer(net, loss="mse", batch_size=8, rng=number, clip_norm=1.0)
            trainer.fit(X, y, epochs=2, validation_data=(X, y), callbacks=[nbtrain.callbacks.EarlyStopping()])
            trainer.predict(X)
            trainer._bytes()

    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()

    fits(200)
    before = resident()
    fits(int(sys.argv[1]))
    print(resident() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory as Linux tells it")
def test_fits_leave_no_memory_behind():
    assert int(python(LEAKS, times(200, 10_000))) < 2**20
