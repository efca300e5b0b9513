"""Arguments that were taken silently, or refused under another name: each is named with what to do."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from common import data, network

import nbtrain
from nbtrain import kernel

LOSS = "softmax_cross_entropy"
X, Y = data(LOSS, 60, 5, 3)


def make(**options):
    return nbtrain.Trainer(network((5, 8, 3), ["tanh", "identity"]), loss=LOSS, batch_size=8, rng=3, **options)


LARGE = X.astype(np.float64) * 1e300


@pytest.mark.parametrize(
    ("use", "told"),
    [
        (lambda t: t.fit(X, Y, checkpoint=3), r"^checkpoint must be the path of a file, got 3"),
        (lambda t: t.fit(X, None), r"^y must be an array of numbers, got None"),
        (lambda t: t.fit(None, Y), r"^X must be an array of numbers, got None"),
        (
            lambda t: t.fit(LARGE, Y),
            r"^X must be finite, got -?\d\.\d+e\+\d+ at row 0, column 0; .*3\.4e\+38",
        ),
        (lambda t: t.fit(np.where(X > 0, np.inf, 1), Y), r"^X must be finite, got inf at row "),
        (
            lambda t: t.fit(X, Y, validation_data=(X, Y), metrics=[nbtrain.metrics.Metric("odd", lambda y, p: "x")]),
            r"^metrics: 'odd' must return a number, got 'x'",
        ),
        (
            lambda t: t.evaluate(X, Y, metrics=[nbtrain.metrics.Metric("several", lambda y, p: np.ones(3))]),
            r"^metrics: 'several' must return a number, got array\(\[1\., 1\., 1\.\]\)",
        ),
    ],
)
def test_a_trainer_names_what_it_cannot_use(use, told):
    with pytest.raises(nbtrain.InputError, match=told):
        use(make())


def test_an_error_inside_a_metric_is_its_own():
    def broken(y, p):
        raise TypeError("mine")

    with pytest.raises(TypeError, match=r"^mine$"):
        make().evaluate(X, Y, metrics=[broken])


def test_a_file_that_is_not_there_is_python_s_error_too(tmp_path):
    path = tmp_path / "nosuch.nbt"
    with pytest.raises(FileNotFoundError) as caught:
        nbtrain.load(path)
    assert isinstance(caught.value, nbtrain.ModelFileError)
    assert caught.value.filename == str(path)
    assert str(caught.value) == f"no such file: {str(path)!r}"
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    (tmp_path / "other.nbt").write_bytes(b"x" * 100)
    with pytest.raises(nbtrain.ModelFileError) as caught:
        nbtrain.load(tmp_path / "other.nbt")
    assert not isinstance(caught.value, OSError)


# ---- history


def test_a_history_is_a_dict_whose_frame_counts_epochs_over_the_trainer_s_life():
    pandas = pytest.importorskip("pandas")
    trainer = make()
    trainer.fit(X, Y, 3)
    history = trainer.fit(X, Y, 2, validation_data=(X, Y))
    frame = history.to_frame()
    assert frame.index.tolist() == [4, 5]
    assert frame["val_loss"].tolist() == history["val_loss"]
    assert trainer.history.to_frame().index.tolist() == [1, 2, 3, 4, 5]
    plain = pandas.DataFrame(history)
    assert plain.to_dict("list") == dict(history)
    assert pickle.loads(pickle.dumps(history)).to_frame().equals(frame)


def test_epochs_of_compiled_callers_are_counted_by_what_fit_returns_only():
    pytest.importorskip("pandas")
    trainer = make()
    trainer.fit(X, Y, 1)
    kernel.train_epoch(trainer.model, X.astype(np.float32), Y.astype(np.int64))
    assert trainer.fit(X, Y, 2).to_frame().index.tolist() == [3, 4]
    assert trainer.history.to_frame().index.tolist() == [1, 2, 3]


# ---- scikit-learn


def estimators():
    pytest.importorskip("sklearn")
    from nbtrain.sklearn import MLPClassifier, MLPRegressor

    return MLPClassifier, MLPRegressor


@pytest.mark.parametrize(
    ("options", "given", "told"),
    [
        ({"class_weight": {0: -1}}, {}, "class_weight of class 0 must be a finite number >= 0, got -1"),
        ({"class_weight": {1: np.nan}}, {}, "class_weight of class 1 must be a finite number >= 0, got nan"),
        ({"class_weight": {0: 0, 1: 0.0, 2: 0}}, {}, "class_weight: .* gives every sample the weight 0"),
        ({"random_state": -1}, {}, "random_state must be an integer from 0 to 4294967295, .*, got -1"),
        ({"random_state": "a"}, {}, "random_state must be an integer from 0 to .*, got 'a'"),
        ({}, {"y_val": Y}, "y_val requires X_val"),
        ({"early_stopping": True}, {"y_val": Y}, "y_val requires X_val"),
        ({}, {"sample_weight_val": np.ones(60)}, "sample_weight_val requires X_val"),
    ],
)
def test_an_estimator_names_what_it_cannot_use(options, given, told):
    classifier, regressor = estimators()
    for kind in (classifier,) if "class_weight" in options else (classifier, regressor):
        with pytest.raises(ValueError, match=rf"^{told}"):
            kind(max_iter=1, **options).fit(X, Y, **given)


def test_a_warm_start_with_other_layers_names_both():
    for kind in estimators():
        model = kind(
            hidden_layer_sizes=10, max_iter=200, tol=1.0, n_iter_no_change=1, warm_start=True, random_state=0
        ).fit(X, Y)
        model.hidden_layer_sizes = (20, 5)
        with pytest.raises(
            ValueError, match=r"^hidden_layer_sizes must be \(10,\) as in the fitted model, got \(20, 5\)"
        ):
            model.fit(X, Y)
        assert model.predict(X).shape == Y.shape  # it stays as it was


def test_where_there_are_no_constraints_the_message_says_where_they_come_from():
    estimators()
    program = "from nbtrain.sklearn import MLPClassifier; MLPClassifier(constraint='x').fit([[0.0], [1.0]], [0, 1])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=600,
        env={**os.environ, "NBTRAIN_DISABLE_PLUGINS": "1"},
    )  # fmt: skip
    assert "unknown constraint 'x'. None is available; plugins such as nbtrain-constraints provide them" in done.stderr


def test_random_states_that_are_none_of_ours_are_taken():
    classifier, _ = estimators()
    for state in (None, 0, np.int64(7), 2**32 - 1, np.random.RandomState(0), np.random):
        classifier(3, max_iter=200, tol=1.0, n_iter_no_change=1, random_state=state).fit(X, Y)
