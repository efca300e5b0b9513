"""Metrics by name against their definitions and scikit-learn's functions called directly."""

from __future__ import annotations

import numpy as np
import pytest
from common import data

import nbtrain
from nbtrain.metrics import Metric, smaller_is_better

sklearn_metrics = pytest.importorskip("sklearn.metrics")


def trained(loss, outputs, **options):
    X, y = data(loss, 120, 4, outputs)
    net = nbtrain.Network(4, [nbtrain.Dense(12, "tanh"), nbtrain.Dense(outputs)])
    trainer = nbtrain.Trainer(net, loss=loss, rng=0, **options)
    trainer.fit(X, y, epochs=3)
    return trainer, X, y


def test_metrics_of_several_classes():
    trainer, X, y = trained("softmax_cross_entropy", 5)
    p = trainer.predict(X)
    classes, m = p.argmax(axis=1), sklearn_metrics
    found = trainer.evaluate(
        X,
        y,
        metrics=["accuracy", "top_2", "top_4", "f1", "precision", "recall", "balanced_accuracy", "auc", "log_loss"],
    )
    ranks = (p > p[np.arange(120), y][:, None]).sum(axis=1)
    wanted = {
        "accuracy": (classes == y).mean(),
        "top_2": (ranks < 2).mean(),
        "top_4": (ranks < 4).mean(),
        "f1": m.f1_score(y, classes, average="macro"),
        "precision": m.precision_score(y, classes, average="macro", zero_division=0.0),
        "recall": np.mean([(classes[y == k] == k).mean() for k in range(5)]),
        "balanced_accuracy": np.mean([(classes[y == k] == k).mean() for k in range(5)]),
        "auc": m.roc_auc_score(y, p, multi_class="ovr"),
        "log_loss": -np.log(p[np.arange(120), y]).mean(),
    }
    assert list(found) == ["loss", "accuracy", *[name for name in wanted if name != "accuracy"]]
    for name, value in wanted.items():
        assert found[name] == pytest.approx(value, rel=1e-5), name
    assert found["loss"] == pytest.approx(found["log_loss"], rel=1e-5)


@pytest.mark.parametrize(("loss", "outputs"), [("softmax_cross_entropy", 2), ("binary_cross_entropy", 1)])
def test_metrics_of_two_classes(loss, outputs):
    trainer, X, y = trained(loss, outputs)
    truth, positive = y.reshape(-1).astype(int), trainer.predict(X)[:, -1]
    weight = np.random.default_rng(0).exponential(size=120)
    found = trainer.evaluate(X, y, weight, metrics=["auc", "f1", "average_precision", "matthews"])
    weight = weight.astype(np.float32)
    wanted = {
        "auc": sklearn_metrics.roc_auc_score(truth, positive, sample_weight=weight),
        "f1": sklearn_metrics.f1_score(truth, positive > 0.5, sample_weight=weight),
        "average_precision": sklearn_metrics.average_precision_score(truth, positive, sample_weight=weight),
        "matthews": sklearn_metrics.matthews_corrcoef(truth, positive > 0.5, sample_weight=weight),
    }
    for name, value in wanted.items():
        assert found[name] == pytest.approx(value), name


@pytest.mark.parametrize("outputs", [1, 3])
def test_metrics_of_values(outputs):
    trainer, X, y = trained("mse", outputs, dtype="float64")
    error = trainer.predict(X) - y
    found = trainer.evaluate(X, y, metrics=["mae", "mse", "rmse"])
    assert found["mae"] == pytest.approx(np.abs(error).mean())
    assert found["mse"] == pytest.approx((error**2).mean())
    assert found["rmse"] == pytest.approx(np.sqrt((error**2).mean(axis=0)).mean())
    assert found["r2"] == pytest.approx(sklearn_metrics.r2_score(y, trainer.predict(X)))


def test_functions_get_classes_and_metrics_can_ask_for_probabilities():
    trainer, X, y = trained("softmax_cross_entropy", 3)

    def errors(y_true, y_pred):
        assert y_true.shape == y_pred.shape == (120,)
        return (y_true != y_pred).sum()

    confidence = Metric("confidence", lambda y_true, p: p.max(axis=1).mean(), on="prediction")
    found = trainer.evaluate(X, y, metrics=[errors, confidence])
    assert found["errors"] == pytest.approx(120 * (1 - found["accuracy"]))
    assert found["confidence"] == pytest.approx(trainer.predict(X).max(axis=1).mean())


def test_fit_puts_metrics_of_the_validation_data_into_the_history():
    trainer, X, y = trained("softmax_cross_entropy", 3)
    seen = []
    history = trainer.fit(
        *(X, y, 3),
        validation_data=(X[:50], y[:50]),
        metrics=["f1", "top_2"],
        callbacks=[lambda trainer, epoch, metrics: seen.append(trainer.evaluate(X[:50], y[:50], metrics=["f1"])["f1"])],
    )
    assert history["val_f1"] == seen
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy", "val_f1", "val_top_2"}


@pytest.mark.parametrize(
    ("loss", "metrics", "message"),
    [
        ("mse", ["f2"], r"unknown metric 'f2'\. Available: loss, accuracy"),
        ("mse", ["f1"], "'f1' is for classification"),
        ("mse", ["top_2"], "'top_2' is for classification"),
        ("softmax_cross_entropy", ["mae"], "'mae' is for values"),
        ("mse", ["mae", "mae"], "two metrics are called 'mae'"),
        ("mse", [Metric("loss", max)], "two metrics are called 'loss'"),
        ("mse", 3, "metrics must be a list of names or functions, got 3"),
        ("mse", [None], "metrics must be a name, .*, got None"),
    ],
)
def test_metrics_that_make_no_sense_are_refused(loss, metrics, message):
    trainer, X, y = trained(loss, 3)
    with pytest.raises(nbtrain.InputError, match=message):
        trainer.evaluate(X, y, metrics=metrics)


# ---- several sigmoid outputs


ONE_CLASS_ONLY = ("balanced_accuracy", "matthews", "cohen_kappa", "log_loss", "top_2")


def of_labels(labels):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(60, 4)), rng.integers(0, 2, (60, labels))
    net = nbtrain.Network(4, [nbtrain.Dense(labels)])
    return nbtrain.Trainer(net, loss="binary_cross_entropy", rng=0), X, Y


@pytest.mark.parametrize("labels", [2, 3])
def test_metrics_of_several_labels_are_means_over_the_labels(labels):
    trainer, X, Y = of_labels(labels)
    weight = np.random.default_rng(1).exponential(size=60).astype(np.float32)
    p = trainer.predict(X)
    found = trainer.evaluate(X, Y, weight, metrics=["f1", "precision", "recall", "auc", "average_precision"])
    m, columns = sklearn_metrics, range(labels)
    wanted = {
        "f1": [m.f1_score(Y[:, k], p[:, k] > 0.5, sample_weight=weight) for k in columns],
        "precision": [m.precision_score(Y[:, k], p[:, k] > 0.5, sample_weight=weight) for k in columns],
        "recall": [m.recall_score(Y[:, k], p[:, k] > 0.5, sample_weight=weight) for k in columns],
        "auc": [m.roc_auc_score(Y[:, k], p[:, k], sample_weight=weight) for k in columns],
        "average_precision": [m.average_precision_score(Y[:, k], p[:, k], sample_weight=weight) for k in columns],
    }
    for name, values in wanted.items():
        assert found[name] == pytest.approx(np.mean(values)), name


@pytest.mark.parametrize("name", ONE_CLASS_ONLY)
def test_metrics_of_one_class_are_refused_for_several_labels_before_training(name):
    trainer, X, Y = of_labels(2)
    with pytest.raises(nbtrain.InputError, match=f"metrics: '{name}' is for one class per sample"):
        trainer.fit(X, Y, 3, validation_data=(X, Y), metrics=[name])
    assert trainer.iteration == 0


def test_a_callbacks_metric_is_refused_before_training():
    trainer, X, Y = of_labels(2)
    for metric, message in (("matthews", "is for one class per sample"), ("f2", "unknown metric 'f2'")):
        watching = nbtrain.callbacks.EarlyStopping(metric, validation_data=(X, Y))
        with pytest.raises(nbtrain.InputError, match=message):
            trainer.fit(X, Y, 3, callbacks=[watching])
    assert trainer.iteration == 0


@pytest.mark.parametrize(
    ("loss", "outputs", "metric", "message"),
    [
        ("mse", 3, "max_error", "for networks with one output; this one has 3"),
        ("mse", 1, "log_loss", "is for classification"),
        ("softmax_cross_entropy", 3, "mae", "is for values"),
    ],
)
def test_metrics_that_do_not_fit_the_loss_are_refused_before_training(loss, outputs, metric, message):
    trainer, X, y = trained(loss, outputs)
    before = trainer.iteration
    with pytest.raises(nbtrain.InputError, match=message):
        trainer.fit(X, y, 1, validation_data=(X, y), metrics=[metric])
    assert trainer.iteration == before


# ---- classes that do not occur


@pytest.mark.parametrize("lacking", [0, 1, 2])
def test_curves_are_means_over_the_classes_that_occur(lacking):
    trainer, X, y = trained("softmax_cross_entropy", 3)
    kept = y != lacking
    p = trainer.predict(X[kept])
    others = [k for k in range(3) if k != lacking]
    m = sklearn_metrics
    wanted = {
        "auc": np.mean([m.roc_auc_score(y[kept] == k, p[:, k]) for k in others]),
        "average_precision": np.mean([m.average_precision_score(y[kept] == k, p[:, k]) for k in others]),
    }
    found = trainer.evaluate(X[kept], y[kept], metrics=list(wanted))
    weighted = trainer.evaluate(X, y, np.where(kept, 1.0, 0.0), metrics=list(wanted))  # a weight of 0 removes a row
    for name, value in wanted.items():
        assert found[name] == pytest.approx(value), name
        assert weighted[name] == pytest.approx(value), name
    history = trainer.fit(X, y, 2, validation_data=(X[kept], y[kept]), metrics=list(wanted))
    assert np.isfinite(history["val_auc"]).all()
    assert np.isfinite(history["val_average_precision"]).all()


@pytest.mark.parametrize(("loss", "outputs"), [("softmax_cross_entropy", 3), ("binary_cross_entropy", 1)])
def test_a_curve_of_one_class_is_not_a_number_with_one_warning(loss, outputs):
    trainer, X, y = trained(loss, outputs)
    rows = y.reshape(-1) == 0
    with pytest.warns(RuntimeWarning, match="'auc' is NaN, because all samples have the same class") as caught:
        found = trainer.evaluate(X[rows], y[rows], metrics=["auc"])
    assert len(caught) == 1
    assert np.isnan(found["auc"])


# ---- a user's own metrics are left as they are


def test_a_weighted_metric_of_ones_own_gets_what_predict_gives():
    trainer, X, y = trained("softmax_cross_entropy", 2)
    shapes = []

    def shape(y_true, y_pred, sample_weight=None):
        shapes.append(y_pred.shape)
        return 0.0

    trainer.evaluate(X, y, metrics=[Metric("shape", shape, on="prediction", weighted=True)])
    assert shapes == [(120, 2)]


def test_a_function_of_ones_own_may_have_the_name_of_a_known_metric():
    trainer, X, y = trained("mse", 1)

    def f1(y_true, y_pred):
        return 0.25

    assert trainer.evaluate(X, y, metrics=[f1])["f1"] == 0.25


def test_losses_and_errors_are_better_when_smaller():
    for name in ("loss", "val_loss", "mae", "val_rmse", "log_loss", "max_error"):
        assert smaller_is_better(name)
    for name in ("accuracy", "val_r2", "auc", "top_3", "f1"):
        assert not smaller_is_better(name)
