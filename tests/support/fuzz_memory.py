"""Random models in memory between forbidden pages: whatever is trained, nothing is read or written beside an array.

    python tests/support/fuzz_memory.py 1000 [SEED]

A program of its own, because what it looks for ends the process. Predictions are compared with NumPy's too.
"""

from __future__ import annotations

import math
import sys
from itertools import pairwise
from typing import Any

import numpy as np
from common import data, network
from oracle import Oracle
from product_cases import Guarded

import nbtrain
from nbtrain.core.layout import OK, WRONG_WORK
from nbtrain.model import build, memory

Random = np.random.Generator
ACTIVATIONS = ("relu", "tanh", "sigmoid", ("leaky_relu", 0.1), "identity")
LOSSES = ("mse", "binary_cross_entropy", "softmax_cross_entropy", "mse", "mse")
OPTIMIZERS = ("sgd", "momentum", "rmsprop", "adam", "lamb", "amsgrad")
CONSTRAINTS = (None, None, None, "max_norm", "non_negative")


def with_own_targets(form: str, columns: int) -> nbtrain.Loss:
    """Half the squared distance from the mean of so many targets, whatever the outputs; every target is read."""

    def row(z: Any, y: Any, slope: Any) -> float:
        mean = 0.0
        for i in range(columns):
            mean += y[i] / columns
        total = 0.0
        for k in range(z.size):
            slope[k] = z[k] - mean
            total += 0.5 * slope[k] * slope[k]
        return total

    def rows(z: Any, y: Any, slope: Any, losses: Any, outputs: int) -> None:
        for r in range(losses.size):
            mean = 0.0
            for i in range(columns):
                mean += y[r * columns + i] / columns
            total = 0.0
            for k in range(r * outputs, (r + 1) * outputs):
                slope[k] = z[k] - mean
                total += 0.5 * slope[k] * slope[k]
            losses[r] = total

    return nbtrain.Loss(f"{form}_{columns}", **{form: row if form == "row" else rows}, target_columns=columns)


class GuardedMemory(memory.Memory):
    """The arrays of a model, each beside a page that nobody may touch."""

    at_end = True

    def __init__(self, layout: memory.Layout, keep: Any = None) -> None:
        self.layout = layout
        self.block = np.zeros(0, np.uint8).view(memory.Block)
        self.block.keep, self.guards, self.arrays = keep, Guarded(), {}
        for name, plan in layout.plans.items():
            size = max(math.prod(plan.shape) * plan.dtype.itemsize, 1)
            whole = np.zeros(-(-size // memory.ALIGNMENT) * memory.ALIGNMENT, np.uint8)
            self.arrays[name] = self.guards.like(whole, self.at_end, memory.ALIGNMENT)

    def address(self, name: str) -> int:
        return int(self.arrays[name].ctypes.data)

    def addresses_of(self, names: tuple[str, ...]) -> Any:
        return np.array([self.address(name) for name in names])

    def words(self, name: str) -> Any:
        return self.array(name).view(np.int64)

    def array(self, name: str, read_only: bool = False) -> Any:
        plan = self.layout.plans[name]
        found = self.arrays[name][: math.prod(plan.shape) * plan.dtype.itemsize].view(plan.dtype).reshape(plan.shape)
        found.flags.writeable = not read_only
        return found


def size(random: Random, largest: int) -> int:
    """Small ones as often as large ones."""
    return int(np.exp(random.uniform(0, np.log(largest))))


def one(random: Random, choices: Any) -> Any:
    return choices[random.integers(len(choices))]


def model(random: Random) -> tuple[nbtrain.Trainer, list[Any], str]:
    """A trainer, its activations and its loss."""
    large = bool(random.random() < 0.3)  # whose weights are updated block by block
    widest, most_inputs = (20, 60_000) if random.random() < 0.1 else (300, 300)
    sizes = [size(random, most_inputs), *(size(random, widest) for _ in range(random.integers(1, 4)))]
    if large:
        sizes[:2] = random.integers(193, 500), random.integers(128, 400)
    loss = one(random, LOSSES)
    activations = [one(random, ACTIVATIONS) for _ in sizes[1:]]
    if loss != "mse":  # which makes the output of z itself
        activations[-1] = "identity"
    if loss == "softmax_cross_entropy":
        sizes[-1] = max(2, sizes[-1])
    dropout = [one(random, (0.0, 0.0, 0.4)) for _ in activations[1:]] + [0.0]
    net = network(sizes, activations, dropout)
    layers = [
        nbtrain.Dense(
            layer.units, layer.activation, dropout=layer.dropout, constraint=None if large else one(random, CONSTRAINTS)
        )
        for layer in net.layers
    ]
    own_targets = one(random, (None, "row", "rows")) if loss == "mse" else None
    trainer = nbtrain.Trainer(
        nbtrain.Network(sizes[0], layers),
        loss=loss if own_targets is None else with_own_targets(own_targets, int(random.integers(1, 9))),
        optimizer=nbtrain.optimizer(one(random, OPTIMIZERS), learning_rate=1e-5),
        regularizer=one(random, (None, "l1", "l2")),
        batch_size=size(random, 300),
        dtype=one(random, ("float32", "float64")),
        threads=one(random, (1, 1, 2)),
        shuffle=bool(random.random() < 0.8),
        clip_norm=None if large else one(random, (None, None, 1.0)),
        clip_value=None if large else one(random, (None, None, 0.5)),
        rng=int(random.integers(2**31)),
    )
    return trainer, activations, loss


def check(random: Random) -> None:
    """Train and use one model on data beside forbidden pages."""
    GuardedMemory.at_end = bool(random.random() < 0.7)
    trainer, activations, loss = model(random)
    sizes, guards = trainer.network.sizes, Guarded()

    def place(array: Any) -> Any:
        return guards.like(array, bool(random.random() < 0.7))

    X, y = data(loss, size(random, 700), sizes[0], sizes[-1], int(random.integers(2**31)))
    columns = trainer.engine.recipe.loss.spec.target_columns
    if columns is not None:
        y = random.normal(size=(len(X), columns))
    X = place((0.1 * X).astype(trainer.dtype))
    y = place(y if loss == "softmax_cross_entropy" else y.astype(trainer.dtype))
    weight = place(random.uniform(0.5, 1.5, len(X)).astype(trainer.dtype)) if random.random() < 0.4 else None
    trainer.fit(X, y, epochs=2, sample_weight=weight)
    rows = size(random, len(X))
    some = place(X[:rows]), place(y[:rows])
    trainer.train_step(*some)
    trainer.loss_and_gradient(*some)
    trainer.evaluate(X, y, weight)
    pair(trainer, place(X[: trainer.batch_size]), place)
    predicted = trainer.predict(some[0])
    apart = place(np.zeros_like(predicted))
    predict_with(trainer, some[0], apart, random)
    np.testing.assert_array_equal(apart, predicted)
    oracle = Oracle(_pairs(trainer), activations, loss)
    np.testing.assert_allclose(predicted, oracle.predict(some[0].astype(float)), rtol=2e-3, atol=2e-4)


def pair(trainer: nbtrain.Trainer, x: Any, place: Any) -> None:
    """Forward, backward and the gradient with respect to the inputs, all their arrays beside forbidden pages."""

    def matrix(columns: int, dtype: Any = trainer.dtype) -> Any:
        return place(np.zeros((len(x), columns), dtype))

    def at(*matrices: Any) -> list[int]:
        return [item for given in matrices for item in (given.ctypes.data, *given.shape)]

    engine, outputs = trainer.engine, trainer.network.outputs
    out, delta, dx = matrix(outputs), matrix(outputs), matrix(x.shape[1])
    delta[...] = 0.01
    for training in (1, 0):
        assert engine.call_on("forward", len(x), *at(x, out), training, 3) == 0
        assert engine.call_on("backward", len(x), *at(x, delta, dx), 0) == 0
        assert engine.call_on("backward", len(x), *at(x, delta), 0, 0, 0, 1) == 0
        by_both = dx.copy()
        assert engine.call_on("input_gradient", len(x), *at(x, delta, dx)) == 0
        np.testing.assert_array_equal(dx, by_both)
    hidden = sum(trainer.network.sizes[1:])
    assert engine.call_on("activations", len(x), *at(x, matrix(hidden))) == 0
    trainer.update()


def predict_with(trainer: nbtrain.Trainer, x: Any, out: Any, random: Random) -> None:
    """Predict as many threads do, in a workspace between forbidden pages, of which no byte is too many."""
    native, model = trainer.engine.native, trainer.model.descriptor.ctypes.data
    skip = int(random.integers(64))
    room = np.full(native.work_size(model, len(x)) + skip, 255, np.uint8)
    work = Guarded().like(room, bool(random.random() < 0.7), 1)[skip:]
    arguments = x.ctypes.data, *x.shape, out.ctypes.data, *out.shape, work.ctypes.data
    assert native.predict_with(model, *arguments, work.size - 1) == WRONG_WORK
    assert native.predict_with(model, *arguments, work.size) == OK


def _pairs(trainer: nbtrain.Trainer) -> list[Any]:
    """W and b of every layer, in float64."""
    theta, shapes = trainer.theta.astype(float), list(pairwise(trainer.network.sizes))
    cuts = np.cumsum([inputs * units for inputs, units in shapes] + [units for _, units in shapes])
    parts = np.split(theta, cuts[:-1])
    return [(w.reshape(shape), b) for w, b, shape in zip(parts, parts[len(shapes) :], shapes, strict=False)]


if __name__ == "__main__":
    build.Memory = GuardedMemory  # type: ignore[misc]
    count, seed = int(sys.argv[1]), int((sys.argv[2:] or ["0"])[0])
    for case in range(count):
        print(case, flush=True)  # the last one is what ended the process
        check(np.random.default_rng([seed, case]))
