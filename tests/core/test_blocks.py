"""An epoch whose samples are given block by block: the bits are those of the same samples in one array."""

from __future__ import annotations

import numpy as np
import pytest
from philox import order_in_python

import nbtrain
from nbtrain.status import check
from nbtrain.training.data import Dataset

ROWS, BATCH = 107, 8


def make(shuffle=False, **options):
    network = nbtrain.Network(3, [nbtrain.Dense(5, "tanh", dropout=0.25), nbtrain.Dense(2)])
    return nbtrain.Trainer(network, loss="mse", batch_size=BATCH, shuffle=shuffle, rng=5, **options)


def some_data():
    random = np.random.default_rng(3)
    X, y = (random.normal(size=(ROWS, columns)).astype(np.float32) for columns in (3, 2))
    return X, y, random.random(ROWS, np.float32)


def cut(trainer, data, size, epochs=1, steps=1 << 40):
    """Train in blocks of `size` samples, at most `steps` steps in each call of the core."""
    engine = trainer.engine
    d, rows = engine.descriptor, len(data.x)
    d["slice_steps"], d["slice_time"], d["log_size"] = steps, 10**12, 1
    losses = []
    for _ in range(epochs):
        d["log_count"] = 0
        for number, first in enumerate(range(0, rows, size)):
            last = min(first + size, rows)
            d["streamed"], d["block_samples"], d["block_first"] = 1, rows, first
            d["block_number"], d["block_open"] = number, last < rows
            while d["log_count"][0] == 0 and (d["position"][0] < last):
                check(engine.call("train_slice", data.rows(first, last)), engine.recipe.loss)
        losses.append(float(engine.result[0]))
    d["streamed"] = 0
    return losses


@pytest.mark.parametrize("size", [8, 40, 104, 112])
@pytest.mark.parametrize("steps", [1, 1 << 40])
def test_the_bits_do_not_depend_on_how_an_epoch_is_cut(size, steps):
    data = Dataset(*some_data())
    whole, blocks = make(), make()
    history = whole.fit(data.x, data.y, 3, sample_weight=data.weight)
    assert cut(blocks, data, size, 3, steps) == history["loss"]
    assert np.array_equal(blocks.theta, whole.theta)
    assert blocks.epoch == 3
    assert blocks.iteration == whole.iteration


def test_every_block_is_shuffled_in_an_order_of_its_own():
    data, size = Dataset(*some_data()), 40
    blocks, plain = make(shuffle=True), make()
    d = blocks.engine.descriptor
    seed = [int(d[f"seed_{word}"][0]) for word in range(4)]
    for epoch in range(2):
        order = np.concatenate(
            [
                first + np.array(order_in_python(seed, epoch, min(size, ROWS - first), number))
                for number, first in enumerate(range(0, ROWS, size))
            ]
        )
        plain.fit(data.x[order], data.y[order], sample_weight=data.weight[order])
    cut(blocks, data, size, 2)
    assert np.array_equal(blocks.theta, plain.theta)


@pytest.mark.parametrize("block", [0, 3, 2**32 - 1])
@pytest.mark.parametrize("rows", [1, 600])
def test_the_order_of_a_block_can_be_asked_for(block, rows):
    trainer = make()
    trainer.fit(*some_data()[:2], 2)
    order, d = np.zeros(rows, np.uint32), trainer.engine.descriptor
    check(trainer.engine.in_turn(trainer.engine.native.draw_order, block, rows, order.ctypes.data))
    seed = [int(d[f"seed_{word}"][0]) for word in range(4)]
    assert order.tolist() == order_in_python(seed, 2, rows, block)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_sums_of_an_evaluation_go_on_from_call_to_call(weighted):
    trainer, (X, y, weight) = make(), some_data()
    data, engine = Dataset(X, y, weight if weighted else None), trainer.engine
    check(engine.call("evaluate", data))
    whole, errors = engine.result.copy(), engine.memory.array("squared_errors").copy()
    for first in range(0, ROWS, 2 * BATCH):
        engine.descriptor["continues"] = first > 0
        check(engine.call("evaluate", data.rows(first, first + 2 * BATCH)))
    assert np.array_equal(engine.result, whole)
    assert np.array_equal(engine.memory.array("squared_errors"), errors)
