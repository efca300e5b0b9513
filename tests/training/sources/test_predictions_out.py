"""predict(X, out=): predictions that are written where the caller says."""

from __future__ import annotations

import numpy as np
import pytest
import streams
from streams import OUTPUTS, ROWS, make, mapped

import nbtrain


@pytest.mark.parametrize("source", ["memory", "memmap", "strided"])
@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", ">f8"])
def test_any_float_dtype_and_kind(source, dtype, tmp_path, monkeypatch):
    streams.small(monkeypatch)
    X, _, _ = streams.data()
    given = {"memory": X, "memmap": mapped(tmp_path, X), "strided": X[::-1]}[source]
    expected = make().predict(np.ascontiguousarray(X[::-1] if source == "strided" else X, np.float32)).astype(dtype)
    for out in (
        np.full((ROWS, OUTPUTS), 7, dtype),
        np.full((ROWS, OUTPUTS), 7, dtype, order="F"),
        mapped(tmp_path, np.zeros((ROWS, OUTPUTS)), dtype),
        np.zeros((ROWS, 2 * OUTPUTS), dtype)[:, ::2],
    ):
        assert make().predict(given, out=out) is out
        assert np.array_equal(out, expected)


def test_inputs_may_become_predictions():
    X = np.random.default_rng(0).normal(size=(5000, 2)).astype("f4")
    trainer = nbtrain.Trainer(nbtrain.Network(2, [nbtrain.Dense(2, "tanh")]), loss="mse", rng=0)
    expected = trainer.predict(X)
    assert trainer.predict(X, out=X) is X
    assert np.array_equal(X, expected)


def test_datasets_of_h5py_take_them(tmp_path):
    h5py = pytest.importorskip("h5py")
    X, _, _ = streams.data()
    with h5py.File(tmp_path / "a.h5", "w") as file:
        out = file.create_dataset("out", (ROWS, OUTPUTS), "f4")
        make().predict(X, out=out)
        assert np.array_equal(out[:], make().predict(X))


def test_what_does_not_fit_is_refused():
    X, _, _ = streams.data()
    locked = np.zeros((ROWS, OUTPUTS))
    locked.flags.writeable = False
    for out, message in [
        (np.zeros((ROWS, 3)), r"out must have shape \(1003, 2\) and a float dtype, got \(1003, 3\) float64"),
        (np.zeros((ROWS, OUTPUTS), int), r"out must have shape .*, got \(1003, 2\) int64"),
        ([[0.0] * OUTPUTS] * ROWS, r"out must be an array of shape \(1003, 2\) and a float dtype, got \[\["),
        (locked, "out must be writable, got a read-only array"),
    ]:
        with pytest.raises(nbtrain.InputError, match=message):
            make().predict(X, out=out)
