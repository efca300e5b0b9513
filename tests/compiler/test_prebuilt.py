"""Code that comes with the package: used where the sources would make the same, else ignored; results are the same."""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import sys

import pytest
from common import ROOT
from processes import run

import nbtrain
from nbtrain.cli import bundle
from nbtrain.compiler import prebuilt, processor, symbols, targets
from nbtrain.errors import Error

LEVEL = targets.best_level(processor.architecture())
needs_level = pytest.mark.skipif(not LEVEL or sys.platform != "linux", reason="no code is made for this processor")
NAMES = [
    *("core.float32", "activation.relu.float32", "loss.softmax_cross_entropy.float32", "loss.mse.float32"),
    *("optimizer.adam.float32", "regularizer.l2.float32", "joined.adam+l2.float32"),
]
TRAINING = """
import hashlib, sys
import numpy as np
import nbtrain
draw = np.random.default_rng(0)
X = draw.standard_normal((300, 30)).astype("f4")
y = draw.integers(0, 2, 300)
trainer = nbtrain.Trainer(nbtrain.Network(30, [nbtrain.Dense(64, "relu"), nbtrain.Dense(2)]),
    loss="softmax_cross_entropy", optimizer="adam", regularizer="l2", rng=1)
trainer.fit(X, y, epochs=2)
print(hashlib.sha256(trainer.theta.tobytes()).hexdigest(), "numba" in sys.modules)
"""
CHANGED = """
from nbtrain.components.builtin import activations
from nbtrain.compiler import prebuilt
import nbtrain, numpy as np
relu, tanh = (nbtrain.registry.get("activation", name) for name in ("relu", "tanh"))
number = np.dtype("float32")
print(prebuilt.component_name(relu, number), prebuilt.component_name(tanh, number))
def relu_twice(z):
    return 2.0 * z if z > 0.0 else 0.0
activations.relu.__code__ = relu_twice.__code__
print(prebuilt.component_name(relu, number), prebuilt.component_name(tanh, number))
"""


def environment(site, cache, **more):
    """The surroundings of a process that imports the copy of nbtrain in `site`."""
    dropped = ("NUMBA_", "NBTRAIN_")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(dropped)}
    return kept | {"PYTHONPATH": str(site), "NBTRAIN_CACHE_DIR": str(cache)} | more


def python(site, cache, program, **more):
    done = run([sys.executable, "-c", program], env=environment(site, cache, **more), cwd=site)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def info(site, cache, **more):
    """What `nbtrain cache info` says of the code that came with nbtrain."""
    done = run([sys.executable, "-m", "nbtrain", "cache", "info"], env=environment(site, cache, **more), cwd=site)
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("code that came with nbtrain: ")]
    return line.partition(": ")[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A copy of nbtrain with compiled code for this processor's level, as a wheel would install it."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "nbtrain", folder / "nbtrain", ignore=shutil.ignore_patterns("__pycache__", "*.nbp"))
    target = folder / "nbtrain" / "compiler" / prebuilt.FOLDER
    command = [sys.executable, "-m", "nbtrain", "cache", "bundle", LEVEL, target]
    command += [text for name in NAMES for text in ("--only", name)]
    done = run(command, env=environment(folder, folder / "cache"), cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


@needs_level
def test_the_first_run_compiles_nothing_and_has_the_bits_of_this_machines_own_code(site, tmp_path):
    theta, numba = python(site, tmp_path, TRAINING)
    assert numba == "False"
    assert not any(tmp_path.rglob("*.nbo"))
    own, _ = python(ROOT, os.environ["NBTRAIN_CACHE_DIR"], TRAINING)
    assert theta == own


@needs_level
def test_it_is_shown_and_can_be_switched_off(site, tmp_path):
    assert info(site, tmp_path).startswith(f"linux-{LEVEL}, ")
    assert info(site, tmp_path, NBTRAIN_PREBUILT="0") == "not used: switched off by NBTRAIN_PREBUILT=0"


@needs_level
def test_settings_that_may_change_code_switch_it_off(site, tmp_path):
    assert info(site, tmp_path, NUMBA_OPT="1") == "not used: Numba's settings may change code: NUMBA_OPT=1"
    assert info(site, tmp_path, NUMBA_NUM_THREADS="1").startswith("linux-")


@needs_level
@pytest.mark.parametrize("path", ["core/forward.py", "compiler/tuples.py", "components/builtin/optimizers.py"])
def test_one_edited_source_file_makes_it_ignored(site, tmp_path, path):
    shutil.copytree(site / "nbtrain", tmp_path / "nbtrain")
    with open(tmp_path / "nbtrain" / path, "a") as file:
        file.write("#\n")
    assert info(tmp_path, tmp_path / "cache").endswith("was made from other sources")


@needs_level
def test_a_component_that_the_program_changed_is_compiled(site, tmp_path):
    relu, tanh, changed, same = python(site, tmp_path, CHANGED)
    assert (relu, tanh) == ("activation.relu.float32", "activation.tanh.float32")
    assert (changed, same) == ("None", "activation.tanh.float32")


@needs_level
def test_damaged_objects_and_files_are_not_used(site):
    (path,) = (site / "nbtrain" / "compiler" / prebuilt.FOLDER).glob("*.nbp")
    content = path.read_bytes()
    objects = prebuilt.parse(content, path.stem)[1]
    start, size, digest = objects.entries["core.float32"]
    code = objects.read("core.float32")
    assert hashlib.sha256(code).hexdigest() == digest
    assert objects.read("core.float16") is None
    before = len(content) - len(objects.content)
    for place in (before + start, before + start + size // 2, before + start + size - 1):
        damaged = bytearray(content)
        damaged[place] ^= 1
        assert prebuilt.parse(bytes(damaged), path.stem)[1].read("core.float32") is None
    descriptions = [
        b"[]",
        b'{"made_from": "a", "entries": []}',
        b'{"made_from": "a", "entries": {"b": [0, 1]}}',
        b"[" * 10**5,
    ]
    several = [prebuilt.MAGIC + description + b"\n" for description in descriptions]
    for wrong in (b"", content[1:], content[: len(prebuilt.MAGIC) + 5] + b"\n", *several):
        with pytest.raises(ValueError, match=r"."):
            prebuilt.parse(wrong, path.stem)


@pytest.mark.parametrize(
    ("features", "level"),
    [
        ((), ""),
        (targets.LEVELS["x86_64"]["x86-64-v3"][0], "x86-64-v3"),
        (targets.LEVELS["x86_64"]["x86-64-v3"][0][:-1], ""),
        (targets.LEVELS["x86_64"]["x86-64-v4"][0], "x86-64-v4"),
        (("avx512f", *targets.LEVELS["x86_64"]["x86-64-v3"][0]), "x86-64-v3"),
    ],
)
def test_the_level_is_chosen_by_features(features, level, monkeypatch):
    import llvmlite.binding as llvm

    monkeypatch.setattr(llvm, "get_host_cpu_features", lambda: dict.fromkeys(features, True))
    targets.lacking.cache_clear()
    try:
        assert targets.best_level("x86_64") == level
        assert targets.best_level("aarch64") == "aarch64"
        assert targets.best_level("riscv64") == ""
    finally:
        targets.lacking.cache_clear()


def test_a_forced_level_must_exist_and_be_there(monkeypatch):
    monkeypatch.setenv("NBTRAIN_LEVEL", "x86-64-v9")
    with pytest.raises(Error, match=r"NBTRAIN_LEVEL: unknown level 'x86-64-v9'.*x86-64-v3"):
        nbtrain.compiler.numerics_id()
    monkeypatch.setenv("NBTRAIN_LEVEL", "aarch64" if processor.architecture() == "x86_64" else "x86-64-v3")
    with pytest.raises(Error, match="NBTRAIN_LEVEL must be a level of"):
        nbtrain.compiler.numerics_id()


@needs_level
@pytest.mark.skipif(processor.architecture() != "x86_64", reason="levels of x86")
def test_a_forced_level_is_what_unlike_machines_have_in_common(site, tmp_path):
    program = "from nbtrain.compiler import numerics_id as i, prebuilt as p; print(i()); print(p._variants())"
    said = " ".join(python(site, tmp_path, program, NBTRAIN_LEVEL="x86-64-v3"))
    assert said.startswith("x86-64-v3, 32-byte vectors, FMA, no AMX, square roots by instruction, sources ")
    assert said.endswith(" ()")


@needs_level
def test_a_forced_level_makes_one_key_of_all_processors(monkeypatch):
    import llvmlite.binding as llvm

    from nbtrain.compiler import fingerprint

    monkeypatch.setenv("NBTRAIN_LEVEL", LEVEL)
    key = fingerprint.machine()
    assert llvm.get_host_cpu_name() not in key.splitlines()
    monkeypatch.delenv("NBTRAIN_LEVEL")
    assert llvm.get_host_cpu_name() in fingerprint.machine().splitlines()
    assert LEVEL in key


@needs_level
@pytest.mark.skipif(processor.architecture() != "x86_64", reason="levels of x86")
def test_a_level_that_is_set_after_something_was_compiled_is_refused(tmp_path):
    program = """
import os, nbtrain
from nbtrain.compiler import component
component(nbtrain.registry.get("activation", "tanh"), "float32")
os.environ["NBTRAIN_LEVEL"] = "x86-64-v3"
try:
    component(nbtrain.registry.get("activation", "sigmoid"), "float32")
except nbtrain.errors.Error as error:
    print(error)
"""
    said = " ".join(python(ROOT, tmp_path, program, NBTRAIN_PREBUILT="0"))
    assert said.endswith("NBTRAIN_LEVEL was changed after this process had compiled for another level; restart it")
    assert len(list(tmp_path.rglob("*.nbo"))) == 1


@pytest.mark.parametrize(
    ("system", "level", "magic", "at", "machine"),
    [
        ("linux", "aarch64", b"\x7fELF", 18, 183),  # EM_AARCH64
        ("win32", "x86-64-v3", b"\x7fELF", 18, 62),  # EM_X86_64
        ("darwin", "aarch64", b"\xcf\xfa\xed\xfe", 4, 12),  # low half of CPU_TYPE_ARM64
    ],
)
def test_code_for_another_machine_is_made_here(tmp_path, system, level, magic, at, machine):
    command = [sys.executable, "-m", "nbtrain", "cache", "bundle", level, tmp_path, "--system", system]
    done = run([*command, "--only", "activation.tanh.float32"])
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.glob("*.nbp")
    assert path.stem == f"{system}-{level}"
    head, objects = prebuilt.parse(path.read_bytes(), path.stem)
    code = objects.read("activation.tanh.float32")
    assert code[:4] == magic
    assert struct.unpack_from("<H", code, at) == (machine,)
    assert symbols.undefined(code) <= {"memset", "memcpy", "_fltused"}
    assert head["made_with"]["numba"]


def test_a_level_that_a_system_does_not_have_is_refused(tmp_path):
    done = run([sys.executable, "-m", "nbtrain", "cache", "bundle", "x86-64-v3", tmp_path, "--system", "darwin"])
    assert done.returncode != 0
    assert "there is no x86-64-v3 for darwin" in done.stderr
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(("system", "there"), [("darwin", "bzero"), ("win32", "__chkstk"), ("linux", "memset")])
def test_objects_of_a_wheel_need_only_what_their_system_has(system, there, monkeypatch):
    monkeypatch.setattr(symbols, "undefined", lambda code: {there})
    bundle.check_symbols("core.float32", b"", system)
    monkeypatch.setattr(symbols, "undefined", lambda code: {there, "openblas_sgemm", "bcmp"})
    with pytest.raises(Error, match=f"core.float32 for {system} needs bcmp, openblas_sgemm, which not every process"):
        bundle.check_symbols("core.float32", b"", system)
