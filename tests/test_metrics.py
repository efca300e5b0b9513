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


def test_losses_and_errors_are_better_when_smaller():
    for name in ("loss", "val_loss", "mae", "val_rmse", "log_loss", "max_error"):
        assert smaller_is_better(name)
    for name in ("accuracy", "val_r2", "auc", "top_3", "f1"):
        assert not smaller_is_better(name)


def test_the_modules_offer_what_is_public():
    assert dir(nbtrain.metrics) == ["Metric"]
    assert dir(nbtrain.datasets) == ["load_digits"]
