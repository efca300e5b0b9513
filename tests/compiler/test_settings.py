"""Settings of Numba: whichever way they are made, the cache's key and the code agree on them."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

import pytest
from processes import run

from nbtrain.compiler import processor

PROGRAM = """
import os, sys, warnings
warnings.simplefilter("ignore")
{before}
import numpy as np, nbtrain
from nbtrain import compiler
spec = nbtrain.Activation("own", lambda z: z * z + 1.0, lambda z: 2.0 * z)
first = nbtrain.Activation("first", lambda z: z, lambda z: 1.0)
{between}
compiler.component(spec, np.float32)
"""
NUMBA = "import numba; "
SLOW = "numba.config.LOOP_VECTORIZE = 0; numba.config.SLP_VECTORIZE = 0"
SSE = "numba.config.CPU_NAME = 'nehalem'; numba.config.CPU_FEATURES = ''"
ENVIRONMENT = "os.environ['NUMBA_LOOP_VECTORIZE'] = os.environ['NUMBA_SLP_VECTORIZE'] = '0'"


def entries(folder):
    """Name -> content of what is in a cache, and object code alone."""
    return {path.name: path.read_bytes() for path in folder.glob("*.nbo")}


def compiled(folder, before="pass", between="pass", where=None, **environment):
    """Run a program with that cache; what it has added."""
    known = entries(folder) if folder.exists() else {}
    given = os.environ | environment | {"NBTRAIN_CACHE_DIR": str(folder), "NBTRAIN_QUIET": "1"}
    for name in [name for name in given if name.startswith("NUMBA_") and name not in environment]:
        del given[name]
    program = PROGRAM.format(before=before, between=between)
    done = run([sys.executable, "-c", program], env=given, cwd=where)
    assert done.returncode == 0, done.stderr
    return {name: content for name, content in entries(folder).items() if name not in known}


def code(found):
    """The object code of the only entry."""
    (content,) = found.values()
    return content.split(b"\n", 2)[2]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return compiled(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def slow(tmp_path_factory):
    """As of a process that was started with these settings."""
    return compiled(tmp_path_factory.mktemp("slow"), NUMBA_LOOP_VECTORIZE="0", NUMBA_SLP_VECTORIZE="0")


def test_the_settings_change_the_code(plain, slow):
    assert code(plain) != code(slow)


@pytest.mark.parametrize("settings", [SLOW, SSE], ids=["slow", "sse"])
def test_what_a_program_assigned_is_not_what_the_next_process_gets(settings, plain, tmp_path):
    assert compiled(tmp_path, NUMBA + settings).keys() != plain.keys()
    assert compiled(tmp_path) == plain
    assert compiled(tmp_path, NUMBA + settings) == {}  # it is found again


def test_the_environment_counts_when_numba_compiles(plain, slow, tmp_path):
    assert compiled(tmp_path, NUMBA + ENVIRONMENT) == slow
    assert compiled(tmp_path, between=NUMBA + ENVIRONMENT) == {}
    processor_of_environment = "os.environ['NUMBA_CPU_NAME'] = 'nehalem'; os.environ['NUMBA_CPU_FEATURES'] = ''"
    late = compiled(tmp_path, NUMBA + "numba.njit(lambda x: x)(1); " + processor_of_environment)
    started = compiled(tmp_path / "started", NUMBA_CPU_NAME="nehalem", NUMBA_CPU_FEATURES="")
    assert late == started
    assert code(late) != code(plain)


def test_a_file_in_another_directory_counts_when_numba_compiles(slow, tmp_path):
    if not find_spec("yaml"):
        pytest.skip("Numba does not read its file without PyYAML")
    place = tmp_path / "place"
    place.mkdir()
    (place / ".numba_config.yaml").write_text("loop_vectorize: 0\nslp_vectorize: 0\n")
    assert code(compiled(tmp_path / "a", NUMBA + f"os.chdir({str(place)!r})")) == code(slow)
    assert compiled(tmp_path / "a", where=place) == {}
    assert compiled(tmp_path / "a", NUMBA + "os.chdir('/')", where=place).keys().isdisjoint(slow)


def test_code_made_after_a_change_within_a_process_stays_in_it(plain, tmp_path):
    """Parts that were compiled before are as they were."""
    early = "compiler.component(first, np.float32); "
    assert len(compiled(tmp_path, between=early + NUMBA + SLOW)) == 1  # the early one
    assert compiled(tmp_path) == plain


@pytest.mark.parametrize(
    ("name", "features", "used"),
    [
        (None, None, True),
        ("this", None, True),
        ("this", "+amx-tile,+amx-bf16,+avx512f,+avx2", True),
        (None, "+avx512f,+avx2", False),
        (None, "", False),
        ("generic", None, False),
        ("another", None, False),
    ],
)
def test_amx_is_used_where_numba_compiles_for_it(name, features, used, monkeypatch):
    monkeypatch.setattr(processor, "_permitted_amx", lambda: True)
    monkeypatch.setattr(processor, "_host_name", lambda: "this")
    for variable, value in (("NUMBA_CPU_NAME", name), ("NUMBA_CPU_FEATURES", features)):
        monkeypatch.delenv(variable, raising=False)
        if value is not None:
            monkeypatch.setenv(variable, value)
    assert processor.has_amx() == used
