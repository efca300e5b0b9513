"""Population-based training: 24 networks search for good learning rates while they train, inside one compiled function.

    python examples/population_based_training.py

Each round trains every member for some steps, on handwritten digits, and compares their losses on other digits. The
worst quarter then copies the best one, parameters and optimizer alike, and changes the learning rate that it has copied
by a fifth, up or down. So the rates become a schedule that nobody wrote. `evolve` is an `@njit` function which trains
through `nbtrain.kernel`: M. Jaderberg et al., Population based training of neural networks, 2017.
"""

from __future__ import annotations

import argparse
import math
import sys
import time

import numpy as np
from numba import njit

import nbtrain
from nbtrain import kernel


@njit(cache=True)
def log_losses(probabilities, labels, losses):
    """Mean of -log p(label) of each member."""
    for k in range(len(probabilities)):
        losses[k] = 0.0
        for i in range(len(labels)):
            losses[k] -= math.log(max(probabilities[k, i, labels[i]], 1e-30)) / len(labels)


@njit(cache=True)
def evolve(model, train, valid, rounds, steps, random):
    """Train all members, and let good ones take the places of bad ones -> losses and learning rates of each round."""
    (X, y), (X_valid, y_valid) = train, valid
    members = len(model.status)
    quarter, outputs = members // 4, 10
    probabilities = np.empty((members, len(X_valid), outputs), X.dtype)
    losses, rates = np.empty((rounds, members)), np.empty((rounds, members))
    for turn in range(rounds):
        kernel.train_members(model, X, y, 0, members, steps)
        kernel.predict_members(model, X_valid, probabilities, 0, members)
        log_losses(probabilities, y_valid, losses[turn])
        for k in range(members):
            if model.status[k] != 0:  # it has diverged
                losses[turn, k] = np.inf
        rates[turn] = model.learning_rate
        order = np.argsort(losses[turn])
        for place in range(quarter):
            good, bad = order[place], order[members - 1 - place]
            kernel.copy_member(model, bad, good)
            model.learning_rate[bad] = model.learning_rate[good] * (1.2 if random.random() < 0.5 else 0.8)
    return losses, rates


def main(arguments: list[str] | None = None) -> int:
    """Evolve, and compare the best member with one that was left alone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=24, help="default 24")
    parser.add_argument("--rounds", type=int, default=30, help="default 30")
    parser.add_argument("--steps", type=int, default=40, help="of each member and round (default 40)")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    options = parser.parse_args(arguments)
    X, y = nbtrain.datasets.load_digits()
    order = np.random.default_rng(0).permutation(len(X))
    X, y = (X[order] / 16).astype(np.float32), y[order].astype(np.int64)
    train, valid, test = (X[:1000], y[:1000]), (X[1000:1400], y[1000:1400]), (X[1400:], y[1400:])
    network = nbtrain.Network(64, [nbtrain.Dense(32, "relu"), nbtrain.Dense(10)])
    rates = np.geomspace(1e-5, 1.0, options.members)
    adam = nbtrain.optimizer("adam", learning_rate=rates)
    many = nbtrain.Population(network, options.members, loss="softmax_cross_entropy", optimizer=adam, rng=options.seed)
    random = np.random.default_rng(options.seed)
    print("compiling the search, once on this machine ...", flush=True)
    evolve(many.model, train, valid, 0, 0, random)  # compiles, or loads what an earlier run has compiled
    start = time.perf_counter()
    losses, rates = evolve(many.model, train, valid, options.rounds, options.steps, random)
    seconds = time.perf_counter() - start
    for turn in range(0, options.rounds, max(1, options.rounds // 6)):
        best = losses[turn].argmin()
        print(f"round {turn + 1:3}  best loss {losses[turn, best]:.4f} at learning rate {rates[turn, best]:.2g}")
    print(f"{options.members * options.rounds * options.steps:,} steps in {seconds:.2f} s")
    best = int(losses[-1].argmin())
    accuracy = many[best].evaluate(*test)["accuracy"]
    first = (losses[0] < math.log(10)).sum()
    print(f"rates at the end {rates[-1].min():.2g} to {rates[-1].max():.2g}; {first} members learnt in the first round")
    print(f"accuracy of the best member on new digits {accuracy:.3f}")
    return 0 if accuracy > 0.9 else 1


if __name__ == "__main__":
    sys.exit(main())
