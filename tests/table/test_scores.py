"""Scores of predictions, compared with scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

import nbtrain
from nbtrain.table import scores

RANDOM = np.random.default_rng(0)
TRUTH, GUESS = RANDOM.integers(0, 4, 200), RANDOM.integers(0, 4, 200)
PROBABILITIES = RANDOM.dirichlet(np.ones(4), 200)
Y, P = RANDOM.normal(size=50), RANDOM.normal(size=50)


@pytest.mark.parametrize("weighted", [False, True])
def test_scores_are_scikit_learns(weighted):
    weight = RANDOM.uniform(0.5, 3, 200) if weighted else None
    found = scores.classification(TRUTH, GUESS, list("abcd"), weight)
    given = {"sample_weight": weight}
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(TRUTH, GUESS, **given))
    assert found["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(TRUTH, GUESS, **given))
    assert found["f1_macro"] == pytest.approx(metrics.f1_score(TRUTH, GUESS, average="macro", **given))
    np.testing.assert_allclose(found["confusion"], metrics.confusion_matrix(TRUTH, GUESS, **given))
    assert [row["rows"] for row in found["classes"]] == np.bincount(TRUTH).tolist()
    given = {"sample_weight": None if weight is None else weight[:50]}
    found = scores.regression(Y, P, given["sample_weight"])
    assert found["r2"] == pytest.approx(metrics.r2_score(Y, P, **given))
    assert found["mae"] == pytest.approx(metrics.mean_absolute_error(Y, P, **given))
    assert found["rmse"] == pytest.approx(metrics.root_mean_squared_error(Y, P, **given))


def test_metrics_by_name_are_scikit_learns():
    found = scores.named(["log_loss", "auc", "matthews"], TRUTH, PROBABILITIES, None, True)
    assert found["log_loss"] == pytest.approx(metrics.log_loss(TRUTH, PROBABILITIES))
    assert found["auc"] == pytest.approx(metrics.roc_auc_score(TRUTH, PROBABILITIES, multi_class="ovr"))
    assert found["matthews"] == pytest.approx(metrics.matthews_corrcoef(TRUTH, PROBABILITIES.argmax(axis=1)))
    weight = RANDOM.uniform(size=50)
    found = scores.named(["median_absolute_error", "mape"], Y, P[:, None], weight, False)
    assert found["mape"] == pytest.approx(metrics.mean_absolute_percentage_error(Y, P, sample_weight=weight))


def test_metrics_of_the_other_task_are_refused():
    scores.check_named(["auc", "f1"], True)
    with pytest.raises(nbtrain.InputError, match="'auc' is for classes; the target holds numbers"):
        scores.check_named(["auc"], False)
    with pytest.raises(nbtrain.InputError, match="'mape' is for numbers; the target holds classes"):
        scores.check_named(["mape"], True)


def test_scores_in_words_keep_large_counts_whole():
    truth, guess = np.repeat([0, 1], [1_234_567, 3]), np.zeros(1_234_570, np.int64)
    assert "1234567" in scores.in_words(scores.classification(truth, guess, ["no", "yes"]))
