"""Estimators as ONNX models: labels, probabilities and predictions as the estimators themselves give them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from onnx_runtime import run

from nbtrain import InputError

pytest.importorskip("sklearn")
from sklearn.exceptions import NotFittedError

from nbtrain.sklearn import MLPClassifier, MLPRegressor

X = np.random.default_rng(3).normal(size=(150, 4))
PLACES = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)
QUICK = {"hidden_layer_sizes": (8, 5), "max_iter": 12, "tol": 0.0, "random_state": 0}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def check(model, x=X):
    """Outputs of the export against the estimator's own methods."""
    found = run(model.to_onnx(), x)
    np.testing.assert_array_equal(found["label"], model.predict(x))
    np.testing.assert_allclose(found["probabilities"], model.predict_proba(x), rtol=0, atol=1e-6)
    return found


@pytest.mark.parametrize("names", [[3, 5, 9], [-1.0, 0.0, 2.0], ["a", "bc", "ä"]], ids=str)
@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_labels_and_probabilities(names, count, dtype):
    classes = np.array(names)[np.minimum(PLACES, count - 1)]
    model = MLPClassifier(dropout=0.2, **QUICK).fit(X.astype(dtype), classes)
    check(model, X.astype(dtype))
    check(pickle.loads(pickle.dumps(model)), X[:1].astype(dtype))


def test_several_labels_for_a_sample():
    y = np.stack([X[:, 0] > 0, X[:, 1] > 0, X[:, 2] > X[:, 3]], axis=1).astype(int)
    check(MLPClassifier(**QUICK).fit(X, y))


def test_a_loss_without_probabilities_gives_labels():
    model = MLPClassifier(loss="mse", **QUICK).fit(X, PLACES)
    found = run(model.to_onnx(), X)
    assert list(found) == ["label"]
    np.testing.assert_array_equal(found["label"], model.predict(X))


@pytest.mark.parametrize("outputs", [1, 2])
def test_a_regressor(outputs, tmp_path):
    y = X[:, :outputs] ** 2
    model = MLPRegressor(**QUICK).fit(X, y[:, 0] if outputs == 1 else y)
    made = model.to_onnx(tmp_path / "model.onnx")
    wanted = model.predict(X).reshape(len(X), outputs)
    np.testing.assert_allclose(run(made, X)["prediction"], wanted, rtol=0, atol=1e-12)
    assert (tmp_path / "model.onnx").read_bytes() == made.SerializeToString()


def test_what_cannot_be_exported():
    with pytest.raises(NotFittedError):
        MLPClassifier().to_onnx()
    with pytest.raises(InputError, match=r"^classes_ must have two or more classes for an ONNX model, got "):
        MLPClassifier(**QUICK).fit(X, np.zeros(len(X), int)).to_onnx()
    mixed = MLPClassifier(**QUICK).fit(X, PLACES)
    mixed.classes_ = np.array([0.5, 1.5, 2.5])
    with pytest.raises(InputError, match=r"^classes_ must be integers or strings for an ONNX model, got "):
        mixed.to_onnx()
