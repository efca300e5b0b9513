"""Inverse design: find the inputs of a simulation that give wanted outputs, through a network that emulates it.

    python examples/inverse_design.py

A ball is thrown into the wind, with drag. The simulation says how far and how high it flies for a speed, an angle, a
mass and a wind; the question is the other way round: with which speed and angle does a ball of that mass in that wind
land 20 m away after a flight 8 m high? A network learns the simulation from random throws. Then gradient descent on
the network's *inputs*, by `Trainer.input_gradient`, finds speed and angle for many wanted flights at once, and the
simulation itself shows how good they are.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

import nbtrain

NAMES = ("speed, m/s", "angle, degrees", "mass, kg", "wind, m/s")
LOW, HIGH = np.array([10.0, 20.0, 0.2, -8.0]), np.array([30.0, 70.0, 1.0, 8.0])
CHOSEN = 2  # of the inputs: speed and angle; mass and wind are given
GRAVITY, DRAG, SECONDS = 9.81, 0.008, 0.005


def simulate(throws):
    """Distance and height, in metres, of each throw (n, 4): the differential equation, step by step."""
    speed, angle, mass, wind = throws.T
    x, y = np.zeros(len(throws)), np.zeros(len(throws))
    vx, vy = speed * np.cos(np.radians(angle)), speed * np.sin(np.radians(angle))
    distance, height = np.zeros(len(throws)), np.zeros(len(throws))
    flying = np.ones(len(throws), bool)
    while flying.any():
        through_air = np.hypot(vx - wind, vy)
        vx, vy = (
            vx - SECONDS * DRAG / mass * through_air * (vx - wind),
            vy - SECONDS * (GRAVITY + DRAG / mass * through_air * vy),
        )
        x, y = x + SECONDS * vx, y + SECONDS * vy
        distance[flying], height[flying] = x[flying], np.maximum(height, y)[flying]
        flying &= y > 0
    return np.column_stack([distance, height])


def scaled(throws):
    """Inputs of the network: from -1 to 1."""
    return 2 * (throws - LOW) / (HIGH - LOW) - 1


def unscaled(x):
    """Throws of the network's inputs."""
    return LOW + (x + 1) / 2 * (HIGH - LOW)


def emulator(X, y, epochs, hidden, seed):
    """A network that has learned scaled outputs from scaled inputs; its rate falls to 0."""
    steps = epochs * -(-len(X) // 64)
    rate = nbtrain.schedule("cosine", rate=3e-3, steps=steps)
    layers = [nbtrain.Dense(hidden, "tanh"), nbtrain.Dense(hidden, "tanh"), nbtrain.Dense(2)]
    adam = nbtrain.optimizer("adam", learning_rate=rate)
    trainer = nbtrain.Trainer(
        nbtrain.Network(4, layers), loss="mse", optimizer=adam, batch_size=64, dtype="float64", rng=seed
    )
    trainer.fit(X, y, epochs)
    return trainer


def design(trainer, wanted, given, steps=300, rate=0.05):
    """Inputs whose outputs are as wanted: Adam on speed and angle, from the middle of their ranges."""
    x = np.column_stack([np.zeros((len(wanted), CHOSEN)), given])
    v, s = np.zeros((len(wanted), CHOSEN)), np.zeros((len(wanted), CHOSEN))
    for t in range(1, steps + 1):
        error = trainer.predict(x) - wanted
        g = trainer.input_gradient(x, error)[:, :CHOSEN]  # of half the squared error
        v, s = 0.9 * v + 0.1 * g, 0.99 * s + 0.01 * g * g
        falling = rate * 0.5 * (1 + np.cos(np.pi * t / steps))
        x[:, :CHOSEN] -= falling * (v / (1 - 0.9**t)) / (np.sqrt(s / (1 - 0.99**t)) + 1e-9)
        x[:, :CHOSEN] = np.clip(x[:, :CHOSEN], -1, 1)  # within what the network has seen
    return x


def main(arguments: list[str] | None = None) -> int:
    """Learn the simulation, and turn it round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--throws", type=int, default=4000, help="simulated throws to learn from (default 4000)")
    parser.add_argument("--epochs", type=int, default=200, help="default 200")
    parser.add_argument("--hidden", type=int, default=48, help="units of each hidden layer (default 48)")
    parser.add_argument("--designs", type=int, default=200, help="flights to find throws for (default 200)")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    options = parser.parse_args(arguments)
    random = np.random.default_rng(options.seed)
    throws = random.uniform(LOW, HIGH, (options.throws, 4))
    flights = simulate(throws)
    mean, deviation = flights.mean(axis=0), flights.std(axis=0)
    start = time.perf_counter()
    trainer = emulator(scaled(throws), (flights - mean) / deviation, options.epochs, options.hidden, options.seed)
    print(f"learned {options.throws} throws in {time.perf_counter() - start:.2f} s")
    hidden_throws = random.uniform(LOW, HIGH, (options.designs, 4))  # so that every wanted flight is possible
    wanted, given = simulate(hidden_throws), scaled(hidden_throws)[:, CHOSEN:]
    start = time.perf_counter()
    found = unscaled(design(trainer, (wanted - mean) / deviation, given))
    print(f"found {options.designs} throws in {time.perf_counter() - start:.2f} s")
    reached = simulate(found)
    for (speed, angle, mass, wind), (far, high), (x, y) in list(zip(found, reached, wanted, strict=True))[:5]:
        print(
            f"wanted {x:5.1f} m far, {y:4.1f} m high, {mass:.2f} kg, wind {wind:4.1f} m/s: "
            f"throw {speed:4.1f} m/s at {angle:4.1f}° -> {far:5.1f} m, {high:4.1f} m"
        )
    errors = np.abs(reached - wanted)
    print(
        f"median error of the flights: distance {np.median(errors[:, 0]):.3f} m, height {np.median(errors[:, 1]):.3f} m"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
