"""Fashion-MNIST: 70,000 images of clothing, 28 x 28 pixels, ten classes; 256 and 128 hidden units.

    apt-get install dataset-fashion-mnist                   # Debian and Ubuntu; elsewhere: --data FOLDER
    python examples/fashion_mnist.py                        # with dropout: test accuracy of about 0.895
    python examples/fashion_mnist.py --without --epochs 10  # without: about 0.88, and overfitting

FOLDER holds the four files of https://github.com/zalandoresearch/fashion-mnist (or of MNIST, in the same
format), compressed or not: train-images-idx3-ubyte(.gz), train-labels-idx1-ubyte(.gz),
t10k-images-idx3-ubyte(.gz), t10k-labels-idx1-ubyte(.gz). With `--compare`, scikit-learn and PyTorch train the same
network without dropout in batches of the same size, if they are installed. The libraries take turns, epoch by epoch, on
`--threads` threads.
"""

from __future__ import annotations

import argparse
import gzip
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

import nbtrain

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
UNSIGNED_BYTE = 8  # the element type's code in an idx file
HIDDEN, BATCH, RATE = (256, 128), 128, 1e-3
Data = tuple[np.ndarray, np.ndarray]


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


def read_part(folder: Path, part: str) -> Data:
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


def build(pixels: int, steps: int, options: argparse.Namespace) -> nbtrain.Trainer:
    """The network, by default with dropout and a falling learning rate."""
    first, second = (0.0, 0.0) if options.without else (0.3, 0.2)
    layers = [nbtrain.Dense(256, "relu", dropout=first), nbtrain.Dense(128, "relu", dropout=second), nbtrain.Dense(10)]
    rate = RATE if options.without else nbtrain.schedule("cosine", rate=RATE, steps=max(steps, 1))
    return nbtrain.Trainer(
        nbtrain.Network(pixels, layers),
        loss="softmax_cross_entropy",
        optimizer=nbtrain.optimizer("adam", learning_rate=rate),
        batch_size=BATCH,
        threads=options.threads,
        rng=options.seed,
    )


def epoch_of_ours(data: Data, threads: int) -> Callable[[], None]:
    """A function that trains one epoch."""
    X, y = data
    layers = [nbtrain.Dense(units, "relu") for units in HIDDEN]
    network = nbtrain.Network(X.shape[1], [*layers, nbtrain.Dense(10)])
    trainer = nbtrain.Trainer(
        network, loss="softmax_cross_entropy", optimizer="adam", batch_size=BATCH, threads=threads, rng=0
    )
    return lambda: trainer.fit(X, y)


def epoch_of_scikit_learn(data: Data, threads: int) -> Callable[[], None]:
    """Likewise, with its MLPClassifier; the threads are those of NumPy's BLAS."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits

    model = MLPClassifier(HIDDEN, alpha=0.0, batch_size=BATCH, max_iter=1, warm_start=True, random_state=0)

    def epoch() -> None:
        with warnings.catch_warnings(), threadpool_limits(threads):
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(*data)

    return epoch


def epoch_of_pytorch(data: Data, threads: int) -> Callable[[], None]:
    """Likewise, with its layers and Adam."""
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    X, y = map(torch.from_numpy, data)
    sizes = (X.shape[1], *HIDDEN, 10)
    layers: list[torch.nn.Module] = []
    for inputs, units in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [torch.nn.Linear(inputs, units), torch.nn.ReLU()]
    network = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    loss = torch.nn.CrossEntropyLoss()

    def epoch() -> None:
        for rows in torch.randperm(len(X)).split(BATCH):
            optimizer.zero_grad()
            loss(network(X[rows]), y[rows]).backward()
            optimizer.step()

    return epoch


def compare(data: Data, repeats: int, threads: int) -> None:
    """Seconds per epoch of each library: the minimum over several, taken in turn."""
    libraries = {"nbtrain": epoch_of_ours, "scikit-learn": epoch_of_scikit_learn, "PyTorch": epoch_of_pytorch}
    epochs: dict[str, Callable[[], None]] = {}
    for name, make in libraries.items():
        try:
            epochs[name] = make(data, threads)
            epochs[name]()  # the first one is not counted
        except ImportError:
            print(f"{name}: not installed")
    seconds: dict[str, list[float]] = {name: [] for name in epochs}
    for _ in range(repeats):
        for name, epoch in epochs.items():
            start = time.perf_counter()
            epoch()
            seconds[name].append(time.perf_counter() - start)
    ours = min(seconds["nbtrain"])
    for name, found in seconds.items():
        print(f"{name:12}  {min(found):.3f} s per epoch, {min(found) / ours:.2f} times nbtrain's", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Train, and test on the 10,000 images kept for that."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("--data", type=Path, default=DEBIAN, help=f"folder of the files (default {DEBIAN})")
    parser.add_argument("--epochs", type=int, default=20, help="default 20")
    parser.add_argument("--without", action="store_true", help="no dropout, and a constant learning rate")
    parser.add_argument("--compare", action="store_true", help="time an epoch beside scikit-learn's and PyTorch's")
    parser.add_argument("--repeats", type=int, default=5, help="epochs of each library for --compare (default 5)")
    parser.add_argument("--threads", type=int, default=1, help="of one training step (default 1)")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    options = parser.parse_args(arguments)
    try:
        training, test = (read_part(options.data, part) for part in ("train", "t10k"))
    except (OSError, ValueError) as error:
        print(f"{error}\nsee {parser.prog} --help for where the data comes from", file=sys.stderr)
        return 1
    if options.compare:
        compare(training, options.repeats, options.threads)
        return 0
    steps = options.epochs * -(-len(training[0]) // BATCH)
    trainer = build(training[0].shape[1], steps, options)
    clock = Clock()
    trainer.fit(*training, epochs=options.epochs, callbacks=[clock])
    scores = trainer.evaluate(*test)
    print(f"{np.median(clock.seconds):.2f} s per epoch of {len(training[0])} images (median)")
    print(f"test accuracy {scores['accuracy']:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
