"""MLPEnsembleClassifier and MLPEnsembleRegressor."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.model_selection import train_test_split
from sklearn.utils.multiclass import check_classification_targets

from .data import Array
from .many import ManyNetworks
from .texts import documented_many

Weights = Array | None


class Ensemble(ManyNetworks):
    """Networks that are trained on the same data from different initial weights, and whose predictions are averaged."""

    def _fit(self, X: Array, y: Array, weight: Weights, outputs: int, random: Any, strata: Weights = None) -> Self:
        """Train on checked data; `y` are targets of the loss, `strata` classes that validation splits keep."""
        count, rows = int(self.n_estimators), np.arange(len(X))
        train = validation = None
        if self.early_stopping:
            splits = [
                train_test_split(rows, random_state=random, test_size=self.validation_fraction, stratify=strata)
                for _ in range(count)
            ]
            train, validation = (np.stack(places) for places in zip(*splits, strict=True))
        if self.bootstrap:
            train = _drawn_again(np.broadcast_to(rows, (count, len(rows))) if train is None else train, weight, random)
        options: dict[str, Any] = {}
        if validation is not None:
            options["validation_data"] = (X[validation], y[validation], None if weight is None else weight[validation])
        if train is None:
            options["sample_weight"] = weight
        else:
            options["sample_weight"] = None if weight is None else weight[train]
        each = len(X) if train is None else train.shape[1]
        population = self._make(count, X.shape[1], outputs, each, X.dtype, random)
        self._train(population, *((X, y) if train is None else (X[train], y[train])), **options)
        return self

    def _mean(self, X: Any) -> Array:
        """The mean of the networks' predictions, (samples, outputs)."""
        return self._reduced(X, "mean")

    def _reduced(self, X: Any, how: str) -> Array:
        x = self._checked_inputs(X)
        return self.population_.predict(x, reduce=how)


def _drawn_again(rows: Array, weight: Weights, random: Any) -> Array:
    """Bootstrap samples, (networks, samples): of each network's rows as many with replacement, none of weight 0."""
    found = np.empty_like(rows)
    for own, of in zip(found, rows, strict=True):
        counted = of if weight is None else of[weight[of] > 0]
        if len(counted) == 0:
            raise ValueError("sample_weight: all samples that a network would be trained on have weight 0")
        own[:] = counted[random.randint(0, len(counted), len(of))]
    return found


@documented_many("n_estimators bootstrap early_stopping")
class MLPEnsembleClassifier(ClassifierMixin, Ensemble):
    """Several networks for classification whose probabilities are averaged, trained in one call.

    Networks that begin at different weights make different errors, so that their mean is more accurate than one of
    them, and its probabilities are better calibrated.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    {attributes}

    Examples
    --------
    >>> from nbtrain.datasets import load_digits
    >>> from nbtrain.sklearn import MLPEnsembleClassifier
    >>> X, y = load_digits()
    >>> model = MLPEnsembleClassifier(5, hidden_layer_sizes=32, learning_rate_init=0.003, tol=0.02, random_state=0)
    >>> bool(model.fit(X[:1400], y[:1400]).score(X[1400:], y[1400:]) > 0.85)
    True
    """

    classes_: Array

    def __init__(
        self,
        n_estimators: int = 10,
        *,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate_init: float = 0.001,
        max_iter: int = 200,
        shuffle: bool = True,
        bootstrap: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: Any = 10,
        tol: float = 1e-4,
        random_state: Any = None,
        dropout: Any = 0.0,
        initializer: Any = None,
        regularizer: Any = None,
        constraint: Any = None,
        clip_value: float | None = None,
        clip_norm: float | None = None,
        threads: int | str = 1,
    ) -> None:
        self.__dict__.update((name, value) for name, value in locals().items() if name != "self")

    def _loss(self) -> str:
        return "binary_cross_entropy" if len(self.classes_) < 3 else "softmax_cross_entropy"

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
        y : array_like of shape (n_samples,)
            Classes.
        sample_weight : array_like of shape (n_samples,), optional

        Returns
        -------
        MLPEnsembleClassifier

        Raises
        ------
        ValueError
            If an argument is invalid, or all networks diverged.
        """
        random = self._checked_parameters()
        X, y, weight = self._checked_data(X, y, sample_weight)
        check_classification_targets(y)
        self.classes_, places = np.unique(y, return_inverse=True)
        several = len(self.classes_) > 2
        targets = places.astype(np.int64) if several else places.astype(X.dtype)[:, None]
        strata = places if np.bincount(places).min() > 1 else None
        return self._fit(X, targets, weight, len(self.classes_) if several else 1, random, strata)

    def predict_proba(self, X: Any) -> Array:
        """Predict means of the networks' probabilities.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.

        Examples
        --------
        >>> import numpy as np
        >>> from nbtrain.sklearn import MLPEnsembleClassifier
        >>> model = MLPEnsembleClassifier(3, hidden_layer_sizes=(4,), tol=1000.0, random_state=0)
        >>> model = model.fit(np.eye(8), np.arange(8) % 2)
        >>> model.predict_proba(np.eye(8)).shape, model.predict_log_proba(np.eye(8)).shape
        ((8, 2), (8, 2))
        """
        found = self._mean(X)
        if len(self.classes_) == 1:
            return np.ones_like(found)
        return found if found.shape[1] > 1 else np.concatenate((1.0 - found, found), axis=1)

    def predict_log_proba(self, X: Any) -> Array:
        """Predict logarithms of `predict_proba`.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        with np.errstate(divide="ignore"):
            found: Array = np.log(self.predict_proba(X))
        return found

    def predict(self, X: Any) -> Array:
        """Predict the class of the highest mean probability.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            Classes, as y had them.
        """
        places = self.predict_proba(X).argmax(axis=1)
        found: Array = self.classes_[places]
        return found


@documented_many("n_estimators bootstrap early_stopping")
class MLPEnsembleRegressor(RegressorMixin, Ensemble):
    """Several networks for regression whose predictions are averaged, trained in one call.

    `predict_std` says how much the networks differ: it grows where there were few samples to learn from.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    Examples
    --------
    >>> import numpy as np
    >>> from nbtrain.sklearn import MLPEnsembleRegressor
    >>> X = np.random.default_rng(0).uniform(-1, 1, (200, 1))
    >>> model = MLPEnsembleRegressor(5, activation="tanh", learning_rate_init=0.01, tol=1e-6, random_state=0)
    >>> model = model.fit(X, np.sin(3 * X[:, 0]))
    >>> near, far = model.predict_std([[0.0], [4.0]])
    >>> bool(near < far)
    True
    """

    n_outputs_: Any

    def __init__(
        self,
        n_estimators: int = 10,
        *,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate_init: float = 0.001,
        max_iter: int = 200,
        shuffle: bool = True,
        bootstrap: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: Any = 10,
        tol: float = 1e-4,
        random_state: Any = None,
        dropout: Any = 0.0,
        initializer: Any = None,
        regularizer: Any = None,
        constraint: Any = None,
        clip_value: float | None = None,
        clip_norm: float | None = None,
        threads: int | str = 1,
    ) -> None:
        self.__dict__.update((name, value) for name, value in locals().items() if name != "self")

    def _loss(self) -> str:
        return "mse"

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
        y : array_like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array_like of shape (n_samples,), optional

        Returns
        -------
        MLPEnsembleRegressor

        Raises
        ------
        ValueError
            If an argument is invalid, or all networks diverged.
        """
        random = self._checked_parameters()
        X, y, weight = self._checked_data(X, y, sample_weight, multi_output=True, y_numeric=True)
        self._flat = y.ndim == 1
        targets = y.reshape(len(y), -1).astype(X.dtype, copy=False)
        self.n_outputs_ = targets.shape[1]
        return self._fit(X, targets, weight, self.n_outputs_, random)

    def predict(self, X: Any) -> Array:
        """Predict means of the networks' predictions.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            As y was.
        """
        return self._shaped(self._mean(X))

    def predict_std(self, X: Any) -> Array:
        """Compute standard deviations of the networks' predictions.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            In the shape of `predict`.
        """
        return self._shaped(self._reduced(X, "std"))

    def _shaped(self, found: Array) -> Array:
        return found[:, 0] if self._flat else found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
