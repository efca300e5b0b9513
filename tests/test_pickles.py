"""Pickles name only public modules, so that they can be loaded after internal modules have moved."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest

import nbtrain
from nbtrain import callbacks
from nbtrain.components import Spec

PUBLIC = {
    "nbtrain",
    "nbtrain.sklearn",
    "nbtrain.callbacks",
    "nbtrain.components",
    "nbtrain.metrics",
    "nbtrain.errors",
}
RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((40, 3))
Y = (X[:, :1] > 0).astype(float)


class Names(pickle.Unpickler):
    """Notes what a pickle imports."""

    def __init__(self, pickled):
        super().__init__(io.BytesIO(pickled))
        self.modules = set()

    def find_class(self, module, name):
        if module.partition(".")[0] == "nbtrain":
            self.modules.add(module)
        return super().find_class(module, name)


def loaded(pickled):
    """What is in a pickle, and the modules of nbtrain that it names."""
    names = Names(pickled)
    return names.load(), names.modules


def network():
    return nbtrain.Network(3, [nbtrain.Dense(4, nbtrain.activation("leaky_relu", slope=0.1)), nbtrain.Dense(1)])


def trained():
    """A trainer, its history and the callbacks that ran with it."""
    ran = [
        callbacks.EarlyStopping("loss", patience=3),
        callbacks.ReduceOnPlateau("loss"),
        callbacks.TimeLimit(60.0),
    ]
    rate = nbtrain.schedule("cosine", steps=100)
    trainer = nbtrain.Trainer(
        network(), loss="mse", optimizer=nbtrain.optimizer("adam", learning_rate=rate), regularizer="l2", rng=0
    )
    return [trainer, trainer.fit(X, Y, epochs=3, callbacks=ran), *ran]


def declared():
    specs = [nbtrain.registry.get(row["kind"], row["name"]) for row in nbtrain.registry.components()]
    specs = [spec for spec in specs if nbtrain.registry.provider(spec) == "nbtrain"]
    assert len(specs) > 20
    components = [nbtrain.activation("relu"), nbtrain.regularizer("l2", strength=0.1), nbtrain.schedule("cosine")]
    return [network(), nbtrain.Dense(3), *components, *specs]


def others(folder):
    return [
        callbacks.Checkpoint(folder / "c.nbt"),
        callbacks.CSVLogger(folder / "log.csv"),
        callbacks.JSONLinesLogger(folder / "log.jsonl"),
        nbtrain.metrics.Metric("largest", np.max),
        nbtrain.InputError("units must be an integer >= 1, got 0"),
        nbtrain.DivergenceError("diverged"),
    ]


def estimators():
    from nbtrain.sklearn import MLPClassifier, MLPRegressor

    options = {"hidden_layer_sizes": (4,), "max_iter": 20, "tol": 1.0, "n_iter_no_change": 1, "random_state": 0}
    more = {"activation": nbtrain.activation("tanh"), "dropout": [0.1], "callbacks": [callbacks.TimeLimit(60.0)]}
    return [
        MLPClassifier(),
        MLPClassifier(**options, **more).fit(X, Y[:, 0].astype(int)),
        MLPRegressor(**options, early_stopping=True).fit(X, X[:, 0]),
        MLPRegressor(hidden_layer_sizes=(4,), solver="lbfgs", tol=1.0, random_state=0).fit(X, X[:, 0]),
    ]


@pytest.mark.parametrize("make", ["trained", "declared", "others", "estimators"])
def test_pickles_name_public_modules(make, tmp_path):
    if make == "estimators":
        pytest.importorskip("sklearn")
    for thing in others(tmp_path) if make == "others" else globals()[make]():
        for protocol in (2, pickle.HIGHEST_PROTOCOL):
            again, modules = loaded(pickle.dumps(thing, protocol))
            assert again is thing if isinstance(thing, Spec) else type(again) is type(thing)
            assert modules <= PUBLIC, (thing, modules - PUBLIC)


def test_the_modules_of_a_pickle_are_found():
    assert loaded(pickle.dumps([nbtrain.Dense(3), nbtrain.Dense(4)]))[1] >= {"nbtrain"}
    assert loaded(pickle.dumps([nbtrain.Network, nbtrain.metrics.Metric]))[1] == {"nbtrain", "nbtrain.metrics"}
