"""Components that were registered at run time, or never, in other processes: they travel with what holds them."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pytest
from numba import njit
from processes import run

import nbtrain

SCRIPT = """
import sys, numpy as np, nbtrain

def value(z, scale): return scale * z / (1.0 + abs(z))
def slope(z, scale): return scale / ((1.0 + abs(z)) * (1.0 + abs(z)))
def decay(t, rate): return rate / t
def penalty(w): return abs(w) ** 3
def of_penalty(w): return 3.0 * w * abs(w)
def cubed(p, y): return abs(p - y) ** 3
def of_cubed(p, y): return 3.0 * (p - y) * abs(p - y)
def sign_step(w, g, slots, prepared, hyper): return w - hyper.learning_rate * (1.0 if g > 0.0 else -1.0), ()
def tiny(fan_in, fan_out, rng): return rng.normal(0, 0.1, (fan_in, fan_out))

SPECS = [
    nbtrain.Activation("travelling", value, slope, {"scale": 1.0}),
    nbtrain.Schedule("travelling", decay, {"rate": 0.1}),
    nbtrain.Regularizer("travelling", penalty, of_penalty),
    nbtrain.Loss("travelling", cubed, of_cubed),
    nbtrain.Optimizer("travelling", sign_step),
    nbtrain.Initializer("travelling", tiny),
]
X = np.random.default_rng(0).normal(size=(50, 3)); Y = X[:, :1] * 2.0

def made(by_name):
    if by_name:
        for spec in SPECS: nbtrain.register(spec)
    a, rate, regularizer, loss, step, draw = ["travelling"] * 6 if by_name else SPECS
    layers = [nbtrain.Dense(4, nbtrain.activation(a, scale=2.0), initializer=draw), nbtrain.Dense(1)]
    optimizer = nbtrain.optimizer(step, learning_rate=nbtrain.schedule(rate, rate=0.05))
    options = {"loss": loss, "regularizer": regularizer, "dtype": "float64", "rng": 1}
    trainer = nbtrain.Trainer(nbtrain.Network(3, layers), optimizer=optimizer, **options)
    trainer.fit(X, Y, epochs=2)
    return trainer

def work(trainer):
    trainer.fit(X, Y, epochs=2)
    return trainer.theta.copy(), trainer.predict(X), trainer

def expected(trainer):
    "What the network predicts, by NumPy."
    (w1, b1), (w2, b2) = trainer.weights
    z = X @ w1 + b1
    return (2.0 * z / (1.0 + abs(z))) @ w2 + b2

def main(by_name, calls):
    trainer = made(by_name)
    for theta, predicted, back in calls([trainer, trainer]):
        np.testing.assert_allclose(predicted, expected(back), rtol=1e-12)
        np.testing.assert_array_equal(theta, back.theta)
    trainer.fit(X, Y, epochs=2)
    np.testing.assert_array_equal(theta, trainer.theta)
    print("right")
"""
CALLS = """
def spawn(trainers):
    import multiprocessing
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        return pool.map(work, trainers)

def futures(trainers):
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(work, trainers))

def loky(trainers):
    from joblib import Parallel, delayed
    return Parallel(n_jobs=2)(delayed(work)(trainer) for trainer in trainers)

def cloudpickle(trainers):
    "To a process that never sees this file."
    import pickle, subprocess
    from cloudpickle import dumps
    there = "import sys, pickle, cloudpickle; call, trainer = pickle.load(sys.stdin.buffer); "
    there += "sys.stdout.buffer.write(cloudpickle.dumps(call(trainer)))"
    done = subprocess.run([sys.executable, "-c", there], input=dumps((work, trainers[0])), stdout=-1, check=True)
    return [pickle.loads(done.stdout)]

if __name__ == "__main__":
    main(sys.argv[2] == "registered", globals()[sys.argv[1]])
"""


@pytest.mark.parametrize("registered", ["registered", "unregistered"])
@pytest.mark.parametrize("way", ["spawn", "futures", "loky", "cloudpickle"])
def test_trainers_with_components_of_the_program_work_in_other_processes(way, registered, tmp_path):
    pytest.importorskip({"loky": "joblib", "cloudpickle": "cloudpickle"}.get(way, "numpy"))
    program = tmp_path / "program.py"
    program.write_text(SCRIPT + CALLS)
    done = run([sys.executable, program, way, registered])
    assert done.stdout == "right\n", done.stderr


def test_an_estimator_with_a_registered_component_is_validated_in_workers(tmp_path):
    pytest.importorskip("sklearn")
    program = tmp_path / "program.py"
    program.write_text(
        SCRIPT
        + """
if __name__ == "__main__":
    from sklearn.model_selection import cross_val_score
    from nbtrain.sklearn import MLPRegressor
    nbtrain.register(SPECS[0])
    for given in ("travelling", ["travelling"], SPECS[0], nbtrain.activation("travelling", scale=0.5)):
        few = {"max_iter": 5, "tol": 1.0, "n_iter_no_change": 1, "random_state": 0}
        one = MLPRegressor(activation=given, hidden_layer_sizes=(8,), **few)
        alone, others = (cross_val_score(one, X, Y[:, 0], cv=2, n_jobs=jobs, error_score="raise") for jobs in (1, 2))
        np.testing.assert_array_equal(alone, others)
    print("right")
"""
    )
    done = run([sys.executable, program])
    assert done.stdout == "right\n", done.stderr


def test_an_estimator_brings_the_components_that_it_names(tmp_path):
    """By plain pickle, to a process that has the module but did not register anything."""
    pytest.importorskip("sklearn")
    (tmp_path / "mine.py").write_text(SCRIPT)
    load = "import pickle, sys, numpy as np; est = pickle.load(open('estimator', 'rb')); import nbtrain; "
    load += "est.fit(np.ones((9, 3)), np.arange(9.0)); print(nbtrain.activation('travelling'))"
    program = """
import pickle, nbtrain
from mine import SPECS, value, slope
from nbtrain.sklearn import MLPRegressor

for spec in SPECS:
    nbtrain.register(spec)
nbtrain.register(nbtrain.Activation("local", lambda z: z, lambda z: 1.0))
few = dict(max_iter=1, tol=1.0, n_iter_no_change=1)
own = dict(solver="travelling", loss="travelling", regularizer="travelling", initializer="travelling")
estimator = MLPRegressor(activation="travelling", learning_rate="travelling", **own, **few)
with open("estimator", "wb") as file:
    pickle.dump(estimator, file)
assert "_registered" not in MLPRegressor(activation="relu").__getstate__()
assert "_registered" not in vars(pickle.loads(pickle.dumps(estimator)))
pickle.dumps(MLPRegressor(activation="local"))  # whose functions no module has under their names
"""
    for code in (program, load):
        done = run([sys.executable, "-W", "ignore", "-c", code], cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert done.stdout == "activation('travelling', scale=1.0)\n"


# ---- pickles in this process


def softsign(z):
    return z / (1.0 + abs(z))


@njit
def of_softsign(z):
    return 1.0 / ((1.0 + abs(z)) * (1.0 + abs(z)))


@pytest.fixture
def spec():
    made = nbtrain.Activation("travelling", softsign, of_softsign, {})
    nbtrain.register(made)
    yield made
    nbtrain.unregister(made)


def test_a_registered_spec_comes_back_as_itself_and_a_new_one_of_that_name_does_not_replace_it(spec):
    component = nbtrain.activation("travelling")
    pickled = pickle.dumps([spec, component, nbtrain.Dense(3, component)])
    assert [pickle.loads(pickled)[0], pickle.loads(pickled)[1].spec] == [spec, spec]
    assert pickle.loads(pickled)[0] is spec
    assert pickle.loads(pickled)[2].activation.spec is spec
    other = nbtrain.Activation("travelling", of_softsign, softsign)
    nbtrain.register(other)
    try:
        again = pickle.loads(pickled)
        assert again[0] is again[1].spec is not other
        assert again[0].value is softsign
    finally:
        nbtrain.unregister(other)
        nbtrain.register(spec)


def test_two_specs_of_one_name_in_one_network_stay_apart():
    double, triple = (nbtrain.Activation("own", value, slope) for value, slope in ((twice, two), (thrice, three)))
    network = nbtrain.Network(1, [nbtrain.Dense(1, double), nbtrain.Dense(1, triple)])
    trainer = nbtrain.Trainer(network, loss="mse", dtype="float64", rng=0)
    trainer.set_weights([([[1.0]], [0.0])] * 2)
    assert pickle.loads(pickle.dumps(trainer)).predict([[1.0]])[0, 0] == 6.0


def twice(z):
    return 2.0 * z


def two(z):
    return 2.0


def thrice(z):
    return 3.0 * z


def three(z):
    return 3.0


def test_a_function_that_cannot_be_pickled_is_told_where_it_is_pickled():
    spec = nbtrain.Activation("local", lambda z: z, lambda z: 1.0)
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(nbtrain.activation(spec))


# ---- components of installed distributions


PLUGIN = """
import nbtrain
def value(z): return 2.0 * z
def slope(z): return 2.0
@nbtrain.hookimpl
def nbtrain_activations():
    yield nbtrain.Activation("of_plugin", value, slope)
"""
MAKE = """
import pickle, sys, nbtrain
network = nbtrain.Network(1, [nbtrain.Dense(1, "of_plugin")])
trainer = nbtrain.Trainer(network, loss="mse", dtype="float64", rng=0)
trainer.set_weights([([[1.0]], [0.5])])
given = {"component": nbtrain.activation("of_plugin"), "network": network, "trainer": trainer}
sys.stdout.buffer.write(pickle.dumps(given))
"""
LOAD = """
import pickle, sys, nbtrain
found = pickle.load(sys.stdin.buffer)
again = pickle.loads(pickle.dumps(found))  # a process that only passes it on
for one in (found, again):
    assert one["component"].name == "of_plugin"
    for use in (
        lambda: nbtrain.Dense(1, one["component"]),
        lambda: nbtrain.Trainer(one["network"], loss="mse"),
        lambda: one["trainer"].predict([[1.0]]),
        lambda: one["trainer"].train_step([[1.0]], [[1.0]]),
        lambda: one["trainer"].theta,
        lambda: one["trainer"].save("never.nbt"),
    ):
        try:
            print(use())
        except nbtrain.PluginError as error:
            assert "install the-plugin 1.5 (entry point p), which provided it" in str(error), error
            print("told")
pickle.dump(again, open(sys.argv[1], "wb"))
"""
USE = """
import pickle, sys, nbtrain
found = pickle.load(open(sys.argv[1], "rb"))
assert found["component"].spec is nbtrain.registry.get("activation", "of_plugin")
print(found["trainer"].predict([[1.0]]))
"""


def test_components_of_a_distribution_go_by_name_and_are_missed_only_where_they_are_used(tmp_path, monkeypatch):
    site = tmp_path / "site"
    info = site / "the_plugin-1.5.dist-info"
    info.mkdir(parents=True)
    (site / "of_the_plugin.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: the-plugin\nVersion: 1.5\n")
    (info / "entry_points.txt").write_text("[nbtrain]\np = of_the_plugin\n")
    passed_on = str(tmp_path / "pickle")
    monkeypatch.setenv("PYTHONPATH", str(site))
    pickled = run([sys.executable, "-c", MAKE], text=False)
    assert b"of_the_plugin" not in pickled.stdout, pickled.stderr
    monkeypatch.setenv("PYTHONPATH", "")
    done = run([sys.executable, "-c", LOAD, passed_on], text=False, stdin=None, input=pickled.stdout)
    assert done.stdout.split() == [b"told"] * 12, done.stderr
    monkeypatch.setenv("PYTHONPATH", str(site))
    done = run([sys.executable, "-c", USE, passed_on])
    assert done.stdout == "[[3.]]\n", done.stderr


def test_a_pool_outlives_a_trainer_without_its_plugin():
    """An exception while a pool's process reads a task ends the pool, or leaves the caller waiting."""
    trainer = nbtrain.Trainer(nbtrain.Network(1, [nbtrain.Dense(1)]), loss="mse", rng=0)
    gone = pickle.loads(pickle.dumps(nbtrain.activation("relu")).replace(b"relu", b"gone"))
    make, (data, (network, *others)) = trainer.__reduce__()
    object.__setattr__(network.layers[0], "activation", gone)
    unpickled = make(data, (network, *others))
    assert isinstance(unpickled, nbtrain.Trainer)
    with pytest.raises(nbtrain.PluginError, match="activation 'gone' is not available here"):
        unpickled.predict(np.zeros((1, 1), np.float32))
