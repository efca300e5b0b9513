"""nbtrain.sklearn among scikit-learn's tools: copies, pickles, searches, pipelines, workers, frames."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, scale

import nbtrain
from nbtrain.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

COMPONENTS = {
    "solver": nbtrain.optimizer("rmsprop", learning_rate=nbtrain.schedule("cosine", steps=50, rate=0.01)),
    "activation": [nbtrain.activation("leaky_relu", slope=0.1), "tanh"],
    "hidden_layer_sizes": (8, 6),
    "regularizer": nbtrain.regularizer("l2", strength=0.01),
    "dropout": 0.1,
}


@pytest.fixture(scope="module")
def wine():
    X, y = load_wine(return_X_y=True)
    return scale(X), y


@pytest.mark.parametrize("options", [{}, {"solver": "sgd", "learning_rate": "invscaling"}, COMPONENTS])
def test_a_pickle_goes_on_bit_for_bit(wine, options):
    X, y = wine
    estimator = MLPClassifier(random_state=0, max_iter=4, **options).fit(X, y)
    other = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(other.predict_proba(X), estimator.predict_proba(X))
    for one in (estimator, other):
        one.partial_fit(X, y)
    np.testing.assert_array_equal(other.coefs_[0], estimator.coefs_[0])
    copied = copy.deepcopy(estimator)
    copied.partial_fit(X, y)
    assert not np.array_equal(copied.coefs_[0], estimator.coefs_[0])


def test_a_pickle_is_read_by_a_fresh_process(wine, tmp_path):
    X, y = wine
    estimator = MLPClassifier(random_state=0, max_iter=4, **COMPONENTS).fit(X, y)
    joblib.dump((estimator, clone(estimator), X, estimator.predict_proba(X)), tmp_path / "model")
    program = (
        "import joblib, sys, numpy as np\n"
        f"fitted, unfitted, X, expected = joblib.load({str(tmp_path / 'model')!r})\n"
        "np.testing.assert_array_equal(fitted.predict_proba(X), expected)\n"
        "assert unfitted.get_params()['solver'] == fitted.solver\n"
        "assert 'numba' not in sys.modules, 'a warm cache needs no Numba'\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=600)


def test_components_of_ones_own_are_cloned_and_pickled_by_reference(wine):
    softsign = nbtrain.Activation("test_sklearn_softsign", softsign_value, softsign_slope, {"scale": 1.0})
    nbtrain.register(softsign)
    try:
        given = nbtrain.activation("test_sklearn_softsign", scale=0.5)
        assert pickle.loads(pickle.dumps(given)).spec is softsign
        assert clone(MLPClassifier(activation=given)).activation == given
    finally:
        nbtrain.unregister(softsign)


def softsign_value(z, scale):
    return z / (scale + abs(z))


def softsign_slope(z, scale):
    return scale / (scale + abs(z)) ** 2


@pytest.mark.parametrize("options", [{}, {"solver": "sgd"}, {"loss": "poisson"}])
def test_the_trainer_of_an_estimator_is_saved_and_loaded(wine, tmp_path, options):
    X, y = wine
    estimator = MLPRegressor(max_iter=2, random_state=0, **options).fit(X, y)
    estimator.trainer_.save(tmp_path / "model.nbt")
    loaded = nbtrain.load(tmp_path / "model.nbt")
    np.testing.assert_array_equal(loaded.predict(X)[:, 0], estimator.predict(X))


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_searches_and_validation_in_workers(wine, backend):
    X, y = wine
    grid = {"hidden_layer_sizes": [(5,), (20,)], "solver": ["adam", "lbfgs"]}
    search = GridSearchCV(MLPClassifier(max_iter=20, random_state=0), grid, cv=2, n_jobs=2)
    alone = GridSearchCV(MLPClassifier(max_iter=20, random_state=0), grid, cv=2).fit(X, y)
    with joblib.parallel_config(backend, n_jobs=2):
        search.fit(X, y)
        scores = cross_val_score(search.best_estimator_, X, y, cv=3)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
    assert scores.min() > 0.8


def test_one_model_serves_several_threads(wine):
    X, y = wine
    estimator = MLPClassifier(max_iter=20, random_state=0).fit(X, y)
    expected = estimator.predict_proba(X)
    estimator = pickle.loads(pickle.dumps(estimator))  # the threads race for its trainer
    found = joblib.Parallel(n_jobs=8, backend="threading")(
        joblib.delayed(estimator.predict_proba)(X) for _ in range(40)
    )
    for one in found:
        np.testing.assert_array_equal(one, expected)


def test_frames_names_and_pipelines():
    pandas = pytest.importorskip("pandas")
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    X = X[["mean radius", "mean texture"]].assign(site=np.where(X["mean area"] > 500, "left", "right"))
    columns = ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["mean radius", "mean texture"]),
            ("words", OneHotEncoder(sparse_output=False), ["site"]),
        ]
    ).set_output(transform="pandas")
    pipeline = make_pipeline(columns, MLPClassifier(max_iter=50, random_state=0)).fit(X, y)
    assert pipeline.score(X, y) > 0.85
    expected = ["numbers__mean radius", "numbers__mean texture", "words__site_left", "words__site_right"]
    assert list(pipeline[-1].feature_names_in_) == expected
    frame = columns.transform(X)
    with pytest.raises(ValueError, match="feature names should match"):
        pipeline[-1].predict(frame[frame.columns[::-1]])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        pipeline[-1].predict(frame.to_numpy())
    assert isinstance(frame, pandas.DataFrame)


def test_the_global_random_state_is_left_alone(wine):
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    MLPClassifier(max_iter=2, random_state=0, early_stopping=True, dropout=0.1).fit(*wine)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_prediction_needs_no_fit_only_weights():
    estimator = MLPRegressor(hidden_layer_sizes=(2,))
    estimator.coefs_ = [np.ones((3, 2)), np.ones((2, 1))]
    estimator.intercepts_ = [np.zeros(2), np.ones(1)]
    estimator.n_outputs_, estimator.n_features_in_ = 1, 3
    assert estimator.predict(np.array([[1.0, 2.0, 3.0]])).tolist() == [13.0]
