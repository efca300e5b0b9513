"""Models in the hands of compiled callers, C and several threads: what they must not be able to do by mistake."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from numba import njit

import nbtrain
from nbtrain import kernel, status

X = np.linspace(-1, 1, 32, dtype=np.float32).reshape(8, 4)
Y = X[:, :2] ** 2


def make_trainer(**options):
    network = nbtrain.Network(4, [nbtrain.Dense(8, "tanh"), nbtrain.Dense(2)])
    return nbtrain.Trainer(network, **{"loss": "mse", "rng": 0} | options)


def in_another_process(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, env=os.environ | environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@njit
def step(model, x, y):
    loss = kernel.train_step(model, x, y)
    return loss, kernel.status_of(loss)


@njit(fastmath=True)
def careless_step(model, x, y):
    return kernel.status_of(kernel.train_step(model, x, y))


@njit
def found(model, x, y):
    loss, hits = kernel.evaluate(model, x, y)
    return kernel.status_of(loss), kernel.status_of(hits), kernel.status_of(kernel.loss_and_gradient(model, x, y))


def test_a_loss_tells_the_status_of_its_own_call():
    trainer = make_trainer()
    model = trainer.model
    loss, code = step(model, X, Y)
    assert np.isfinite(loss)
    assert code == 0
    narrow = X[:, :3].copy()
    loss, code = step(model, narrow, Y)
    assert np.isnan(loss)
    assert code == 1
    assert "columns" in status.WORDS[code]
    assert careless_step(model, narrow, Y) == 1
    assert found(model, X, Y) == (0, 0, 0)
    assert found(model, narrow, Y) == (1, 1, 1)
    trainer.engine.descriptor["busy"] = 1  # as if another thread were inside
    assert step(model, X, Y)[1] == 7


GLOBALS = """
import numpy as np, nbtrain
from numba import njit
from nbtrain import kernel

trainer = nbtrain.Trainer(nbtrain.Network(4, [nbtrain.Dense(8), nbtrain.Dense(2)]), loss="mse", rng=0)
model, models = trainer.model, (trainer.model, trainer.model)
x, y, out = np.ones((3, 4), np.float32), np.ones((3, 2), np.float32), np.zeros((3, 2), np.float32)

@njit
def by_global(): return kernel.train_step(model, x, y)
@njit
def by_reading(): return model.theta.sum()
@njit
def by_tuple(): return kernel.train_step(models[0], x, y)
@njit
def by_default(given=trainer.model): return kernel.train_step(given, x, y)
def closure(given):
    @njit
    def inner(): return kernel.train_step(given, x, y)
    return inner

for function in (by_global, by_reading, by_tuple, by_default, closure(trainer.model)):
    try:
        function()
    except Exception as error:
        assert "pass the model as an argument of the compiled function" in str(error), error
    else:
        raise SystemExit(f"{function} was compiled")

@njit
def use(model, x, y, out):
    return kernel.status_of(kernel.train_step(model, x, y)), kernel.predict(model, x, out), kernel.update(model)

kind = type(trainer.model)
before = trainer.theta.copy()
copies = [kind(*(array.copy() for array in trainer.model)), model._replace(theta=np.zeros_like(trainer.theta))]
for copy in copies:
    assert use(copy, x, y, out) == (11, 11, 11)
assert not out.any() and (trainer.theta == before).all()
"""


def test_models_that_numba_takes_for_constants_and_copies_of_models_are_refused():
    in_another_process(GLOBALS)


OTHER_DTYPE = """
import ctypes, numpy as np, nbtrain
make = lambda dtype: nbtrain.Trainer(
    nbtrain.Network(4, [nbtrain.Dense(256, "tanh"), nbtrain.Dense(2)]), loss="mse", rng=0, dtype=dtype)
trainers = {"float32": make("float32"), "float64": make("float64")}
for dtype, other in (("float32", "float64"), ("float64", "float32")):
    x, y, result = np.ones((32, 4), other), np.ones((32, 2), other), np.zeros(3)
    model = trainers[other].model.descriptor.ctypes.data
    functions = trainers[dtype].c_functions()
    step = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 10)(functions["train_step"][0])
    assert step(model, x.ctypes.data, 32, 4, y.ctypes.data, 32, 2, 0, 0, result.ctypes.data) == 11
    assert np.isnan(result).all()
    predict = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 7)(functions["predict"][0])
    assert predict(model, x.ctypes.data, 32, 4, y.ctypes.data, 32, 2) == 11
    assert (y == 1).all()
    assert ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(functions["update"][0])(model) == 11
    assert trainers[other].iteration == 0
"""


def test_functions_of_one_dtype_refuse_models_of_the_other():
    in_another_process(OTHER_DTYPE)


@pytest.mark.parametrize("rate", [np.nan, np.inf, -0.1])
def test_a_learning_rate_that_is_none_changes_nothing(rate):
    trainer = make_trainer(optimizer=nbtrain.optimizer("sgd", learning_rate=0.1))
    before = trainer.theta.copy()
    trainer.model.learning_rate[0] = rate
    assert step(trainer.model, X, Y)[1] == 12
    assert kernel.update(trainer.model) == 12
    for call in (trainer.train_step, trainer.fit):
        with pytest.raises(nbtrain.InputError, match="the learning rate is negative, NaN or infinite"):
            call(X, Y)
    np.testing.assert_array_equal(trainer.theta, before)
    trainer.model.learning_rate[0] = 0.1
    assert step(trainer.model, X, Y)[1] == 0


def test_a_rate_that_is_infinite_in_the_models_dtype_is_refused():
    trainer = make_trainer()
    with pytest.raises(nbtrain.InputError, match="learning_rate must be finite in float32, got 1e\\+39"):
        trainer.learning_rate = 1e39
    assert trainer.train_step(X, Y) > 0


@pytest.mark.parametrize("number", [np.nan, -np.inf])
def test_an_update_with_a_gradient_that_is_not_finite_changes_nothing(number):
    trainer = make_trainer()
    trainer.loss_and_gradient(X, Y)
    before, good = trainer.theta.copy(), trainer.model.gradient.copy()
    trainer.model.gradient[-1] = number
    assert kernel.update(trainer.model) == 13
    np.testing.assert_array_equal(trainer.theta, before)
    trainer.model.gradient[:] = good
    assert kernel.update(trainer.model) == 0
    assert (trainer.theta != before).any()


def test_an_optimizer_whose_state_is_infinite_can_be_reset_and_saved(tmp_path):
    network, outlier = nbtrain.Network(4, [nbtrain.Dense(8, "relu"), nbtrain.Dense(2)]), X.copy()
    trainer, outlier[3] = nbtrain.Trainer(network, loss="mse", rng=0), 1e15
    trainer.train_step(outlier, Y)
    assert np.isfinite(trainer.theta).all()
    assert not np.isfinite(trainer.model.state).all()
    with pytest.raises(nbtrain.DivergenceError, match=r"optimizer\..* holds NaN or infinity.*reset_optimizer"):
        trainer.save(tmp_path / "model")
    theta, iteration = trainer.theta.copy(), trainer.iteration
    trainer.reset_optimizer()
    trainer.save(tmp_path / "model")
    loaded = nbtrain.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.theta, theta)
    assert loaded.iteration == iteration
    assert not loaded.model.state.any()


@njit(nogil=True)
def steps_until(model, x, y, stop):
    done = 0
    while stop[0] == 0:
        done += kernel.status_of(kernel.train_step(model, x, y)) == 0
    return done


def test_python_gets_its_turns_beside_a_compiled_caller(tmp_path):
    trainer, stop, done = make_trainer(), np.zeros(1), []
    steps_until(trainer.model, X, Y, np.ones(1))  # compiled
    large = np.tile(X, (20_000, 1)), np.tile(Y, (20_000, 1))  # a step takes milliseconds, and the next begins at once
    thread = threading.Thread(target=lambda: done.append(steps_until(trainer.model, *large, stop)))
    thread.start()
    try:
        for number in range(20):
            trainer.save(tmp_path / "model")
            assert np.isfinite(trainer.train_step(X, Y))
            assert np.isfinite(trainer.evaluate(X, Y)["loss"])
            assert trainer.predict(X).shape == (8, 2)
            trainer.set_weights([(np.full_like(w, number), b) for w, b in trainer.weights])
            saved = nbtrain.load(tmp_path / "model")
            assert np.isfinite(saved.theta).all()
        assert len(trainer.fit(X, Y, epochs=3)["loss"]) == 3
    finally:
        stop[0] = 1
        thread.join()
    assert done[0] > 0
    assert trainer.engine.descriptor["busy"][0] == 0


def test_a_call_waits_until_the_thread_inside_has_left():
    trainer = make_trainer()
    trainer.engine.descriptor["busy"] = 1  # as if another thread were inside
    left = []

    def leave():
        left.append(True)
        trainer.engine.descriptor["busy"] = 0

    timer = threading.Timer(0.3, leave)
    timer.start()
    assert np.isfinite(trainer.train_step(X, Y))
    assert left


class Curious(nbtrain.Callback):
    """A callback that looks at the trainer while it is saved."""

    def state_dict(self):
        return {"loss": float(self.trainer.evaluate(X, Y)["loss"])}

    def on_epoch(self, trainer, epoch, metrics):
        self.trainer = trainer
        trainer.save(self.path)


def test_a_callback_may_use_the_trainer_while_it_is_saved(tmp_path):
    trainer, curious = make_trainer(), Curious()
    curious.path = tmp_path / "model"
    trainer.fit(X, Y, epochs=2, callbacks=[curious])
    np.testing.assert_array_equal(nbtrain.load(curious.path).theta, trainer.theta)
    trainer.engine.descriptor["busy"] = 2  # as a save leaves it that is interrupted in its last instruction
    assert np.isfinite(trainer.train_step(X, Y))


DEBUGGING = """
import numpy as np, nbtrain
from numba import njit
from nbtrain import kernel
trainer = nbtrain.Trainer(nbtrain.Network(4, [nbtrain.Dense(8, "tanh"), nbtrain.Dense(2)]), loss="mse", rng=0)
x, y = np.ones((3, 4), np.float32), np.ones((3, 2), np.float32)
@njit
def go(model, x, y):
    for _ in range(3):
        loss = kernel.train_step(model, x, y)
    return loss
print(go(trainer.model, x, y), trainer.iteration, kernel.evaluate(trainer.model, x, y)[0])
"""


@pytest.mark.parametrize("switch", ["NUMBA_BOUNDSCHECK", "NUMBA_DISABLE_JIT"])
def test_callers_can_be_debugged_with_numbas_switches(switch):
    assert in_another_process(DEBUGGING, **{switch: "1"}) == in_another_process(DEBUGGING)


COMPILING = """
from nbtrain import compiler, loss
compiler.component(loss("softmax_cross_entropy").spec, "float32")
"""


def test_components_are_compiled_where_numba_is_to_check_bounds(tmp_path):
    in_another_process(COMPILING, NUMBA_BOUNDSCHECK="1", NBTRAIN_CACHE_DIR=str(tmp_path / "cache"))


COUNTING = """
import ctypes, nbtrain.compiler.objects as objects
from nbtrain import Activation, compiler
made, compile_it = [], objects.object_code
objects.object_code = lambda *given, **options: made.append(1) or compile_it(*given, **options)
compiler.component(Activation("slow_to_compile", lambda z: z * 0.125, lambda z: 0.125), "float32")
print(len(made))
"""


def test_of_several_processes_one_compiles(tmp_path):
    environment = os.environ | {"NBTRAIN_CACHE_DIR": str(tmp_path / "cache")}
    processes = [
        subprocess.Popen([sys.executable, "-c", COUNTING], stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(4)
    ]
    assert sum(int(process.communicate(timeout=300)[0]) for process in processes) == 1
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".nbo"]


PARALLEL = """
import numpy as np, nbtrain
from numba import njit, prange
from nbtrain import kernel

trainer = nbtrain.Trainer(nbtrain.Network(4, [nbtrain.Dense(8), nbtrain.Dense(2)]), loss="mse", rng=0)
x = np.random.default_rng(0).normal(size=(6, 5, 4)).astype(np.float32)
out = np.zeros((6, 5, 2), np.float32)

@njit(parallel=True)
def predict_all(model, x, out):
    for i in prange(len(x)):
        while kernel.predict(model, x[i], out[i]) == 7:  # another thread is using the model
            pass

try:
    predict_all(trainer.model, x, out)
except ValueError as error:
    print("skipped" if "threading layer" in str(error) else error)
else:
    print(np.array_equal(out.reshape(-1, 2), trainer.predict(x.reshape(-1, 4))))
"""


def test_a_model_can_be_used_in_a_parallel_loop():
    found = in_another_process(PARALLEL, NUMBA_NUM_THREADS="2").strip()
    if found == "skipped":
        pytest.skip("Numba has no threading layer here")
    assert found == "True"
