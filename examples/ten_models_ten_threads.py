"""Ten models in ten Python threads: an ensemble on the digits, trained at once on all cores.

    python examples/ten_models_ten_threads.py

Training holds no global lock and shares no state, so ordinary threads use all cores. Every model gets its own
bootstrap sample and its own seed; it ends with the same bits as when the models are trained one after the other,
which this program checks. The mean of their probabilities is better than the single models are.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import nbtrain
from nbtrain.datasets import load_digits


def build(seed: int, hidden: int) -> nbtrain.Trainer:
    """An untrained model."""
    network = nbtrain.Network(64, [nbtrain.Dense(hidden, "relu", dropout=0.2), nbtrain.Dense(10)])
    return nbtrain.Trainer(network, loss="softmax_cross_entropy", batch_size=32, rng=seed)


def train(trainer: nbtrain.Trainer, X: np.ndarray, y: np.ndarray, seed: int, epochs: int) -> nbtrain.Trainer:
    """Train on a sample of the rows, drawn with replacement."""
    rows = np.random.default_rng(seed).integers(0, len(X), len(X))
    trainer.fit(X[rows], y[rows], epochs=epochs)
    return trainer


def main(arguments: list[str] | None = None) -> int:
    """Train in threads and one after the other, compare bits and times, test the ensemble."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=10, help="and threads (default 10)")
    parser.add_argument("--epochs", type=int, default=40, help="default 40")
    parser.add_argument("--hidden", type=int, default=128, help="hidden units (default 128)")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    options = parser.parse_args(arguments)
    X, y = load_digits()
    order = np.random.default_rng(options.seed).permutation(len(X))
    training, test = order[:1257], order[1257:]
    seeds = range(options.seed, options.seed + options.models)

    def run(seed: int) -> nbtrain.Trainer:
        return train(build(seed, options.hidden), X[training], y[training], seed, options.epochs)

    run(options.seed)  # what is compiled once is not timed
    start = time.perf_counter()
    alone = [run(seed) for seed in seeds]
    one_by_one = time.perf_counter() - start
    start = time.perf_counter()
    with ThreadPoolExecutor(options.models) as pool:
        models = list(pool.map(run, seeds))
    at_once = time.perf_counter() - start

    same = all(np.array_equal(a.theta, b.theta) for a, b in zip(alone, models, strict=True))
    print(f"{options.models} models one after the other: {one_by_one:.2f} s")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"{options.models} models in as many threads on {cores} cores: {at_once:.2f} s")
    print(f"parameters: {'the same bits' if same else 'DIFFERENT'}")
    accuracies = [model.evaluate(X[test], y[test])["accuracy"] for model in models]
    ensemble = np.mean([model.predict(X[test]) for model in models], axis=0).argmax(axis=1)
    print(f"test accuracy of single models {min(accuracies):.3f} to {max(accuracies):.3f}")
    print(f"test accuracy of the ensemble {(ensemble == y[test]).mean():.3f}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
