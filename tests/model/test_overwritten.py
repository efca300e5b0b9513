"""A descriptor that somebody has written over: every call says so, and the process lives."""

from __future__ import annotations

import subprocess
import sys

import pytest

import nbtrain

SCRIPT = """
import copy, os, pickle, sys
import numpy as np
import nbtrain
from nbtrain import kernel
from numba import njit

fill, path = sys.argv[1:]
network = nbtrain.Network(64, [nbtrain.Dense(256, "tanh"), nbtrain.Dense(3)])
trainer = nbtrain.Trainer(network, loss="softmax_cross_entropy", batch_size=256, rng=0, threads=2)
random = np.random.default_rng(0)
x, y = random.standard_normal((2048, 64)).astype(np.float32), random.integers(0, 3, 2048)
few, labels = x[:8], y[:8]
trainer.fit(x, y)
assert np.isfinite(trainer.train_step(few, labels))
theta, weights = trainer.theta.copy(), [(w.copy(), b.copy()) for w, b in trainer.weights]
words = trainer.model.descriptor.view(np.int64)
words[:] = random.integers(-(2**62), 2**62, words.size) if fill == "random" else int(fill)

for call in (
    lambda: trainer.train_step(few, labels),
    lambda: trainer.train_step(few, labels, np.ones(8)),
    lambda: trainer.predict(few),
    lambda: trainer.predict(x),
    lambda: trainer.evaluate(x, y),
    lambda: trainer.loss_and_gradient(x, y),
    lambda: trainer.fit(x, y),
    lambda: trainer.fit(x, y, checkpoint=path),
    lambda: trainer.set_weights(weights),
    lambda: trainer.reset_optimizer(),
    lambda: trainer.save(path),
    lambda: pickle.dumps(trainer),
    lambda: copy.deepcopy(trainer),
):
    try:
        call()
    except nbtrain.Error as error:
        assert "trainer.model.descriptor: it was overwritten" in str(error), error
    else:
        raise AssertionError("it was done")

@njit
def step(model, x, y):
    return kernel.train_step(model, x, y)

@njit
def predict(model, x, out):
    return kernel.predict(model, x, out)

assert kernel.status_of(step(trainer.model, few, labels)) == 11
assert predict(trainer.model, few, np.zeros((8, 3), np.float32)) == 11
assert not os.path.exists(path)

other = nbtrain.Trainer(network, loss="softmax_cross_entropy", batch_size=256, rng=1)
other.theta[:] = trainer.theta
np.testing.assert_array_equal(other.theta, theta)
assert np.isfinite(other.train_step(few, labels))
del trainer
print("alive")
"""


@pytest.mark.parametrize("fill", ["0", "-1", "random"])
def test_an_overwritten_descriptor_is_an_error_and_the_parameters_can_be_saved(fill, tmp_path):
    command = [sys.executable, "-c", SCRIPT, fill, str(tmp_path / "model")]
    found = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert (found.returncode, found.stdout) == (0, "alive\n"), found.stderr


def test_the_descriptor_of_another_trainer_is_refused():
    network = nbtrain.Network(2, [nbtrain.Dense(1)])
    ours, theirs = (nbtrain.Trainer(network, loss="mse", rng=seed) for seed in (0, 1))
    ours.model.descriptor[:] = theirs.model.descriptor
    before = theirs.theta.copy()
    with pytest.raises(nbtrain.Error, match=r"trainer\.model\.descriptor: it was overwritten"):
        ours.train_step([[1.0, 2.0]], [1.0])
    assert (theirs.theta == before).all()
