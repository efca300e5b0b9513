"""nbtrain.sklearn: scoring of validation data, clipping, constraints, sparse matrices, documentation."""

from __future__ import annotations

import inspect
import pydoc
import re
import tracemalloc

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine, make_multilabel_classification
from sklearn.metrics import get_scorer, log_loss, make_scorer, mean_absolute_error, mean_squared_error
from sklearn.preprocessing import scale

import nbtrain
from nbtrain.sklearn import MLPClassifier, MLPRegressor, data

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SMALL = {"hidden_layer_sizes": 8, "random_state": 0, "max_iter": 6, "learning_rate_init": 0.01}
PROBLEMS = {
    "binary": (MLPClassifier(**SMALL), lambda: load_breast_cancer(return_X_y=True), "neg_log_loss"),
    "names": (MLPClassifier(**SMALL), lambda: named(*load_wine(return_X_y=True)), "f1_macro"),
    "multiclass": (MLPClassifier(**SMALL), lambda: load_wine(return_X_y=True), "roc_auc_ovr"),
    "mse": (MLPClassifier(loss="mse", **SMALL), lambda: load_wine(return_X_y=True), "balanced_accuracy"),
    "multilabel": (MLPClassifier(**SMALL), lambda: make_multilabel_classification(random_state=0), "f1_samples"),
    "regression": (MLPRegressor(**SMALL), lambda: load_diabetes(return_X_y=True), "neg_mean_absolute_error"),
    "outputs": (MLPRegressor(**SMALL), lambda: two_outputs(*load_diabetes(return_X_y=True)), "max_error_of_two"),
}


def named(X, y):
    return X, np.array(["red", "green", "blue"])[y]


def two_outputs(X, y):
    return X, np.stack([scale(y), -scale(y)], axis=1)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_scores_are_those_of_the_scorer_after_each_epoch(problem):
    estimator, load, scoring = PROBLEMS[problem]
    X, y = load()
    X = scale(X)
    train, held_out = (X[::2], y[::2]), (X[1::2], y[1::2])
    scorer = make_scorer(mean_absolute_error, greater_is_better=False) if problem == "outputs" else get_scorer(scoring)
    wanted = []

    def after(*_):
        wanted.append(scorer(estimator, *held_out))

    estimator = clone(estimator).set_params(scoring=scorer if problem == "outputs" else scoring, callbacks=after)
    estimator.fit(*train, X_val=held_out[0], y_val=held_out[1])
    assert len(set(wanted)) > 1
    np.testing.assert_allclose(estimator.validation_scores_, wanted, rtol=1e-12)
    assert estimator.best_validation_score_ == max(estimator.validation_scores_)


def test_scoring_decides_when_to_stop_and_what_is_kept():
    X, y = load_breast_cancer(return_X_y=True)
    X = scale(X)
    options = SMALL | {"hidden_layer_sizes": 64, "learning_rate_init": 0.05, "max_iter": 200, "alpha": 0.0}
    model = MLPClassifier(scoring="loss", n_iter_no_change=3, tol=0.0, early_stopping=True, **options)
    model.fit(X[:300], y[:300], X_val=X[300:], y_val=y[300:])
    losses = model.history_["val_loss"]
    np.testing.assert_allclose(model.validation_scores_, [-loss for loss in losses])
    assert model.n_iter_ == np.argmin(losses) + 1 + 4 < 200
    assert log_loss(y[300:], model.predict_proba(X[300:])) == pytest.approx(min(losses))
    by_accuracy = clone(model).set_params(scoring=None).fit(X[:300], y[:300], X_val=X[300:], y_val=y[300:])
    assert by_accuracy.n_iter_ != model.n_iter_


def test_the_loss_as_a_score_is_on_the_scale_of_the_estimators_loss():
    X, y = two_outputs(*load_diabetes(return_X_y=True))
    model = MLPRegressor(scoring="loss", **SMALL).fit(X, y, X_val=X, y_val=y)
    assert model.validation_scores_[-1] == pytest.approx(-mean_squared_error(y, model.predict(X)) / 2)


def test_scorers_get_sample_weights_and_frames_give_no_warnings():
    pd = pytest.importorskip("pandas")
    X, y = load_wine(return_X_y=True, as_frame=True)
    weight = np.linspace(0.0, 1.0, len(y))
    model = MLPClassifier(scoring="neg_log_loss", **SMALL)
    model.fit(X, y, X_val=X, y_val=y, sample_weight_val=weight)
    wanted = -log_loss(y, model.predict_proba(X), sample_weight=weight)
    assert model.validation_scores_[-1] == pytest.approx(wanted, rel=1e-6)
    model.set_params(early_stopping=True).fit(X, y)
    with pytest.raises(ValueError, match="feature names"):  # predictions for others are checked as ever
        model.predict(pd.DataFrame(X.to_numpy(), columns=list("abcdefghijklm")))


def test_a_score_that_is_not_a_number_is_no_improvement():
    X, y = load_wine(return_X_y=True)
    model = MLPClassifier(
        scoring=lambda *_: np.nan, early_stopping=True, n_iter_no_change=2, **SMALL | {"max_iter": 50}
    )
    assert model.fit(scale(X), y).n_iter_ == 3


def test_clipping_is_the_trainers():
    X, y = load_diabetes(return_X_y=True)
    X, y = scale(X), scale(y)
    for options in ({"clip_norm": 0.01}, {"clip_value": 0.001}, {"clip_norm": 0.01, "clip_value": 0.001}):
        model = MLPRegressor("mse", 8, solver=nbtrain.optimizer("sgd", learning_rate=0.1), shuffle=False, max_iter=3)
        model.set_params(alpha=0.0, random_state=0)
        start = clone(model).set_params(solver=nbtrain.optimizer("sgd", learning_rate=1e-300), max_iter=1).fit(X, y)
        network = nbtrain.Network(10, [nbtrain.Dense(8, "relu"), nbtrain.Dense(1)])
        trainer = nbtrain.Trainer(
            network, loss="mse", optimizer=model.solver, batch_size=200, shuffle=False, dtype="float64", **options
        )
        trainer.set_weights(list(zip(start.coefs_, start.intercepts_, strict=True)))
        trainer.fit(X, y, epochs=3)
        clipped = clone(model).set_params(**options).fit(X, y)
        np.testing.assert_allclose(clipped.coefs_[0], trainer.weights[0][0], rtol=1e-12)
        assert np.abs(clipped.coefs_[0] - model.fit(X, y).coefs_[0]).max() > 1e-4


def positive(w):
    return max(w, 0.0)


SPECS = {
    "activation": nbtrain.Activation("own", value=lambda z: z / (1.0 + abs(z)), slope=lambda z: (1.0 + abs(z)) ** -2),
    "solver": nbtrain.Optimizer("own", lambda w, g, slots, prepared, hyper: (w - hyper.learning_rate * g, ())),
    "learning_rate": nbtrain.Schedule("own", lambda t, rate: rate / t, {"rate": 0.5}),
    "loss": nbtrain.Loss("own", value=lambda p, y: (p - y) ** 4, slope=lambda p, y: 4.0 * (p - y) ** 3),
    "initializer": nbtrain.Initializer("own", lambda fan_in, fan_out, rng: rng.normal(0.0, 0.1, (fan_in, fan_out))),
    "regularizer": nbtrain.Regularizer("own", penalty=lambda w, strength: w**4, slope=lambda w, strength: 4.0 * w**3,
                                       parameters={"strength": 1.0}),
    "constraint": nbtrain.Constraint("own", project=positive),
}  # fmt: skip


@pytest.mark.parametrize("argument", SPECS)
def test_a_spec_is_what_its_name_is_once_it_is_registered(argument):
    X, y = load_diabetes(return_X_y=True)
    options = {"max_iter": 3, "alpha": 0.01, "random_state": 0, "hidden_layer_sizes": (4,), "solver": "sgd"}
    given = SPECS[argument]
    model = clone(MLPRegressor(**options | {argument: given})).fit(scale(X), scale(y))
    nbtrain.register(given)
    try:
        named = MLPRegressor(**options | {argument: "own"}).fit(scale(X), scale(y))
    finally:
        nbtrain.unregister(given)
    np.testing.assert_array_equal(model.coefs_[0], named.coefs_[0])
    assert np.any(model.coefs_[0] != MLPRegressor(**options).fit(scale(X), scale(y)).coefs_[0])


def test_constraints_hold_for_the_layers_that_they_are_given_for():
    X, y = load_diabetes(return_X_y=True)
    kept = nbtrain.constraint(nbtrain.Constraint("kept_positive", project=positive))
    options = {**SMALL, "hidden_layer_sizes": (8, 6)}

    def negative(constraint):
        model = MLPRegressor(constraint=constraint, **options).fit(scale(X), scale(y))
        return [bool((w < 0).any()) for w in model.coefs_]

    assert negative(None) == [True, True, True]
    assert negative(kept) == [False, False, False]
    assert negative([None, kept, None]) == [True, False, True]
    assert negative([None, None, kept]) == [True, True, False]
    with pytest.raises(ValueError, match=r"^constraint must have one value for each of the 3 layers, .*, got 2"):
        negative([None, kept])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("scoring", "acuracy", "did you mean 'accuracy'"),
        ("scoring", ["accuracy", "f1"], "the name of a scorer"),
        ("clip_norm", 0.0, "clip_norm must be a number > 0, or None, got 0.0"),
        ("clip_value", -1, "clip_value must be a number > 0, or None, got -1"),
        ("clip_norm", "1", "clip_norm must be a number > 0, or None, got '1'"),
        ("constraint", 3.0, "layer, the output layer's last, got 3.0"),
        ("constraint", "no_such", "unknown constraint 'no_such'"),
    ],
)
def test_what_cannot_be_used_is_named(name, value, message):
    X, y = load_wine(return_X_y=True)
    with pytest.raises(ValueError, match=re.escape(message)):
        MLPClassifier(**SMALL | {name: value}).fit(X, y)


@pytest.mark.parametrize("name", ["clip_norm", "clip_value", "constraint"])
def test_what_has_no_effect_with_lbfgs_is_refused(name):
    kept = nbtrain.constraint(nbtrain.Constraint("kept_positive", project=positive))
    X, y = load_wine(return_X_y=True)
    with pytest.raises(ValueError, match=f"^{name} must be None with solver='lbfgs', got "):
        MLPClassifier(solver="lbfgs", **{name: kept if name == "constraint" else 1.0}).fit(X, y)


@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array])
def test_predictions_for_a_sparse_matrix_take_little_memory(form):
    rows, columns = 4000, 4000
    X = sparse.random(rows, columns, density=1e-3, format="csr", random_state=0, dtype=np.float32)
    model = MLPRegressor(**SMALL).partial_fit(X[:50].toarray(), np.arange(50.0))
    few = np.r_[0:20, rows - 20 : rows]
    given = form(X)
    tracemalloc.start()
    predicted = model.predict(given)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * rows * columns / 3
    np.testing.assert_allclose(predicted[few], model.predict(X[few].toarray()), rtol=1e-5)


def test_a_sparse_matrix_that_no_memory_holds_is_refused_in_words(monkeypatch):
    X = sparse.csr_matrix((1000, 10**12 // 1000))
    monkeypatch.setattr(data, "usable_memory", lambda: 2.0**40)
    with pytest.raises(
        MemoryError, match=r"^X: a sparse matrix of shape .*7,450.6 GiB .* use 1,024.0 GiB.*partial_fit"
    ):
        MLPRegressor(**SMALL).fit(X, np.arange(1000.0))


@pytest.mark.parametrize(("text", "limit"), [("1048576\n", 2.0**20), ("max\n", 2.0**60), (None, 2.0**60)])
def test_a_container_has_the_memory_that_it_may_use(text, limit, tmp_path, monkeypatch):
    path = tmp_path / "memory.max"
    if text is not None:
        path.write_text(text)
    monkeypatch.setattr(data, "LIMITS", (str(path), str(tmp_path / "of the other version")))
    monkeypatch.setattr(data.os, "sysconf", {"SC_PHYS_PAGES": 2**48, "SC_PAGE_SIZE": 2**12}.get)
    assert data.usable_memory() == limit


@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csc_matrix])
def test_validation_rows_are_taken_from_a_sparse_matrix_before_it_is_made_dense(form):
    """The same as for the array, with one array of the size of X, and no second one for the split."""
    rows, columns = 2000, 2000
    X = sparse.random(rows, columns, density=1e-3, format="csr", random_state=0, dtype=np.float32)
    y = np.random.default_rng(0).normal(size=rows).astype(np.float32)
    options = SMALL | {"early_stopping": True, "max_iter": 2}
    tracemalloc.start()
    model = MLPRegressor(**options).fit(form(X), y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * 4 * rows * columns
    other = MLPRegressor(**options).fit(X.toarray(), y)
    np.testing.assert_array_equal(model.coefs_[0], other.coefs_[0])
    assert model.validation_scores_ == other.validation_scores_


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_help_tells_of_every_parameter(kind):
    shown = pydoc.plain(pydoc.render_doc(kind))
    signature = inspect.signature(kind)
    for name, parameter in signature.parameters.items():
        default = str(parameter.default)
        assert re.search(rf"^ \|  {name} : .*, default \"?{re.escape(default)}\"?$", shown, re.MULTILINE), name
    assert ("class_weight :" in shown) == (kind is MLPClassifier)
    assert "trainer_ : nbtrain.Trainer" in shown
    assert "X_val, y_val, sample_weight_val : optional" in shown
    assert [name for name in vars(kind()) if not name.startswith("_")] == list(signature.parameters)


def test_threads_is_a_number_or_auto():
    X, y = load_wine(return_X_y=True)
    model = MLPClassifier(threads="auto", **SMALL).fit(scale(X), y)
    assert model.trainer_.engine.recipe.automatic
    np.testing.assert_array_equal(model.coefs_[0], MLPClassifier(**SMALL).fit(scale(X), y).coefs_[0])
    with pytest.raises(ValueError, match=r"^threads must be 'auto' or an integer >= 1, got 'all'"):
        MLPClassifier(threads="all").fit(X, y)
