"""The core's matrix products and NumPy's on the same operands, interleaved, on one core.

    OPENBLAS_NUM_THREADS=1 taskset -c 0 python compare_products.py [float32 | float64] [SHAPE ...]

For each shape (rows x inputs x units) and product: the best times in microseconds, the rate in GFLOP/s, and NumPy's
time over ours: its median over the repeats, and that of the best times. Times are the thread's own, so that other
processes on the core count little.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
from benchmarks.products import FUNCTIONS, SHAPES, Product, object_code

REPEATS = 40
SLICE = 2e-4  # seconds of each repeat, about


def seconds(run: Callable[[int], None], repeats: int) -> float:
    start = time.thread_time()
    run(repeats)
    return (time.thread_time() - start) / repeats


def compare(product: Product) -> tuple[float, float, float]:
    """The best times of nbtrain and of NumPy, and the median of their ratios."""
    product.run(1)
    repeats = max(1, int(SLICE / max(seconds(product.run, 3), 1e-7)))
    times = np.array([[seconds(product.run, repeats), seconds(product.run_numpy, repeats)] for _ in range(REPEATS)])
    scale = np.abs(product.other).max()
    if not np.allclose(product.out / scale, product.other / scale, atol=1e-4):
        raise SystemExit("the products differ")
    ours, theirs = times.min(axis=0)
    return ours, theirs, float(np.median(times[:, 1] / times[:, 0]))


def main(arguments: list[str]) -> None:
    dtype = arguments.pop(0) if arguments and arguments[0].startswith("float") else "float32"
    print("| product | shape | µs | GFLOP/s | NumPy µs | ratio, median | of the best |\n|---|---|---|---|---|---|---|")
    for name in arguments or SHAPES:
        for function in FUNCTIONS:
            shape = SHAPES.get(name) or tuple(map(int, name.split("x")))
            product = Product(object_code(dtype), function, shape, dtype)
            ours, theirs, ratio = compare(product)
            rate = product.operations / ours / 1e9
            print(
                f"| {function} | {name} | {ours * 1e6:.2f} | {rate:.1f} | {theirs * 1e6:.2f} | {ratio:.2f} |"
                f" {theirs / ours:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:])
