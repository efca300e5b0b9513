"""Autoencoder: two networks trained jointly, beside principal components of the same size.

    python examples/autoencoder.py

The encoder turns an image of a digit into a few numbers, the decoder turns these back into an image. They are two
trainers, so that each can be used, saved and tuned alone. A step runs both forward, takes the derivative of the squared
error by the decoder's output, and passes it back: the decoder's derivative by its inputs is the encoder's by its
outputs. The same is done for any chain of networks, or a network in front of a simulation with derivatives.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import NamedTuple

import numpy as np
from numba import njit

import nbtrain
from nbtrain import kernel
from nbtrain.datasets import load_digits

BATCH = 64


class Space(NamedTuple):
    """What a step computes for a batch."""

    x: np.ndarray  # (m, pixels)
    code: np.ndarray  # (m, size of the code)
    decoded: np.ndarray  # (m, pixels)
    by_code: np.ndarray  # (m, size of the code)


@njit(cache=True)
def step(encoder, decoder, space):
    """One iteration of both networks -> mean squared error before it, sum of the statuses."""
    bad = kernel.forward(encoder, space.x, space.code)
    bad += kernel.forward(decoder, space.code, space.decoded)
    rows, pixels = space.x.shape
    total = 0.0
    for i in range(rows):
        for k in range(pixels):
            error = space.decoded[i, k] - space.x[i, k]
            total += error * error
            space.decoded[i, k] = error / rows  # from now on the derivative of half the squared error
    bad += kernel.backward(decoder, space.code, space.decoded, space.by_code)
    bad += kernel.backward(encoder, space.x, space.by_code)
    bad += kernel.update(decoder)
    bad += kernel.update(encoder)
    return total / (rows * pixels), bad


@njit(cache=True)
def train(encoder, decoder, X, epochs, random, space):
    """Epochs over the images in a new order each -> mean squared error of each, sum of the statuses."""
    order, curve, bad = np.arange(len(X)), np.zeros(epochs), 0
    batches = len(X) // len(space.x)
    for epoch in range(epochs):
        random.shuffle(order)
        for number in range(batches):
            for i in range(len(space.x)):
                space.x[i] = X[order[number * len(space.x) + i]]
            error, status = step(encoder, decoder, space)
            curve[epoch] += error / batches
            bad += status
    return curve, bad


def make_trainers(pixels, hidden, size, rate, seed):
    """An encoder and a decoder; their losses are not used."""

    def trainer(inputs, outputs, activation, rng):
        layers = [nbtrain.Dense(hidden, "relu"), nbtrain.Dense(outputs, activation)]
        adam = nbtrain.optimizer("adam", learning_rate=rate)
        return nbtrain.Trainer(nbtrain.Network(inputs, layers), loss="mse", optimizer=adam, batch_size=BATCH, rng=rng)

    seeds = np.random.SeedSequence(seed).spawn(2)
    return trainer(pixels, size, "identity", seeds[0]), trainer(size, pixels, "sigmoid", seeds[1])


def principal_components(X, X_test, size):
    """The test images rebuilt from as many principal components of the training images."""
    mean = X.mean(axis=0)
    axes = np.linalg.svd(X - mean, full_matrices=False)[2][:size]
    return mean + (X_test - mean) @ axes.T @ axes


def main(arguments: list[str] | None = None) -> int:
    """Train both networks on digits, and rebuild digits that they have not seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=200, help="default 200")
    parser.add_argument("--size", type=int, default=8, help="numbers in a code (default 8)")
    parser.add_argument("--hidden", type=int, default=128, help="hidden units of each network (default 128)")
    parser.add_argument("--learning-rate", type=float, default=2e-3, help="default 0.002")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    options = parser.parse_args(arguments)
    X, _ = load_digits()
    random = np.random.default_rng(options.seed)
    X = X[random.permutation(len(X))].astype(np.float32)
    X, X_test = X[:1400], X[1400:]
    pixels, size = X.shape[1], options.size
    encoder, decoder = make_trainers(pixels, options.hidden, size, options.learning_rate, options.seed)
    space = Space(*(np.empty((BATCH, columns), np.float32) for columns in (pixels, size, pixels, size)))
    print("compiling the training loop, once on this machine ...", flush=True)
    train(encoder.model, decoder.model, X, 0, random, space)
    start = time.perf_counter()
    curve, bad = train(encoder.model, decoder.model, X, options.epochs, random, space)
    seconds = time.perf_counter() - start
    for epoch in range(0, len(curve), max(1, len(curve) // 8)):
        print(f"epoch {epoch + 1:3}  mean squared error {curve[epoch]:.5f}")
    print(f"{options.epochs} epochs: {seconds:.2f} s; sum of statuses {bad}")
    rebuilt = decoder.predict(encoder.predict(X_test))
    ours = float(((rebuilt - X_test) ** 2).mean())
    linear = float(((principal_components(X, X_test, size) - X_test) ** 2).mean())
    print(f"{len(X_test)} new digits in {size} numbers each: mean squared error {ours:.5f}")
    print(f"{size} principal components: {linear:.5f}; of that error the networks leave {100 * ours / linear:.0f} %")
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
