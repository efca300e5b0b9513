"""A host in C: a simulation that trains a network while it runs, and predicts with it, without Python.

    python examples/c_host.py

Python creates the network, and compiles c_host.c with the installed C compiler and nbtrain's header nbtrain.h. The C
code gets the addresses of the model and of the functions. It then runs on its own, here in a thread, while the
interpreter does something else. docs/how-to/c.md describes the functions.
"""

from __future__ import annotations

import argparse
import ctypes
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np

import nbtrain
from nbtrain.status import WORDS

SOURCE = Path(__file__).with_suffix(".c")


def table(trainer: nbtrain.Trainer) -> np.ndarray:
    """What nbtrain.h calls `struct nbtrain`; it is valid while the trainer lives."""
    addresses = [address for address, _ in trainer.c_functions().values()]
    return np.array([trainer.model.descriptor.ctypes.data, *addresses], np.int64)


def compiled(compiler: str, folder: str) -> ctypes.CDLL:
    """The C code as a library."""
    library = Path(folder) / "c_host.so"
    flags = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", f"-I{nbtrain.get_include()}"]
    subprocess.run([compiler, *flags, "-o", library, SOURCE, "-lm"], check=True)
    return ctypes.CDLL(str(library))


def main(arguments: list[str] | None = None) -> int:
    """Train in C, and compare its predictions with the trainer's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=40_000, help="of training, 32 states each (default 40000)")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    options = parser.parse_args(arguments)
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        print("this example needs a C compiler (Debian: apt-get install gcc)", file=sys.stderr)
        return 1

    network = nbtrain.Network(2, [nbtrain.Dense(32, "tanh"), nbtrain.Dense(2)])
    rate = nbtrain.schedule("cosine", rate=3e-3, steps=options.steps)
    trainer = nbtrain.Trainer(network, loss="mse", optimizer=nbtrain.optimizer("adam", learning_rate=rate), rng=0)
    host = table(trainer)
    report, status = (ctypes.c_double * 2)(), []
    with tempfile.TemporaryDirectory() as folder:
        simulate = compiled(compiler, folder).simulate
        simulate.argtypes = ctypes.c_void_p, ctypes.c_int64, ctypes.c_uint64, ctypes.c_void_p
        simulate.restype = ctypes.c_int64
        call = host.ctypes.data, options.steps, options.seed, ctypes.addressof(report)
        thread = threading.Thread(target=lambda: status.append(simulate(*call)))
        thread.start()
        thread.join()
    if status != [0]:
        print(f"C stopped with status {status}: {WORDS.get(status[0])}", file=sys.stderr)
        return 1
    print(f"iterations of the trainer: {trainer.iteration}")
    print(f"mean loss on new states: {report[0]:.6f}")
    print(f"largest error of ten predicted swings in a row: {report[1]:.4f} radians")
    state = [[1.0, 0.0]]
    for _ in range(10):
        state = trainer.predict(state)
    print(f"angle after them, as Python predicts it: {state[0, 0]:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
