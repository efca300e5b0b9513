"""Fashion-MNIST from a file that is never loaded: training, evaluation and predictions block by block.

    apt-get install dataset-fashion-mnist                # Debian and Ubuntu; elsewhere: --data FOLDER
    python examples/fashion_mnist_memmap.py              # about 0.88 after 5 epochs
    python examples/fashion_mnist_memmap.py --shuffle blocks
    python examples/fashion_mnist_memmap.py --shuffle batches  # a generator, which scales the pixels

FOLDER holds the files of https://github.com/zalandoresearch/fashion-mnist, compressed or not. Without them the program
says so and makes up images of ten noisy patterns. It writes the pixels to a file as float16, half the size of what the
network computes with, and trains on a `numpy.memmap` of it: `fit` converts blocks of 1 MB while the block before is
trained. The result is that of the same numbers in memory, which --check compares.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from fashion_mnist import DEBIAN, read_idx

import nbtrain

PIXELS, CLASSES, ROWS = 784, 10, 5000
Data = tuple[np.ndarray, np.ndarray]


def read_images(folder: Path, part: str) -> Data:
    """Images as rows of bytes, and their classes."""
    images, labels = (read_idx(folder, f"{part}-{name}-ubyte") for name in ("images-idx3", "labels-idx1"))
    return images.reshape(len(images), -1), labels.astype(np.int64)


def made_up(rows: int, seed: int) -> Data:
    """Noisy images of ten patterns."""
    random = np.random.default_rng(seed)
    patterns = np.random.default_rng(0).integers(0, 256, (CLASSES, PIXELS))
    labels = random.integers(0, CLASSES, rows)
    noisy = 0.2 * patterns[labels] + 0.8 * random.integers(0, 256, (rows, PIXELS))
    return noisy.astype(np.uint8), labels


def to_file(images: np.ndarray, path: Path) -> np.ndarray:
    """Write pixels from 0 to 1 as float16, some thousand images at a time."""
    file = np.memmap(path, np.float16, "w+", shape=images.shape)
    for first in range(0, len(images), ROWS):
        file[first : first + ROWS] = images[first : first + ROWS] / np.float32(255)
    file.flush()
    return np.memmap(path, np.float16, "r", shape=images.shape)


def new_trainer(pixels: int, seed: int) -> nbtrain.Trainer:
    """The network."""
    network = nbtrain.Network(pixels, [nbtrain.Dense(128, "relu"), nbtrain.Dense(CLASSES)])
    return nbtrain.Trainer(network, loss="softmax_cross_entropy", batch_size=64, rng=seed)


def train(trainer: nbtrain.Trainer, X: np.ndarray, training: Data, shuffle: str, epochs: int) -> None:
    """Train in one of four orders."""
    images, labels = training

    def batches() -> Iterator[Data]:
        for first in range(0, len(images), ROWS):
            yield images[first : first + ROWS] / np.float32(255), labels[first : first + ROWS]

    if shuffle == "batches":
        trainer.fit(batches=batches, epochs=epochs, progress="plain")
    else:
        orders = {"exact": True, "none": False, "blocks": "blocks"}
        trainer.fit(X, labels, epochs=epochs, shuffle=orders[shuffle], progress="plain")


def main(arguments: list[str] | None = None) -> int:
    """Train on a file, evaluate on another, write predictions to a third."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DEBIAN, help=f"folder of the files (default {DEBIAN})")
    parser.add_argument("--epochs", type=int, default=5, help="default 5")
    parser.add_argument("--shuffle", choices=["exact", "blocks", "none", "batches"], default="exact", help="the order")
    parser.add_argument("--check", action="store_true", help="train in memory as well, and compare the bits")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    options = parser.parse_args(arguments)
    try:
        training, test = (read_images(options.data, part) for part in ("train", "t10k"))
    except (OSError, ValueError) as error:
        print(f"{error}\nno Fashion-MNIST there: training on made-up images instead; see --help", file=sys.stderr)
        training, test = made_up(20_000, 1), made_up(5_000, 2)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        X, X_test = to_file(training[0], folder / "train.bin"), to_file(test[0], folder / "test.bin")
        print(f"{len(X):,} images in a file of {X.nbytes / 1e6:.0f} MB")
        trainer = new_trainer(X.shape[1], options.seed)
        train(trainer, X, training, options.shuffle, options.epochs)
        out = np.memmap(folder / "out.bin", np.float32, "w+", shape=(len(X_test), CLASSES))
        trainer.predict(X_test, out=out)
        print(f"test accuracy {np.mean(out.argmax(axis=1) == test[1]):.4f}")
        if options.check and options.shuffle != "batches":
            other = new_trainer(X.shape[1], options.seed)
            train(other, np.array(X), training, options.shuffle, options.epochs)
            print("the same bits as in memory:", np.array_equal(other.theta, trainer.theta))
        del X, X_test, out  # Windows removes no file that is mapped
    return 0


if __name__ == "__main__":
    sys.exit(main())
