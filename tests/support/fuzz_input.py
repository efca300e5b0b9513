"""Random calls of the public interface: whatever comes in, only nbtrain's own errors may come out.

    python tests/support/fuzz_input.py 10000 [SEED]

A program of its own, because what it looks for may end the process. It prints every call that raised anything
but an `nbtrain.Error`, and exits with 1 where there was one.
"""

from __future__ import annotations

import sys
import traceback
from typing import Any

import numpy as np

import nbtrain

Random = np.random.Generator
INPUTS, OUTPUTS = 3, 2
LOSSES = ("mse", "binary_cross_entropy", "softmax_cross_entropy")
NUMBERS = (0, 1, -1, 2, 3, 1.0, 0.5, -0.0, 1e300, 1e-300, 2**31, 2**63, 2**100, float("nan"), float("inf"))
ODDITIES = (None, True, "", "relu", "3", b"x", (), [], {}, set(), object(), nbtrain, print, 1j, ..., range(3))
DTYPES = (
    "f4",
    "f8",
    "f2",
    ">f4",
    ">f8",
    "i1",
    "i4",
    "i8",
    "u1",
    "u8",
    "?",
    "c8",
    "U3",
    "S2",
    "M8[s]",
    "O",
    "g",
)


def number(random: Random) -> Any:
    """A number, or something that stands where one should."""
    kinds = (int, float, np.int64, np.float32, np.bool, np.array, str)
    value = NUMBERS[random.integers(len(NUMBERS))]
    if random.random() < 0.2:
        return ODDITIES[random.integers(len(ODDITIES))]
    try:
        with np.errstate(all="ignore"):
            return kinds[random.integers(len(kinds))](value)
    except (ValueError, OverflowError):
        return value


def array(random: Random, shape: tuple[int, ...]) -> Any:
    """Often an array of that shape, with a dtype, layout and contents that may be wrong."""
    if random.random() < 0.05:
        return ODDITIES[random.integers(len(ODDITIES))]
    if random.random() < 0.2:
        dimensions = random.integers(0, 4)
        shape = tuple(int(n) for n in random.choice([0, 1, 2, 3, 5], dimensions))
    values = random.choice([-1.0, 0.0, 0.5, 1.0, 2.0], shape) if random.random() < 0.5 else random.integers(0, 2, shape)
    values = np.array(values)
    if values.size and random.random() < 0.15:
        values = values.astype(float)
        values.flat[random.integers(values.size)] = random.choice([np.nan, np.inf, -np.inf, 1e300, 2.0**62, -(2.0**63)])
    with np.errstate(all="ignore"):
        kind = DTYPES[random.integers(len(DTYPES))] if random.random() < 0.4 else values.dtype
        values = values.astype("i8").astype(kind) if kind == "M8[s]" else values.astype(kind)
    layouts = (
        lambda a: a,
        np.asfortranarray,
        lambda a: a[::-1] if a.ndim else a,
        lambda a: np.broadcast_to(a, a.shape),
        lambda a: a.tolist(),
        lambda a: np.ma.array(a),
        lambda a: memoryview(a) if a.dtype.kind in "fiu" and a.dtype.isnative and a.dtype.char != "e" else a,
    )
    return layouts[random.integers(len(layouts))](values)


def construct(random: Random) -> None:
    """Declarations and a trainer out of random arguments."""
    inputs, units, batch_size = (number(random) if random.random() < 0.3 else 4 for _ in range(3))
    if any(isinstance(size, int | np.integer) and size > 1000 for size in (inputs, units, batch_size)):
        return  # would be granted, as far as memory goes
    rate, strength, epsilon, dropout, rng = (number(random) if random.random() < 0.3 else 0.1 for _ in range(5))
    nbtrain.Trainer(
        nbtrain.Network(inputs, [nbtrain.Dense(units, dropout=dropout), nbtrain.Dense(OUTPUTS)]),
        loss="mse",
        batch_size=batch_size,
        rng=0 if isinstance(rng, float) else rng,
        optimizer=nbtrain.optimizer("adam", learning_rate=rate, epsilon=epsilon),
        regularizer=nbtrain.regularizer("l2", strength=strength),
    )


def train(random: Random, trainers: list[nbtrain.Trainer]) -> None:
    """A method of a trainer with random data."""
    trainer = trainers[random.integers(len(trainers))]
    samples = int(random.integers(1, 12))
    x = array(random, (samples, INPUTS))
    y = array(random, (samples,) if random.random() < 0.5 else (samples, OUTPUTS))
    weight = array(random, (samples,)) if random.random() < 0.3 else None
    method = random.choice(["fit", "train_step", "loss_and_gradient", "evaluate", "predict", "set_weights"])
    if method == "predict":
        trainer.predict(x)
    elif method == "set_weights":
        trainer.set_weights([(array(random, w.shape), array(random, b.shape)) for w, b in trainer.weights])
    elif method == "fit":
        validation = (x, y) if random.random() < 0.3 else None
        epochs = number(random) if random.random() < 0.2 else 2
        if not isinstance(epochs, int | np.integer) or epochs < 100:
            trainer.fit(x, y, epochs, sample_weight=weight, validation_data=validation)
    else:
        getattr(trainer, method)(x, y, weight)


def main(count: int, seed: int) -> int:
    """Make so many calls -> exit code."""
    layers = [nbtrain.Dense(4, "relu", dropout=0.5), nbtrain.Dense(OUTPUTS)]
    network = nbtrain.Network(INPUTS, layers)
    trainers = [
        nbtrain.Trainer(network, loss=loss, batch_size=4, dtype=dtype, rng=0)
        for loss in LOSSES
        for dtype in ("float32", "float64")
    ]
    foreign = accepted = 0
    for call in range(count):
        random = np.random.default_rng((seed, call))
        try:
            construct(random) if random.random() < 0.2 else train(random, trainers)
            accepted += 1
        except nbtrain.Error:
            pass
        except Exception:
            foreign += 1
            print(f"call {call} of seed {seed}:")
            traceback.print_exc(file=sys.stdout)
    print(f"{count} calls: {accepted} accepted, {foreign} raised something foreign")
    return 1 if foreign else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
