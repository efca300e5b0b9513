"""Vector mathematics against mpmath, NumPy's float64 and C's special values; and that it is vector code."""

from __future__ import annotations

import math
import os
import platform
import re
import subprocess
import sys
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import pytest
from numba import njit, types
from vectormath_cases import (
    BINARY,
    CASES,
    DTYPES,
    EXACT,
    INF,
    LIMITS,
    NAMES,
    OF_TWO,
    SPECIAL,
    SPECIAL_PAIRS,
    Case,
    arguments_of,
    assembly,
    computed,
    every_binade,
    largest_error32,
    largest_error64,
    powers,
    quotients,
)

from nbtrain.compiler.vectormath import functions
from nbtrain.compiler.vectormath.scalars import Format

both_dtypes = pytest.mark.parametrize("dtype", DTYPES)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_float32_is_within_two_ulp_of_the_true_value(case: Case) -> None:
    assert largest_error32(case, arguments_of(case, np.float32, 200, 1, 50_000)) <= LIMITS[np.float32]


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_float64_is_within_four_ulp_of_the_true_value(case: Case) -> None:
    error, at = largest_error64(case, arguments_of(case, np.float64, 4, 16, 500))
    assert error <= LIMITS[np.float64], at


@pytest.mark.parametrize("case", OF_TWO, ids=lambda case: case.name)
def test_functions_of_two_numbers_are_as_accurate(case: Case) -> None:
    assert largest_error32(case, *powers(np.float32, 100_000)) <= LIMITS[np.float32]
    error, at = largest_error64(case, *powers(np.float64, 1500))
    assert error <= LIMITS[np.float64], at


@both_dtypes
@pytest.mark.parametrize("name", [*SPECIAL, *SPECIAL_PAIRS])
def test_special_values_and_signs_of_zero_are_those_of_c(name: str, dtype: type) -> None:
    rows = np.array(SPECIAL.get(name) or SPECIAL_PAIRS[name], float)
    *arguments, wanted = rows.astype(dtype).T
    got = computed(name, *arguments, dtype=dtype)
    np.testing.assert_array_equal(got, wanted)
    numbers = ~np.isnan(wanted)
    np.testing.assert_array_equal(np.signbit(got[numbers]), np.signbit(wanted[numbers]))


@both_dtypes
def test_square_roots_by_multiplications_are_as_accurate(dtype: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Format, "slow_sqrt", True)
    sqrt = functions(np.dtype(dtype), flushing=True)["sqrt"]

    @njit
    def roots(x: Any, out: Any) -> None:
        for i in range(x.size):
            out[i] = sqrt(x[i])

    tiny, largest = np.finfo(dtype).smallest_normal, np.finfo(dtype).max
    exponents = np.random.default_rng(0).uniform(np.log2(tiny) + 1, np.log2(largest), 300_000)
    x = np.concatenate([np.linspace(1, 4, 1_000_001), np.exp2(exponents), [tiny, largest]]).astype(dtype)
    out, true = np.empty_like(x), np.sqrt(x.astype(np.longdouble))
    roots(x, out)
    assert (np.abs(out - true) / np.spacing(true.astype(dtype))).max() < 1.3
    special = np.array([row for row in SPECIAL["sqrt"] if row[0] != 4], dtype)
    found = np.empty(len(special), dtype)
    roots(special[:, 0].copy(), found)
    np.testing.assert_array_equal(found, special[:, 1])
    np.testing.assert_array_equal(np.signbit(found[:2]), np.signbit(special[:2, 1]))


@both_dtypes
@pytest.mark.parametrize("name", [*NAMES, "floor", "ceil", "trunc", "rint", "fabs"])
def test_nan_stays_nan_in_every_lane(name: str, dtype: type) -> None:
    x = np.linspace(0.1, 0.9, 67).astype(dtype) + (name == "acosh")
    x[::5] = np.nan
    x[::10] = -np.nan
    np.testing.assert_array_equal(np.isnan(computed(name, x, dtype=dtype)), np.isnan(x))


@both_dtypes
@pytest.mark.parametrize("name", EXACT)
def test_exact_functions_are_numpys(name: str, dtype: type) -> None:
    x = every_binade(np.random.default_rng(22), dtype, 20)
    x = np.concatenate([x, np.arange(-50, 50, dtype=dtype) / 4])
    arguments = (x, np.roll(x, 12_345)) if name in BINARY else (x,)
    with np.errstate(all="ignore"):
        wanted = getattr(np, name)(*arguments)
    np.testing.assert_array_equal(computed(name, *arguments, dtype=dtype), wanted)


@both_dtypes
@pytest.mark.parametrize("name", ["fmod", "mod", "floor_divide"])
def test_remainders_and_whole_quotients_are_numpys_to_the_bit(name: str, dtype: type) -> None:
    x, y = quotients(dtype, 50_000)
    got, wanted = computed(name, x, y, dtype=dtype), getattr(np, name)(x, y)
    np.testing.assert_array_equal(got, wanted)
    np.testing.assert_array_equal(np.signbit(got), np.signbit(wanted))


@both_dtypes
def test_logaddexp_is_as_accurate_as_its_larger_argument(dtype: type) -> None:
    rng = np.random.default_rng(28)
    x, y = rng.uniform(-20, 20, (2, 2_000)).astype(dtype)
    got = computed("logaddexp", x, y, dtype=dtype)
    wanted = np.logaddexp(x.astype(np.longdouble), y.astype(np.longdouble))
    allowed = LIMITS[dtype] * np.spacing(np.maximum(np.maximum(np.abs(x), np.abs(y)), np.abs(got)))
    assert (np.abs(got - wanted) <= allowed).all()


@both_dtypes
def test_kinds_of_numbers_are_numpys(dtype: type) -> None:
    x = np.concatenate([every_binade(np.random.default_rng(29), dtype, 5), [0, -0.0, INF, -INF, math.nan]])
    for name in ("isnan", "isinf", "isfinite", "signbit"):
        np.testing.assert_array_equal(computed(name, x, dtype=dtype) != 0, getattr(np, name)(x))


@both_dtypes
@pytest.mark.parametrize(
    ("name", "lowest", "highest"),
    [
        *(("exp", 0, INF), ("exp2", 0, INF), ("expm1", -1, INF), ("cosh", 1, INF), ("sigmoid", 0, 1)),
        *(("tanh", -1, 1), ("erf", -1, 1), ("erfc", 0, 2), ("sin", -1, 1), ("cos", -1, 1)),
    ],
)
def test_results_stay_in_their_range(name: str, lowest: float, highest: float, dtype: type) -> None:
    rng = np.random.default_rng(23)
    x = np.concatenate([every_binade(rng, dtype, 40), rng.uniform(-30, 30, 20_000).astype(dtype)])
    x = x[np.abs(x) <= (2.0**20 if name in ("sin", "cos") else INF)]
    got = computed(name, x, dtype=dtype)
    assert not np.isnan(got).any()
    assert got.min() >= lowest
    assert got.max() <= highest


@both_dtypes
@pytest.mark.parametrize("name", ["tanh", "sinh", "erf", "sin", "tan", "asin", "atan", "asinh", "atanh", "cbrt"])
def test_odd_functions_are_odd_to_the_bit(name: str, dtype: type) -> None:
    x = np.abs(every_binade(np.random.default_rng(24), dtype, 20))
    np.testing.assert_array_equal(computed(name, -x, dtype=dtype), -computed(name, x, dtype=dtype))


@both_dtypes
@pytest.mark.parametrize("name", ["exp", "tanh", "sigmoid", "log1p", "erfc", "pow"])
def test_bits_depend_neither_on_the_place_in_the_loop_nor_on_the_callers_flags(name: str, dtype: type) -> None:
    x = np.random.default_rng(25).uniform(0.01, 9, 301).astype(dtype)
    y = np.random.default_rng(26).uniform(-3, 3, 301).astype(dtype)
    arguments = (x, y) if name in BINARY else (x,)
    whole = computed(name, *arguments, dtype=dtype)
    one_by_one = [computed(name, *(a[i : i + 1] for a in arguments), dtype=dtype)[0] for i in range(x.size)]
    np.testing.assert_array_equal(whole, one_by_one)
    np.testing.assert_array_equal(whole, computed(name, *arguments, dtype=dtype, fastmath=False))


def test_any_number_is_taken_and_the_result_has_the_dtype() -> None:
    exp, power = functions(np.dtype("f4"))["exp"], functions(np.dtype("f4"))["pow"]

    @njit
    def results() -> Any:
        return exp(1), exp(1.0), exp(True), power(2.0, 3), power(np.float32(2), np.int8(-1))

    assert results() == (*[np.float32(math.e)] * 3, 8, 0.5)
    assert results.nopython_signatures[0].return_type == types.UniTuple(types.float32, 5)


@pytest.mark.parametrize("bad", [1j, "1"])
def test_what_is_no_real_number_is_an_error_that_names_the_function(bad: Any) -> None:
    tanh = functions(np.dtype("f8"))["tanh"]
    with pytest.raises(Exception, match=r"tanh must be called with real numbers, got "):
        njit(lambda x: tanh(x))(bad)


X86 = platform.machine().lower() in ("x86_64", "amd64")
ARM = platform.machine().lower() in ("aarch64", "arm64")
PACKED = r"\n\s+v(add|mul|div|sqrt|fn?m(add|sub)\d+)p[sd]\s.*%[yz]mm"
PACKED_BITS = r"\n\s+v(and|or|cmp|blend|round|rndscale|min|max|p(and|or|ternlog|blend))\w*\s.*%[yz]mm"
PACKED_ARM = r"\n\s+f(add|mul|mla|mls|div|sqrt)(\.(4s|2d)|\s+v\d+\.(4s|2d))"
PACKED_BITS_ARM = r"\n\s+(f(abs|cm|min|max|rint)|and|or|b[isc])\w*(\.(4s|2d|16b)|\s+v\d+\.(4s|2d|16b))"
CALL = r"\n\s+(?:callq?|blr?)\s.*"


@both_dtypes
@pytest.mark.parametrize("name", [*NAMES, *(case.name for case in OF_TWO), *EXACT])
def test_loops_are_vector_code_without_calls(name: str, dtype: type) -> None:
    if not ARM and not (X86 and llvm.get_host_cpu_features().get("avx2")):
        pytest.skip("neither AVX2 nor NEON on this host")
    code = assembly(name, dtype)
    kinds = (PACKED_BITS, PACKED_BITS_ARM) if name in EXACT[:-2] else (PACKED, PACKED_ARM)
    assert re.search(kinds[ARM], code)
    assert not re.findall(CALL, code)
    if dtype is np.float32:
        assert not re.findall(r"cvtps2pd|cvtss2sd|fcvtl|fcvt\s+d", code)


WITHOUT_FMA = """
import re
import numpy as np
from test_vectormath import CALL
from vectormath_cases import CASES, OF_TWO, arguments_of, assembly, computed, largest_error32, powers

names = {"log2", "erf", "erfc", "sin", "tan", "acos", "asinh"}
for case in CASES:
    if case.name in names:
        assert largest_error32(case, arguments_of(case, np.float32, 50, 1, 10_000)) <= 2, case.name
assert largest_error32(OF_TWO[0], *powers(np.float32, 30_000)) <= 2
x = np.array([-0.0, 0.3, -0.3, 2.5, -2.5, 3.5, 1e30, -1e30, np.inf, -np.inf, np.nan], np.float32)
for name in ("floor", "ceil", "trunc", "rint"):
    got, wanted = computed(name, x), getattr(np, name)(x)
    np.testing.assert_array_equal(got, wanted)
    np.testing.assert_array_equal(np.signbit(got), np.signbit(wanted))
for name in (*names, "pow", "floor"):
    assert not re.findall(CALL, assembly(name, np.float32)), name
"""


@pytest.mark.skipif(not X86, reason="every other kind of host has fused multiply-add")
def test_a_host_without_fused_multiply_add_gets_the_same_accuracy() -> None:
    path = os.pathsep.join([os.path.dirname(__file__), *filter(None, sys.path)])
    host = {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": "+sse2", "PYTHONPATH": path}
    command = [sys.executable, "-c", WITHOUT_FMA]
    done = subprocess.run(command, env={**os.environ, **host}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
