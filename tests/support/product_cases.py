"""The matrix products compiled alone and called by address; what would crash the interpreter runs here as a program.

python product_cases.py results | guards | assembly [VECTOR_BYTES REGISTERS | amx]

For vectors of other sizes, or with every product made of operands that are split into terms for AMX.
"""

from __future__ import annotations

import ctypes
import itertools
import mmap
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from nbtrain.compiler import loader, objects
from nbtrain.core import exports
from nbtrain.core.matmul import standalone as products
from nbtrain.core.matmul.sizes import ALIGNMENT, workspace

DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
# As the C functions take them.
OPERANDS = {"affine": "xwb", "input": "dwb", "weight": "xwd", "blocks": "xwd", "bias": "dwd"}
ROWS = {"affine": "m", "input": "m", "weight": "k", "blocks": "k", "bias": "n"}
SHAPES = {"affine": "mn", "input": "mk", "weight": "kn", "blocks": "kn", "bias": "n"}


class Products:
    """The C functions for a dtype; `blocks`: whether the last product was made block by block."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = np.dtype(dtype)
        code = objects.object_code(products.functions(self.dtype), exports.emitters(self.dtype))
        kind = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * products.ARGUMENTS)
        self.functions = {name: kind(address) for name, address in loader.load(code, tuple(OPERANDS)).items()}

    def __call__(
        self,
        name: str,
        case: Case,
        out: np.ndarray,
        rows: tuple[int, int] | None = None,
        accumulate: bool = False,
        panels: np.ndarray | None = None,
    ) -> np.ndarray:
        """Write a product, or a range of its rows, to `out`; the workspace is full of NaN before."""
        if panels is None:
            panels = aligned(workspace(case.sizes["m"], (case.sizes["k"], case.sizes["n"]), self.dtype), self.dtype)
        panels[:] = np.nan
        first, last = rows or (0, case.sizes[ROWS[name]])
        addresses = [case.arrays[operand].ctypes.data for operand in OPERANDS[name]]
        sizes = [case.sizes[size] for size in "mkn"]
        arguments = [*addresses, out.ctypes.data, *sizes, first, last, int(accumulate), panels.ctypes.data, 1]
        status = self.functions[name](*arguments)
        assert status == 0 or (name, status) == ("blocks", 1)
        self.blocks = status == 1
        return out


class Case:
    """Operands of sizes m, k, n, and the results in double (for float64, extended) precision."""

    def __init__(self, m: int, k: int, n: int, dtype: np.dtype[Any], whole_numbers: bool = True) -> None:
        random = np.random.default_rng([m, k, n])
        self.sizes = {"m": m, "k": k, "n": n}

        def draw(*shape: int) -> np.ndarray:
            if whole_numbers:  # whose sums are exact, however they are added
                return random.integers(-9, 10, shape).astype(dtype)
            return random.standard_normal(shape).astype(dtype)

        self.arrays = {"x": draw(m, k), "w": draw(k, n), "b": draw(n), "d": draw(m, n)}

    def wanted(self, name: str) -> np.ndarray:
        exact = np.float64 if self.arrays["x"].dtype == np.float32 else np.longdouble
        x, w, b, d = (self.arrays[operand].astype(exact) for operand in "xwbd")
        results: dict[str, Callable[[], np.ndarray]] = {
            "affine": lambda: x @ w + b,
            "input": lambda: d @ w.T,
            "weight": lambda: x.T @ d,
            "blocks": lambda: x.T @ d,
            "bias": lambda: d.sum(0),
        }
        return results[name]()

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self.sizes[size] for size in SHAPES[name])


def aligned(count: int, dtype: np.dtype[Any]) -> np.ndarray:
    raw = np.zeros(count + ALIGNMENT, dtype)
    skip = -raw.ctypes.data % ALIGNMENT // dtype.itemsize
    return raw[skip : skip + count]


def check_whole_numbers(product: Products, sizes: tuple[int, int, int]) -> None:
    """Every product, written and added, is exactly right."""
    case = Case(*sizes, product.dtype)
    for name in OPERANDS:
        wanted = case.wanted(name)
        out = product(name, case, np.full(case.shape(name), np.nan, product.dtype))
        assert np.array_equal(out, wanted), f"{name} {sizes}"
        if name in ("weight", "bias"):
            out[:] = np.arange(out.size).reshape(out.shape) % 5
            expected = out + wanted
            assert np.array_equal(product(name, case, out, accumulate=True), expected), f"{name} += {sizes}"


def edges(product: Products) -> list[int]:
    """Sizes around the tiles' rows, vectors and halves of vectors."""
    from nbtrain.core.matmul.tilecode import shape

    tiles = shape(product.dtype)
    if uses_amx and product.dtype == np.float32:
        return [1, 3, *(size + more for size in (16, 32, 48, 64) for more in (-1, 0, 1)), 80, 101]
    marks = {1, 2, 4, *tiles.rows, *tiles.narrow_rows, tiles.lanes // 2, tiles.lanes, tiles.width}
    return sorted({size for mark in marks for size in (mark - 1, mark, mark + 1) if size > 0} | {2 * tiles.width + 3})


def results() -> None:
    """A sample of sizes, for a target that was forced by the environment or by the number of registers."""
    for dtype in DTYPES:
        product = Products(dtype)
        cases = list(itertools.product(edges(product), repeat=3))
        picked = np.random.default_rng(0).permutation(len(cases))[:400]
        for index in picked:
            check_whole_numbers(product, cases[index])
        check_whole_numbers(product, (130, 300, 140))
        check_whole_numbers(product, (70, 400, 140))


class Guarded:
    """Arrays whose neighbours on one side are pages that nobody may touch."""

    def __init__(self) -> None:
        self.mprotect = ctypes.CDLL(None, use_errno=True).mprotect
        self.mprotect.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
        self.maps: list[mmap.mmap] = []

    def like(self, values: np.ndarray, at_end: bool, alignment: int = 1) -> np.ndarray:
        page = mmap.PAGESIZE
        length = -(-values.nbytes // page) * page
        memory = mmap.mmap(-1, length + 2 * page)
        self.maps.append(memory)
        start = np.frombuffer(memory, np.uint8).ctypes.data
        for place in (start, start + page + length):
            assert self.mprotect(place, page, 0) == 0
        offset = page + ((length - values.nbytes) // alignment * alignment if at_end else 0)
        copy = np.frombuffer(memory, values.dtype, values.size, offset).reshape(values.shape)
        copy[...] = values
        return copy


def guards() -> None:
    """Every operand ends, then begins, where reading and writing are forbidden."""
    sizes = [1, 2, 3, 5, 8, 11, 18, 33]
    larger = [(64, 70, 131), (40, 300, 130), (33, 129, 257), (1, 200, 150), (13, 1024, 130), (13, 130, 1024)]
    larger += [(130, 400, 140), (260, 400, 140)]  # slopes in blocks, with one block of k or two
    larger += [(500, 250, 690)]  # AMX keeps all of a large right operand
    larger += [(4, 50_000, 2), (5, 50_000, 3), (3, 50_000, 1), (4, 2, 50_000), (4, 3, 9_000)]
    for dtype in DTYPES:
        product = Products(dtype)
        for (m, k, n), at_end in itertools.product([*itertools.product(sizes, repeat=3), *larger], (True, False)):
            memory, case = Guarded(), Case(m, k, n, dtype)
            case.arrays = {name: memory.like(array, at_end) for name, array in case.arrays.items()}
            panels = memory.like(np.zeros(workspace(m, (k, n), dtype), dtype), at_end, ALIGNMENT)
            for name in OPERANDS:
                out = memory.like(np.zeros(case.shape(name), dtype), at_end)
                product(name, case, out, panels=panels)
                assert np.array_equal(out, case.wanted(name)), f"{name} {m, k, n}"


def assembly() -> None:
    """Print the tiles' machine code for the target that the environment forces, whether or not this machine has it."""
    import llvmlite.binding as llvm
    from llvmlite import ir
    from numba.core.registry import cpu_target

    from nbtrain.core.matmul import tiles

    triple, cpu, features = cpu_target.target_context.codegen().magic_tuple()
    for dtype in DTYPES:
        module = ir.Module()
        tiles.emit(module, dtype)
        machine = llvm.Target.from_triple(triple).create_target_machine(cpu=cpu, features=features, opt=2)
        print(machine.emit_assembly(llvm.parse_assembly(str(module))))


def force(vector_bytes: str, registers: str) -> None:
    """Make tiles for other registers than the target has."""
    from nbtrain.core.matmul import tilecode, vectors

    tilecode.target = lambda: vectors.Target(int(vector_bytes), int(registers))


def force_amx(only_compiled: bool) -> None:
    """Have AMX make products of all sizes, in small blocks; `only_compiled`: whether or not this machine has it."""
    from nbtrain.compiler import processor
    from nbtrain.core.matmul import amx, sizes, tilecode, tiles

    global uses_amx
    uses_amx = True
    if only_compiled:
        processor.has_amx = lambda: True
    sizes.AMX_K = sizes.AMX_PRODUCTS = sizes.AMX_SIDE = 0
    for module in (sizes, amx, tilecode):
        module.K_BLOCK, module.AMX_LEFT_BYTES, module.AMX_RIGHT_BYTES = 64, 5 * 6144, 3 * 6144
    assert tiles.has_amx(DTYPES[0])


uses_amx = False

if __name__ == "__main__":
    if sys.argv[2:] == ["amx"]:
        force_amx(only_compiled=sys.argv[1] == "assembly")
    elif sys.argv[2:]:
        force(*sys.argv[2:])
    {"results": results, "guards": guards, "assembly": assembly}[sys.argv[1]]()
