"""What a newcomer is told who writes what other libraries have, or nearly what there is here."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest

import nbtrain
from nbtrain import callbacks
from nbtrain.checks.suggestions import SYNONYMS, did_you_mean
from nbtrain.components.builtin import MODULES
from nbtrain.components.registry import Registry

NETWORK = nbtrain.Network(3, [nbtrain.Dense(2)])
X, Y = np.zeros((4, 3)), np.zeros((4, 2))


def trainer(**options):
    return nbtrain.Trainer(NETWORK, **{"loss": "mse", "rng": 0} | options)


def fit(**options):
    return trainer().fit(X, Y, **options)


SAID = [
    # components
    (
        lambda: nbtrain.optimizer("adam", learning_rate="0.1"),
        "learning_rate: unknown schedule '0.1'. Available: constant, cosine, ",
    ),
    (
        lambda: nbtrain.optimizer("adam", learning_rate=-1),
        "learning_rate must be a finite number > 0 or a schedule, got -1",
    ),
    (
        lambda: nbtrain.optimizer("adam", learning_rate="cosin"),
        "learning_rate: unknown schedule 'cosin'; did you mean 'cosine'?",
    ),
    (lambda: nbtrain.optimizer("adam", beta1=1), "beta1 must be a finite number >= 0 and < 1, got 1"),
    (
        lambda: nbtrain.Dense(3, "softmax"),
        "unknown activation 'softmax'; softmax belongs to the loss: use loss='softmax_cross_",
    ),
    (lambda: nbtrain.Dense(3, "linear"), "unknown activation 'linear'; did you mean 'identity'?"),
    (lambda: nbtrain.Dense(3, "RELU"), "unknown activation 'RELU'; did you mean 'relu'?"),
    (lambda: nbtrain.Dense(3, "mse"), "unknown activation 'mse'; 'mse' is a loss, not an activation. Available: "),
    (lambda: nbtrain.Dense(3, initializer="he"), "unknown initializer 'he'; did you mean 'he_uniform'?"),
    (lambda: trainer(loss="adam"), "unknown loss 'adam'; 'adam' is an optimizer, not a loss. Available: "),
    (lambda: trainer(loss="mean_squared_error"), "unknown loss 'mean_squared_error'; did you mean 'mse'?"),
    (lambda: trainer(loss="categorical_crossentropy"), "did you mean 'softmax_cross_entropy'?"),
    # metrics and callbacks
    (
        lambda: trainer().evaluate(X, Y, metrics=["acc"]),
        "unknown metric 'acc'; did you mean 'accuracy'? Available: loss, accuracy, ",
    ),
    (
        lambda: trainer().evaluate(X, Y, metrics=[3]),
        "metrics must be a name, a function (y_true, y_pred) or an nbtrain.metrics.Metric, got 3",
    ),
    (
        lambda: fit(callbacks=[callbacks.EarlyStopping]),
        "got the class EarlyStopping; pass an instance, EarlyStopping(...)",
    ),
    (
        lambda: fit(callbacks=["EarlyStopping"]),
        "callbacks must be nbtrain.Callback objects or functions, got 'EarlyStopping'",
    ),
    (
        lambda: fit(callbacks=[callbacks.EarlyStopping("lss")]),
        "unknown metric 'lss'; did you mean 'loss'? Available: loss",
    ),
]

RATE = "set it in the optimizer, nbtrain.optimizer('adam', learning_rate=…)"
CALLS = [
    (lambda: trainer(learning_rate=0.1), f"Trainer: unknown argument 'learning_rate'; {RATE}. Available: network, "),
    (lambda: trainer(lr=0.1), f"Trainer: unknown argument 'lr'; {RATE}."),
    (lambda: trainer(batchsize=3), "unknown argument 'batchsize'; did you mean 'batch_size'? Available: network, loss"),
    (lambda: trainer(zzz=3), "unknown argument 'zzz'. Available: network, loss, "),
    (lambda: trainer(epochs=3), "unknown argument 'epochs'; pass it to Trainer.fit."),
    (lambda: trainer(max_iter=3), "unknown argument 'max_iter'; it is called 'epochs' here: pass it to Trainer.fit."),
    (lambda: trainer(random_state=3), "unknown argument 'random_state'; did you mean 'rng'?"),
    (lambda: trainer(weight_decay=1), "'weight_decay'; pass regularizer=nbtrain.regularizer('l2', strength=…) to Tra"),
    (lambda: fit(batch_size=3), "Trainer.fit: unknown argument 'batch_size'; pass it to Trainer. Available: X, y, "),
    (lambda: fit(verbose=1), "unknown argument 'verbose'; did you mean 'progress'?"),
    (lambda: nbtrain.Dense(3, "relu", rate=0.1), "Dense: unknown argument 'rate'; did you mean 'dropout'?"),
    (lambda: nbtrain.Dense(3, "relu", optimizer="adam"), "Dense: unknown argument 'optimizer'; pass it to Trainer."),
    (
        lambda: callbacks.EarlyStopping(monitor="loss"),
        "EarlyStopping: unknown argument 'monitor'; did you mean 'metric'?",
    ),
    (lambda: callbacks.EarlyStopping(restore_best_weights=True), "did you mean 'restore_best'?"),
    (
        lambda: callbacks.ReduceOnPlateau(min_lr=1e-5),
        "ReduceOnPlateau: unknown argument 'min_lr'; did you mean 'minimum'?",
    ),
    (
        lambda: callbacks.CSVLogger(filename="log.csv"),
        "CSVLogger: unknown argument 'filename'; did you mean 'path'?",
    ),
    (
        lambda: callbacks.Checkpoint("x", save_best_only=True),
        "'save_best_only'; EarlyStopping(restore_best=True) keeps",
    ),
]


@pytest.mark.parametrize(("call", "said"), SAID, ids=[said[-30:] for _, said in SAID])
def test_what_cannot_be_used_is_named_with_the_remedy(call, said):
    with pytest.raises(nbtrain.InputError, match=re.escape(said)):
        call()


@pytest.mark.parametrize(("call", "said"), CALLS, ids=[said[-30:] for _, said in CALLS])
def test_arguments_that_there_are_not_are_named_with_where_they_belong(call, said):
    with pytest.raises(TypeError, match=re.escape(said)):
        call()


def test_a_misspelt_name_of_the_package_is_told():
    with pytest.raises(AttributeError, match=r"^module 'nbtrain' has no attribute 'Trainr'$"):
        nbtrain.Trainr  # noqa: B018
    done = subprocess.run([sys.executable, "-c", "import nbtrain; nbtrain.Trainr"], capture_output=True, text=True)
    assert "Did you mean: 'Trainer'?" in done.stderr
    assert not hasattr(nbtrain, "__wrapped__")


def test_a_name_of_another_library_says_which_package_has_it(monkeypatch):
    monkeypatch.delenv("NBTRAIN_DISABLE_PLUGINS", raising=False)
    with pytest.raises(
        nbtrain.InputError,
        match="unknown activation 'swish'; the package nbtrain-activations, which provides 'silu', is n",
    ):
        Registry(MODULES, []).get("activation", "swish")
    with pytest.raises(nbtrain.InputError, match=r"unknown loss 'swish'\. Available"):  # it is no loss
        Registry(MODULES, []).get("loss", "swish")


def test_what_others_say_is_taken_for_what_there_is():
    for name, meant in SYNONYMS.items():
        assert did_you_mean(name.upper(), ["something", meant[-1]]) == f"; did you mean {meant[-1]!r}?"
        assert name not in meant


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"scoring": "acc"}, "scoring: unknown scorer 'acc'; did you mean 'accuracy'? Available: "),
        ({"scoring": "mse"}, "scoring: unknown scorer 'mse'; did you mean 'neg_mean_squared_error'?"),
        ({"solver": "addam"}, "'addam'; did you mean 'adam'?"),
        (
            {"learning_rate": "adaptve"},
            "learning_rate: unknown schedule 'adaptve'; did you mean 'adaptive'? Available: const",
        ),
        ({"learning_rate": 0.1}, ", got 0.1; a number belongs in learning_rate_init"),
        ({"activation": "softmax"}, "softmax belongs to the loss"),
    ],
)
def test_estimators_say_it_too(options, said):
    estimators = pytest.importorskip("nbtrain.sklearn")
    model = estimators.MLPClassifier(4, max_iter=1, early_stopping="scoring" in options, **options)
    with pytest.raises(ValueError, match=re.escape(said)):
        model.fit(np.eye(20, 3), np.arange(20) % 2)
