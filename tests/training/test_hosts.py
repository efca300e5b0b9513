"""Hosts without Python: the C functions by their addresses, as the manual describes them."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

import numpy as np
import pytest
from common import data, network

import nbtrain
from nbtrain import status
from nbtrain.core import layout

MANUAL = (Path(__file__).parents[2] / "docs" / "how-to" / "c.md").read_text(encoding="utf-8")
LOSSES = ["mse", "binary_cross_entropy", "softmax_cross_entropy"]
ROWS, INPUTS, OUTPUTS = 21, 4, 3


def make(loss, dtype="float32", **options):
    net = network((INPUTS, 7, OUTPUTS), ["tanh", "identity"])
    options = {"regularizer": nbtrain.regularizer("l2", strength=0.1), "batch_size": 8, "rng": 2} | options
    return nbtrain.Trainer(net, loss=loss, dtype=dtype, **options)


def samples(loss, dtype="float32"):
    X, y = data(loss, ROWS, INPUTS, OUTPUTS)
    return X.astype(dtype), y if y.dtype == np.int64 else y.astype(dtype)


class Host:
    """What a C program does with the addresses."""

    def __init__(self, trainer):
        self.model = trainer.model.descriptor.ctypes.data
        self.declared = trainer.c_functions()
        self.result = np.full(3, 7.0)

    def call(self, name, *arguments):
        address, declaration = self.declared[name]
        count = declaration.count("int64_t ") - 1
        assert len(arguments) + 1 == count, declaration
        function = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * count)(address)
        return function(self.model, *arguments)

    def on_data(self, name, X, y, weight=None, **changed):
        label = y.dtype == np.int64
        arguments = dict(
            x=X.ctypes.data,
            rows=X.shape[0],
            columns=X.shape[1],
            y=y.ctypes.data,
            y_rows=y.shape[0],
            y_columns=1 if label else y.shape[1],
            y_kind=int(label),
            weight=0 if weight is None else weight.ctypes.data,
            result=self.result.ctypes.data,
        )
        return self.call(name, *(arguments | changed).values())

    def predict(self, X, out, **changed):
        arguments = dict(x=X.ctypes.data, rows=X.shape[0], columns=X.shape[1])
        arguments |= dict(out=out.ctypes.data, out_rows=out.shape[0], out_columns=out.shape[1])
        return self.call("predict", *(arguments | changed).values())


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_host_gets_what_the_trainer_gives(loss, dtype, weighted):
    ours, theirs = make(loss, dtype), make(loss, dtype)
    host, (X, y) = Host(ours), samples(loss, dtype)
    weight = np.linspace(0.0, 2.0, ROWS, dtype=dtype) if weighted else None

    assert host.on_data("train_step", X, y, weight) == 0
    assert host.result[0] == theirs.train_step(X, y, weight)
    assert host.on_data("train_epoch", X, y, weight) == 0
    assert host.result[0] == theirs.fit(X, y, sample_weight=weight)["loss"][0]
    assert host.on_data("loss_and_gradient", X, y, weight) == 0
    J, gradient = theirs.loss_and_gradient(X, y, weight)
    assert host.result[0] == J
    np.testing.assert_array_equal(ours.model.gradient, gradient)
    before = ours.theta.copy()
    assert host.call("update") == 0
    assert ours.iteration == theirs.iteration + 1
    assert (ours.theta != before).any()

    theirs.theta[...] = ours.theta
    out = np.zeros((ROWS, OUTPUTS), dtype)
    assert host.predict(X, out) == 0
    np.testing.assert_array_equal(out, theirs.predict(X))
    assert host.on_data("evaluate", X, y, weight) == 0
    total = np.ones(ROWS) if weight is None else weight.astype(np.float64)
    scores = theirs.evaluate(X, y, weight)
    np.testing.assert_allclose(host.result[1], total.sum(), rtol=1e-12)
    np.testing.assert_allclose(host.result[0] / host.result[1], scores["loss"], rtol=1e-12)
    if loss == "softmax_cross_entropy":
        np.testing.assert_allclose(host.result[2], total[out.argmax(axis=1) == y].sum(), rtol=1e-12)
    elif loss == "mse":
        assert host.result[2] == 0.0


FAULTS = {
    "WRONG_X": dict(columns=INPUTS + 1),
    "WRONG_X ": dict(rows=0),
    "WRONG_Y": dict(y_rows=ROWS - 1),
    "WRONG_Y ": dict(y_columns=OUTPUTS + 1),
    "WRONG_TARGET": dict(y_kind=1),
}


@pytest.mark.parametrize("name", ["train_step", "train_epoch", "loss_and_gradient", "evaluate"])
def test_what_is_wrong_comes_back_as_a_status_and_nothing_is_written(name):
    trainer, (X, y) = make("mse"), samples("mse")
    host, before = Host(trainer), trainer.theta.tobytes()
    for fault, changed in FAULTS.items():
        assert host.on_data(name, X, y, **changed) == getattr(layout, fault.strip())
        assert np.isnan(host.result).all()
    bad = np.full(ROWS, -1, np.float32)
    assert host.on_data(name, X, y, bad) == layout.WRONG_WEIGHT
    trainer.engine.descriptor["busy"] = 1  # another thread is inside
    assert host.on_data(name, X, y) == layout.BUSY
    trainer.engine.descriptor["busy"] = 0
    classifier, labels = make("softmax_cross_entropy"), np.full(ROWS, OUTPUTS)
    assert Host(classifier).on_data(name, X, labels) == layout.WRONG_LABEL
    assert trainer.theta.tobytes() == before
    assert trainer.iteration == classifier.iteration == 0


def test_a_wrong_place_for_predictions_and_divergence_are_told():
    trainer, (X, y) = make("mse"), samples("mse")
    host, out = Host(trainer), np.zeros((ROWS, OUTPUTS), np.float32)
    assert host.predict(X, out, out_rows=ROWS - 1) == layout.WRONG_OUT
    assert host.predict(X, out, columns=INPUTS - 1) == layout.WRONG_X
    assert not out.any()
    before = trainer.theta.tobytes()
    X[3, 1] = np.nan
    assert host.on_data("train_step", X, y) == layout.DIVERGED
    assert trainer.theta.tobytes() == before
    for name in ("evaluate", "loss_and_gradient"):  # the manual says so
        assert host.on_data(name, X, y) == 0
        assert np.isnan(host.result[0])
    assert host.predict(X, out) == 0
    assert np.flatnonzero(np.isnan(out).any(axis=1)).tolist() == [3]


def test_the_pair_gives_the_gradients_of_a_loss_of_the_hosts_own():
    trainer, (X, y) = make("mse", batch_size=ROWS, regularizer=None), samples("mse")
    host, out, dx = Host(trainer), np.zeros((ROWS, OUTPUTS), np.float32), np.zeros_like(X)
    _, wanted = trainer.loss_and_gradient(X, y)

    def at(array):
        return array.ctypes.data, *array.shape

    assert host.call("forward", *at(X), *at(out), 1, 0) == 0
    np.testing.assert_array_equal(out, trainer.predict(X))
    delta = (out - y) / np.float32(ROWS)
    assert host.call("backward", *at(X), *at(delta), 0, 0, 0, 0) == layout.NO_FORWARD
    assert host.call("forward", *at(X), *at(out), 1, 0) == 0
    assert host.call("backward", *at(X), *at(delta), 0, 0, 0, 0) == 0
    np.testing.assert_allclose(trainer.model.gradient, wanted, rtol=1e-5, atol=1e-7)
    assert host.call("input_gradient", *at(X), *at(delta), *at(dx)) == 0
    step = 1e-2 * np.sign(dx)
    lower, upper = (0.5 * ((trainer.predict(x) - y) ** 2).sum(axis=1).mean() for x in (X - step, X + step))
    assert upper - lower == pytest.approx(2e-2 * np.abs(dx).sum(), rel=1e-3)
    assert host.call("forward", *at(X), *at(out), 1, 0) == 0
    assert host.call("input_gradient", *at(X), *at(delta), 0, ROWS, INPUTS) == layout.WRONG_OUT
    assert host.call("backward", *at(X), *at(delta), *at(dx[:-1]), 0) == layout.WRONG_OUT
    for accumulate in (0, 1):
        assert host.call("backward", *at(X), *at(delta), *at(dx), accumulate) == 0
    np.testing.assert_allclose(trainer.model.gradient, 2 * wanted, rtol=1e-5, atol=1e-7)
    assert host.call("update") == 0
    assert host.call("backward", *at(X), *at(delta), *at(dx), 0) == layout.NO_FORWARD
    small = make("mse", batch_size=ROWS - 1)
    assert Host(small).call("forward", *at(X), *at(out), 1, 0) == layout.TOO_MANY_ROWS


# ---- the manual


def table(heading):
    """Cells of the rows of the table under a heading."""
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", MANUAL, re.MULTILINE | re.DOTALL)[1]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_manual_has_the_functions_their_arguments_and_all_statuses():
    declared = make("mse").c_functions()
    assert [re.sub("`", "", row[0]) for row in table("Functions")] == list(declared)
    named = {name for row in table("Arguments") for name in re.findall(r"`(\w+)`", row[0])}
    used = {name for _, text in declared.values() for name in re.findall(r"(?:int64_t|double) (\w+)[,)]", text)}
    assert named == used
    assert {int(code): words for code, words in table("Status")} == status.WORDS


def test_nothing_is_offered_that_is_for_the_trainer_alone():
    trainer, compiled_only = make("mse"), {"layer", "model_at", "status", "status_of"}
    compiled_only |= {name for name in nbtrain.kernel.__all__ if "member" in name}
    assert set(trainer.c_functions()) == set(nbtrain.kernel.__all__) - compiled_only
    assert set(re.findall(r"^        `(\w+)`$", trainer.c_functions.__doc__, re.MULTILINE)) == set(
        trainer.c_functions()
    )
