"""The core's modules: a program compiles and loads those that it needs, each once, whatever it needs first."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from nbtrain import compiler
from nbtrain.core import compiled
from nbtrain.core.functions import CORE, DRAWS, MEMBERS, MODULES, TRAINING

LOADED = """
import numpy as np
import nbtrain
from nbtrain import compiler
from nbtrain.core.compiled import ALL, EVERY_DTYPE
from nbtrain.compiler.fingerprint import core_key

def loaded():
    names = {core_key(kind, name): name for name in ALL for kind in (np.dtype("f4"), EVERY_DTYPE)}
    return sorted(names[key] for key in compiler._loaded if key in names)

network = nbtrain.Network(3, [nbtrain.Dense(4, "tanh"), nbtrain.Dense(2)])
x, y = np.linspace(-1, 1, 60, dtype="f4").reshape(20, 3), np.linspace(0, 1, 40, dtype="f4").reshape(20, 2)
"""
ONE_NETWORK = """
trainer = nbtrain.Trainer(network, loss="mse", rng=1)
trainer.fit(x, y, epochs=2)
trainer.train_step(x, y)
trainer.predict(x)
trainer.evaluate(x, y)
print(loaded())
"""
POPULATION_FIRST = """
population = nbtrain.Population(network, 3, loss="mse", rng=1)
population.fit(x, y, epochs=2)
print(loaded())
"""
COMPILED_FIRST = """
from numba import njit
from nbtrain import kernel

@njit
def steps(model, x, y, count):
    return kernel.train_members(model, x, y, 0, 3, count)

population = nbtrain.Population(network, 3, loss="mse", rng=1, batch_size=20, shuffle=False)
before = population.theta.copy()
assert steps(population.model, x, y, 2) == 0
assert (population.theta != before).any()
print(loaded())
"""


def printed(program):
    found = subprocess.run(
        [sys.executable, "-c", LOADED + program], capture_output=True, text=True, timeout=600, check=False
    )
    assert found.returncode == 0, found.stderr
    return found.stdout.strip()


@pytest.mark.parametrize(
    ("program", "modules"),
    [(ONE_NETWORK, [TRAINING]), (POPULATION_FIRST, [*MODULES]), (COMPILED_FIRST, [*MODULES])],
    ids=["one network", "population", "compiled caller"],
)
def test_a_process_loads_the_modules_that_it_needs(program, modules):
    assert printed(program) == str(sorted(modules))


def test_a_module_that_threads_need_at_once_is_compiled_once_for_both_dtypes(tmp_path, monkeypatch):
    monkeypatch.setenv("NBTRAIN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("NBTRAIN_PREBUILT", "0")
    monkeypatch.setattr(compiler, "_loaded", {})
    made, found, usual = [], [], compiled.code_of
    monkeypatch.setattr(compiled, "code_of", lambda dtype, name: made.append(name) or usual(dtype, name))

    def ask(dtype):
        found.append(compiled.address_of("draw_uniform", dtype))

    threads = [threading.Thread(target=ask, args=(dtype,)) for dtype in ("float32", "float64") * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [DRAWS]
    assert len(found) == 4
    assert len(set(found)) == 1
    assert found[0] != 0


def test_every_function_has_one_module():
    assert {row.module for row in CORE.values()} == set(MODULES)
    assert {name for name, row in CORE.items() if row.on_population} <= {
        name for name, row in CORE.items() if row.module == MEMBERS
    }
