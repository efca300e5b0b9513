"""`nbtrain demo`: train on the digits that ship with the package."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..datasets import load_digits
from .output import quoted

if TYPE_CHECKING:
    from ..training.trainer import Trainer

EPOCHS, SEED = 30, 0
VALIDATION, TEST = 180, 360  # samples; the other 1,257 are trained on

NEXT = (
    ('{python} -m pip install "nbtrain[table]"', 'pandas, for the next two; from a checkout: ".[table]"'),
    ("{nbtrain} inspect FILE.csv", "how a table of your own is read"),
    ("{nbtrain} train FILE.csv --target COLUMN", "train on it"),
    ("{nbtrain} plugins list", "activations, optimizers, losses, ... by name"),
    ("{nbtrain} warmup", "compile everything ahead of time, for containers"),
    ('{python} -c "import nbtrain; help(nbtrain.Trainer)"', ""),
)


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "demo",
        help="train on the digits that ship with the package",
        description="Train a small network on images of handwritten digits and test it on others.",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Train, test, suggest next steps."""
    from .. import Dense, Network, Trainer, activation

    training, validation, test = split()
    relu = activation("relu")
    network = Network(64, [Dense(128, relu, dropout=0.2), Dense(64, relu), Dense(10)])
    print(f"Digits: {len(training[0])} images to train on, {VALIDATION} to validate, {TEST} to test.")
    hidden = " and ".join(str(layer.units) for layer in network.layers[:-1])
    print(f"Network: 64 inputs, {hidden} hidden units, 10 classes.")
    trainer = Trainer(network, loss="softmax_cross_entropy", batch_size=32, rng=SEED)
    trainer.fit(*training, epochs=EPOCHS, validation_data=validation, callbacks=[EpochLine(EPOCHS)])
    print(f"test accuracy {trainer.evaluate(*test)['accuracy']:.3f}", flush=True)
    print(hints(), file=sys.stderr)  # the last line of stdout is the result
    return 0


def hints() -> str:
    """What to try next, with the program as it was called: its directory may not be searched for commands."""
    called = sys.argv[0] if os.path.basename(sys.argv[0]) == "nbtrain" else f"{quoted(sys.executable)} -m nbtrain"
    found = shutil.which("nbtrain")
    if found is not None and os.path.exists(sys.argv[0]) and os.path.samefile(found, sys.argv[0]):
        called = "nbtrain"
    python = "python" if called == "nbtrain" else quoted(sys.executable)
    commands = [(text.format(nbtrain=called, python=python), purpose) for text, purpose in NEXT]
    width = max(len(text) for text, purpose in commands if purpose)
    lines = [f"  {text.ljust(width)}    {purpose}".rstrip() for text, purpose in commands]
    return "\n".join(["", "What to try next:", *lines])


def split() -> list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    """The digits for training, validation and test: always the same."""
    X, y = load_digits()
    order = np.random.default_rng(SEED).permutation(len(X))
    return [(X[part], y[part]) for part in np.split(order, [len(X) - VALIDATION - TEST, len(X) - TEST])]


class EpochLine:
    """Called after every epoch: prints its loss, the validation accuracy and the time it took."""

    epochs: int
    last: float

    def __init__(self, epochs: int) -> None:
        self.epochs, self.last = epochs, time.perf_counter()

    def __call__(self, trainer: Trainer, epoch: int, metrics: Mapping[str, float]) -> None:
        now = time.perf_counter()
        print(
            f"epoch {epoch:{len(str(self.epochs))}}/{self.epochs}  loss {metrics['loss']:.4f}  "
            f"validation accuracy {metrics['val_accuracy']:.3f}  {1e3 * (now - self.last):.0f} ms",
            flush=True,
        )
        self.last = now
