"""Fashion-MNIST: 70,000 images of clothing, 28 x 28 pixels, ten classes; 256 and 128 hidden units.

    apt-get install dataset-fashion-mnist        # Debian and Ubuntu; elsewhere: --data FOLDER
    python examples/fashion_mnist.py

FOLDER holds the four files of https://github.com/zalandoresearch/fashion-mnist (or of MNIST, in the same
format), compressed or not: train-images-idx3-ubyte(.gz), train-labels-idx1-ubyte(.gz),
t10k-images-idx3-ubyte(.gz), t10k-labels-idx1-ubyte(.gz).
"""

from __future__ import annotations

import argparse
import gzip
import sys
import time
from pathlib import Path

import numpy as np

import nbtrain

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
UNSIGNED_BYTE = 8  # the element type's code in an idx file


def read_idx(folder: Path, name: str) -> np.ndarray:
    """An idx file: two zero bytes, element type, number of dimensions, each as a big-endian int32, data."""
    path = folder / name
    if not path.exists():
        path = folder / f"{name}.gz"
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    zero, kind, dimensions = int.from_bytes(raw[:2], "big"), raw[2], raw[3]
    start = 4 + 4 * dimensions
    shape = tuple(np.frombuffer(raw[4:start], ">i4"))
    if zero != 0 or kind != UNSIGNED_BYTE or len(raw) != start + np.prod(shape, dtype=np.int64):
        raise ValueError(f"{path}: not an idx file of unsigned bytes")
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)


def read_part(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Images as rows of pixels from 0 to 1, and their classes."""
    images = read_idx(folder, f"{part}-images-idx3-ubyte")
    labels = read_idx(folder, f"{part}-labels-idx1-ubyte")
    return images.reshape(len(images), -1).astype(np.float32) / 255, labels.astype(np.int64)


class Clock:
    """Prints every epoch's numbers and seconds."""

    def __init__(self) -> None:
        self.last = time.perf_counter()
        self.seconds: list[float] = []

    def __call__(self, trainer: nbtrain.Trainer, epoch: int, metrics: dict[str, float]) -> None:
        """What `fit` calls after each epoch."""
        now = time.perf_counter()
        self.seconds.append(now - self.last)
        self.last = now
        numbers = f"loss {metrics['loss']:.4f}  accuracy {metrics['accuracy']:.4f}"
        print(f"epoch {epoch:2}  {numbers}  {self.seconds[-1]:.2f} s", flush=True)


def main() -> int:
    """Train, and test on the 10,000 images kept for that."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("--data", type=Path, default=DEBIAN, help=f"folder of the files (default {DEBIAN})")
    parser.add_argument("--epochs", type=int, default=10, help="default 10")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    arguments = parser.parse_args()
    try:
        training, test = (read_part(arguments.data, part) for part in ("train", "t10k"))
    except (OSError, ValueError) as error:
        print(f"{error}\nsee {parser.prog} --help for where the data comes from", file=sys.stderr)
        return 1
    network = nbtrain.Network(
        784,
        [nbtrain.Dense(256, "relu", dropout=0.2), nbtrain.Dense(128, "relu"), nbtrain.Dense(10)],
    )
    trainer = nbtrain.Trainer(network, loss="softmax_cross_entropy", batch_size=128, rng=arguments.seed)
    clock = Clock()
    trainer.fit(*training, epochs=arguments.epochs, callbacks=[clock])
    scores = trainer.evaluate(*test)
    print(f"{np.median(clock.seconds):.2f} s per epoch of {len(training[0])} images (median)")
    print(f"test accuracy {scores['accuracy']:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
