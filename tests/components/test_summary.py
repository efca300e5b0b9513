"""`network.summary()`: the numbers of the layers, as a table in text and in notebooks."""

from __future__ import annotations

import re

import numpy as np
import pytest

import nbtrain

NETWORK = nbtrain.Network(
    30,
    [
        nbtrain.Dense(64, "relu", dropout=0.25),
        nbtrain.Dense(16, nbtrain.activation("leaky_relu", slope=0.02)),
        nbtrain.Dense(2),
    ],
)


def test_parameters_and_bytes_are_those_of_the_arrays():
    for dtype in ("float32", "float64"):
        trainer = nbtrain.Trainer(NETWORK, loss="mse", dtype=dtype, rng=0)
        summary = NETWORK.summary(dtype=dtype)
        assert [layer.parameters for layer in summary.layers] == [W.size + b.size for W, b in trainer.weights]
        assert [layer.bytes for layer in summary.layers] == [W.nbytes + b.nbytes for W, b in trainer.weights]
        assert [layer.shape for layer in summary.layers] == [W.shape for W, _ in trainer.weights]
        assert (summary.parameters, summary.bytes) == (trainer.theta.size, trainer.theta.nbytes)


def test_operations_are_those_of_the_products_of_a_step():
    """Forward x W, backward xᵀ δ, and δ Wᵀ, which the first layer does not need: counted from their shapes."""

    def operations(a, b):
        return 2 * a.shape[0] * a.shape[1] * b.shape[1]

    total, widths, rows = 0, (30, 64, 16, 2), 7
    for number, (inputs, units) in enumerate(zip(widths[:-1], widths[1:], strict=True)):
        x, W, delta = np.empty((rows, inputs)), np.empty((inputs, units)), np.empty((rows, units))
        total += operations(x, W) + operations(x.T, delta) + (operations(delta, W.T) if number else 0)
    assert NETWORK.summary(batch_size=rows).operations == total


def test_the_text_is_a_table():
    lines = str(NETWORK.summary()).splitlines()
    rows = [line.split() for line in lines if re.match(r" +\d ", line)]
    assert [row[1] for row in rows] == ["relu", "leaky_relu(slope=0.02)", "identity"]
    assert rows[0][2:] == ["0.25", "30", "×", "64", "1,984", "7,936", "245,760"]
    assert max(map(len, lines[:-1])) <= 100
    assert repr(NETWORK.summary()) == str(NETWORK.summary())


def test_notebooks_show_a_table_and_escape_texts():
    page = NETWORK._repr_html_()
    assert page.count("<tr>") == 5
    assert "1,984" in page
    assert NETWORK.summary()._repr_html_() == page


def test_notebooks_show_a_trainer_with_its_settings_and_layers():
    trainer = nbtrain.Trainer(NETWORK, loss="mse", regularizer="l2", batch_size=8, rng=0)
    trainer.train_step(np.zeros((8, 30)), np.zeros((8, 2)))
    page = trainer._repr_html_()
    assert NETWORK.summary(8)._repr_html_() in page
    for text in ("adam", "l2", "batch size 8", "float32", "epochs 0", "iterations 1"):
        assert text in page
    assert "<Component" not in page


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"batch_size": 0}, "batch_size must be an integer >= 1, got 0"),
        ({"dtype": "int8"}, "dtype must be float32 or float64, got 'int8'"),
        ({"dtype": "no dtype"}, "dtype must be float32 or float64, got 'no dtype'"),
    ],
)
def test_bad_arguments_are_named(arguments, words):
    with pytest.raises(nbtrain.InputError, match=re.escape(words)):
        NETWORK.summary(**arguments)
