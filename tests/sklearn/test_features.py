"""nbtrain.sklearn beyond scikit-learn: layers, components, class weights, validation data, callbacks."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.metrics import r2_score
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.utils.class_weight import compute_sample_weight

import nbtrain
from nbtrain.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return scale(X), y


@pytest.fixture(scope="module")
def wine():
    X, y = load_wine(return_X_y=True)
    return scale(X), y


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return scale(X), scale(y)


def trained(estimator, X, y, layers, loss, **options):
    """A Trainer of its own that starts from an estimator's initial weights, made by a step too small to matter."""
    start = type(estimator)(**estimator.get_params() | {"max_iter": 1, "learning_rate_init": 1e-300}).fit(X, y)
    trainer = nbtrain.Trainer(nbtrain.Network(X.shape[1], layers), loss=loss, batch_size=200, dtype=X.dtype, **options)
    trainer.set_weights(list(zip(start.coefs_, start.intercepts_, strict=True)))
    return trainer


def test_activations_components_and_losses_reach_the_trainer(diabetes):
    X, y = diabetes
    optimizer = nbtrain.optimizer("rmsprop", learning_rate=nbtrain.schedule("cosine", steps=20, rate=0.01))
    leaky = nbtrain.activation("leaky_relu", slope=0.2)
    estimator = MLPRegressor("mse", (8, 6, 5), [leaky, "tanh", "logistic"], shuffle=False, max_iter=5, random_state=0)
    layers = [nbtrain.Dense(8, leaky), nbtrain.Dense(6, "tanh"), nbtrain.Dense(5, "sigmoid"), nbtrain.Dense(1)]
    l2 = nbtrain.regularizer("l2", strength=0.5)
    trainer = trained(estimator, X, y, layers, "mse", optimizer=optimizer, regularizer=l2, shuffle=False)
    trainer.fit(X, y, epochs=5)
    estimator.set_params(solver=optimizer, regularizer=l2, alpha=77.0).fit(X, y)
    np.testing.assert_allclose(estimator.coefs_[0], trainer.weights[0][0], rtol=1e-12)
    np.testing.assert_allclose(estimator.predict(X), trainer.predict(X)[:, 0], rtol=1e-12)


def test_names_take_the_estimators_numbers(diabetes):
    X, y = diabetes
    by_name = MLPRegressor(solver="rmsprop", learning_rate="exponential", learning_rate_init=0.02, alpha=0.3)
    schedule = nbtrain.schedule("exponential", rate=0.02)
    by_component = MLPRegressor(
        solver=nbtrain.optimizer("rmsprop", learning_rate=schedule), regularizer=nbtrain.regularizer("l2", strength=0.3)
    )
    fitted = [
        e.set_params(max_iter=3, random_state=0, regularizer=r).fit(X, y)
        for e, r in ((by_name, "l2"), (by_component, by_component.regularizer))
    ]
    np.testing.assert_array_equal(fitted[0].coefs_[0], fitted[1].coefs_[0])


def test_dropout_is_that_of_the_trainer(wine):
    X, y = wine
    estimator = MLPClassifier((30, 20), dropout=[0.5, 0.0], max_iter=150, random_state=0).fit(X, y)
    assert [layer.dropout for layer in estimator.trainer_.network.layers] == [0.5, 0.0, 0.0]
    without = MLPClassifier((30, 20), max_iter=150, random_state=0).fit(X, y)
    assert not np.array_equal(without.coefs_[0], estimator.coefs_[0])
    np.testing.assert_array_equal(estimator.predict_proba(X), estimator.predict_proba(X))
    assert estimator.score(X, y) > 0.95
    with pytest.raises(nbtrain.InputError, match=r"^dropout must be 0 with solver='lbfgs', got 0\.1$"):
        MLPClassifier(dropout=0.1, solver="lbfgs").fit(X, y)
    with pytest.raises(ValueError, match=r"^dropout must have one value for each of the 2 hidden layers, got 3"):
        MLPClassifier((3, 3), dropout=[0.1, 0.1, 0.1]).fit(X, y)


def test_initializer_by_name(wine):
    X, y = wine
    estimator = MLPClassifier(max_iter=1, learning_rate_init=1e-300, initializer="he_normal", random_state=0).fit(X, y)
    assert np.abs(estimator.intercepts_[0]).max() < 1e-290
    assert estimator.coefs_[0].std() == pytest.approx(np.sqrt(2 / 13), rel=0.1)


def test_other_losses_classify(wine, cancer):
    for X, y in (wine, cancer):
        estimator = MLPClassifier(loss="mse", max_iter=100, random_state=0).fit(X, y)
        assert estimator.score(X, y) > 0.95
        assert not hasattr(estimator, "predict_proba")
        assert estimator.out_activation_ == "identity"
    labels = MLPClassifier(loss="softmax_cross_entropy", max_iter=50, random_state=0).fit(*cancer)
    assert labels.n_outputs_ == labels.predict_proba(cancer[0]).shape[1] == 2
    assert labels.score(*cancer) > 0.95
    with pytest.raises(
        nbtrain.InputError,
        match=r"^loss must be a loss for float targets, got 'softmax_cross_entropy', which takes class labels",
    ):
        MLPRegressor(loss="softmax_cross_entropy").fit(*cancer)


@pytest.mark.parametrize("class_weight", ["balanced", {0: 3.0, 1: 0.5}])
def test_class_weights_are_sample_weights(cancer, class_weight):
    X, y = cancer
    weight = np.linspace(0.5, 1.5, len(y))
    by_class = MLPClassifier(max_iter=3, random_state=0, class_weight=class_weight).fit(X, y, weight)
    by_sample = MLPClassifier(max_iter=3, random_state=0).fit(X, y, weight * compute_sample_weight(class_weight, y))
    np.testing.assert_array_equal(by_class.coefs_[0], by_sample.coefs_[0])
    with pytest.raises(ValueError, match="balanced"):
        MLPClassifier(class_weight="balanced").partial_fit(X, y, classes=[0, 1])


@pytest.mark.parametrize("labels", [np.arange(3), np.array(["a", "b", "c"])])
def test_class_weights_of_some_classes_serve_batches_without_them(wine, labels):
    X, places = wine
    weights = {labels[0].item(): 1.0, labels[1].item(): 5.0}  # the others have weight 1
    batch = places != 1
    by_class = MLPClassifier(random_state=0, class_weight=weights)
    by_sample = MLPClassifier(random_state=0)
    for rows in (batch, ~batch, slice(None)):
        y = labels[places[rows]]
        by_class.partial_fit(X[rows], y, classes=labels)
        by_sample.partial_fit(X[rows], y, np.where(places[rows] == 1, 5.0, 1.0), classes=labels)
    np.testing.assert_array_equal(by_class.coefs_[0], by_sample.coefs_[0])
    with pytest.raises(ValueError, match="not in class_weight"):  # a class that does not exist
        MLPClassifier(class_weight={"typo": 2.0}).partial_fit(X, labels[places], classes=labels)


def test_own_validation_data(diabetes):
    X, y = diabetes
    train, held_out = slice(0, 300), slice(300, None)
    options = {"max_iter": 15, "random_state": 0, "alpha": 0.0}
    weight = np.linspace(0, 1, len(y[held_out]))
    watched = MLPRegressor(**options).fit(
        X[train], y[train], X_val=X[held_out], y_val=y[held_out], sample_weight_val=weight
    )
    unwatched = MLPRegressor(**options).fit(X[train], y[train])
    np.testing.assert_array_equal(watched.coefs_[0], unwatched.coefs_[0])
    assert len(watched.validation_scores_) == len(watched.history_["val_loss"]) == 15
    expected = r2_score(y[held_out], watched.predict(X[held_out]), sample_weight=weight)
    assert watched.validation_scores_[-1] == pytest.approx(expected, rel=1e-10)
    assert watched.best_validation_score_ == max(watched.validation_scores_)
    with pytest.raises(ValueError, match=r"^X_val requires y_val$"):
        MLPRegressor().fit(X, y, X_val=X)


class Interrupt(nbtrain.Callback):
    """Ctrl-C in the tenth epoch."""

    def on_epoch(self, trainer, epoch, metrics):
        if epoch == 10:
            raise KeyboardInterrupt


def explode(trainer, epoch, metrics):
    """Have the next epoch diverge."""
    if epoch == 10:
        trainer.learning_rate = 1e200


STOPS = {
    "patience": {"n_iter_no_change": 2},
    "max_iter": {"max_iter": 10},
    "callback": {"callbacks": lambda trainer, epoch, metrics: epoch == 10},
    "interrupt": {"callbacks": Interrupt()},
    "divergence": {"callbacks": explode},
}


@pytest.mark.parametrize("how", STOPS)
@pytest.mark.filterwarnings("ignore:Training interrupted by user")
@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_best_weights_are_restored_however_training_stops(diabetes, how):
    X, y = diabetes
    rng = np.random.default_rng(0)
    X_val, y_val = X[300:], y[300:] + rng.normal(size=142)
    options = {"early_stopping": True, "max_iter": 60, "n_iter_no_change": 100, "learning_rate_init": 0.03}
    estimator = MLPRegressor(random_state=0, **options | STOPS[how]).fit(X[:60], y[:60], X_val=X_val, y_val=y_val)
    best = estimator.best_validation_score_
    assert best == np.nanmax(estimator.validation_scores_)
    assert estimator.validation_scores_[-1] != best
    assert estimator.n_iter_ < 60
    assert r2_score(y_val, estimator.predict(X_val)) == pytest.approx(best, rel=1e-10)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_callbacks_of_nbtrain_see_and_stop(wine, solver):
    seen = []

    def watch(trainer, epoch, metrics):
        seen.append(metrics["loss"])
        return len(seen) == 4

    estimator = MLPClassifier(solver=solver, callbacks=watch, random_state=0).fit(*wine)
    assert estimator.n_iter_ == len(seen) == 4
    assert seen[-1] < seen[0]


def test_ready_made_callbacks_serve_cloned_estimators(diabetes):
    X, y = diabetes
    stopping = nbtrain.callbacks.EarlyStopping("val_loss", patience=3)
    estimator = clone(MLPRegressor(callbacks=stopping, learning_rate_init=0.03, random_state=0, max_iter=150))
    noise = np.random.default_rng(0).normal(size=342)
    estimator.fit(X[:100], y[:100], X_val=X[100:], y_val=y[100:] + noise)
    losses = estimator.history_["val_loss"]
    best = ((estimator.predict(X[100:]) - y[100:] - noise) ** 2).mean() / 2
    assert estimator.n_iter_ == len(losses) == np.argmin(losses) + 4 < 150
    assert best == pytest.approx(min(losses), rel=1e-10)


def test_callbacks_of_scikit_learn(wine):
    pytest.importorskip("sklearn.callback")
    told = []

    class Watch:
        def setup(self, estimator, context):
            told.append("setup")

        def on_fit_task_begin(self, estimator, context):
            told.append(f"begin {context.task_name}")

        def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
            told.append(f"end {context.task_name} {fitted_estimator.score(X, y) > 0.2} {metadata is not None}")
            return context.task_name == "epoch" and told.count("begin epoch") == 3

        def teardown(self, estimator, context):
            told.append("teardown")

    for solver in ("adam", "lbfgs"):
        told.clear()
        estimator = MLPClassifier(solver=solver, random_state=0).set_callbacks(Watch())
        estimator.fit(*wine, sample_weight=np.ones(178))
        assert estimator.n_iter_ == 3
        epoch = ["begin epoch", "end epoch True True"]
        assert told == ["setup", "begin fit", *epoch * 3, "end fit True True", "teardown"]


def test_metadata_is_routed(cancer):
    X, y = cancer
    weight, X_val = np.arange(len(y)) % 2.0, X[:50]
    with config_context(enable_metadata_routing=True):
        request = {"sample_weight": True, "X_val": True, "y_val": True}
        estimator = MLPClassifier(max_iter=5, early_stopping=True, random_state=0).set_fit_request(**request)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(scaler, estimator, transform_input=["X_val"])
        pipeline.fit(X * 7 + 1, y, sample_weight=weight, X_val=X_val * 7 + 1, y_val=y[:50])
    direct = MLPClassifier(max_iter=5, early_stopping=True, random_state=0)
    direct.fit(scale(X), y, weight, X_val=X_val, y_val=y[:50])
    np.testing.assert_allclose(pipeline[-1].coefs_[0], direct.coefs_[0], rtol=1e-6, atol=1e-12)
    assert pipeline[-1].validation_scores_ == direct.validation_scores_


def test_changing_weights_in_place_or_whole_changes_predictions(wine):
    X, y = wine
    estimator = MLPClassifier(max_iter=5, random_state=0).fit(X, y)
    estimator.coefs_[-1][:] = 0.0
    estimator.intercepts_[-1] = np.array([0.0, 5.0, 0.0])
    assert (estimator.predict(X) == 1).all()
    assert estimator.trainer_.weights[-1][1][1] == 5.0


def test_one_class_is_predicted_always(wine):
    X, _ = wine
    estimator = MLPClassifier(max_iter=2).fit(X, np.full(len(X), "only"))
    assert set(estimator.predict(X)) == {"only"}
    assert (estimator.predict_proba(X) == 1).all()


def test_the_scores_of_one_class_are_those_of_its_predictions(wine):
    X, _ = wine
    y, seen = np.zeros(len(X), int), []
    estimator = MLPClassifier(
        (8,),
        early_stopping=True,
        random_state=0,
        max_iter=3,
        callbacks=lambda trainer, epoch, metrics: seen.append((metrics["accuracy"], metrics["val_accuracy"])),
    ).fit(X, y)
    assert estimator.score(X, y) == 1.0
    assert estimator.validation_scores_ == [1.0] * 3
    assert estimator.history_["accuracy"] == estimator.history_["val_accuracy"] == [1.0] * 3
    assert seen == [(1.0, 1.0)] * 3


@pytest.mark.parametrize("form", ["object", "pandas", "category"])
def test_classes_that_are_text_are_an_array_of_text(wine, form, tmp_path):
    pandas = pytest.importorskip("pandas")
    X, places = wine
    texts = np.array(["one", "two", "three"], object)[places]
    y = {"object": texts, "pandas": pandas.Series(texts), "category": pandas.Series(texts, dtype="category")}[form]
    for estimator in (
        MLPClassifier(max_iter=2).fit(X, y),
        MLPClassifier().partial_fit(X, y, classes=["one", "two", "three"]),
        MLPClassifier(max_iter=2, early_stopping=True).fit(X, y),
    ):
        theirs = TheirClassifier(max_iter=2).fit(X, y).predict(X[:9])
        assert estimator.classes_.dtype == estimator.predict(X[:9]).dtype == theirs.dtype == "<U5"
        np.save(tmp_path / "predictions.npy", estimator.predict(X), allow_pickle=False)


def invscaling(**options):
    rate = {"learning_rate": "invscaling", "power_t": 0.1, "learning_rate_init": 0.1}
    return MLPClassifier((8,), solver="sgd", random_state=0, max_iter=4, **rate, **options)


def assert_reduced(rates, samples):
    """Against the definition, rate / (samples seen + 1)^power, times 0.1 for each reduction."""
    assert rates == pytest.approx([0.1 / (samples * (k + 1) + 1) ** 0.1 * 0.1**k for k in range(4)])


def test_reductions_by_callbacks_last_under_invscaling(wine):
    rates = []
    reduce = nbtrain.callbacks.ReduceOnPlateau("loss", factor=0.1, patience=1, min_delta=100.0)
    invscaling(callbacks=[reduce, lambda trainer, epoch, metrics: rates.append(trainer.learning_rate)]).fit(*wine)
    assert_reduced(rates, len(wine[0]))


def test_reductions_last_from_one_partial_fit_to_the_next_and_in_pickles(wine):
    rates, estimator = [], invscaling()
    for _ in range(4):
        estimator = pickle.loads(pickle.dumps(estimator.partial_fit(*wine, classes=[0, 1, 2])))
        rates.append(estimator.trainer_.learning_rate)
        estimator.trainer_.scale_learning_rate(0.1)
    assert_reduced(rates, len(wine[0]))


def test_without_scikit_learn_the_error_says_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "sklearn" or name.startswith("nbtrain.sklearn")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r"pip install scikit-learn$"):
        __import__("nbtrain.sklearn")
