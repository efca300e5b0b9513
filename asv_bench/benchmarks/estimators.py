"""The scikit-learn estimators on nbtrain's digits, including everything they do besides training."""

from __future__ import annotations

import warnings
from typing import Any

from nbtrain.datasets import load_digits


def fitted(epochs: int, X: Any, y: Any) -> Any:
    """A classifier, fitted for a number of epochs."""
    try:
        from nbtrain.sklearn import MLPClassifier
    except ImportError as error:
        raise NotImplementedError(str(error)) from error  # asv's word for a benchmark that is left out
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has not converged
        return MLPClassifier(max_iter=epochs, random_state=0).fit(X, y)


class Fit:
    """A new estimator, including its trainer."""

    timeout = 600
    params = (1, 10)
    param_names = ("epochs",)

    def setup(self, epochs: int) -> None:
        self.X, self.y = load_digits()
        fitted(epochs, self.X, self.y)

    def time_fit(self, epochs: int) -> None:
        fitted(epochs, self.X, self.y)


class Predict:
    """Predicted classes."""

    timeout = 600
    params = (1, 1000)
    param_names = ("rows",)

    def setup(self, rows: int) -> None:
        X, y = load_digits()
        self.model, self.X = fitted(1, X, y), X[:rows].copy()

    def time_predict(self, rows: int) -> None:
        self.model.predict(self.X)
