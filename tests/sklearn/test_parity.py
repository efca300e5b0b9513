"""nbtrain.sklearn beside scikit-learn's classes: the same weights, curves, counts, words and predictions.

Without shuffling both do the same arithmetic from the same initial weights, so that float64 results agree closely.
"""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from scipy.sparse import csc_matrix, csr_matrix
from sklearn import neural_network as theirs
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale

import nbtrain.sklearn as ours

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
TOLERANCE = 1e-10
KINDS = ["MLPClassifier", "MLPRegressor"]


def digits():
    X, y = load_digits(return_X_y=True)
    return X[:400] / 16, y[:400]


def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return scale(X), y


def words():
    X, y = cancer()
    return X, np.array(["benign", "malignant"])[y]


def labels():
    X, y = cancer()
    return X, np.c_[y, X[:, 0] > 0, X[:, 1] > 0.5].astype(int)


def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return scale(X), scale(y)


def counts():
    X, y = diabetes()
    return X, np.round(np.abs(3 * y))


def two_outputs():
    X, y = diabetes()
    return X, np.c_[y, y**2]


def both(kind, data, **parameters):
    """Both estimators, fitted to the same data from the same weights."""
    X, y = data
    parameters = {"random_state": 3, "shuffle": False, "hidden_layer_sizes": (12, 7), **parameters}
    return [getattr(module, kind)(**parameters).fit(X, y) for module in (theirs, ours)]


def assert_alike(a, b, tolerance=TOLERANCE):
    for expected, found in zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


CASES = [
    ("MLPClassifier", digits, {"activation": "relu"}),
    ("MLPClassifier", digits, {"activation": "tanh", "alpha": 0.1}),
    ("MLPClassifier", digits, {"activation": "logistic", "solver": "sgd", "learning_rate_init": 0.1}),
    ("MLPClassifier", digits, {"activation": "identity", "solver": "sgd", "nesterovs_momentum": False}),
    ("MLPClassifier", digits, {"solver": "sgd", "momentum": 0.0, "learning_rate": "invscaling", "batch_size": 33}),
    ("MLPClassifier", digits, {"solver": "sgd", "momentum": 1.0}),
    ("MLPClassifier", digits, {"learning_rate": "adaptive", "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3}),
    ("MLPClassifier", digits, {"solver": "lbfgs"}),
    ("MLPClassifier", digits, {"hidden_layer_sizes": ()}),
    ("MLPClassifier", words, {"hidden_layer_sizes": 9}),
    ("MLPClassifier", labels, {"solver": "sgd"}),
    ("MLPClassifier", cancer, {"early_stopping": True, "max_iter": 150, "solver": "sgd", "learning_rate_init": 0.05}),
    ("MLPClassifier", cancer, {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.01, "max_iter": 120}),
    ("MLPClassifier", labels, {"early_stopping": True, "validation_fraction": 0.2, "n_iter_no_change": 3}),
    ("MLPRegressor", diabetes, {"activation": "tanh"}),
    ("MLPRegressor", diabetes, {"early_stopping": True, "max_iter": 100, "tol": 1e-3}),
    ("MLPRegressor", diabetes, {"solver": "lbfgs"}),
    ("MLPRegressor", counts, {"loss": "poisson"}),
    ("MLPRegressor", counts, {"loss": "poisson", "solver": "lbfgs"}),
    ("MLPRegressor", two_outputs, {"solver": "sgd"}),
]


@pytest.mark.parametrize(("kind", "data", "parameters"), CASES)
def test_weights_curves_and_predictions_are_those_of_scikit_learn(kind, data, parameters):
    data = data()
    a, b = both(kind, data, **{"max_iter": 12, **parameters})
    assert_alike(a, b)
    assert b.coefs_[0].dtype == np.float64
    assert b.loss_ == pytest.approx(a.loss_, rel=1e-5)
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(b, name) == getattr(a, name), name
    for name in ("loss_curve_", "validation_scores_", "best_loss_", "best_validation_score_"):
        expected = getattr(a, name, None)
        assert (expected is None) == (getattr(b, name, None) is None), name
        if expected is not None:
            np.testing.assert_allclose(getattr(b, name), expected, rtol=1e-5)
    if kind == "MLPRegressor":
        np.testing.assert_allclose(b.predict(data[0]), a.predict(data[0]), rtol=1e-7)
    else:
        assert b.predict(data[0]).dtype == a.predict(data[0]).dtype
        np.testing.assert_array_equal(b.predict(data[0]), a.predict(data[0]))
        np.testing.assert_array_equal(b.classes_, a.classes_)
        np.testing.assert_allclose(b.predict_proba(data[0]), a.predict_proba(data[0]), atol=1e-9)
        np.testing.assert_allclose(b.predict_log_proba(data[0]), a.predict_log_proba(data[0]), rtol=1e-6, atol=1e-9)
    assert b.score(*data) == pytest.approx(a.score(*data), abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_constructor_has_scikit_learns_parameters_and_defaults(kind):
    expected = inspect.signature(getattr(theirs, kind)).parameters
    found = inspect.signature(getattr(ours, kind)).parameters
    for name, parameter in expected.items():
        assert (found[name].kind, found[name].default) == (parameter.kind, parameter.default), name
    positional = [name for name, parameter in found.items() if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]
    assert positional == [
        name for name, parameter in expected.items() if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("container", [csr_matrix, csc_matrix])
def test_sparse_input_gives_what_dense_input_gives(kind, container):
    X, y = digits()
    fitted = [getattr(ours, kind)(max_iter=3, random_state=0).fit(x, y) for x in (X, container(X))]
    np.testing.assert_array_equal(fitted[1].coefs_[0], fitted[0].coefs_[0])
    np.testing.assert_array_equal(fitted[0].predict(container(X)), fitted[0].predict(X))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_float32_is_kept_and_close_to_scikit_learn(kind, solver):
    X, y = digits()
    a, b = both(kind, (X.astype(np.float32), y), solver=solver, max_iter=3)
    assert b.coefs_[0].dtype == b.intercepts_[-1].dtype == np.float32
    assert_alike(a, b, tolerance=1e-4)
    if kind == "MLPClassifier":
        assert b.predict_proba(X.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_sample_weights_count_as_in_scikit_learn(kind, solver):
    X, y = digits()
    weight = np.random.default_rng(0).integers(0, 3, len(X)).astype(float)
    a, b = (
        getattr(module, kind)(10, solver=solver, max_iter=4, shuffle=False, random_state=1).fit(X, y, weight)
        if kind == "MLPClassifier"
        else getattr(module, kind)("squared_error", 10, solver=solver, max_iter=4, shuffle=False, random_state=1).fit(
            X, y, weight
        )
        for module in (theirs, ours)
    )
    assert_alike(a, b)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_partial_fit_goes_on_as_in_scikit_learn(kind, solver):
    X, y = digits()
    a, b = (getattr(module, kind)(solver=solver, shuffle=False, random_state=2) for module in (theirs, ours))
    for rows in (slice(0, 150), slice(150, 390), slice(0, 30), slice(0, 30)):
        for estimator in (a, b):
            classes = {"classes": np.arange(10)} if kind == "MLPClassifier" else {}
            assert estimator.partial_fit(X[rows], y[rows], **classes) is estimator
        assert (b.n_iter_, b.t_) == (a.n_iter_, a.t_)
    assert_alike(a, b)
    np.testing.assert_allclose(b.loss_curve_, a.loss_curve_, rtol=1e-5)


@pytest.mark.parametrize("solver", ["adam", "sgd", "rmsprop"])
@pytest.mark.parametrize("learning_rate", ["constant", "invscaling"])
def test_partial_fit_repeated_is_fit_bit_for_bit(solver, learning_rate):
    X, y = digits()
    options = {"solver": solver, "random_state": 0, "learning_rate": learning_rate, "n_iter_no_change": 100}
    whole = ours.MLPClassifier(max_iter=4, **options).fit(X, y)
    pieces = ours.MLPClassifier(**options)
    for _ in range(4):
        pieces.partial_fit(X, y, classes=np.arange(10))
    np.testing.assert_array_equal(pieces.coefs_[0], whole.coefs_[0])
    assert pieces.loss_curve_ == whole.loss_curve_


@pytest.mark.parametrize("options", [{}, {"early_stopping": True}, {"learning_rate": "adaptive", "solver": "sgd"}])
def test_verbose_prints_what_scikit_learn_prints(options, capsys):
    X, y = cancer()
    said = []
    for module in (theirs, ours):
        settings = {"max_iter": 30, "tol": 0.05, "n_iter_no_change": 2, "verbose": True, "learning_rate_init": 0.01}
        module.MLPClassifier(random_state=3, shuffle=False, **settings, **options).fit(X, y)
        said.append([line[:24] for line in capsys.readouterr().out.splitlines()])
    assert said[0] == said[1]
    assert len(said[0]) > 3


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("MLPClassifier", {"hidden_layer_sizes": -1}),
        ("MLPClassifier", {"hidden_layer_sizes": (3, 0)}),
        ("MLPClassifier", {"activation": "ghost"}),
        ("MLPClassifier", {"solver": "ghost"}),
        ("MLPClassifier", {"alpha": -1}),
        ("MLPClassifier", {"batch_size": 0}),
        ("MLPClassifier", {"learning_rate": "ghost"}),
        ("MLPClassifier", {"learning_rate_init": 0}),
        ("MLPClassifier", {"max_iter": 0}),
        ("MLPClassifier", {"max_iter": 1.5}),
        ("MLPClassifier", {"shuffle": "ghost"}),
        ("MLPClassifier", {"random_state": "ghost"}),
        ("MLPClassifier", {"tol": -1}),
        ("MLPClassifier", {"momentum": 2}),
        ("MLPClassifier", {"early_stopping": "ghost"}),
        ("MLPClassifier", {"validation_fraction": 1}),
        ("MLPClassifier", {"beta_1": 1}),
        ("MLPClassifier", {"epsilon": 0}),
        ("MLPClassifier", {"n_iter_no_change": 0}),
        ("MLPClassifier", {"max_fun": 0}),
        ("MLPRegressor", {"loss": "ghost"}),
        ("MLPRegressor", {"verbose": -1}),
    ],
)
def test_parameters_that_scikit_learn_refuses_are_refused_by_name(kind, parameters):
    X, y = digits()
    (name,) = parameters
    for module in (theirs, ours):
        with pytest.raises(ValueError, match=name if name != "random_state" else "ghost"):
            getattr(module, kind)(**parameters).fit(X[:50], y[:50])


def test_warnings_are_those_of_scikit_learn():
    X, y = digits()
    for module in (theirs, ours):
        with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(2\) reached"):
            module.MLPClassifier(max_iter=2).fit(X, y)
        with pytest.warns(ConvergenceWarning, match="lbfgs failed to converge"):
            module.MLPClassifier(max_iter=2, solver="lbfgs").fit(X, y)
        with pytest.warns(UserWarning, match="It is going to be clipped"):
            module.MLPClassifier(max_iter=1, batch_size=5000).fit(X, y)


def test_errors_are_those_of_scikit_learn():
    X, y = cancer()
    for module in (theirs, ours):
        assert not hasattr(module.MLPClassifier(solver="lbfgs"), "partial_fit")
        with pytest.raises(ValueError, match="classes must be passed on the first call"):
            module.MLPClassifier().partial_fit(X, y)
        with pytest.raises(ValueError, match="does not support early_stopping"):
            module.MLPClassifier(early_stopping=True).partial_fit(X, y, classes=[0, 1])
        with pytest.raises(ValueError, match="classes not in"):
            module.MLPClassifier().partial_fit(X, y + 1, classes=[0, 1])
        with pytest.raises(ValueError, match="not the same as on last call"):
            module.MLPClassifier().partial_fit(X, y, classes=[0, 1]).partial_fit(X, y, classes=[0, 2])
        with pytest.raises(ValueError, match="warm_start can only be used where `y` has the same"):
            module.MLPClassifier(warm_start=True, max_iter=1).fit(X, y).fit(X, y + 1)
        with pytest.raises(ValueError, match="validation set is too small"):
            module.MLPRegressor(early_stopping=True).fit(X[:2], y[:2])
        with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"), np.errstate(all="ignore"):
            module.MLPRegressor(max_iter=2).fit(X * 1e300, y)


def test_warm_start_goes_on_from_the_weights():
    X, y = digits()
    whole = ours.MLPClassifier(max_iter=6, random_state=0).fit(X, y)
    pieces = ours.MLPClassifier(max_iter=3, random_state=0, warm_start=True).fit(X, y)
    first = pieces.coefs_[0].copy()
    pieces.fit(X, y)
    assert not np.array_equal(pieces.coefs_[0], first)
    np.testing.assert_array_equal(pieces.coefs_[0], whole.coefs_[0])  # Adam's state and the order go on, too
    assert pieces.loss_curve_ == whole.loss_curve_
    assert (pieces.n_iter_, pieces.t_) == (3, whole.t_)
    cold = ours.MLPClassifier(max_iter=3, random_state=0).fit(X, y).fit(X, y)
    np.testing.assert_array_equal(cold.coefs_[0], first)


@pytest.mark.parametrize("kind", KINDS)
def test_accuracy_on_real_data_is_that_of_scikit_learn(kind):
    """A cheap look: shuffled runs differ, so that means over seeds are compared."""
    X, y = digits() if kind == "MLPClassifier" else diabetes()
    scores = np.array(
        [
            [
                getattr(module, kind)(random_state=seed, hidden_layer_sizes=30, max_iter=40)
                .fit(X[::2], y[::2])
                .score(X[1::2], y[1::2])
                for module in (theirs, ours)
            ]
            for seed in range(3)
        ]
    )
    assert abs(scores[:, 0].mean() - scores[:, 1].mean()) < 0.02
