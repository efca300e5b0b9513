"""scikit-learn's own suite of checks for estimators: all pass, none is expected to fail."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from nbtrain.sklearn import (
    GroupedMLPRegressor,
    MLPClassifier,
    MLPEnsembleClassifier,
    MLPEnsembleRegressor,
    MLPRegressor,
)

ESTIMATORS = [
    MLPClassifier(max_iter=100),
    MLPRegressor(max_iter=100),
    MLPEnsembleClassifier(3, max_iter=100, learning_rate_init=0.005),
    MLPEnsembleRegressor(3, max_iter=100, learning_rate_init=0.005),
    GroupedMLPRegressor(max_iter=100, learning_rate_init=0.005),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(ESTIMATORS, expected_failed_checks=lambda estimator: {})
def test_check_of_scikit_learn(estimator, check):
    check(estimator)
