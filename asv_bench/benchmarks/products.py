"""The matrix products of a layer: forward, gradients of the weights, gradients of the inputs."""

from __future__ import annotations

import ctypes
import time
from functools import cache

import numpy as np

from nbtrain.compiler import loader
from nbtrain.core.matmul.sizes import ALIGNMENT, workspace

SHAPES = {  # rows, inputs, units: layers of the workloads that nbtrain is measured with
    "32x30x64": (32, 30, 64),
    "32x64x64": (32, 64, 64),
    "32x64x2": (32, 64, 2),
    "256x64x64": (256, 64, 64),
    "256x64x2": (256, 64, 2),
    "64x64x128": (64, 64, 128),
    "64x128x10": (64, 128, 10),
    "128x784x128": (128, 784, 128),
    "128x784x512": (128, 784, 512),
    "128x512x256": (128, 512, 256),
    "128x256x10": (128, 256, 10),
    "128x64x256": (128, 64, 256),
    "128x256x256": (128, 256, 256),
    "256x784x1024": (256, 784, 1024),
    "256x1024x1024": (256, 1024, 1024),
    "256x1024x10": (256, 1024, 10),
    "1x32x32": (1, 32, 32),
}
FUNCTIONS = ("affine", "weight", "input")


@cache
def object_code(dtype: str = "float32") -> bytes:
    """The products, compiled without the rest of the core."""
    from nbtrain.compiler import objects
    from nbtrain.core import exports
    from nbtrain.core.matmul import standalone as products

    return objects.object_code(products.functions(np.dtype(dtype)), exports.emitters(np.dtype(dtype)))


def aligned(array: np.ndarray) -> np.ndarray:
    """A copy aligned to a cache line, like the arrays of a model."""
    memory = np.zeros(array.nbytes + ALIGNMENT, np.uint8)
    first = -memory.ctypes.data % ALIGNMENT
    copy = memory[first : first + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


class Product:
    """One product of a layer, in nbtrain and in NumPy; `code` is what `object_code` made for the dtype."""

    loaded: dict[str, dict[str, int]] = {}  # noqa: RUF012 - by dtype: addresses, loaded once per process

    def __init__(self, code: bytes, function: str, shape: tuple[int, int, int], dtype: str = "float32") -> None:
        m, inputs, units = shape
        random = np.random.default_rng(0)
        shapes = (m, inputs), (inputs, units), (m, units)
        x, w, delta = (aligned(random.standard_normal(shape).astype(dtype)) for shape in shapes)
        bias = aligned(np.zeros(units, dtype))
        first, second, third = {"affine": (x, w, bias), "weight": (x, w, delta), "input": (delta, w, bias)}[function]
        self.left, self.right = {"affine": (x, w), "weight": (x.T, delta), "input": (delta, w.T)}[function]
        self.out, self.other = (aligned(np.zeros((len(self.left), self.right.shape[1]), dtype)) for _ in range(2))
        self.operations = 2 * m * inputs * units
        self.panels = aligned(np.zeros(workspace(m, (inputs, units), dtype), dtype))
        self.operands = first, second, third
        addresses = [operand.ctypes.data for operand in (first, second, third, self.out)]
        self.arguments = [*addresses, m, inputs, units, 0, len(self.out), 0, self.panels.ctypes.data]
        if dtype not in self.loaded:
            self.loaded[dtype] = loader.load(code, FUNCTIONS)
        kind = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * (len(self.arguments) + 1))
        self.function = kind(self.loaded[dtype][function])

    def run(self, repeats: int) -> None:
        """Repeat the product in nbtrain's core."""
        self.function(*self.arguments, repeats)

    def run_numpy(self, repeats: int) -> None:
        """Repeat it with NumPy's BLAS, one call each."""
        for _ in range(repeats):
            np.matmul(self.left, self.right, out=self.other)


class Products:
    """A hundred products in one call."""

    params = (list(FUNCTIONS), list(SHAPES))
    param_names = ("function", "shape")
    timeout = 120
    timer = time.thread_time

    def setup_cache(self) -> bytes:
        """Compile once for all products; asv times each in its own process."""
        return object_code()

    def setup(self, code: bytes, function: str, shape: str) -> None:
        self.product = Product(code, function, SHAPES[shape])
        self.product.run(1)

    def time_product(self, code: bytes, function: str, shape: str) -> None:
        """In float32, packing included."""
        self.product.run(100)
