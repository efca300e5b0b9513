"""Models of the same recipe are copies of one blueprint: each with memory of its own, and nothing of another recipe."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from common import network

import nbtrain
from nbtrain.model import build
from nbtrain.model.memory import Memory, Plan

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=(50, 3)), RANDOM.normal(size=(50, 2))


def plain():
    return network((3, 5, 2), ["tanh", "identity"])


def layers(**changed):
    return nbtrain.Network(3, [nbtrain.Dense(5, **{"activation": "tanh", **changed}), nbtrain.Dense(2)])


def schedule(rate):
    return nbtrain.optimizer("adam", learning_rate=nbtrain.schedule("cosine", steps=20, rate=rate))


VARIANTS = {
    "plain": {},
    "loss": {"loss": "mae"},
    "optimizer": {"optimizer": "rmsprop"},
    "rate": {"optimizer": nbtrain.optimizer("adam", learning_rate=0.03)},
    "beta": {"optimizer": nbtrain.optimizer("adam", beta1=0.5)},
    "schedule": {"optimizer": schedule(0.03)},
    "another rate of the schedule": {"optimizer": schedule(0.3)},
    "regularizer": {"regularizer": "l2"},
    "strength": {"regularizer": nbtrain.regularizer("l2", strength=0.5)},
    "batch_size": {"batch_size": 7},
    "shuffle": {"shuffle": False},
    "clip_norm": {"clip_norm": 0.1},
    "clip_value": {"clip_value": 0.01},
    "units": {"network": network((3, 6, 2), ["tanh", "identity"])},
    "activation": {"network": layers(activation="relu")},
    "slope": {"network": layers(activation=nbtrain.activation("leaky_relu", slope=0.3))},
    "another slope": {"network": layers(activation=nbtrain.activation("leaky_relu", slope=0.6))},
    "dropout": {"network": layers(dropout=0.5)},
    "initializer": {"network": layers(initializer="he_normal")},
    "seed": {"rng": 6},
}


def trained(**changed):
    given = {"network": plain(), "loss": "mse", "rng": 5, "batch_size": 16, **changed}
    trainer = nbtrain.Trainer(given.pop("network"), **given)
    trainer.fit(X, Y, epochs=3)
    return trainer


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_model_has_anything_of_another_recipe(dtype):
    apart, thetas = {}, {}
    for name, changed in VARIANTS.items():
        build._blueprints.clear()
        apart[name] = trained(dtype=dtype, **changed)
    build._blueprints.clear()
    for _ in range(2):  # the second time from blueprints
        for name, changed in VARIANTS.items():
            trainer = trained(dtype=dtype, **changed)
            assert np.array_equal(trainer.theta, apart[name].theta), name
            assert np.array_equal(trainer.model.state, apart[name].model.state), name
            thetas[name] = trainer.theta.tobytes()
    assert len(set(thetas.values())) == len(VARIANTS)
    assert len(build._blueprints) == len(VARIANTS) - 2  # an initializer and a seed change no blueprint


def test_models_of_one_blueprint_share_no_memory():
    first, second = trained(), trained()
    kept = second.theta.copy()
    first.fit(X, Y, epochs=2)
    assert np.array_equal(second.theta, kept)
    assert not np.array_equal(first.theta, kept)


def test_a_component_that_was_made_anew_is_compiled_anew():
    def made(factor):
        return nbtrain.Activation("same_name", lambda z: factor * z, lambda z: factor + 0.0 * z)

    predictions = []
    for factor in (1.0, 3.0):
        trainer = nbtrain.Trainer(layers(activation=nbtrain.activation(made(factor))), loss="mse", rng=1)
        predictions.append(trainer.predict(X))
    assert np.allclose(3 * predictions[0], predictions[1], rtol=1e-5)


def test_blueprints_are_forgotten_when_there_are_many(monkeypatch):
    build._blueprints.clear()
    monkeypatch.setattr(build, "MOST_BLUEPRINTS", 3)
    for size in range(1, 8):
        nbtrain.Trainer(plain(), loss="mse", batch_size=size)
        assert len(build._blueprints) == min(size, 3)


@pytest.mark.parametrize("kept", ["theta", "view", "descriptor", "learning_rate"])
def test_any_array_of_a_model_keeps_its_memory(kept):
    trainer = trained()
    block = weakref.ref(trainer.engine.memory.block)
    model, theta = trainer.model, trainer.theta.copy()
    array = {"theta": model.theta, "view": model.theta[2:5], "descriptor": model.descriptor}.get(
        kept, model.learning_rate
    )
    seen = array.copy()
    del trainer, model
    gc.collect()
    assert block() is not None
    others = [trained() for _ in range(20)]  # would take the memory if it were free
    assert np.array_equal(array, seen)
    del array, others
    gc.collect()
    assert block() is None
    assert np.isfinite(theta).all()


def test_memory_is_released_once_and_holds_what_it_needs():
    class Needed:
        pass

    needed, calls = Needed(), []
    memory = Memory([Plan("a", (3,), np.dtype(np.float64)), Plan("b", (2, 5), np.dtype(np.float32))], needed)
    memory.block.release = lambda: calls.append(alive() is not None)
    alive = weakref.ref(needed)
    a, b = memory.array("a"), memory.array("b")
    del needed, memory, a
    gc.collect()
    assert calls == []
    assert alive() is not None
    del b
    gc.collect()
    assert calls == [True]
    assert alive() is None


def test_arrays_are_aligned_and_do_not_overlap():
    plans = [Plan(f"{size}", (size,), np.dtype(np.uint8)) for size in (1, 63, 64, 65, 200)]
    memory = Memory(plans)
    ends = 0
    for plan in plans:
        array = memory.array(plan.name)
        assert array.ctypes.data == memory.address(plan.name) == memory.addresses[plan.name]
        assert array.ctypes.data % 64 == 0
        assert array.ctypes.data >= ends
        assert not array.any()
        ends = array.ctypes.data + array.nbytes
        array[:] = 1
    assert np.array_equal(memory.addresses_of(("64", "1")), [memory.address("64"), memory.address("1")])
