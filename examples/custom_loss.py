"""A custom loss: quantiles instead of means, for predictions that state their uncertainty.

    python examples/custom_loss.py

The pinball loss of R. Koenker and G. Bassett (Econometrica, 1978) is smallest if the prediction is the quantile `level`
of the targets. It consists of two functions of two numbers, which nbtrain compiles as it compiles the built-in losses.
Networks for the 10 %, 50 % and 90 % quantile learn from data whose noise grows from left to right, and the band between
the outer two holds about 80 % of new points, everywhere.
"""

from __future__ import annotations

import argparse
import sys
from types import SimpleNamespace

import numpy as np

import nbtrain

LEVELS = (0.1, 0.5, 0.9)


def pinball(p, y, level):
    """level (y - p) where y is above p, (1 - level) (p - y) where it is below."""
    return level * (y - p) if y > p else (1.0 - level) * (p - y)


def pinball_slope(p, y, level):
    """The derivative with respect to p."""
    return -level if y > p else 1.0 - level


@nbtrain.hookimpl
def nbtrain_losses():
    """The plugin hook. `level` becomes a parameter with bounds; changing it does not recompile anything."""
    level = nbtrain.Parameter(0.5, above=0.0, below=1.0)
    yield nbtrain.Loss("pinball", pinball, pinball_slope, parameters={"level": level})


def sample(count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A curve with noise that grows with x."""
    x = random.uniform(-1.0, 1.0, (count, 1))
    return x, np.sin(3.0 * x) + (0.2 + 0.15 * x) * random.normal(size=(count, 1))


def main(arguments: list[str] | None = None) -> int:
    """Train one network for each quantile and count how many new points lie below."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=4000, help="to train on (default 4000)")
    parser.add_argument("--epochs", type=int, default=60, help="default 60")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    options = parser.parse_args(arguments)
    nbtrain.register(SimpleNamespace(nbtrain_losses=nbtrain_losses))
    random = np.random.default_rng(options.seed)
    X, y = sample(options.samples, random)
    new, truth = sample(20_000, random)

    network = nbtrain.Network(1, [nbtrain.Dense(32, "tanh"), nbtrain.Dense(32, "tanh"), nbtrain.Dense(1)])
    predicted = {}
    for level in LEVELS:
        trainer = nbtrain.Trainer(
            network,
            loss=nbtrain.loss("pinball", level=level),
            optimizer=nbtrain.optimizer("adam", learning_rate=nbtrain.schedule("cosine", rate=0.01, steps=5000)),
            batch_size=64,
            rng=options.seed,
        )
        trainer.fit(X, y, epochs=options.epochs)
        predicted[level] = trainer.predict(new)
        print(f"{100 * level:2.0f} % quantile: {100 * (truth < predicted[level]).mean():.1f} % of new points lie below")

    inside = (truth > predicted[LEVELS[0]]) & (truth < predicted[LEVELS[-1]])
    for side, rows in (("left", new < 0), ("right", new >= 0)):
        width = (predicted[LEVELS[-1]] - predicted[LEVELS[0]])[rows].mean()
        print(f"{side:5} half: the band is {width:.2f} wide and holds {100 * inside[rows].mean():.1f} %")
    print(f"new points inside the band {100 * inside.mean():.1f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
