"""Rows of every size are gathered whole: a shuffled epoch equals steps on batches that NumPy has picked."""

from __future__ import annotations

import numpy as np
import pytest
from common import network

import nbtrain


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("columns", [*range(1, 19), 33])
def test_a_shuffled_epoch_has_the_bits_of_its_batches(columns, dtype):
    random = np.random.default_rng(columns)
    X, y = random.normal(size=(23, columns)).astype(dtype), random.normal(size=(23, 2)).astype(dtype)
    shuffled, plain = (
        nbtrain.Trainer(
            network((columns, 3, 2), ["tanh", "identity"]),
            loss="mse",
            dtype=dtype,
            rng=3,
            batch_size=5,
            shuffle=shuffle,
        )
        for shuffle in (True, False)
    )
    shuffled.fit(X, y)
    order = np.ctypeslib.as_array(_order(shuffled), (23,))
    assert sorted(order) == list(range(23))
    plain.fit(X[order], y[order])
    assert np.array_equal(shuffled.theta, plain.theta)


def _order(trainer):
    """The order of the last epoch, which the core allocated."""
    import ctypes

    address = int(trainer.model.descriptor["order"][0])
    return ctypes.cast(address, ctypes.POINTER(ctypes.c_uint32))
