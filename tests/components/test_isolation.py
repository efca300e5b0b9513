"""Plugins that cannot be used harm nobody: each is reported once, by name and cause, and everything else works.

The distributions are folders with the metadata that an installer would have written.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import subprocess
import sys
import threading
import types
import warnings
from importlib import metadata

import numpy as np
import pytest

import nbtrain
from nbtrain.compiler.inspect import assembly
from nbtrain.components.builtin import MODULES
from nbtrain.components.by_name import Registry, bound

GOOD = """
import nbtrain
nbtrain_contract = 1

@nbtrain.hookimpl
def nbtrain_activations():
    yield nbtrain.Activation({name!r}, value=lambda z: z, slope=lambda z: 1.0)
"""
numbers = itertools.count()


class Installed:
    """A folder with distributions, and a registry that sees them alone."""

    def __init__(self, folder):
        self.folder = folder

    def add(self, distribution, source, version="1.0", module=None):
        module = module or f"fake_plugin_{next(numbers)}"  # never imported before
        (self.folder / f"{module}.py").write_text(source, encoding="utf-8")
        info = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[nbtrain]\nthings = {module}\n")
        return module

    def registry(self):
        found = metadata.distributions(path=[str(self.folder)])
        points = sorted((p for d in found for p in d.entry_points), key=lambda point: point.dist.name)
        return Registry(MODULES, points)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    for variable in ("NBTRAIN_PLUGINS", "NBTRAIN_DISABLE_PLUGINS", "NBTRAIN_STRICT_PLUGINS"):
        monkeypatch.delenv(variable, raising=False)
    return Installed(tmp_path)


HOOK = "import nbtrain\n@nbtrain.hookimpl\ndef {}:\n    {}\n"
BROKEN = {
    "import failure": (
        "import no_such_module_here",
        "ModuleNotFoundError: No module named 'no_such_module_here' (fake",
    ),
    "an error at import": ("\n\n1 / 0", "ZeroDivisionError: division by zero (fake"),
    "exit": ("import sys\nsys.exit(3)", "it called sys.exit(3) (fake"),
    "an exception that is no Exception": (
        "class PanicException(BaseException): pass\nraise PanicException('in Rust')",
        "PanicException: in Rust (fake",
    ),
    "the end of a generator": ("raise GeneratorExit", "GeneratorExit (fake"),
    "syntax error": ("def f(:\n", "SyntaxError: invalid syntax (fake"),
    "no hook": ("x = 1", "it implements none of the hooks nbtrain_activations, "),
    "misspelt hook": (
        HOOK.format("nbtrain_activatoins()", "return []"),
        "unknown hook nbtrain_activatoins; did you mean nbtrain_activations?",
    ),
    "hook without its mark": (
        GOOD.format(name="x") + "def nbtrain_losses():\n    return []\n",
        "nbtrain_losses lacks @nbtrain.hookimpl",
    ),
    "hook with arguments": (
        HOOK.format("nbtrain_activations(registry)", "return []"),
        "nbtrain_activations takes registry; a hook takes nothing",
    ),
    "hook that fails": (HOOK.format("nbtrain_losses()", "raise ValueError('oh')"), "ValueError: oh (fake"),
    "hook that returns a component": (
        HOOK.format("nbtrain_activations()", "return nbtrain.Activation('a', lambda z: z, lambda z: 1.0)"),
        "yield nbtrain.Activation(...), or return a list of them",
    ),
    "hook that returns nothing": (
        HOOK.format("nbtrain_activations()", "nbtrain.Activation('a', lambda z: z, lambda z: 1.0)"),
        "nbtrain_activations returns nothing; yield nbtrain.Activation(...), or return a list of them",
    ),
    "two of one name": (
        HOOK.format(
            "nbtrain_activations()", "return [nbtrain.Activation('a', lambda z: z, lambda z: b) for b in (1.0, 2.0)]"
        ),
        "nbtrain_activations yields two components named 'a'; give each its own name",
    ),
    "something else": (
        HOOK.format("nbtrain_losses()", "yield 7"),
        "must yield nbtrain.Loss(...), got 7",
    ),
    "another kind": (
        HOOK.format("nbtrain_losses()", "yield nbtrain.Activation('a', lambda z: z, lambda z: 1.0)"),
        "nbtrain_losses must yield nbtrain.Loss(...), got ",
    ),
    "wrong signature": (
        HOOK.format("nbtrain_activations()", "yield nbtrain.Activation('a', lambda z, b: z, lambda z: 1.0)"),
        "InputError: value of activation 'a' must take 1 argument, got <lambda>(z, b) (fake",
    ),
    "newer contract": (
        "nbtrain_contract = 99\n" + GOOD.format(name="x"),
        "it is written for version 99 of the plugin contract; this nbtrain supports 1: upgrade nbtrain",
    ),
    "older contract": ("nbtrain_contract = 0", "upgrade the plugin"),
    "contract in words": ("nbtrain_contract = 'one'", "nbtrain_contract must be an integer, now 1, got 'one'"),
}
BROKEN["newer contract"] = (
    BROKEN["newer contract"][0].replace("nbtrain_contract = 1\n", ""),
    BROKEN["newer contract"][1],
)


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_is_reported_once_and_all_else_works(case, installed):
    source, told = BROKEN[case]
    installed.add("aaa-broken", source, "2.3")
    installed.add("zzz-sound", GOOD.format(name="sound"))
    registry = installed.registry()
    with pytest.warns(nbtrain.PluginWarning) as caught:
        assert registry.get("activation", "sound").name == "sound"
    (warning,) = caught
    message = str(warning.message)
    assert message.startswith("plugin aaa-broken 2.3 (entry point things) could not be used: ")
    assert told in message
    assert len(message) < 600
    assert "\n" not in message
    with warnings.catch_warnings(action="error"):  # not a second time
        with pytest.raises(nbtrain.InputError) as asked:
            registry.get("activation", "from_the_broken_one")
        assert message.removeprefix("plugin ") in str(asked.value)  # but whoever misses something is told why
        rows = {row["provider"]: row for row in registry.components()}
    assert rows["aaa-broken"]["version"] == "2.3"
    assert told in rows["aaa-broken"]["state"]
    assert (rows["zzz-sound"]["state"], rows["zzz-sound"]["name"]) == ("ok", "sound")


def test_warnings_as_errors_leave_the_sound_plugins_loaded(installed):
    installed.add("aaa-broken", "1 / 0")
    installed.add("zzz-sound", GOOD.format(name="sound"))
    registry = installed.registry()
    with pytest.raises(nbtrain.PluginWarning):
        registry.get("activation", "sound")  # pytest makes errors of warnings
    assert registry.get("activation", "sound").name == "sound"


def test_two_providers_of_one_name_are_both_named_and_keep_the_rest(installed):
    both = GOOD.format(name="mine") + "    yield nbtrain.Activation('also', lambda z: z, lambda z: 1.0)\n"
    installed.add("first", GOOD.format(name="mine"), "1.0")
    installed.add("second", both, "2.0")
    registry = installed.registry()
    told = (
        r"activation 'mine' is provided by first 1.0 \(entry point things\) and by second 2.0 \(entry point things\); "
        r"first 1.0 \(entry point things\) keeps the name"
    )
    with pytest.warns(nbtrain.PluginWarning, match=told):
        assert registry.get("activation", "also").name == "also"
    states = {(row["provider"], row["name"]): row["state"] for row in registry.components() if row["name"]}
    assert states["first", "mine"] == states["second", "also"] == "ok"
    assert "keeps the name" in states["second", "mine"]


def test_built_in_names_are_never_shadowed(installed):
    installed.add("shadow", GOOD.format(name="relu"))
    registry = installed.registry()
    with pytest.warns(nbtrain.PluginWarning, match="'relu' is provided by nbtrain and by shadow 1.0"):
        registry.load()
    assert registry.get("activation", "relu") == nbtrain.registry.get("activation", "relu")


def test_strict_is_an_error_every_time(installed, monkeypatch):
    monkeypatch.setenv("NBTRAIN_STRICT_PLUGINS", "1")
    installed.add("broken", "1 / 0")
    installed.add("sound", GOOD.format(name="sound"))
    registry = installed.registry()
    for _ in range(2):
        with pytest.raises(nbtrain.PluginError, match=r"plugin broken 1\.0 .* ZeroDivisionError"):
            registry.get("activation", "sound")
    assert registry.get("activation", "relu").name == "relu"  # asks no plugin


def test_plugins_can_be_switched_off(installed, monkeypatch):
    monkeypatch.setenv("NBTRAIN_DISABLE_PLUGINS", "1")
    installed.add("sound", GOOD.format(name="sound"))
    with pytest.raises(nbtrain.InputError, match="unknown activation 'sound'"):
        installed.registry().get("activation", "sound")


@pytest.mark.parametrize("allowed", ["Good_One", "things", " other , good-one "])
def test_an_allow_list_names_distributions_or_entry_points(allowed, installed, monkeypatch):
    monkeypatch.setenv("NBTRAIN_PLUGINS", allowed)
    installed.add("good-one", GOOD.format(name="sound"))
    registry = installed.registry()
    if "other" in allowed:
        with pytest.warns(nbtrain.PluginWarning, match="NBTRAIN_PLUGINS allows 'other', which is not installed"):
            registry.load()
    assert registry.get("activation", "sound").name == "sound"


@pytest.mark.parametrize("allowed", ["", "good-one"])
def test_what_is_not_allowed_is_not_imported(allowed, installed, monkeypatch):
    monkeypatch.setenv("NBTRAIN_PLUGINS", allowed)
    module = installed.add("bad-one", "raise KeyboardInterrupt")  # would end the process
    installed.add("good-one", GOOD.format(name="sound"))
    registry = installed.registry()
    states = {row["provider"]: row["state"] for row in registry.components()}
    assert states["bad-one"] == "not allowed by NBTRAIN_PLUGINS"
    assert module not in sys.modules


def test_ctrl_c_while_a_plugin_is_imported_reaches_the_user_and_the_next_call_starts_again(installed, monkeypatch):
    installed.add("aaa-first", GOOD.format(name="first"))
    once = "import sys\nif not hasattr(sys, 'seen_once'):\n    sys.seen_once = True\n    raise KeyboardInterrupt\n"
    installed.add("slow", once + GOOD.format(name="slow"))
    registry = installed.registry()
    try:
        with pytest.raises(KeyboardInterrupt):
            registry.get("activation", "slow")
        assert [registry.get("activation", name).name for name in ("slow", "first")] == ["slow", "first"]
    finally:
        del sys.seen_once


LAZY = (
    GOOD.format(name="of_lazy")
    + """
def __dir__():
    return [*globals(), "heavy", "gone"]
def __getattr__(name):
    if name == "heavy":
        raise ImportError("an optional package is not installed")
    raise AttributeError(name)
"""
)


def test_a_lazy_module_is_a_plugin_like_another(installed):
    module = installed.add("lazy", LAZY)
    assert installed.registry().get("activation", "of_lazy").name == "of_lazy"
    registry = Registry(MODULES, [])
    registry.register(sys.modules[module])
    assert registry.get("activation", "of_lazy").name == "of_lazy"


# ---- whole processes


def python(folder, program, **environment):
    path = os.pathsep.join([str(folder), *sys.path])
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"PYTHONPATH": path} | environment,
    )


def test_nothing_is_imported_until_a_name_is_asked_for(installed):
    for index in range(100):
        installed.add(f"many-{index}", GOOD.format(name=f"many_{index}"), module=f"many_module_{index}")
    program = """
import sys, nbtrain
def count():
    return sum(name.startswith("many_module") for name in sys.modules)
nbtrain.Network(4, [nbtrain.Dense(4, "relu"), nbtrain.Dense(2)])
nbtrain.optimizer("adam"), nbtrain.loss("mse")
print(count(), "importlib.metadata" in sys.modules)
nbtrain.activation("many_3")
print(count())
"""
    done = python(installed.folder, program)
    assert done.stdout.split() == ["0", "False", "100"], done.stderr


def test_the_list_as_json_names_the_culprit_whatever_plugins_print(installed):
    installed.add("broken", "import sys\nsys.exit(3)", "0.7")
    installed.add("noisy", "print('hello')\n" + GOOD.format(name="noisy") + "    print('hello again')\n")
    installed.add("sound", GOOD.format(name="sound_one"))
    done = python(installed.folder, "from nbtrain.cli import main; main(['plugins', 'list', '--json'])")
    listed = json.loads(done.stdout)
    assert done.stderr.splitlines()[:2] == ["hello", "hello again"]
    (culprit,) = [row for row in listed["broken"] if row["provider"] == "broken"]
    assert (culprit["version"], culprit["state"][:20]) == ("0.7", "it called sys.exit(3")
    (sound,) = [row for row in listed["components"] if row["name"] == "sound_one"]
    assert sound == {
        "kind": "activation",
        "name": "sound_one",
        "parameters": {},
        "provider": "sound",
        "version": "1.0",
        "state": "ok",
    }


def test_unreadable_metadata_of_another_package_leaves_all_other_components(installed):
    installed.add("sound", GOOD.format(name="sound"))
    stranger = installed.folder / "stranger-1.0.dist-info"
    stranger.mkdir()
    (stranger / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (stranger / "entry_points.txt").write_bytes(b"[console_scripts]\nno equals sign \xff\n")
    done = python(
        installed.folder,
        "import nbtrain as n; print(n.activation('relu').name, n.registry.components()[0]['state'])\n"
        "print(n.activation('sound').name)",
    )
    assert done.stdout == "relu ok\nsound\n", done.stderr
    assert done.stderr.count("PluginWarning: the metadata of an installed package cannot be read") == 1
    strict = python(installed.folder, "import nbtrain as n; n.activation('sound')", NBTRAIN_STRICT_PLUGINS="1")
    assert strict.returncode == 1
    assert "PluginError: the metadata of an installed package cannot be read" in strict.stderr


# ---- compiling


def activation(name, value, slope=lambda z: 1.0, **options):
    return nbtrain.Activation(name, value, slope, **options)


def raising(z):
    if z > 10.0:
        raise ValueError("too large")
    return z


# pytest rewrites the assertions that it finds
exec(compile("def asserting(z):\n    assert z < 10.0\n    return z\n", __file__, "exec"))


def text(z):
    return "one" if z > 0.0 else "two"


def listing(z):
    return [z, z][0]


def importing(z):
    import math

    return math.exp(z)


UNCOMPILABLE = {
    "raise": (raising, r"line \d+: `raise` or `assert` is not supported"),
    "assert": (globals()["asserting"], r"line \d+: `raise` or `assert` is not supported"),
    "helper that raises": (lambda z: raising(z), r"line \d+: `raise` or `assert` is not supported; .* .in raising, "),
    "text": (text, "it must return a number"),
    "complex numbers": (lambda z: z * 1j, "it must return a number"),
    "a list": (listing, r"line \d+: a list, dict or set is not supported"),
    "an import": (importing, r"line \d+: `import` inside a function is not supported"),
    "an unknown name": (lambda z: z * no_such_name, "name 'no_such_name' is not defined"),  # noqa: F821
}


@pytest.mark.parametrize("case", UNCOMPILABLE)
def test_what_cannot_be_compiled_is_refused_with_its_place(case):
    value, told = UNCOMPILABLE[case]
    spec = activation("refused", value)
    nbtrain.register(spec)
    try:
        network = nbtrain.Network(1, [nbtrain.Dense(1, "refused")])
        with pytest.raises(nbtrain.PluginError, match=told) as caught:
            nbtrain.Trainer(network, loss="mse", rng=0)
    finally:
        nbtrain.unregister(spec)
    message = str(caught.value)
    assert message.startswith("activation 'refused' registered at run time: activation 'refused': value (")
    assert "test_isolation.py:" in message
    assert len(message) < 700


def test_a_plugin_of_a_built_ins_formula_is_the_same_machine_code():
    """So it runs at the same speed."""

    def tanh(z):
        return math.tanh(z)

    def slope_of_tanh(a):
        return 1.0 - a * a

    def prepare(t, hyper):
        return (1.0 - hyper.beta,)

    def step(w, g, slots, prepared, hyper):
        V = hyper.beta * slots.velocity + prepared[0] * g
        return w - hyper.learning_rate * V, (V,)

    own = [
        nbtrain.Activation("own", tanh, slope_of_tanh),
        nbtrain.Optimizer("own", step, ("velocity",), prepare, {"beta": 0.5}),
    ]
    for spec, built_in in zip(own, ("tanh", "momentum"), strict=True):
        wanted = assembly(nbtrain.registry.get(spec.kind, built_in), "float32")
        assert instructions(assembly(spec, "float32")) == instructions(wanted)


def instructions(text):
    """Assembly without comments, and without the names of sections and labels that go with a function's own."""
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith(".") and not line.endswith(":")]


# ---- at run time


def trainer(layer, **options):
    options = {"loss": "mse", "dtype": "float64", "rng": 0} | options
    made = nbtrain.Trainer(nbtrain.Network(1, [nbtrain.Dense(1, layer)]), **options)
    made.set_weights([([[1.0]], [0.0])])
    return made


def test_an_edited_function_is_used_by_new_models_and_old_ones_keep_theirs():
    spec = activation("edited", lambda z: 2.0 * z)
    nbtrain.register(spec)
    try:
        old = trainer("edited")
        spec = activation("edited", lambda z: 3.0 * z)
        nbtrain.register(spec)  # as when a notebook's cell is run again
        new = trainer("edited")
        assert (old.predict([[1.0]])[0, 0], new.predict([[1.0]])[0, 0]) == (2.0, 3.0)
    finally:
        nbtrain.unregister(spec)
    assert (old.predict([[1.0]])[0, 0], new.predict([[1.0]])[0, 0]) == (2.0, 3.0)
    with pytest.raises(nbtrain.InputError, match="unknown activation 'edited'"):
        nbtrain.activation("edited")


def test_a_module_registered_again_gives_its_components_anew():
    module = types.ModuleType("edited_module")
    source = GOOD.format(name="of_module")
    exec(source, module.__dict__)
    nbtrain.register(module)
    exec(source.replace("lambda z: z,", "lambda z: 5.0 * z,").replace("of_module", "of_module_2"), module.__dict__)
    nbtrain.register(module)
    try:
        assert trainer("of_module_2").predict([[1.0]])[0, 0] == 5.0
        with pytest.raises(nbtrain.InputError, match="unknown activation 'of_module'"):
            nbtrain.activation("of_module")
    finally:
        nbtrain.unregister(module)


def test_a_refused_registration_changes_nothing():
    spec = activation("kept", lambda z: 2.0 * z)
    nbtrain.register(spec, "a label")
    try:
        with pytest.raises(nbtrain.PluginError, match="'relu' is provided by nbtrain and by a label"):
            nbtrain.register(activation("relu", lambda z: z), "a label")
        assert trainer("kept").predict([[1.0]])[0, 0] == 2.0
    finally:
        nbtrain.unregister("a label")


def hooked(name):
    """A hook that yields an activation."""

    @nbtrain.hookimpl
    def nbtrain_activations():
        yield activation(name, lambda z: z)

    return nbtrain_activations


class Hooked:
    def __init__(self, name):
        self.name = name

    @nbtrain.hookimpl
    def nbtrain_activations(self):
        yield activation(self.name, lambda z: z)


def as_module(name, file=None):
    def make(component):
        module = types.ModuleType(name)
        module.nbtrain_activations = hooked(component)
        if file:
            module.__file__ = file.format(component)
        return module

    return make


ALIKE = {
    "namespaces": lambda name: types.SimpleNamespace(nbtrain_activations=hooked(name)),
    "instances of one class": Hooked,
    "modules of one name": as_module("plugins"),
    "modules of one name in two folders": as_module("plugins", "/folder_of_{}/plugins.py"),
    "modules called nbtrain": as_module("nbtrain"),
}


@pytest.mark.parametrize("case", ALIKE)
def test_things_that_are_alike_do_not_replace_each_other(case):
    registry = Registry(MODULES, [])
    things = {name: ALIKE[case](name) for name in ("one", "two", "three")}
    for thing in things.values():
        registry.register(thing)
    providers = {registry.provider(registry.get("activation", name)) for name in things}
    assert len(providers) == 3
    assert "nbtrain" not in providers
    registry.unregister(things["two"])
    assert {name for kind, name in registry._found if name in things} == {"one", "three"}
    for thing in things.values():  # again, the same ones
        registry.register(thing)
    assert [registry.get("activation", name).name for name in things] == list(things)
    registry.unregister(registry.provider(registry.get("activation", "two")))
    with pytest.raises(nbtrain.InputError, match="unknown activation 'two'"):
        registry.get("activation", "two")


def test_another_module_of_the_same_file_replaces_the_first():
    registry = Registry(MODULES, [])
    make = as_module("edited", "/folder/edited.py")
    registry.register(make("before"))
    registry.register(make("after"))
    assert registry.get("activation", "after").name == "after"
    with pytest.raises(nbtrain.InputError, match="unknown activation 'before'"):
        registry.get("activation", "before")


def test_an_object_that_takes_a_name_is_told_how_it_becomes_free():
    registry = Registry(MODULES, [])
    first = Hooked("one")
    registry.register(first)
    with pytest.raises(nbtrain.PluginError, match=r"keeps the name until nbtrain.unregister\('Hooked object'\)"):
        registry.register(Hooked("one"))
    registry.unregister("Hooked object")
    registry.register(Hooked("one"))


@pytest.mark.parametrize("name", ["nbtrain", "an unregistered spec"])
def test_the_built_in_components_keep_their_label(name):
    registry = Registry(MODULES, [])
    with pytest.raises(nbtrain.InputError, match=f"name must not be '{name}'"):
        registry.register(Hooked("one"), name)
    assert registry.provider(registry.get("activation", "relu")) == "nbtrain"


class Static:
    @staticmethod
    @nbtrain.hookimpl
    def nbtrain_activations():
        yield activation("one", lambda z: z)


class StaticBelow:
    @nbtrain.hookimpl
    @staticmethod
    def nbtrain_activations():
        yield activation("one", lambda z: z)


class OfClass:
    @classmethod
    @nbtrain.hookimpl
    def nbtrain_activations(cls):
        yield activation("one", lambda z: z)


class WithProperty(Static):
    @property
    def client(self):
        raise ConnectionError("no server")


@pytest.mark.parametrize("plugin", [Static, Static(), StaticBelow, StaticBelow(), OfClass, OfClass(), WithProperty()])
def test_hooks_may_be_static_or_class_methods(plugin):
    registry = Registry(MODULES, [])
    registry.register(plugin)
    assert registry.get("activation", "one").name == "one"


def test_an_installed_plugin_that_is_also_registered_is_the_same(installed):
    module = installed.add("sound", GOOD.format(name="sound"))
    registry = installed.registry()
    registry.register(__import__(module))
    registry.load()  # no clash with itself
    registry.register(__import__(module))
    assert registry.get("activation", "sound").name == "sound"


def local(z, k):
    return k * z


def test_a_component_needs_no_registration():
    spec = activation("local", local, lambda z, k: k, parameters={"k": 4.0})
    assert trainer(spec).predict([[1.0]])[0, 0] == 4.0
    assert trainer(nbtrain.activation(spec, k=7.0)).predict([[1.0]])[0, 0] == 7.0

    def step(w, g, slots, prepared, hyper):
        return w - hyper.learning_rate * g, ()

    loss = nbtrain.Loss("own", value=lambda p, y: 2.0 * (p - y), slope=lambda p, y: 2.0)
    optimizer = nbtrain.optimizer(nbtrain.Optimizer("own", step), learning_rate=0.5)
    regularizer = nbtrain.Regularizer("own", penalty=lambda w: 3.0 * w, slope=lambda w: 3.0)
    own = trainer("identity", loss=loss, optimizer=optimizer, regularizer=regularizer)
    assert own.train_step([[1.0]], [[0.0]]) == 2.0
    assert [part.tolist() for part in own.weights[0]] == [[[1.0 - 0.5 * (2.0 + 3.0)]], [0.0 - 0.5 * 2.0]]


def test_threads_register_while_others_train():
    """What is trained meanwhile has the bits that it has alone."""
    random = np.random.default_rng(0)
    X, y = random.normal(size=(256, 3)), random.normal(size=(256, 1))

    def run():
        network = nbtrain.Network(3, [nbtrain.Dense(16, "tanh"), nbtrain.Dense(1)])
        made = nbtrain.Trainer(network, loss="mse", rng=0)
        made.fit(X, y, epochs=30)
        return made.theta.copy()

    alone, found, failures, stop = run(), [], [], threading.Event()

    def train():
        found.extend(run() for _ in range(5))

    def register(index):
        try:
            while not stop.is_set():
                spec = activation(f"of_thread_{index}", lambda z: z)
                nbtrain.register(spec)
                assert bound(nbtrain.registry.get("activation", spec.name), {}).spec is spec
                nbtrain.unregister(spec)
        except Exception as error:
            failures.append(error)

    workers = [threading.Thread(target=register, args=(index,)) for index in range(2)]
    trainers = [threading.Thread(target=train) for _ in range(2)]
    for thread in [*workers, *trainers]:
        thread.start()
    for thread in trainers:
        thread.join()
    stop.set()
    for thread in workers:
        thread.join()
    assert failures == []
    assert len(found) == 10
    for theta in found:
        np.testing.assert_array_equal(theta, alone)


def test_a_hook_that_returns_nothing_is_refused_when_it_is_registered():
    class Plugin:
        @nbtrain.hookimpl
        def nbtrain_losses(self):
            nbtrain.Loss("forgotten", lambda p, y: p - y, lambda p, y: 1.0)

    with pytest.raises(nbtrain.PluginError, match="nbtrain_losses returns nothing; yield nbtrain"):
        nbtrain.register(Plugin())
