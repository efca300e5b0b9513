"""A sweep over learning rates and widths: all networks in one call, and a picture of how good each became.

    pip install matplotlib          # for the picture
    python examples/sweep.py

Each pair of a learning rate and a width is trained several times from different weights on the digits that come with
nbtrain, 240 networks in all, each of which stops by itself when its validation loss no longer improves. The table and
the picture show the median validation accuracy: the smaller a network, the narrower the range of rates that suit it.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import nbtrain
from nbtrain.datasets import load_digits

WIDTHS = (2, 4, 8, 16, 32, 64)
RATES = np.geomspace(1e-4, 1.0, 8)
VALIDATION = 400  # images


def train(widths: list[int], rates: np.ndarray, epochs: int, seed: int, threads: Any) -> nbtrain.Population:
    """A network for each width and rate."""
    X, y = load_digits()
    X = X / X.max()
    order = np.random.default_rng(seed).permutation(len(X))
    train, validation = order[VALIDATION:], order[:VALIDATION]
    networks = {
        width: nbtrain.Network(X.shape[1], [nbtrain.Dense(width, "relu"), nbtrain.Dense(10)]) for width in set(widths)
    }
    many = nbtrain.Population(
        [networks[width] for width in widths],
        loss="softmax_cross_entropy",
        optimizer=nbtrain.optimizer("adam", learning_rate=rates),
        rng=seed,
        threads=threads,
    )
    stopping = {"metric": "val_loss", "patience": 5}
    many.fit(X[train], y[train], epochs, validation_data=(X[validation], y[validation]), early_stopping=stopping)
    return many


def draw(accuracy: np.ndarray, path: str) -> None:
    """A picture of accuracies (widths, rates)."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7.0, 4.4), layout="constrained")
    image = axes.imshow(accuracy, origin="lower", aspect="auto", cmap="viridis", vmin=0.0, vmax=1.0)
    axes.set_xticks(range(len(RATES)), [f"{rate:.2g}" for rate in RATES])
    axes.set_yticks(range(len(WIDTHS)), [str(width) for width in WIDTHS])
    axes.set_xlabel("learning rate of adam")
    axes.set_ylabel("hidden units")
    for (row, column), value in np.ndenumerate(accuracy):
        color = "black" if value > 0.6 else "white"
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=color, fontsize=8)
    figure.colorbar(image, label="validation accuracy")
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=100, help="at most")
    parser.add_argument("--repeats", type=int, default=5, help="networks for each pair")
    parser.add_argument("--picture", default="sweep.png", help="where the picture is written; '' for none")
    parser.add_argument("--threads", default="auto", help="a number, or auto")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()

    pairs = [(width, rate) for width in WIDTHS for rate in RATES for _ in range(given.repeats)]
    widths, rates = [width for width, _ in pairs], np.array([rate for _, rate in pairs])
    threads = given.threads if given.threads == "auto" else int(given.threads)
    begun = time.perf_counter()
    many = train(widths, rates, given.epochs, given.seed, threads)
    seconds = time.perf_counter() - begun

    best = np.nan_to_num(np.nanmax(many.history["val_accuracy"], axis=1))  # a network that diverged at once has none
    accuracy = np.median(best.reshape(len(WIDTHS), len(RATES), given.repeats), axis=2)
    print(f"{len(pairs)} networks in {seconds:.1f} s, {int(many.epoch.sum()):,} epochs")
    print("hidden units  " + "  ".join(f"{rate:7.2g}" for rate in RATES) + "   learning rate")
    for width, row in zip(WIDTHS, accuracy, strict=True):
        print(f"{width:12d}  " + "  ".join(f"{value:7.3f}" for value in row))
    row, column = np.unravel_index(accuracy.argmax(), accuracy.shape)
    print(f"best: {WIDTHS[row]} units, rate {RATES[column]:.2g}, validation accuracy {accuracy[row, column]:.3f}")
    if given.picture:
        try:
            draw(accuracy, given.picture)
        except ImportError:
            print("no picture: pip install matplotlib", file=sys.stderr)
        else:
            print(f"picture: {Path(given.picture)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
