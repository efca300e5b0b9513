"""Keys of compiled components: the same for the same functions, another one for whatever changes their code."""

from __future__ import annotations

import collections
import logging
import os
import subprocess
import sys
import textwrap
import types
from importlib.util import find_spec

import numpy as np
import pytest

import nbtrain
from nbtrain.compiler import fingerprint
from nbtrain.compiler.keys.component import behaviour, component_key


def one(z):
    return 1.0


def key(function):
    """The key of a new spec."""
    return component_key(nbtrain.Activation("keyed", function, one), np.dtype(np.float32))


def run(source, **names):
    """The names that source defines, in a module's dictionary of its own."""
    namespace = {"__name__": "somewhere", **names}
    exec(source, namespace)
    return namespace


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
def test_a_new_spec_of_a_changed_function_has_another_key(make):
    function, change = make()
    before = key(function)
    assert key(function) == before
    change()
    assert key(function) != before


def made(source, **names):
    """A function from source, in a module's dictionary of its own."""
    namespace = {"__name__": "somewhere", **names}
    exec(textwrap.dedent(source), namespace)
    return namespace["f"]


SIMPLE = "def f(z):\n    return c * z"
HELPER = "def g(z, {}):\n    return b * z\ndef f(z):\n    return g(z)"


def closure(constant):
    def f(z):
        return constant * z

    return f


def test_the_key_sees_everything_that_code_depends_on():
    module = types.ModuleType("tools")
    exec("def helper(z):\n    return z + 1.0\nother = 1", module.__dict__)
    calls = "def f(z):\n    return tools.helper(z)"
    pairs = [
        (made(SIMPLE, c=1.0), made(SIMPLE, c=2.0)),
        (made(SIMPLE, c=1.0), made(SIMPLE, c=1)),
        (made(SIMPLE, c=1.0), made(SIMPLE, c=np.float32(1.0))),
        (made(SIMPLE, c=(1.0, 2.0)), made(SIMPLE, c=(1.0, 3.0))),
        (made(SIMPLE, c=np.zeros(3)), made(SIMPLE, c=np.ones(3))),
        (made("def f(z):\n    return 1.0 * z"), made("def f(z):\n    return 2.0 * z")),
        (made("def f(z):\n    return z + z"), made("def f(z):\n    return z - z")),
        (made(HELPER.format("b=1.0")), made(HELPER.format("b=2.0"))),
        (made(HELPER.format("*, b=1.0")), made(HELPER.format("*, b=2.0"))),
        (closure(1.0), closure(2.0)),
        (closure(closure(1.0)), closure(closure(2.0))),
        (made(SIMPLE, c=collections.namedtuple("T", "a b")), made(SIMPLE, c=collections.namedtuple("T", "b a"))),
    ]
    for one_way, other_way in pairs:
        assert key(one_way) != key(other_way)
    before = key(made(calls, tools=module))
    assert key(made(calls, tools=module)) == before
    module.other = 2  # not used
    assert key(made(calls, tools=module)) == before
    exec("def helper(z):\n    return z + 2.0", module.__dict__)
    assert key(made(calls, tools=module)) != before
    # two functions that use different names of one module
    both = "def g(z):\n    return tools.a(z)\ndef f(z):\n    return g(z) + tools.b(z)"
    exec("def a(z):\n    return z\ndef b(z):\n    return z", module.__dict__)
    before = key(made(both, tools=module))
    exec("def b(z):\n    return -z", module.__dict__)
    assert key(made(both, tools=module)) != before


def test_the_key_sees_numbas_settings_and_the_processor(monkeypatch, tmp_path):
    f = made(SIMPLE, c=1.0)
    known = {key(f)}

    def is_new():
        found = key(f)
        assert found not in known
        known.add(found)

    for name, value in {
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "+sse2",
        "NUMBA_OPT": "1",
        "NUMBA_NOT_INVENTED_YET": "1",
    }.items():
        monkeypatch.setenv(name, value)
        is_new()
        monkeypatch.delenv(name)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("NUMBA_BOUNDSCHECK", "1")
    assert key(f) in known
    if find_spec("yaml"):  # else Numba does not read the file either
        monkeypatch.chdir(tmp_path)
        (tmp_path / ".numba_config.yaml").write_text("opt: 0\n")
        is_new()
    platform = fingerprint._processor()
    monkeypatch.setattr(fingerprint, "_processor", lambda: platform + "\navx1024")
    is_new()


def test_the_key_is_the_same_in_every_process():
    code = """
import numpy as np
from nbtrain import registry
from nbtrain.compiler.fingerprint import core_key
from nbtrain.compiler.keys.component import component_key
specs = [registry.get(row["kind"], row["name"]) for row in registry.components() if row["kind"] != "initializer"]
print([component_key(spec, np.dtype("f4")) for spec in specs], core_key(np.dtype("f8")))
"""
    outputs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
            timeout=300,
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize("value", [object, lambda: [object()], lambda: logging.getLogger("nbtrain_test")])
def test_what_a_function_does_has_no_addresses_in_it(value):
    """Names of attributes may be those of objects in the module: `log` of `math.log` of a logger."""

    def of_a_new_one():
        names = run("import math\ndef f(z):\n    return math.log(1 + abs(z))", log=value())
        kept.append(names)
        return behaviour(nbtrain.Activation("logarithmic", names["f"], one))

    kept = []
    assert of_a_new_one() == of_a_new_one()
    other = nbtrain.Activation("logarithmic", run("import math\ndef f(z):\n    return math.log(2 + abs(z))")["f"], one)
    assert behaviour(other) != of_a_new_one()


SETS = """
import math, nbtrain
from nbtrain.compiler.keys.component import behaviour
exp = {"red", "green", "blue", "black", "white"}
print(behaviour(nbtrain.Activation("e", lambda z: math.exp(z), lambda z, a: a)))
"""


def test_what_a_function_does_is_the_same_in_every_process():
    runs = [
        subprocess.run([sys.executable, "-c", SETS], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True)
        for seed in "12"
    ]
    assert [(done.returncode, done.stderr) for done in runs] == [(0, b"")] * 2
    assert runs[0].stdout == runs[1].stdout != b""


def test_the_key_sees_the_file_of_a_function(tmp_path):
    """It may hold what changes the code without being named in it."""
    path = tmp_path / "plugin.py"
    path.write_text("def f(z):\n    return z\n")
    names = {"__name__": "plugin"}
    exec(compile(path.read_text(), str(path), "exec"), names)
    before = key(names["f"])
    path.write_text("def f(z):\n    return z\n# overloads\n")
    assert key(names["f"]) not in (before, path.unlink() or key(names["f"]))


FACTOR = 2.0


def helper(z):
    return FACTOR * z


def test_a_spec_keeps_its_code_and_a_new_one_has_the_changed_helpers(monkeypatch):
    """As when a cell of a notebook is run again."""
    x = np.linspace(-1.0, 1.0, 5, dtype=np.float32)[:, None]

    def predicted(spec):
        trainer = nbtrain.Trainer(nbtrain.Network(1, [nbtrain.Dense(1, spec)]), loss="mse", rng=0)
        trainer.set_weights([(np.ones((1, 1)), np.zeros(1))])
        return trainer.predict(x)

    first = nbtrain.Activation("patched", lambda z: helper(z), one)
    np.testing.assert_allclose(predicted(first), 2.0 * x)
    monkeypatch.setitem(globals(), "FACTOR", 3.0)
    np.testing.assert_allclose(predicted(nbtrain.Activation("patched", lambda z: helper(z), one)), 3.0 * x)
    np.testing.assert_allclose(predicted(first), 2.0 * x)
    monkeypatch.setitem(globals(), "helper", lambda z: FACTOR + z)
    np.testing.assert_allclose(predicted(nbtrain.Activation("patched", lambda z: helper(z), one)), 3.0 + x)


def test_code_of_a_changed_helper_is_never_stored_under_the_key_of_the_old_one(monkeypatch):
    """A component that was compiled alone is compiled later together with a regularizer."""

    def step(w, g, slots, prepared, hyper):
        return w - helper(g), ()

    def trained(optimizer, penalty):
        network = nbtrain.Network(1, [nbtrain.Dense(1)])
        trainer = nbtrain.Trainer(network, loss="mse", optimizer=optimizer, regularizer=penalty, rng=0)
        trainer.set_weights([(np.zeros((1, 1)), np.zeros(1))])
        trainer.train_step([[1.0]], [[1.0]])
        return float(trainer.theta[0])  # the weight, which the regularizer acts on

    def optimizer():
        return nbtrain.Optimizer("helped", step)

    old = optimizer()
    assert trained(old, None) == 2.0  # the gradient is -1
    monkeypatch.setitem(globals(), "FACTOR", 3.0)
    penalty = nbtrain.regularizer("l2", strength=0.0)
    assert trained(old, penalty) == 3.0
    monkeypatch.setitem(globals(), "FACTOR", 2.0)
    assert trained(optimizer(), penalty) == 2.0
