"""Training from compiled callers: the doors train the trainer's own parameters, cache, and never harm the host."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from numba import jit, njit
from numba.core.runtime import rtsys

import nbtrain
from nbtrain import kernel
from nbtrain.core import layout

PACKAGE = Path(nbtrain.__file__).parent


def make_trainer(dtype="float64", rng=0, **options):
    network = nbtrain.Network(3, [nbtrain.Dense(5, "tanh"), nbtrain.Dense(2)])
    options = {"loss": "softmax_cross_entropy", "batch_size": 8, "shuffle": False} | options
    return nbtrain.Trainer(network, dtype=dtype, rng=rng, **options)


@pytest.fixture
def data():
    random = np.random.default_rng(1)
    x = random.standard_normal((8, 3))
    return x, (x[:, 0] > 0).astype(np.int64)


@njit
def steps(model, x, y, count):
    loss = 0.0
    for _ in range(count):
        loss = kernel.train_step(model, x, y)
    return loss


def test_compiled_steps_are_the_trainers_own_steps(data):
    x, y = data
    ours, theirs = make_trainer(), make_trainer()
    compiled = steps(ours.model, x, y, 20)
    stepped = [theirs.train_step(x, y) for _ in range(20)]
    assert compiled == stepped[-1]
    np.testing.assert_array_equal(ours.theta, theirs.theta)
    assert ours.iteration == 20
    assert ours.model.status[0] == layout.OK


def test_every_door_does_what_the_trainer_does(data):
    x, y = data
    ours, theirs = make_trainer(), make_trainer()

    @njit
    def use(model, x, y, out):
        epoch_loss = kernel.train_epoch(model, x, y)
        value = kernel.loss_and_gradient(model, x, y)
        updated = kernel.update(model)
        predicted = kernel.predict(model, x, out)
        return epoch_loss, value, updated, predicted, kernel.evaluate(model, x, y), kernel.status(model)

    out = np.empty((8, 2))
    epoch_loss, value, updated, predicted, (loss, accuracy), status = use(ours.model, x, y, out)
    history = theirs.fit(x, y, epochs=1)
    wanted_value, gradient = theirs.loss_and_gradient(x, y)
    assert epoch_loss == history["loss"][0]
    assert value == wanted_value
    np.testing.assert_array_equal(ours.model.gradient, gradient)
    # one more iteration of adam with that gradient, in NumPy
    v = 0.9 * theirs.model.state[0] + 0.1 * gradient
    s = 0.999 * theirs.model.state[1] + 0.001 * gradient**2
    wanted = theirs.theta - 1e-3 * (v / (1 - 0.9**2)) / (np.sqrt(s / (1 - 0.999**2)) + 1e-7)
    np.testing.assert_allclose(ours.theta, wanted, rtol=1e-12)
    np.testing.assert_array_equal(out, ours.predict(x))
    scores = ours.evaluate(x, y)
    assert (loss, accuracy) == (scores["loss"], scores["accuracy"])
    assert (updated, predicted, status) == (0, 0, 0)


def test_sample_weights_reach_the_core(data):
    x, y = data
    weight = np.linspace(0.5, 2, 8)

    @njit
    def step(model, x, y, weight):
        return kernel.train_step(model, x, y, weight)

    ours, theirs = make_trainer(), make_trainer()
    assert step(ours.model, x, y, weight) == theirs.train_step(x, y, weight)
    np.testing.assert_array_equal(ours.theta, theirs.theta)
    before = ours.theta.copy()
    for wrong in (weight[:7].copy(), -weight):
        assert np.isnan(step(ours.model, x, y, wrong))
        assert ours.model.status[0] == layout.WRONG_WEIGHT
    np.testing.assert_array_equal(ours.theta, before)


BAD_SIZES = [
    (lambda x, y: (x[:, :2].copy(), y), layout.WRONG_X),
    (lambda x, y: (x[:0].copy(), y[:0].copy()), layout.WRONG_X),
    (lambda x, y: (x, y[:5].copy()), layout.WRONG_Y),
    (lambda x, y: (x, np.zeros((8, 2))), layout.WRONG_TARGET),
    (lambda x, y: (x, y + 1), layout.WRONG_LABEL),
    (lambda x, y: (x, y - 1), layout.WRONG_LABEL),
]


@pytest.mark.parametrize(("change", "status"), BAD_SIZES)
def test_wrong_sizes_and_labels_write_nothing(data, change, status):
    trainer = make_trainer()
    before = trainer.theta.copy()
    x, y = change(*data)
    assert np.isnan(steps(trainer.model, x, y, 1))
    assert trainer.model.status[0] == status
    assert trainer.iteration == 0
    np.testing.assert_array_equal(trainer.theta, before)
    assert np.isfinite(steps(trainer.model, *data, 1))
    assert trainer.model.status[0] == layout.OK


def test_a_wrong_out_is_refused(data):
    trainer = make_trainer()

    @njit
    def predict(model, x, out):
        return kernel.predict(model, x, out)

    for shape in ((8, 1), (7, 2), (8, 3)):
        out = np.full(shape, 7.0)
        assert predict(trainer.model, data[0], out) == layout.WRONG_OUT
        assert (out == 7.0).all()


WRONG_TYPES = [
    (lambda x, y: (x.astype(np.float32), y), "x must be a C-contiguous float64 array of shape (m, inputs), "
     "got array(float32, 2d, C); use x.astype(np.float64)"),
    (lambda x, y: (np.asfortranarray(x), y), "x must be a C-contiguous float64 array of shape (m, inputs), "
     "got array(float64, 2d, F); use np.ascontiguousarray(x)"),
    (lambda x, y: (x[0], y), "got array(float64, 1d, C); use x.reshape(1, -1) for a single sample"),
    (lambda x, y: (tuple(map(tuple, x.tolist())), y), "; use np.array(x, np.float64)"),
    (lambda x, y: (x, y.astype(np.int32)), "y must be a C-contiguous int64 array of shape (m,) for labels, "
     "got array(int32, 1d, C); use y.astype(np.int64)"),
    (lambda x, y: (x, y.astype(np.float32)), "or int64 labels of shape (m,), got array(float32, 1d, C); "
     "use y.astype(np.float64)"),
]  # fmt: skip


def refusal(function, *arguments):
    """What a call says, in one line, that compiled code refuses while it is typed."""
    with pytest.raises(nbtrain.InputError) as raised:
        function(*arguments)
    assert isinstance(raised.value, TypeError)
    assert "\n" not in str(raised.value)
    return str(raised.value)


LINE = next(i for i, line in enumerate(Path(__file__).read_text().splitlines(), 1) if "= kernel.train_step(" in line)
PLACE = f"({__file__}, line {LINE})"


@pytest.mark.parametrize(("change", "told"), WRONG_TYPES)
def test_a_wrong_dtype_or_layout_is_told_with_argument_place_and_remedy(data, change, told):
    found = refusal(steps, make_trainer().model, *change(*data), 1)
    assert found.startswith(f"nbtrain.kernel: {told[0]}" if told[1:6] == " must" else "nbtrain.kernel: ")
    assert found.endswith(f"{told} {PLACE}")


def test_a_trainer_in_place_of_its_model_is_told(data):
    trainer = make_trainer()

    @njit
    def method(trainer, x, y):
        return trainer.train_step(x, y)

    @njit
    def no_use(trainer, x):
        return x.sum()

    @jit(forceobj=True)
    def interpreted(trainer, x, y):
        return trainer.train_step(x, y)

    x, y = data
    told = "nbtrain.kernel: model must be a trainer's model, got a Trainer; pass trainer.model"
    assert refusal(steps, trainer, x, y, 1) == f"{told} {PLACE}"
    assert refusal(kernel.train_step, trainer, x, y) == told
    assert refusal(kernel.predict, trainer, x, np.empty((8, 3))) == told
    assert refusal(kernel.update, trainer) == told
    assert refusal(method, trainer, x, y).startswith(
        "nbtrain.kernel: trainer.train_step: compiled code cannot use a Trainer;"
    )
    assert "pass trainer.model, and call nbtrain.kernel's functions on it" in refusal(kernel.status, trainer)
    assert "pass trainer.model" in refusal(no_use, trainer, x)
    assert refusal(kernel.update, 3.0).endswith("model must be a trainer's model, got float64; pass trainer.model")
    assert trainer.iteration == 0
    assert np.isfinite(interpreted(trainer, x, y))
    assert trainer.iteration == 1


def test_an_out_of_another_dtype_is_told_how_to_make_one(data):
    found = refusal(kernel.predict, make_trainer().model, data[0], np.empty((8, 3), np.float32))
    assert found.endswith("got array(float32, 2d, C); use np.empty((len(x), outputs), np.float64)")


def test_a_function_that_is_not_there_is_told():
    @njit
    def training(model, x, y):
        return kernel.fit(model, x, y)

    for call in (lambda: kernel.fit, lambda: training(make_trainer().model, 1, 2)):
        with pytest.raises(
            AttributeError,
            match=r"nbtrain\.kernel: unknown function 'fit'; did you mean 'train_epoch'\? Available: backward, ",
        ):
            call()


def test_a_diverged_step_reports_and_keeps_the_parameters(data):
    x, y = data
    trainer = make_trainer()
    trainer.theta[:] = 1e308
    before = trainer.theta.copy()
    assert not np.isfinite(steps(trainer.model, x, y, 1))
    assert trainer.model.status[0] == layout.DIVERGED
    np.testing.assert_array_equal(trainer.theta, before)


def test_a_busy_model_is_left_alone(data):
    trainer = make_trainer()
    before = trainer.theta.copy()
    trainer.engine.descriptor["busy"] = 1  # as if another thread were inside
    assert np.isnan(steps(trainer.model, *data, 1))
    np.testing.assert_array_equal(trainer.theta, before)
    trainer.engine.descriptor["busy"] = 0
    assert np.isfinite(steps(trainer.model, *data, 1))


def test_a_model_outlives_its_trainer_and_refuses_to_be_copied(data):
    model = make_trainer()[:] if False else make_trainer().model._replace()
    gc.collect()
    assert np.isfinite(steps(model, *data, 3))
    for copied in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(nbtrain.Error, match=r"Trainer\.save"):
            copied(model)


def test_a_step_allocates_nothing(data):
    """In a process of its own, where Numba counts its allocations."""
    code = """
import numpy as np, nbtrain
from numba import jit, njit
from numba.core.runtime import rtsys
from nbtrain import kernel

@njit
def steps(model, x, y, out, count):
    for _ in range(count):
        kernel.train_step(model, x, y)
        kernel.train_epoch(model, x, y)
        kernel.predict(model, x, out)
        kernel.forward(model, x[:4], out[:4])
        kernel.backward(model, x[:4], out[:4], x[4:])

trainer = nbtrain.Trainer(nbtrain.Network(3, [nbtrain.Dense(5, "relu", dropout=0.2), nbtrain.Dense(2)]),
                          loss="softmax_cross_entropy", batch_size=4, rng=0)
x, y, out = np.ones((8, 3), np.float32), np.zeros(8, np.int64), np.empty((8, 2), np.float32)
steps(trainer.model, x, y, out, 1)
counts = []
for count in (1, 1000):
    before = rtsys.get_allocation_stats()
    steps(trainer.model, x, y, out, count)
    after = rtsys.get_allocation_stats()
    counts.append((after.alloc - before.alloc, after.mi_alloc - before.mi_alloc))
print(counts)
assert counts[0] == counts[1]
"""
    environment = os.environ | {"NUMBA_NRT_STATS": "1"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, timeout=300)
    assert rtsys is not None


def test_two_threads_train_two_models_at_once(data):
    def train(trainer):
        trainer.fit(*data, epochs=300)

    alone = [make_trainer(rng=seed) for seed in (1, 2)]
    for trainer in alone:
        train(trainer)
    together = [make_trainer(rng=seed) for seed in (1, 2)]
    threads = [threading.Thread(target=train, args=(trainer,)) for trainer in together]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.theta, other.theta)


def test_other_python_threads_run_while_a_model_trains():
    random = np.random.default_rng(0)
    x, y = random.standard_normal((2000, 100)), random.integers(0, 2, 2000)
    network = nbtrain.Network(100, [nbtrain.Dense(300, "relu"), nbtrain.Dense(2)])
    trainer = nbtrain.Trainer(network, loss="softmax_cross_entropy", dtype="float64", batch_size=2000, rng=0)
    ticks, inside, done = [], threading.Event(), threading.Event()

    def tick():
        while not done.is_set():
            if trainer.engine.descriptor["busy"][0]:
                ticks.append(1)
                inside.set()

    ticker = threading.Thread(target=tick)
    ticker.start()
    trainer.fit(x, y, epochs=20)
    done.set()
    ticker.join()
    assert len(ticks) > 100  # Python code ran while the core was inside the model


SCRIPT = """
import sys
import numpy as np
from numba import jit, njit
from numba.core import event
import nbtrain
from nbtrain import kernel


class Compiled(event.Listener):
    names = []

    def on_start(self, e):
        self.names.append(str(e.data["dispatcher"].py_func.__qualname__))

    def on_end(self, e):
        pass


event.register("numba:compile", Compiled())


@njit(cache=True)
def simulate(model, steps):
    x, y = np.ones((4, 3)), np.zeros(4, np.int64)
    loss = 0.0
    for _ in range(steps):
        loss = kernel.train_step(model, x, y)
    return loss


network = nbtrain.Network(3, [nbtrain.Dense(5, "tanh"), nbtrain.Dense(2)])
trainer = nbtrain.Trainer(network, loss="softmax_cross_entropy", dtype="float64", rng=0)
print(simulate(trainer.model, 50))
print(trainer.iteration)
print(",".join(Compiled.names))
"""


def run_script(folder: Path, package_parent: Path) -> tuple[float, int, str]:
    script = folder / "simulation.py"
    script.write_text(SCRIPT)
    environment = os.environ | {
        "PYTHONPATH": str(package_parent),
        "NUMBA_CACHE_DIR": str(folder / "numba"),
        "NBTRAIN_QUIET": "1",
    }
    done = subprocess.run(
        [sys.executable, str(script)], env=environment, capture_output=True, text=True, timeout=600, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    loss, iteration, compiled = done.stdout.split("\n")[:3]
    return float(loss), int(iteration), compiled


def test_a_second_process_compiles_nothing_and_an_edited_core_is_used(tmp_path):
    parent = tmp_path / "installed"
    shutil.copytree(PACKAGE, parent / "nbtrain", ignore=shutil.ignore_patterns("__pycache__"))
    loss, iteration, compiled = run_script(tmp_path, parent)
    assert iteration == 50
    assert "simulate" in compiled
    assert run_script(tmp_path, parent) == (loss, 50, "")
    source = parent / "nbtrain" / "core" / "steps.py"
    text = source.read_text()
    marked = text.replace("    return loss, weight\n", "    return loss + 1000.0, weight\n")
    assert marked != text
    source.write_text(marked)
    edited, _, compiled = run_script(tmp_path, parent)
    assert edited == pytest.approx(loss + 1000)
    assert "simulate" not in compiled
    door = parent / "nbtrain/kernel/__init__.py"
    text = door.read_text()
    marked = text.replace("_RESULTS = 3", "_RESULTS = 4")
    assert marked != text
    door.write_text(marked)
    edited, _, compiled = run_script(tmp_path, parent)
    assert edited == pytest.approx(loss + 1000)
    assert "simulate" in compiled  # it holds the doors: other doors, other code


def test_evaluation_of_what_cannot_be_evaluated_is_nan_and_raises_nothing(data):
    @njit
    def evaluate(model, x, y, weight):
        return kernel.evaluate(model, x, y, weight)

    x, y = data
    trainer = make_trainer()
    assert np.isnan(evaluate(trainer.model, x[:, :2].copy(), y, None)).all()
    assert trainer.model.status[0] == layout.WRONG_X
    assert np.isnan(evaluate(trainer.model, x, y, np.zeros(8))).all()
