"""Several Python threads at one trainer: each call is whole, whatever the others do, and a call of fit is one call."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
from common import data, network

import nbtrain

HERE = os.path.dirname(__file__)
PATIENCE = 300.0  # seconds after which a thread counts as stuck
X, Y = data("softmax_cross_entropy", 200, 6, 3)
X = X.astype(np.float32)


def make_trainer():
    net = network((6, 8, 3), ["tanh", "identity"], [0.2, 0.0])
    return nbtrain.Trainer(net, loss="softmax_cross_entropy", batch_size=16, rng=5)


def new_weights(trainer):
    return [(np.full_like(w, 0.25), np.zeros_like(b)) for w, b in trainer.weights]


def saved(trainer, path):
    trainer.save(path)
    return nbtrain.load(path).theta


CALLS = {
    "train_step": lambda trainer, path: trainer.train_step(X[:8], Y[:8]),
    "train_step with weights": lambda trainer, path: trainer.train_step(X[:8], Y[:8], np.arange(8.0)),
    "predict": lambda trainer, path: trainer.predict(X[:8]),
    "predict lists": lambda trainer, path: trainer.predict(X.tolist()),
    "evaluate": lambda trainer, path: list(trainer.evaluate(X, Y).values()),
    "loss_and_gradient": lambda trainer, path: trainer.loss_and_gradient(X, Y)[1],
    "set_weights": lambda trainer, path: trainer.set_weights(new_weights(trainer)),
    "save": saved,
    "fit": lambda trainer, path: trainer.fit(X, Y, epochs=1)["loss"],
}


@pytest.mark.parametrize("name", CALLS)
def test_another_thread_waits_for_the_end_of_fit(name, tmp_path):
    trainer, reference = make_trainer(), make_trainer()
    found, begun = [], threading.Event()

    def call():
        begun.set()
        found.append(CALLS[name](trainer, tmp_path / "ours.nbt"))

    other = threading.Thread(target=call, daemon=True)

    def start_another(trainer, epoch, metrics):
        if epoch == 1:
            other.start()
            begun.wait(PATIENCE)
            time.sleep(0.05)  # it has the interpreter, and would be done
        assert not found

    trainer.fit(X, Y, epochs=4, callbacks=[start_another])
    other.join(PATIENCE)
    reference.fit(X, Y, epochs=4)
    wanted = CALLS[name](reference, tmp_path / "theirs.nbt")
    np.testing.assert_array_equal(found[0], wanted)
    np.testing.assert_array_equal(trainer.theta, reference.theta)
    np.testing.assert_array_equal(trainer.model.state, reference.model.state)


def test_a_callback_gets_at_the_trainer_in_its_own_thread():
    trainer, reference = make_trainer(), make_trainer()
    seen = []

    def use(trainer, epoch, metrics):
        seen.append((trainer.predict(X[:8]), trainer.evaluate(X, Y), trainer.train_step(X[:8], Y[:8])))

    trainer.fit(X, Y, epochs=3, callbacks=[use])
    for predictions, scores, loss in seen:
        reference.fit(X, Y, epochs=1)
        np.testing.assert_array_equal(predictions, reference.predict(X[:8]))
        assert scores == reference.evaluate(X, Y)
        assert loss == reference.train_step(X[:8], Y[:8])
    assert len(seen) == 3
    np.testing.assert_array_equal(trainer.theta, reference.theta)


def fail(trainer, epoch, metrics):
    raise RuntimeError("a callback")


@pytest.mark.parametrize("callbacks", [[], [fail]], ids=["ends", "fails"])
def test_calls_are_quick_again_after_fit(callbacks):
    trainer = make_trainer()
    with pytest.raises(RuntimeError) if callbacks else contextlib.nullcontext():
        trainer.fit(X, Y, epochs=2, callbacks=callbacks)
    trainer.evaluate(X, Y)
    assert np.isfinite(trainer._quick_step(X[:8], Y[:8]))


HAMMER = """
    import sys, threading
    import numpy as np
    from test_turns import X, Y, make_trainer, new_weights

    sys.setswitchinterval(1e-5)
    trainer, faults = make_trainer(), []
    iterations, epochs = 300, 6

    def steps():
        for _ in range(iterations):
            trainer.train_step(X[:8], Y[:8])

    def uses():
        for _ in range(iterations):
            assert np.isfinite(trainer.predict(X[:8])).all()
            trainer.evaluate(X, Y)
            trainer._bytes()

    def fits():
        for _ in range(epochs):
            before = trainer.fit(X, Y, epochs=3, callbacks=[check]).epochs
            assert before == 3

    def check(trainer, epoch, metrics):
        check.before = getattr(check, "before", None) or trainer.iteration
        if epoch % 3 == 0:  # three epochs of 13 steps, and not one of another thread among them
            assert trainer.iteration == check.before + 2 * 13, trainer.iteration
            check.before = None

    def guarded(work):
        try:
            work()
        except BaseException as error:
            faults.append(repr(error))

    threads = [threading.Thread(target=guarded, args=(work,)) for work in (steps, steps, uses, fits)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults, faults
    print(trainer.iteration == 2 * iterations + 3 * 13 * epochs)
"""


@pytest.mark.parametrize("threads", [1, 2])
def test_many_threads_each_get_the_predictions_of_their_own_rows(threads):
    net = network((6, 64, 3), ["tanh", "identity"])
    trainer = nbtrain.Trainer(net, loss="softmax_cross_entropy", batch_size=16, rng=5, threads=threads)
    random, found = np.random.default_rng(2), []
    given = [random.standard_normal((rows, 6)).astype(dtype) for rows in (1, 3, 40, 20_000) for dtype in ("f4", "f8")]
    wanted = [trainer.predict(x) for x in given]

    def predict(first):
        for turn in range(first, first + 4 * len(given)):
            which = turn % len(given)
            found.append(np.array_equal(trainer.predict(given[which]), wanted[which]))

    others = [threading.Thread(target=predict, args=(first,), daemon=True) for first in range(8)]
    for other in others:
        other.start()
    for other in others:
        other.join(PATIENCE)
    assert found == [True] * (8 * 4 * len(given))


def test_many_threads_lose_no_step_and_find_no_fault():
    path = os.pathsep.join([HERE, *filter(None, sys.path)])
    environment = os.environ | {"PYTHONPATH": path}
    command = [sys.executable, "-c", textwrap.dedent(HAMMER)]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert found.returncode == 0, found.stderr
    assert found.stdout == "True\n"


FORKS = """
import os, signal, sys, threading, time, warnings
import numpy as np
from numba import njit
import nbtrain
from nbtrain import kernel

warnings.simplefilter("ignore")  # Python warns of forks with threads
X, Y = np.ones((500, 3), np.float32), np.ones((500, 2), np.float32)

def made():
    net = nbtrain.Network(3, [nbtrain.Dense(8, "tanh"), nbtrain.Dense(2)])
    return nbtrain.Trainer(net, loss="mse", rng=0)

@njit(nogil=True)
def steps(model, x, y, count):
    for _ in range(count):
        kernel.train_step(model, x, y)

def use(trainer):
    loss = trainer.train_step(X[:32], Y[:32])
    trainer.fit(X, Y, epochs=2)
    return np.isfinite(loss) and np.isfinite(trainer.theta).all() and trainer.predict(X).shape == (500, 2)

fitted, driven, quiet = made(), made(), made()
use(fitted), steps(driven.model, X[:32], Y[:32], 1)
threading.Thread(target=lambda: fitted.fit(X, Y, epochs=10**9), daemon=True).start()
threading.Thread(target=lambda: steps(driven.model, X, Y, 10**9), daemon=True).start()
for number in range(20):
    time.sleep(0.01)
    child = os.fork()
    if child == 0:
        signal.alarm(200)
        os._exit(0 if all([use(trainer) for trainer in (fitted, driven, quiet)]) else 3)
    status = os.waitpid(child, 0)[1]
    if status:
        sys.exit(f"child {number} ended with {status}")

class Forking(nbtrain.Callback):
    child = -1
    def on_epoch(self, trainer, epoch, metrics):
        if epoch == 2:
            self.child = os.fork()
            signal.alarm(200 if self.child == 0 else 0)

forking = Forking()
history = quiet.fit(X, Y, epochs=4, callbacks=forking)
if forking.child == 0:
    os._exit(0 if len(history["loss"]) == 4 and use(quiet) else 4)
if os.waitpid(forking.child, 0)[1] or len(history["loss"]) != 4:
    sys.exit("a child that was forked by a callback did not go on")
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_child_uses_trainers_that_threads_were_inside_at_the_fork():
    done = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


FORKS_WHILE_COMPILING = """
import os, signal, sys, threading, warnings
import numpy as np
import nbtrain

warnings.simplefilter("ignore")  # Python warns of forks with threads
X, Y = np.ones((50, 3), np.float32), np.ones((50, 2), np.float32)

def made(shift):
    spec = nbtrain.Activation("shifted", lambda z: z + shift, lambda z: 1.0)
    net = nbtrain.Network(3, [nbtrain.Dense(8, spec), nbtrain.Dense(2)])
    return nbtrain.Trainer(net, loss="mse", rng=0)

made(0.0).fit(X, Y)
begun = threading.Event()

def compile_many():
    for number in range(1, 8):
        begun.set()
        made(0.001 * number)

compiling = threading.Thread(target=compile_many)
compiling.start()
begun.wait()
for number in range(4):
    child = os.fork()
    if child == 0:
        signal.alarm(200)
        made(10.0 + number).fit(X, Y)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if status:
        sys.exit(f"child {number} ended with {status}")
compiling.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_child_compiles_though_a_thread_was_compiling_at_the_fork():
    done = subprocess.run([sys.executable, "-c", FORKS_WHILE_COMPILING], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


FORK_WHILE_NUMBA_IS_IMPORTED = """
import os, signal, sys, threading, warnings
import nbtrain
warnings.simplefilter("ignore")
reached, waited_for = threading.Event(), sys.argv[1]

class Finder:
    def find_spec(name, *where):
        if name == waited_for:
            reached.set()

sys.meta_path.insert(0, Finder)

def make():
    spec = nbtrain.Activation("shifted", lambda z: z + 0.125, lambda z: 1.0)
    nbtrain.compiler.component(spec, "float32")

threading.Thread(target=make).start()
reached.wait()
signal.alarm(500)
child = os.fork()
if child == 0:
    signal.alarm(400)
    make()
    os._exit(0)
sys.exit(os.waitpid(child, 0)[1] != 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.parametrize("module", ["numba", "numba.core.codegen", "nbtrain.compiler.blocks.layers"])
def test_a_fork_ends_while_the_first_compilation_of_a_process_imports_what_it_needs(module, tmp_path):
    environment = os.environ | {"NBTRAIN_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", FORK_WHILE_NUMBA_IS_IMPORTED, module]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
