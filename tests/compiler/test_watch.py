"""Keys of components are remembered between trainers, and never once anything that they depend on has changed."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import types

import numpy as np
import pytest

import nbtrain
from nbtrain.compiler import fingerprint
from nbtrain.components.builtin import MODULES
from nbtrain.components.registry import Registry

FLOAT32 = np.dtype(np.float32)


def one(z):
    return 1.0


def run(source, **names):
    """The names that source defines, in a module's dictionary of its own."""
    namespace = {"__name__": "somewhere", **names}
    exec(source, namespace)
    return namespace


def key(spec):
    return fingerprint.component_key(spec, FLOAT32)


def described_anew(spec):
    """The key without what is remembered."""
    return fingerprint._described(spec, fingerprint.machine(), FLOAT32)[0]


@pytest.fixture
def descriptions(monkeypatch):
    """The specs that were described."""
    told, describe = [], fingerprint._described
    monkeypatch.setattr(fingerprint, "_described", lambda spec, *place: told.append(spec) or describe(spec, *place))
    return told


def test_a_key_is_computed_once_for_each_built_in_component(descriptions):
    registry = Registry(MODULES, [])
    specs = [registry.get(row["kind"], row["name"]) for row in registry.components() if row["kind"] != "initializer"]
    before = [key(spec) for spec in specs]
    assert len(specs) >= 20
    assert descriptions == specs
    assert [key(spec) for spec in specs] == before
    assert descriptions == specs
    fingerprint.component_key(specs[0], np.dtype(np.float64))
    assert len(descriptions) == len(specs) + 1


def setter(namespace, name, value):
    return lambda: namespace.__setitem__(name, value)


def of_a_global():
    names = run("def f(z):\n    return c * z", c=1.0)
    return names["f"], setter(names, "c", 2.0)


def of_a_global_that_was_not_there():
    names = run("def f(z):\n    return abs(z)")
    return names["f"], setter(names, "abs", run("def g(z):\n    return -z")["g"])


def of_a_helpers_global():
    names = run("def g(z):\n    return c * z", c=1.0)
    return run("def f(z):\n    return g(z)", g=names["g"])["f"], setter(names, "c", 2.0)


def of_a_helper():
    names = run("def g(z):\n    return z\ndef f(z):\n    return g(z)")
    return names["f"], setter(names, "g", run("def g(z):\n    return -z")["g"])


def of_a_helpers_code():
    names = run("def g(z):\n    return z\ndef f(z):\n    return g(z)")
    return names["f"], lambda: setattr(names["g"], "__code__", run("def g(z):\n    return -z")["g"].__code__)


def of_a_jitted_helpers_function():
    jitted = types.SimpleNamespace(py_func=run("def g(z):\n    return z")["g"], __qualname__="g")
    other = run("def g(z):\n    return -z")["g"]
    return run("def f(z):\n    return g(z)", g=jitted)["f"], lambda: setattr(jitted, "py_func", other)


def of_a_default():
    f = run("def f(z, by=1.0):\n    return by * z")["f"]
    helper = run("def f(z):\n    return g(z)", g=f)["f"]
    return helper, lambda: setattr(f, "__defaults__", (2.0,))


def of_a_keyword_default():
    f = run("def f(z, *, by=1.0):\n    return by * z")["f"]
    return run("def f(z):\n    return g(z)", g=f)["f"], lambda: f.__kwdefaults__.update(by=2.0)


def of_a_keyword_default_that_was_not_there():
    f = run("def f(z, *, by):\n    return by * z")["f"]
    return run("def f(z):\n    return g(z)", g=f)["f"], lambda: setattr(f, "__kwdefaults__", {"by": 2.0})


def of_a_closure():
    by = 1.0

    def change():
        nonlocal by
        by = 2.0

    return lambda z: by * z, change


def of_a_closure_that_was_empty():
    def change():
        nonlocal by
        by = 2.0

    def f(z):
        return by * z

    by: float
    return f, change


def of_a_name_in_an_inner_function():
    names = run("def f(z):\n    def g(z):\n        return c * z\n    return g(z)", c=1.0)
    return names["f"], setter(names, "c", 2.0)


def of_a_module():
    tools = types.ModuleType("tools")
    tools.c = 1.0
    return run("def f(z):\n    return tools.c * z", tools=tools)["f"], lambda: setattr(tools, "c", 2.0)


def of_a_modules_name_that_was_not_there():
    tools = types.ModuleType("tools")
    return run("def f(z):\n    return tools.c * z", tools=tools)["f"], lambda: setattr(tools, "c", 2.0)


def of_a_name_that_a_module_gives_when_asked():
    tools, given = types.ModuleType("tools"), types.SimpleNamespace(c=1.0)
    tools.__getattr__ = given.__getattribute__
    return run("def f(z):\n    return tools.c * abs(z)", tools=tools)["f"], lambda: setattr(given, "c", 2.0)


def of_an_array():
    table = np.zeros(3)
    return run("def f(z):\n    return table[0] * z", table=table)["f"], lambda: table.fill(1.0)


def of_an_array_in_a_tuple():
    table = np.zeros(3)
    return run("def f(z):\n    return table[0][0] * z", table=(table,))["f"], lambda: table.fill(1.0)


def of_a_set():
    names = {1.0, 2.0}
    return run("def f(z):\n    return abs(z)", abs=names)["f"], lambda: names.add(3.0)


def of_an_object():
    shown = types.SimpleNamespace(c=1.0)
    return run("def f(z):\n    return o.c * z", o=shown)["f"], lambda: setattr(shown, "c", 2.0)


CHANGES = [found for name, found in list(globals().items()) if name.startswith("of_a")]


@pytest.mark.parametrize("make", CHANGES, ids=lambda make: make.__name__)
def test_a_change_is_seen(make):
    function, change = make()
    spec = nbtrain.Activation("watched", function, one)
    before = key(spec)
    assert key(spec) == before == described_anew(spec)
    change()
    assert key(spec) != before
    assert key(spec) == described_anew(spec)


@pytest.mark.parametrize("value", [object, lambda: [object()], lambda: logging.getLogger("nbtrain_test")])
def test_what_a_function_does_has_no_places_in_memory_in_it(value):
    """Names of attributes may be those of objects in the module: `log` of `math.log` of a logger."""

    def behaviour():
        names = run("import math\ndef f(z):\n    return math.log(1 + abs(z))", log=value())
        kept.append(names)
        return fingerprint.behaviour(nbtrain.Activation("logarithmic", names["f"], one))

    kept = []
    assert behaviour() == behaviour()
    other = nbtrain.Activation("logarithmic", run("import math\ndef f(z):\n    return math.log(2 + abs(z))")["f"], one)
    assert fingerprint.behaviour(other) != behaviour()


SETS = """
import math, nbtrain
from nbtrain.compiler import fingerprint
exp = {"red", "green", "blue", "black", "white"}
print(fingerprint.behaviour(nbtrain.Activation("e", lambda z: math.exp(z), lambda z, a: a)))
"""


def test_what_a_function_does_is_the_same_in_every_process():
    runs = [
        subprocess.run([sys.executable, "-c", SETS], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True)
        for seed in "12"
    ]
    assert [(done.returncode, done.stderr) for done in runs] == [(0, b"")] * 2
    assert runs[0].stdout == runs[1].stdout != b""


def test_a_functions_file_is_looked_at_again_when_it_was_written(tmp_path, descriptions):
    """It may hold what changes the code without being named in it."""
    path = tmp_path / "plugin.py"
    path.write_text("def f(z):\n    return z\n")
    names = {"__name__": "plugin"}
    exec(compile(path.read_text(), str(path), "exec"), names)
    spec = nbtrain.Activation("watched", names["f"], one)
    before = key(spec)
    assert key(spec) == before
    assert len(descriptions) == 1
    path.write_text("def f(z):\n    return z\n# overloads\n")
    assert key(spec) != before
    path.unlink()
    assert key(spec) != before
    os.environ["NBTRAIN_UNRELATED"] = "1"
    after = key(spec)
    del os.environ["NBTRAIN_UNRELATED"]
    assert key(spec) == after


FACTOR = 2.0


def helper(z):
    return FACTOR * z


def patched(z):
    return helper(z) + OFFSET


OFFSET = 0.0


def test_two_trainers_compute_what_the_function_says_when_each_is_made(monkeypatch):
    spec = nbtrain.Activation("patched", patched, one)
    x = np.linspace(-1.0, 1.0, 5, dtype=np.float32)[:, None]

    def predicted():
        network = nbtrain.Network(1, [nbtrain.Dense(1, spec)])
        trainer = nbtrain.Trainer(network, loss="mse", rng=0)
        trainer.set_weights([(np.ones((1, 1)), np.zeros(1))])
        return trainer, trainer.predict(x)

    first, outputs = predicted()
    np.testing.assert_allclose(outputs, 2.0 * x)
    monkeypatch.setitem(globals(), "OFFSET", 1.0)
    np.testing.assert_allclose(predicted()[1], 2.0 * x + 1.0)
    monkeypatch.setitem(globals(), "FACTOR", 3.0)
    np.testing.assert_allclose(predicted()[1], 3.0 * x + 1.0)
    monkeypatch.setitem(globals(), "helper", one)
    np.testing.assert_allclose(predicted()[1], 2.0 + 0.0 * x)
    np.testing.assert_allclose(first.predict(x), 2.0 * x)  # what was made before goes on as it was
