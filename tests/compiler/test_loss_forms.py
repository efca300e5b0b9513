"""A loss can be told number by number, row by row, or for all rows at once; the form makes no difference."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nbtrain


def row(z, y, slope):
    """Softmax and cross-entropy as the definition has them."""
    total = 0.0
    for k in range(z.size):
        total += math.exp(z[k])
    for k in range(z.size):
        slope[k] = math.exp(z[k]) / total
    slope[y] -= 1.0
    return math.log(total) - z[y]


def row_output(z, out):
    total = 0.0
    for k in range(z.size):
        total += math.exp(z[k])
    for k in range(z.size):
        out[k] = math.exp(z[k]) / total


def cube(p, y):
    return abs(p - y) ** 3 / 3.0


def cube_slope(p, y):
    return (p - y) * abs(p - y)


def cube_rows(z, y, slope, losses, outputs):
    for i in range(z.size):
        slope[i] = (z[i] - y[i]) * abs(z[i] - y[i])
    for r in range(losses.size):
        losses[r] = 0.0
        for i in range(r * outputs, (r + 1) * outputs):
            losses[r] += abs(z[i] - y[i]) ** 3 / 3.0


FORMS = {
    "softmax": ("softmax_cross_entropy", nbtrain.Loss("by_row", row=row, row_output=row_output, target="label")),
    "cube": (nbtrain.Loss("by_number", cube, cube_slope), nbtrain.Loss("by_rows", rows=cube_rows)),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("outputs", [1, 2, 10, 33])
@pytest.mark.parametrize("form", FORMS)
def test_the_form_makes_no_difference(form, outputs, weighted):
    outputs = max(outputs, 2) if form == "softmax" else outputs  # one class is no class
    random = np.random.default_rng(0)
    x = random.standard_normal((21, 4))
    y = random.integers(0, outputs, 21) if form == "softmax" else random.standard_normal((21, outputs))
    weight = random.random(21) if weighted else None
    network = nbtrain.Network(4, [nbtrain.Dense(outputs)])
    found = []
    for loss in FORMS[form]:
        trainer = nbtrain.Trainer(network, loss=loss, dtype="float64", batch_size=8, rng=0)
        trainer.fit(x, y, epochs=3, sample_weight=weight)
        found.append((trainer.theta, trainer.history["loss"], trainer.predict(x), trainer.evaluate(x, y)["loss"]))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("forms", "message"),
    [
        ({}, "value and slope, or row, or rows"),
        ({"value": cube}, "value and slope, or row, or rows"),
        ({"value": cube, "slope": cube_slope, "rows": cube_rows}, "value and slope, or row, or rows"),
        ({"rows": cube_rows, "row_output": row_output}, "rows_output with rows"),
        ({"row": row, "output": abs}, "output"),
        ({"rows": row}, "rows of loss 'wrong' must take 5 arguments \\(z, y, slope, losses, outputs\\), got row"),
    ],
    ids=range(6),
)
def test_a_loss_has_one_form(forms, message):
    with pytest.raises(nbtrain.InputError, match=message):
        nbtrain.Loss("wrong", **forms)
