"""The numerics id: what LLVM makes of nbtrain's code, said without compiling any of it."""

from __future__ import annotations

import os
import sys

import pytest
from processes import run

from nbtrain import compiler
from nbtrain.compiler import processor, sources

SETTINGS = {
    "none": {},
    "generic": {"NUMBA_CPU_NAME": "generic"},
    "of 2008": {"NUMBA_CPU_NAME": "nehalem", "NUMBA_CPU_FEATURES": ""},
    "of 2013": {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2,+fma"},
    "without AVX": {"NUMBA_ENABLE_AVX": "0"},
    "without FMA": {"NUMBA_CPU_NAME": "sandybridge", "NUMBA_CPU_FEATURES": "+avx"},
    "features alone": {"NUMBA_CPU_FEATURES": "+avx512f,+avx512vl,+fma,+avx2"},
}
PROGRAM = """
import json, sys
import nbtrain
from nbtrain import compiler
from nbtrain.compiler import processor
alone = compiler.numerics_id(), processor.compiled_for()
assert "numba" not in sys.modules
from nbtrain.compiler.inspect import assembly
from nbtrain.compiler import objects
text = assembly(nbtrain.registry.get("activation", "tanh"), "float32")
with objects.deferred() as codegen:
    name, features = codegen.magic_tuple()[1:]
assert (compiler.numerics_id(), processor.compiled_for()) == alone
assert alone[1] == (name, features), (alone[1], (name, features))
print(json.dumps(alone[0]), "zmm" in text, "ymm" in text, "vfmadd" in text)
"""


@pytest.mark.skipif(processor.kind() != processor.X86, reason="these are names of x86")
@pytest.mark.parametrize("case", SETTINGS)
def test_it_says_what_is_in_the_code(case):
    environment = {name: text for name, text in os.environ.items() if not name.startswith("NUMBA_")}
    done = run([sys.executable, "-c", PROGRAM], env=environment | SETTINGS[case])
    assert done.returncode == 0, done.stderr
    said, (zmm, ymm, fused) = done.stdout.split('"')[1], done.stdout.split('"')[2].split()
    width = 64 if zmm == "True" else 32 if ymm == "True" else 16
    assert f"{width}-byte vectors, {'FMA' if fused == 'True' else 'no FMA'}, " in said


def test_one_short_line_that_names_the_sources(monkeypatch):
    found = compiler.numerics_id()
    assert len(found) < 160
    assert "\n" not in found
    monkeypatch.setattr(sources, "loaded", lambda: ("another", "version"))
    other = compiler.numerics_id()
    assert other.split(", sources ")[0] == found.split(", sources ")[0]
    assert other != found


def test_settings_that_change_code_are_in_it(monkeypatch):
    before = compiler.numerics_id()
    monkeypatch.setenv("NUMBA_LOOP_VECTORIZE", "0")
    assert compiler.numerics_id().startswith(f"{before}, settings ")
    monkeypatch.delenv("NUMBA_LOOP_VECTORIZE")
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    assert compiler.numerics_id() == before


@pytest.mark.parametrize(
    ("features", "slow"), [("+avx512f,-sse4a", True), ("+avx512f,+sse4a", False), ("+avx2,-avx512f", False)]
)
@pytest.mark.skipif(processor.kind() != processor.X86, reason="of x86")
def test_square_roots_are_made_of_multiplications_on_intels_wide_processors(features, slow):
    assert processor.has_slow_sqrt(features) == slow
