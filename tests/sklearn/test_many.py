"""Ensembles and networks of groups: each network is the Trainer of its seed, and the rest is NumPy's arithmetic."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score

import nbtrain
from nbtrain.sklearn import GroupedMLPRegressor, MLPEnsembleClassifier, MLPEnsembleRegressor
from nbtrain.sklearn.ensemble import _drawn_again

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
RANDOM = np.random.default_rng(2)
X = RANDOM.normal(size=(90, 4))
Y = np.stack([np.sin(X[:, 0]) + X[:, 1], X[:, 2] * X[:, 3]], axis=1)
CLASSES = np.array(["ash", "oak", "yew"])[np.digitize(Y[:, 0], [-0.7, 0.7])]
SETTINGS = {"hidden_layer_sizes": 6, "learning_rate_init": 0.01, "batch_size": 16, "max_iter": 4, "random_state": 3}


def alone(estimator, k, X, y, weight=None, loss="mse"):
    """Network k as a trainer of its own, on the data that it should have had."""
    outputs = len(np.unique(y)) if y.ndim == 1 else y.shape[1]
    layers = [nbtrain.Dense(6, "relu", initializer="glorot_uniform"), nbtrain.Dense(outputs)]
    trainer = nbtrain.Trainer(
        nbtrain.Network(X.shape[1], layers),
        loss=loss,
        optimizer=nbtrain.optimizer("adam", learning_rate=0.01),
        regularizer=nbtrain.regularizer("l2", strength=1e-4),
        batch_size=16,
        dtype=X.dtype,
        rng=estimator.population_.seed(k),
    )
    trainer.fit(X, y, int(estimator.n_iter_[k]), sample_weight=weight)
    return trainer


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_ensemble_averages_the_trainers_of_its_seeds(dtype):
    x, weight = X.astype(dtype), RANDOM.uniform(0.5, 2, len(X)).astype(dtype)
    model = MLPEnsembleRegressor(3, **SETTINGS).fit(x, Y, weight)
    predicted = np.stack([alone(model, k, x, Y.astype(dtype), weight).predict(x) for k in range(3)]).astype(float)
    assert np.allclose(model.predict(x), predicted.mean(axis=0), rtol=1e-12)
    assert np.allclose(model.predict_std(x), predicted.std(axis=0), rtol=1e-6)
    assert model.predict(x).shape == model.predict_std(x).shape == (90, 2)
    assert (model.predict_std(x) > 0).all()
    one = MLPEnsembleRegressor(2, **SETTINGS).fit(x, Y[:, 0])
    assert one.predict(x).shape == one.predict_std(x).shape == (90,)


def test_an_ensemble_of_classifiers_averages_probabilities():
    model = MLPEnsembleClassifier(4, **SETTINGS).fit(X, CLASSES)
    places = np.unique(CLASSES, return_inverse=True)[1]
    each = [alone(model, k, X, places, loss="softmax_cross_entropy").predict(X) for k in range(4)]
    expected = np.mean(each, axis=0)
    assert np.allclose(model.predict_proba(X), expected, rtol=1e-12)
    assert np.allclose(model.predict_log_proba(X), np.log(expected), rtol=1e-12)
    assert (model.predict(X) == model.classes_[expected.argmax(axis=1)]).all()
    assert list(model.classes_) == ["ash", "oak", "yew"]


def test_two_classes_have_probabilities_that_add_up_to_one():
    model = MLPEnsembleClassifier(2, **SETTINGS).fit(X, CLASSES == "oak")
    found = model.predict_proba(X)
    assert found.shape == (90, 2)
    assert np.allclose(found.sum(axis=1), 1.0)
    assert (model.predict(X) == (found[:, 1] > 0.5)).all()


@pytest.mark.parametrize(
    "options", [{"bootstrap": True}, {"early_stopping": True}, {"bootstrap": True, "early_stopping": True}]
)
@pytest.mark.parametrize("kind", [MLPEnsembleClassifier, MLPEnsembleRegressor])
def test_the_same_random_state_gives_the_same_ensemble_and_another_one_another(kind, options):
    y, weight = CLASSES if kind is MLPEnsembleClassifier else Y, RANDOM.integers(0, 3, len(X))
    model = kind(3, **SETTINGS, **options)
    thetas = [
        clone(model).set_params(random_state=seed).fit(X, y, weight).population_.theta.copy() for seed in (1, 1, 2)
    ]
    assert np.array_equal(thetas[0], thetas[1])
    assert not np.array_equal(thetas[0], thetas[2])
    plain = kind(3, **SETTINGS).set_params(random_state=1).fit(X, y, weight)
    assert not np.array_equal(plain.population_.theta, thetas[0])  # the options have an effect


def test_bootstrap_samples_are_drawn_with_replacement_and_never_of_weight_0():
    rows, weight = np.stack([np.arange(500), np.arange(500, 1000)]), np.ones(1000)
    weight[::2] = 0
    found = _drawn_again(rows, weight, np.random.RandomState(0))
    assert found.shape == rows.shape
    for own, of in zip(found, rows, strict=True):
        assert np.isin(own, of[weight[of] > 0]).all()
        assert 200 < len(np.unique(own)) < 232  # of 250, 1 - exp(-2) are expected: 216
    whole = _drawn_again(rows, None, np.random.RandomState(0))
    assert all(290 < len(np.unique(own)) < 342 for own in whole)  # of 500, 1 - 1 / e: 316


def test_networks_stop_early_each_for_itself_and_restore_their_best_weights():
    settings = SETTINGS | {"max_iter": 400, "learning_rate_init": 0.05, "n_iter_no_change": 3}
    model = MLPEnsembleRegressor(4, early_stopping=True, **settings).fit(X, Y)
    assert (model.n_iter_ < 400).all()
    losses = model.population_.history["val_loss"]
    assert len(set(model.n_iter_)) > 1
    for own, epochs in zip(losses, model.n_iter_, strict=True):
        own = own[:epochs]
        assert own.argmin() < epochs - 1  # training went on for a while
        assert not (own[-3:] < own[:-3].min() - model.tol).any()


def test_networks_stop_by_their_training_loss_and_those_that_do_not_cause_a_warning():
    with pytest.warns(ConvergenceWarning, match=r"3 of 3 networks .* 4 epochs \(max_iter\)"):
        MLPEnsembleRegressor(3, **SETTINGS).fit(X, Y)
    with warnings.catch_warnings(action="error"):
        whole = MLPEnsembleRegressor(3, **SETTINGS | {"n_iter_no_change": np.inf, "tol": 100.0}).fit(X, Y)
    assert (whole.n_iter_ == 4).all()
    model = MLPEnsembleRegressor(3, **SETTINGS | {"max_iter": 300, "tol": 0.05, "n_iter_no_change": 2}).fit(X, Y)
    assert (model.n_iter_ < 300).all()


def test_ensembles_work_in_scikit_learns_tools():
    model = MLPEnsembleClassifier(3, **SETTINGS | {"max_iter": 30})
    again = pickle.loads(pickle.dumps(model.fit(X, CLASSES)))
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
    assert cross_val_score(model, X, CLASSES, cv=3).mean() > 0.6
    search = GridSearchCV(model, {"alpha": [1e-4, 10.0]}, cv=2).fit(X, CLASSES)
    assert search.best_params_["alpha"] == 1e-4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_estimators": 0}, "n_estimators must be an integer >= 1, got 0"),
        ({"bootstrap": "yes"}, "bootstrap must be True or False, got 'yes'"),
        ({"solver": "lbfgs"}, "solver: 'lbfgs' trains one network"),
        ({"solver": "adams"}, "unknown optimizer 'adams'"),
        ({"random_state": -1}, "random_state must be an integer"),
    ],
)
def test_wrong_parameters_are_named(options, message):
    with pytest.raises(nbtrain.InputError, match=message):
        MLPEnsembleRegressor(**options).fit(X, Y)


# ---- groups

SHOP = np.array(["Oslo", "Bern", "Rome"])[np.arange(90) % 7 % 3]
LEVELS = {"Bern": 1000.0, "Oslo": 0.0, "Rome": -5.0}
SALES = Y * [[1.0, 50.0]] + np.array([LEVELS[name] for name in SHOP])[:, None]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("standardize", [False, True])
def test_each_group_has_the_network_of_a_trainer_on_its_rows(standardize, weighted):
    weight = RANDOM.uniform(0, 2, len(X)) if weighted else None
    model = GroupedMLPRegressor(standardize=standardize, **SETTINGS).fit(X, SALES, weight, groups=SHOP)
    predicted = model.predict(X, groups=SHOP)
    assert list(model.groups_) == ["Bern", "Oslo", "Rome"]
    for k, name in enumerate(model.groups_):
        rows = name == SHOP
        own = None if weight is None else weight[rows]
        x, y, mean, deviation = X[rows], SALES[rows], 0.0, 1.0
        if standardize:
            mean, deviation = (statistic[-2:] for statistic in moments(np.hstack([x, y]), own))
            x_mean, x_deviation = (statistic[:-2] for statistic in moments(np.hstack([x, y]), own))
            x, y = (x - x_mean) / x_deviation, (y - mean) / deviation
        expected = alone(model, k, x, y, own).predict(x) * deviation + mean
        assert np.allclose(predicted[rows], expected, rtol=1e-7, atol=1e-7 * np.abs(deviation))


def moments(columns, weight):
    mean = np.average(columns, axis=0, weights=weight)
    return mean, np.sqrt(np.average((columns - mean) ** 2, axis=0, weights=weight))


def test_levels_of_groups_are_learned_only_by_networks_of_their_own():
    settings = SETTINGS | {"max_iter": 60}
    model = GroupedMLPRegressor(**settings).fit(X, SALES[:, 0], groups=SHOP)
    assert model.score(X, SALES[:, 0], groups=SHOP) > 0.99
    assert model.predict(X, groups=SHOP).shape == (90,)
    together = GroupedMLPRegressor(**settings).fit(X, SALES[:, 0])
    assert together.score(X, SALES[:, 0]) < 0.9
    assert list(together.groups_) == [0]


def test_columns_that_are_constant_in_a_group_do_no_harm():
    x, y = X.copy(), SALES.copy()
    x[SHOP == "Rome", 1], y[SHOP == "Rome", 0] = 1e6 + 0.1, 0.3
    model = GroupedMLPRegressor(**SETTINGS | {"max_iter": 30}).fit(x, y, groups=SHOP)
    assert np.isfinite(model.predict(x, groups=SHOP)).all()


def test_early_stopping_holds_rows_of_every_group_out():
    settings = SETTINGS | {"max_iter": 500, "learning_rate_init": 0.05, "n_iter_no_change": 3}
    model = GroupedMLPRegressor(early_stopping=True, **settings).fit(X, SALES, groups=SHOP)
    assert (model.n_iter_ < 500).all()
    assert np.isfinite(model.population_.history["val_loss"][:, 0]).all()
    single = np.append(SHOP[:-1], "Turku")
    with pytest.raises(ValueError, match="group 'Turku': The validation set of 1 of 1 samples leaves none"):
        model.fit(X, SALES, groups=single)


def test_groups_that_are_wrong_or_unknown_are_named():
    model = GroupedMLPRegressor(**SETTINGS).fit(X, SALES, groups=SHOP)
    with pytest.raises(
        nbtrain.InputError, match=r"groups must be among those of fit \(groups_\), got 'Turku' at index 1"
    ):
        model.predict(X[:2], groups=["Oslo", "Turku"])
    with pytest.raises(nbtrain.InputError, match="groups must be given, as fit had groups, got None"):
        model.predict(X)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(X, SALES, groups=SHOP[:5])
    with pytest.raises(nbtrain.InputError, match=r"groups must have shape \(90,\)"):
        model.fit(X, SALES, groups=np.stack([SHOP, SHOP]))
