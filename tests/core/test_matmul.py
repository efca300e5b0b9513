"""The core's matrix products against NumPy's, at every remainder of their tiles, and what they may touch."""

from __future__ import annotations

import itertools
import platform
import re
import sys
from typing import Any

import numpy as np
import product_cases
import pytest
from common import run_python
from product_cases import DTYPES, OPERANDS, Case, Products

from nbtrain.compiler import processor

SIZES = [(1, 10, 32), (7, 300, 2), (32, 64, 64), (61, 50, 10), (200, 300, 150), (128, 784, 128)]
LOADED: dict[str, Products] = {}
X86 = platform.machine() in ("x86_64", "AMD64")
AMX = pytest.param(("amx",), marks=pytest.mark.skipif(not processor.has_amx(), reason="this processor has no AMX"))
NARROW = ("x86-64", "haswell") if X86 else ("generic",)


@pytest.fixture(params=DTYPES, ids=str)
def product(request: Any) -> Products:
    name = str(request.param)
    if name not in LOADED:
        LOADED[name] = Products(request.param)
    return LOADED[name]


def run(*arguments: str, **environment: str) -> str:
    return run_python(product_cases.__file__, *arguments, **environment)


def test_every_remainder_of_the_tiles(product: Products) -> None:
    for sizes in itertools.product(product_cases.edges(product), repeat=3):
        product_cases.check_whole_numbers(product, sizes)


@pytest.mark.parametrize(
    "sizes",
    [
        (130, 784, 131),
        (300, 257, 300),
        (600, 400, 200),
        (2100, 70, 40),
        (40, 1030, 1100),
        (61, 1024, 150),
        (70, 130, 2048),
        (2, 3000, 4),
    ],
    ids=str,
)
def test_blocks_of_large_operands(product: Products, sizes: tuple[int, int, int]) -> None:
    product_cases.check_whole_numbers(product, sizes)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_rounding(product: Products, sizes: tuple[int, int, int]) -> None:
    """A sum of n products is off by at most n + 1 roundings of the sum of their magnitudes."""
    case = Case(*sizes, product.dtype, whole_numbers=False)
    magnitudes = Case(*sizes, product.dtype, whole_numbers=False)
    magnitudes.arrays = {name: abs(array) for name, array in case.arrays.items()}
    for name in OPERANDS:
        out = product(name, case, np.zeros(case.shape(name), product.dtype))
        terms = {"affine": sizes[1], "input": sizes[2]}.get(name, sizes[0])
        bound = (terms + 2) * np.finfo(product.dtype).eps * magnitudes.wanted(name)
        assert np.all(abs(out - case.wanted(name)) <= bound), name


@pytest.mark.parametrize(
    "sizes",
    [(1, 33, 50), (3, 40, 17), (50, 10, 3), (37, 45, 1), (45, 37, 29), (150, 300, 140), (130, 70, 131)],
    ids=str,
)
def test_cutting_the_rows_changes_no_bit(product: Products, sizes: tuple[int, int, int]) -> None:
    case = Case(*sizes, product.dtype, whole_numbers=False)
    for name, accumulate in itertools.product(OPERANDS, (False, True)):
        start = np.full(case.shape(name), 0.3, product.dtype)
        whole, parts = start.copy(), start.copy()
        product(name, case, whole, accumulate=accumulate)
        count = case.sizes[product_cases.ROWS[name]]
        cuts = sorted({0, min(1, count), count // 3, count // 2, count})
        for rows in zip(cuts[:-1], cuts[1:], strict=True):
            product(name, case, parts, rows, accumulate)
        assert np.array_equal(whole, parts), name


@pytest.mark.parametrize(
    ("sizes", "in_blocks"),
    [((130, 784, 131), True), ((256, 400, 300), True), ((513, 400, 150), False), ((40, 800, 20), False)],
    ids=str,
)
def test_slopes_in_blocks_have_the_same_bits(product: Products, sizes: tuple[int, int, int], in_blocks: bool) -> None:
    case = Case(*sizes, product.dtype, whole_numbers=False)
    whole, blocks = (product(name, case, np.zeros(case.shape(name), product.dtype)) for name in ("weight", "blocks"))
    assert product.blocks == in_blocks
    assert np.array_equal(whole, blocks)


def test_a_nan_stays_in_its_row(product: Products) -> None:
    case = Case(20, 30, 21, product.dtype)
    case.arrays["x"][7, 29] = np.nan
    out = product("affine", case, np.zeros((20, 21), product.dtype))
    assert np.isnan(out[7]).all()
    assert np.isfinite(np.delete(out, 7, axis=0)).all()


@pytest.mark.parametrize("scale", [1.0, 2.0**50, 2.0**-50])
@pytest.mark.parametrize("size", [24, 96])
def test_a_single_term_is_right_to_its_last_bit(product: Products, size: int, scale: float) -> None:
    """Where all other terms are zero, a result is the product of two numbers, whatever terms they were split into."""
    case = Case(size, size, size, product.dtype, whole_numbers=False)
    keep = np.eye(size, dtype=product.dtype)
    case.arrays["x"] *= keep * product.dtype.type(scale)
    case.arrays["d"] *= keep / product.dtype.type(scale)
    case.arrays["w"] /= product.dtype.type(scale)
    case.arrays["b"][:] = 0
    for name in ("affine", "input"):
        out = product(name, case, np.zeros(case.shape(name), product.dtype))
        wanted = case.wanted(name)
        limits = np.finfo(product.dtype)
        assert np.all(abs(out - wanted) <= limits.eps * abs(wanted) + 8 * limits.tiny), name


@pytest.mark.parametrize("number", [np.nan, -np.nan, np.inf, -np.inf, "nan of all bits"])
def test_what_is_not_finite_shows(product: Products, number: Any) -> None:
    case = Case(70, 65, 80, product.dtype)
    if isinstance(number, str):
        kind = np.dtype(f"i{product.dtype.itemsize}")
        number = np.array(np.iinfo(kind).max, kind).view(product.dtype)
    for name, operand in (("affine", "x"), ("affine", "w"), ("input", "d"), ("input", "w"), ("weight", "d")):
        before = case.arrays[operand][3, 2]
        case.arrays[operand][3, 2] = number
        out = product(name, case, np.zeros(case.shape(name), product.dtype))
        with np.errstate(invalid="ignore"):
            expected = np.isfinite(case.wanted(name))
        assert np.array_equal(np.isfinite(out), expected), (name, operand)
        case.arrays[operand][3, 2] = before


@pytest.mark.parametrize("sizes", [(1, 9, 7), (5, 9, 2), (13, 19, 11), (33, 40, 65), (30, 260, 130)], ids=str)
def test_neighbours_of_the_result_stay(product: Products, sizes: tuple[int, int, int]) -> None:
    case = Case(*sizes, product.dtype)
    for name in OPERANDS:
        shape, margin = case.shape(name), 64
        count = int(np.prod(shape))
        memory = np.full(count + 2 * margin, 7.25, product.dtype)
        product(name, case, memory[margin : margin + count].reshape(shape))
        assert (memory[:margin] == 7.25).all(), name
        assert (memory[margin + count :] == 7.25).all(), name


@pytest.mark.skipif(sys.platform != "linux", reason="protects pages with the C library's mprotect")
@pytest.mark.parametrize("registers", [(), ("32", "16"), ("16", "32"), AMX], ids=["own", "AVX2", "NEON", "AMX"])
def test_nothing_beyond_the_arrays_is_touched(registers: tuple[str, ...]) -> None:
    run("guards", *registers)


@pytest.mark.parametrize("cpu", NARROW)
def test_narrower_targets(cpu: str) -> None:
    from numba.core.registry import cpu_target

    host = cpu_target.target_context.codegen().magic_tuple()[2]
    if cpu == "haswell" and not {"+avx2", "+fma"} <= set(host.split(",")):
        pytest.skip("this processor has no AVX2")
    run("results", NUMBA_CPU_NAME=cpu, NUMBA_CPU_FEATURES="")


@pytest.mark.parametrize("registers", [("64", "32"), ("16", "32"), AMX], ids=["AVX-512", "NEON", "AMX"])
def test_tiles_for_other_registers(registers: tuple[str, str]) -> None:
    """LLVM makes several of this processor's vectors of one, or the other way round."""
    run("results", *registers)


@pytest.mark.skipif(not X86, reason="names of x86 registers and instructions")
@pytest.mark.parametrize(("cpu", "register"), [("haswell", "ymm"), ("skylake-avx512", "zmm"), ("znver4", "zmm")])
def test_tiles_are_fused_multiply_adds_of_whole_vectors(cpu: str, register: str) -> None:
    text = run("assembly", NUMBA_CPU_NAME=cpu, NUMBA_CPU_FEATURES="")
    functions = dict(re.findall(r"^(nbtrain_\w+):$(.*?)^\t\.size", text, re.MULTILINE | re.DOTALL))
    panels = {name: code for name, code in functions.items() if "_panels_" in name}
    assert len(panels) >= 4
    for dtype, ending in (("float32", "ps"), ("float64", "pd")):
        widest = max((name for name in panels if name.endswith(dtype)), key=lambda name: int(name.split("_")[2]))
        code = panels[widest]
        loop = max(re.split(r"^\.LBB\w+:.*$", code, flags=re.MULTILINE), key=lambda block: block.count("vfmadd"))
        fused = re.findall(rf"\tvfmadd\d+{ending}\t.*%{register}\d+", loop)
        assert len(fused) >= 12, widest
        assert len(fused) == loop.count("vfmadd"), widest
        assert not re.findall(rf"%rsp.*%{register}|%{register}.*%rsp", loop), widest


@pytest.mark.skipif(not X86, reason="names of x86 instructions")
def test_blocks_of_terms_are_tile_products() -> None:
    text = run("assembly", "amx", NUMBA_CPU_NAME="skylake-avx512", NUMBA_CPU_FEATURES="+avx512f,+amx-tile,+amx-bf16")
    code = re.findall(r"^nbtrain_blocks_2_2_float32:$(.*?)^\t\.size", text, re.MULTILINE | re.DOTALL)[0]
    loop = max(re.split(r"^\.LBB\w+:.*$", code, flags=re.MULTILINE), key=lambda block: block.count("tdpbf16ps"))
    assert loop.count("\ttdpbf16ps\t") == 6 * 4
    assert loop.count("\ttileloadd\t") == 14
    assert "%rsp" not in loop
