"""Whether nbtrain works on this system, in a minute: for systems on which the tests cannot all be run.

It trains a network on the digits by one thread and by two, saves it, loads it and continues, and compares the weights
with those of another machine if you have them:

    python smoke.py --save here.npy
    python smoke.py --compare there.npy
"""

from __future__ import annotations

import argparse
import pathlib
import platform
import sys
import tempfile

import numpy as np

import nbtrain
from nbtrain.datasets import load_digits

EPOCHS = 10
LEAST_ACCURACY = 0.85  # of the training rows after EPOCHS
MOST_DIFFERENCE = 1e-3  # of weights on other processors, relative to the largest


def trainer(threads: int) -> nbtrain.Trainer:
    """A network that the digits train in some hundred milliseconds."""
    network = nbtrain.Network(64, [nbtrain.Dense(32, "relu"), nbtrain.Dense(10)])
    return nbtrain.Trainer(
        network, loss="softmax_cross_entropy", optimizer="adam", regularizer="l2", rng=0, threads=threads
    )


def check(what: str, right: bool) -> None:
    """Say it, and end if it is wrong."""
    print(f"{'ok' if right else 'WRONG':6}{what}", flush=True)
    if not right:
        raise SystemExit(1)


def main() -> None:
    """Run the checks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--save", metavar="FILE.npy", help="write the weights after training")
    parser.add_argument("--compare", metavar="FILE.npy", help="compare them with those of another machine")
    arguments = parser.parse_args()
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}, nbtrain {nbtrain.__version__}"
    print(f"{platform.platform()}, {platform.machine()}, {versions}", flush=True)
    X, y = load_digits()
    one, two = trainer(1), trainer(2)
    one.fit(X, y, epochs=EPOCHS)
    two.fit(X, y, epochs=EPOCHS)
    accuracy = one.evaluate(X, y)["accuracy"]
    check(f"trained: accuracy {accuracy:.4f} after {EPOCHS} epochs", accuracy >= LEAST_ACCURACY)
    check("two threads give the same bits", np.array_equal(one.theta, two.theta))
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.nbt"
        for _ in range(2):
            one.save(path)
        loaded = nbtrain.load(path)
        check("saved over a file, and loaded", np.array_equal(loaded.predict(X), one.predict(X)))
        check("nothing else is left in the folder", [found.name for found in path.parent.iterdir()] == [path.name])
    for each in (one, loaded):
        each.fit(X, y, epochs=1)
    check("the loaded trainer continues with the same bits", np.array_equal(loaded.theta, one.theta))
    if arguments.save:
        np.save(arguments.save, two.theta)
    if arguments.compare:
        other = np.load(arguments.compare)
        difference = np.abs(two.theta - other).max() / np.abs(other).max()
        check(f"differs from the other machine by {difference:.1e} of the largest weight", difference < MOST_DIFFERENCE)
    print(f"compiled code: {'made here' if 'numba' in sys.modules else 'from the wheel or the cache'}")


if __name__ == "__main__":
    main()
