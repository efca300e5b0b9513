"""scikit-learn's own suite of checks for estimators: all pass, none is expected to fail."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from nbtrain.sklearn import MLPClassifier, MLPRegressor

ESTIMATORS = [MLPClassifier(max_iter=100), MLPRegressor(max_iter=100)]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(ESTIMATORS, expected_failed_checks=lambda estimator: {})
def test_check_of_scikit_learn(estimator, check):
    check(estimator)
