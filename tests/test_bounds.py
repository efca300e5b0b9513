"""A loss that leaves the rows which it was given writes nothing there, changes nothing, and is reported."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

import nbtrain
from nbtrain import kernel
from nbtrain.core import layout


def written_beyond(z, y, slope):
    total = 0.0
    for k in range(z.size + 3):
        slope[k] = z[k % z.size] - y[k % z.size]
        total += slope[k % z.size] ** 2
    return 0.5 * total


def far_away(z, y, slope):
    slope[int(1e12 + z[0])] = 1.0
    return z[0]


def read_beyond(z, y, slope):
    for k in range(z.size):
        slope[k] = z[k + 1] - y[k]
    return z[-z.size - 1]


def helper(slope, k):
    slope[k] -= 1.0


def in_a_helper(z, y, slope):
    helper(slope, -z.size - 1)
    return z[0]


def output_beyond(z, out):
    for k in range(z.size + 1):
        out[k] = z[k]


def well(z, y, slope):
    total = 0.0
    for k in range(z.size):
        slope[k] = z[k] - y[k]
        total += 0.5 * slope[k] ** 2
    return total


def rows_beyond(z, y, slope, losses, outputs):
    for r in range(0, losses.size + 1):
        losses[r] = z[r * outputs]


BAD = {function.__name__: {"row": function} for function in (written_beyond, far_away, read_beyond, in_a_helper)} | {
    "rows_beyond": {"rows": rows_beyond}
}


def trainer_with(loss, dtype="float32", **options):
    network = nbtrain.Network(3, [nbtrain.Dense(4, "tanh"), nbtrain.Dense(2)])
    return nbtrain.Trainer(network, loss=loss, batch_size=8, dtype=dtype, rng=0, **options)


def samples(dtype="float32"):
    rng = np.random.default_rng(1)
    return rng.normal(size=(20, 3)).astype(dtype), rng.normal(size=(20, 2)).astype(dtype)


@njit
def compiled_step(model, x, y):
    return kernel.train_step(model, x, y)


@pytest.mark.parametrize("name", BAD)
def test_training_says_that_the_loss_failed_and_changes_nothing(name):
    trainer = trainer_with(nbtrain.Loss(name, **BAD[name]))
    X, y = samples()
    before = trainer.theta.copy()
    for work in (
        lambda: trainer.fit(X, y, epochs=2),
        lambda: trainer.train_step(X[:8], y[:8]),
        lambda: trainer.loss_and_gradient(X, y),
        lambda: trainer.evaluate(X, y),
    ):
        with pytest.raises(nbtrain.Error, match="loss took an index out of range"):
            work()
    assert np.isnan(compiled_step(trainer.model, X[:8], y[:8]))
    assert trainer.model.status[0] == layout.FAILED
    np.testing.assert_array_equal(trainer.theta, before)
    assert trainer.iteration == 0
    assert trainer.predict(X).shape == (20, 2)


def test_a_member_of_a_team_that_fails_is_heard_of():
    trainer = trainer_with(nbtrain.Loss("written_beyond", row=written_beyond), threads=2)
    with pytest.raises(nbtrain.Error, match="index out of range"):
        trainer.fit(*samples(), epochs=2)


def test_an_output_beyond_its_row_is_reported_by_predictions_alone():
    trainer = trainer_with(nbtrain.Loss("output_beyond", row=well, row_output=output_beyond))
    X, y = samples()
    trainer.fit(X, y, epochs=1)
    with pytest.raises(nbtrain.Error, match="index out of range"):
        trainer.predict(X)
    out = np.zeros((20, 2), np.float32)
    assert njit(lambda model, x, out: kernel.predict(model, x, out))(trainer.model, X, out) == layout.FAILED
    trainer.fit(X, y, epochs=1)


def test_rows_within_their_bounds_are_the_built_in_losses():
    X, y = samples("float64")
    ours, built_in = trainer_with(nbtrain.Loss("well", row=well), "float64"), trainer_with("mse", "float64")
    for trainer in (ours, built_in):
        trainer.fit(X, y, epochs=3)
    np.testing.assert_allclose(ours.theta, built_in.theta, rtol=1e-12)


def test_a_range_whose_step_may_be_zero_is_refused():
    def stepping(z):
        total = z
        for k in range(0, 3, int(z)):
            total = total + k
        return total

    with pytest.raises(nbtrain.PluginError, match=r"line \d+ has a range whose step may be 0"):
        nbtrain.compiler.component(nbtrain.Activation("stepping", stepping, lambda z: 1.0), np.float32)
