"""Online regression under concept drift: a model that learns from every sample, inside a running simulation.

    python examples/drift.py

A heat exchanger is simulated, second by second: flows and temperatures wander, the outlet temperature follows from
them. Over time its plates foul (a slow drift), and half-way they are replaced by others (a jump). A network predicts
the outlet temperature before each second's measurement arrives, and then takes one training step on that one sample.
The same network, frozen after a tenth of the run, shows how a model degrades that stops learning.
All of it, simulation, prediction and training, is one `@njit` function that never returns to Python.
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

PARTS = 10  # of the run, each with its own error


@njit(cache=True)
def outlet(conditions, fouling, area):
    """Scaled outlet temperature: the effectiveness of a counter-flow exchanger by its number of transfer units."""
    hot, cold, flow_hot, flow_cold = conditions
    small, large = min(flow_hot, flow_cold), max(flow_hot, flow_cold)
    units = area / ((1.0 + fouling) * small)
    ratio = min(small / large, 0.999)
    fading = math.exp(-units * (1.0 - ratio))
    effectiveness = (1.0 - fading) / (1.0 - ratio * fading)
    return hot - effectiveness * small / flow_hot * (hot - cold)


@njit(cache=True)
def simulate(model, frozen, steps, noise, random):
    """Run the exchanger, predict and learn -> root mean squared errors (parts, learning and frozen model)."""
    x, y = np.empty((1, 4), np.float32), np.empty((1, 1), np.float32)
    guess = np.empty((1, 1), np.float32)
    squares = np.zeros((PARTS, 2))
    state = np.zeros(4)
    for step in range(steps):
        part = step * PARTS // steps
        for k in range(4):  # conditions wander around 0 and stay within about 3
            state[k] += -0.01 * state[k] + 0.14 * random.normal()
            x[0, k] = state[k]
        conditions = (2.0 + 0.3 * state[0], -1.0 + 0.3 * state[1], math.exp(0.3 * state[2]), math.exp(0.3 * state[3]))
        fouling, area = 2.0 * step / steps, 1.5
        if 2 * step >= steps:
            fouling, area = fouling - 1.0, 0.6
        y[0, 0] = outlet(conditions, fouling, area) + noise * random.normal()

        kernel.predict(model, x, guess)
        squares[part, 0] += (guess[0, 0] - y[0, 0]) ** 2
        if PARTS * step == steps:
            frozen.theta[:] = model.theta
        kernel.predict(frozen, x, guess)
        squares[part, 1] += (guess[0, 0] - y[0, 0]) ** 2
        kernel.train_step(model, x, y)
    return np.sqrt(squares * PARTS / steps)


def main(arguments: list[str] | None = None) -> int:
    """Run both models and print their errors over time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=500_000, help="of the simulation (default 500000)")
    parser.add_argument("--noise", type=float, default=0.05, help="of the measurement (default 0.05)")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    options = parser.parse_args(arguments)
    steps = max(PARTS, options.steps // PARTS * PARTS)
    network = nbtrain.Network(4, [nbtrain.Dense(32, "tanh"), nbtrain.Dense(1)])
    sgd = nbtrain.optimizer("sgd", learning_rate=0.02)
    learning, frozen = (
        nbtrain.Trainer(network, loss="mse", optimizer=sgd, batch_size=1, rng=options.seed) for _ in range(2)
    )
    random = np.random.default_rng(options.seed)
    simulate(learning.model, frozen.model, 0, options.noise, random)  # compiles, or loads
    start = time.perf_counter()
    errors = simulate(learning.model, frozen.model, steps, options.noise, random)
    seconds = time.perf_counter() - start
    print("part of the run    learning      frozen")
    for part, (own, other) in enumerate(errors):
        happening = {1: "  a copy is frozen", PARTS // 2: "  other plates"}.get(part, "")
        print(f"{100 * part // PARTS:7}%        {own:10.4f}  {f'{other:.4f}' if part else '':>10}{happening}")
    print(f"{steps} steps, each a prediction of both and an update: {1e6 * seconds / steps:.2f} µs a step")
    own, other = errors[-1]
    print(f"root mean squared error at the end: {own:.4f} learning, {other:.4f} frozen; the noise is {options.noise}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
