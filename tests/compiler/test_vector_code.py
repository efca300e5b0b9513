"""The block functions of every built-in component are vector code, and `compiler.inspect` sees where one is not."""

from __future__ import annotations

import math
import os
import platform
import re
import subprocess
import sys

import numpy as np
import pytest

import nbtrain
from nbtrain.compiler.inspect import assembly, is_vectorized, scalar_calls
from nbtrain.components.by_name import registry

KINDS = ("activation", "regularizer", "optimizer", "loss")
CASES = [
    (row["kind"], row["name"], dtype)
    for row in registry.components()
    if row["kind"] in KINDS and row["provider"] == "nbtrain"
    for dtype in ("float32", "float64")
]
BY_ROWS = {"softmax_cross_entropy"}
# Nothing to compute: a copy, and a product with 1.
EMPTY = {("identity", "value"), ("identity", "slope")}
X86 = platform.machine().lower() in ("x86_64", "amd64")
ARM = platform.machine().lower() in ("aarch64", "arm64")
# What no scalar code contains: arithmetic, comparisons and selections on whole registers.
PACKED = {
    "float32": r"\sv?(add|sub|mul|div|sqrt|max|min|cmp\w*|blendv?|fn?m(add|sub)\d+)ps\s",
    "float64": r"\sv?(add|sub|mul|div|sqrt|max|min|cmp\w*|blendv?|fn?m(add|sub)\d+)pd\s",
}
PACKED_ARM = {
    "float32": r"\s(f\w+|bif|bit|bsl)(\.4s|\s+v\d+\.(4s|16b))",
    "float64": r"\s(f\w+|bif|bit|bsl)(\.2d|\s+v\d+\.(2d|16b))",
}
CALL = r"\n\s+(?:callq?|blr?)\s.*"


def functions(text: str) -> dict[str, str]:
    """Assembly of each exported function."""
    parts = re.split(r"\n_?nbtrain_(\w+):", text)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def loops(text: str) -> str:
    """What stands between the labels and the jumps back to them."""
    found = []
    for label in re.finditer(r"\n(\.?L\w+):", text):
        back = [jump.end() for jump in re.finditer(rf"\s{re.escape(label[1])}\n", text) if jump.start() > label.end()]
        found.append(text[label.end() : max(back, default=label.end())])
    return "\n".join(found)


@pytest.mark.skipif(not X86 and not ARM, reason="the patterns are of x86 and ARM")
@pytest.mark.parametrize(("kind", "name", "dtype"), CASES)
def test_the_loops_of_every_built_in_component_are_vector_code_without_calls(kind, name, dtype):
    spec = registry.get(kind, name)
    code = functions(assembly(spec, dtype))
    calls = re.findall(CALL, "".join(loops(text) for text in code.values()))
    assert not calls
    for role, text in code.items():
        if role == "prepare" or name in BY_ROWS or (name, role) in EMPTY:
            continue
        assert re.search((PACKED_ARM if ARM else PACKED)[dtype], loops(text)), role
    assert is_vectorized(spec, dtype) == (True, "")
    assert scalar_calls(spec, dtype) == ()


def test_by_rows_and_empty_components_are_the_only_ones_that_are_passed_over():
    assert {name for _, name, _ in CASES} >= BY_ROWS | {name for name, _ in EMPTY}


def value_with_a_call(z):
    return np.sinc(z)


def value_with_a_loop(z):
    while abs(z) > 1.0:
        z = z / 2.0
    return z


def selection(z):
    return z if z > 0.0 else 0.5 * z


def one(z):
    return 1.0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_call_of_the_c_library_is_found_and_named(dtype):
    spec = nbtrain.Activation("sinc", value_with_a_call, one)
    wanted = "sin"
    assert scalar_calls(spec, dtype) == (wanted,)
    answer, reason = is_vectorized(spec, dtype)
    assert not answer
    assert wanted in reason


def test_a_loop_over_single_numbers_is_found_and_its_function_named():
    answer, reason = is_vectorized(nbtrain.Activation("halving", value_with_a_loop, one), np.float32)
    assert not answer
    assert reason.startswith("value works on one number at a time: it has a `while`")


TABLE = np.arange(8.0)


def with_many_turns(z):
    y = z
    for _ in range(40):
        y = np.tanh(y) * 0.5 + z
    return y


def with_a_table(z):
    total = 0.0
    for k in range(3):
        total += TABLE[k] * z
    return total + TABLE[int(abs(z))]


def with_few_turns(z):
    y = z
    for _ in range(8):
        y = np.tanh(y) * 0.5 + z
    return y


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (with_many_turns, "value works on one number at a time: it has a `for` with too many iterations"),
        (lambda z: with_many_turns(z), "value works on one number at a time: it has a `for` with too many iterations"),
        (with_a_table, "value works on one number at a time: it takes elements of a table by a computed index"),
        (with_few_turns, ""),
    ],
)
def test_the_reason_is_that_of_the_function(function, why):
    answer, reason = is_vectorized(nbtrain.Activation("reason", function, one), np.float32)
    assert answer == (why == "")
    assert reason.startswith(why)


def test_selections_do_not_stop_vector_code():
    assert is_vectorized(nbtrain.Activation("leaky", selection, one), np.float32) == (True, "")


def saw_loss(p, y):
    d = p - y
    while d > 1.0:
        d -= 1.0
    return d


def saw_slope(p, y):
    return 1.0 + 0.0 * (p - y)


def test_each_function_of_a_loss_is_looked_at_on_its_own():
    answer, reason = is_vectorized(nbtrain.Loss("saw", saw_loss, saw_slope), np.float64)
    assert not answer
    assert reason.startswith("value ")


MASKED = """
import nbtrain
from nbtrain.compiler.inspect import assembly, is_vectorized

def keep(w, limit):
    if -limit <= w <= limit:
        return w
    return 0.0

spec = nbtrain.Constraint("keep", project=keep, parameters={"limit": 1.0})
print(*is_vectorized(spec, "float32"), *is_vectorized(spec, "float64"))
print(assembly(spec, "float32"), assembly(spec, "float64"))
"""
AVX2 = "+sse2,+sse3,+ssse3,+sse4.1,+sse4.2,+avx,+avx2,+fma,+bmi,+bmi2"
PROCESSORS = {
    "haswell": (AVX2, r"vmaskmovp[sd]\s+%ymm\d+, %ymm\d+, "),
    "skylake-avx512": (f"{AVX2},+avx512f,+avx512vl,+avx512dq,+avx512bw", r"vmovup[sd]\s+%[yz]mm\d+, .*\{%k\d\}"),
}


@pytest.mark.skipif(not X86, reason="processors of another architecture")
@pytest.mark.parametrize("processor", PROCESSORS)
def test_stores_under_a_mask_are_vector_code(processor):
    features, stores = PROCESSORS[processor]
    host = {"NUMBA_CPU_NAME": processor, "NUMBA_CPU_FEATURES": features}
    command = [sys.executable, "-c", MASKED]
    done = subprocess.run(command, env={**os.environ, **host}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answers, code = done.stdout.split("\n", 1)
    assert re.search(stores, code)
    assert answers.split() == ["True", "True"]


def integer_work(z):
    return 0.0 if math.isinf(z) else z


def test_vector_code_of_comparisons_and_bits_alone_is_seen():
    assert is_vectorized(nbtrain.Activation("finite", integer_work, one), np.float32) == (True, "")
