"""MLPClassifier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels

from ..checks.messages import wrong
from ..components import Component
from ..components.by_name import resolve
from ..errors import InputError
from ..metrics import gives_probabilities
from . import declare, exporting
from .base import BaseMLP, has_epochs
from .data import Array, Data
from .hooks import with_callbacks
from .parameters import check_class_weight
from .texts import documented

OWN_LOSS = "log_loss"
KINDS = ("binary", "multiclass", "multilabel-indicator")
OUTPUTS = {"binary_cross_entropy": "logistic", "softmax_cross_entropy": "softmax"}


def _gives_probabilities(estimator: Any) -> bool:
    """Whether there is predict_proba; otherwise an AttributeError says why."""
    if isinstance(estimator.loss, str) and estimator.loss == OWN_LOSS:
        return True
    loss = resolve("loss", estimator.loss, "loss")
    if gives_probabilities(loss):
        return True
    raise AttributeError(f"predict_proba is not available: loss {loss.name!r} gives no probabilities")


def _classes(y: Array) -> Array:
    """The classes in y; text as an array of text, also where pandas has it as objects."""
    found: Array = np.unique(y)
    return np.asarray(found.tolist()) if found.dtype == object else found


OWN_PARAMETERS = """
loss : str or component, default "log_loss"
    Cross entropy of a sigmoid or softmax output, or any loss by name or from `nbtrain.loss`.
class_weight : dict, "balanced" or None, default None
    Weights of the classes, multiplied by the sample weights."""


@documented(OWN_PARAMETERS)
class MLPClassifier(ClassifierMixin, BaseMLP):
    """Fully connected network for classification: scikit-learn's class of this name, trained by nbtrain.

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
    >>> from nbtrain.sklearn import MLPClassifier
    >>> X, y = load_digits()
    >>> model = MLPClassifier((64, 32), activation=["relu", "tanh"], dropout=0.1, random_state=0, tol=0.02)
    >>> bool(model.fit(X[:1400], y[:1400]).score(X[1400:], y[1400:]) > 0.85)
    True
    """

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: Any = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: Any = 10,
        max_fun: int = 15000,
        loss: Any = OWN_LOSS,
        class_weight: Any = None,
        dropout: Any = 0.0,
        initializer: Any = None,
        regularizer: Any = None,
        constraint: Any = None,
        clip_value: float | None = None,
        clip_norm: float | None = None,
        scoring: Any = None,
        callbacks: Any = None,
        threads: int | str = 1,
    ) -> None:
        self.__dict__.update((name, value) for name, value in locals().items() if name != "self")

    @available_if(has_epochs)
    @with_callbacks
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> MLPClassifier:
        """Train one epoch on these samples, continuing from the previous call.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.
        classes : array_like of shape (n_classes,)
            All classes that later calls may have; required by the first call.

        Returns
        -------
        MLPClassifier

        Raises
        ------
        ValueError
            If an argument is invalid, `classes` are missing in the first call, or the solver is "lbfgs".

        Examples
        --------
        >>> from nbtrain.datasets import load_digits
        >>> from nbtrain.sklearn import MLPClassifier
        >>> X, y = load_digits()
        >>> model = MLPClassifier((16,), random_state=0)
        >>> for start in range(0, 1500, 500):
        ...     model = model.partial_fit(X[start : start + 500], y[start : start + 500], classes=range(10))
        >>> model.predict_proba(X[1500:]).shape, model.predict_log_proba(X[1500:]).shape
        ((297, 10), (297, 10))
        """
        self._check_classes(y, classes)
        return self._fit(X, y, sample_weight, (None, None, None), incremental=True)

    def predict(self, X: Any) -> Array:
        """Predict classes.

        Parameters
        ----------
        X : array_like or sparse matrix of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The most probable class of each sample, or an indicator matrix of its labels.
        """
        outputs = self._outputs(X)
        if self._multilabel:
            return (outputs > 0.5).astype(int)
        if self._one_class:
            places = np.zeros(len(outputs), np.intp)
        elif self.n_outputs_ == 1:
            places = (outputs[:, 0] > 0.5).astype(np.intp)
        else:
            places = outputs.argmax(axis=1)
        predicted: Array = self.classes_[places]
        return predicted

    @available_if(_gives_probabilities)
    def predict_proba(self, X: Any) -> Array:
        """Predict probabilities.

        Parameters
        ----------
        X : array_like or sparse matrix of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities of the classes, in the order of `classes_`.
        """
        outputs = self._outputs(X)
        if self.n_outputs_ > 1 or self._multilabel:
            return outputs
        if self._one_class:
            return np.ones_like(outputs)
        return np.concatenate((1 - outputs, outputs), axis=1)

    @available_if(_gives_probabilities)
    def predict_log_proba(self, X: Any) -> Array:
        """Predict logarithms of probabilities.

        Parameters
        ----------
        X : array_like or sparse matrix of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Logarithms of `predict_proba`.
        """
        probabilities = self.predict_proba(X)
        with np.errstate(divide="ignore"):
            logarithms: Array = np.log(probabilities, out=probabilities)
        return logarithms

    # ---- for BaseMLP

    def _onnx_outputs(self, graph: Any, prediction: str) -> Any:
        if self._multilabel:
            return exporting.of_labels(graph, prediction, self.n_outputs_)
        probable = hasattr(self, "predict_proba")
        return exporting.of_classes(graph, prediction, self.classes_, self.n_outputs_, probable)

    def _check_classes(self, y: Any, classes: Any) -> None:
        """Store the classes in the first call of partial_fit, and refuse others later."""
        known = getattr(self, "classes_", None)
        if classes is None:
            if known is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            return
        given = unique_labels(classes)
        if known is None:
            self._multilabel = type_of_target(y, input_name="y").startswith("multilabel")
            self.classes_ = np.arange(np.shape(y)[1]) if self._multilabel else given
        elif not np.array_equal(known, given):
            raise ValueError(f"`classes={classes!r}` is not the same as on last call to partial_fit, was: {known!r}")

    def _encoded(self, y: Any, fresh: bool, incremental: bool) -> Array:
        kind = type_of_target(y, input_name="y", raise_unknown=True)
        if kind not in KINDS:
            check_classification_targets(y)
            raise InputError(
                wrong("y", "be one column of classes or a 0/1 indicator matrix", "several columns of classes")
            )
        multilabel = kind == "multilabel-indicator"
        if issparse(y):
            y = y.toarray()
        if not hasattr(self, "classes_") or (fresh and not incremental):
            self._multilabel = multilabel
            self.classes_ = np.arange(y.shape[1]) if multilabel else _classes(y)
        else:
            self._check_known(y, multilabel, incremental)
        return np.asarray(y, np.float32) if multilabel else self._targets(np.searchsorted(self.classes_, y))

    def _targets(self, places: Array) -> Array:
        """Indices into `classes_` as targets of the loss."""
        if self._loss().spec.target == "label":
            return places
        if len(self.classes_) > 2:
            return np.eye(len(self.classes_), dtype=np.float32)[places]
        return places[:, None].astype(np.float32)

    def _decoded(self, target: Array) -> Array:
        if self._multilabel:
            return target.astype(int)
        places = target if target.ndim == 1 else (target[:, 0] > 0.5).astype(int)
        if target.ndim == 2 and target.shape[1] > 1:
            places = target.argmax(axis=1)
        decoded: Array = self.classes_[places]
        return decoded

    def _quick_target(self, y: Array) -> Array | None:
        classes = self.classes_
        if self._multilabel or y.ndim != 1 or y.dtype != classes.dtype or self.class_weight is not None:
            return None
        places = np.searchsorted(classes, y)
        np.minimum(places, len(classes) - 1, out=places)
        return self._targets(places) if (classes[places] == y).all() else None

    def _check_known(self, y: Array, multilabel: bool, incremental: bool) -> None:
        if multilabel != self._multilabel or (multilabel and y.shape[1] != len(self.classes_)):
            raise InputError("y: the kind of targets and the number of labels must be those of the first call")
        found = np.arange(y.shape[1]) if multilabel else np.unique(y)
        if self.warm_start and not incremental and set(found) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                f"Previously got {self.classes_}, `y` has {found}"
            )
        if len(np.setdiff1d(found, self.classes_)):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {found}."
            )

    def _loss(self) -> Component:
        if not isinstance(self.loss, str) or self.loss != OWN_LOSS:
            component = resolve("loss", self.loss, "loss")
            if component.spec.target == "label" and self._multilabel:
                raise InputError(f"loss: {component.name!r} takes one label per sample, but y has several")
            return declare.with_plain_targets(component)
        several = not self._multilabel and len(self.classes_) > 2
        return resolve("loss", "softmax_cross_entropy" if several else "binary_cross_entropy", "loss")

    def _output_count(self, target: Array) -> int:
        return target.shape[1] if target.ndim == 2 else max(2, len(self.classes_))

    def _out_activation(self) -> str:
        component = self._loss()
        return OUTPUTS.get(component.name, component.name if component.spec.owns_output else "identity")

    def _weighted(self, y: Any, weight: Array | None, incremental: bool) -> Array | None:
        if self.class_weight is None:
            return weight
        if incremental and isinstance(self.class_weight, str):
            raise ValueError(
                "class_weight='balanced' is not supported by partial_fit, which does not see all samples. Pass a dict "
                "of weights, for example from sklearn.utils.class_weight.compute_class_weight."
            )
        by_class = self._class_weights(y)
        check_class_weight(self.class_weight, by_class)
        return by_class if weight is None else weight * by_class

    def _class_weights(self, y: Any) -> Array:
        """The weight of each sample's class; classes that a dict does not name have weight 1."""
        given, classes = self.class_weight, self.classes_
        if isinstance(given, Mapping) and not self._multilabel:  # some classes may be missing in a batch
            weights: Array = compute_class_weight(given, classes=classes, y=classes)[np.searchsorted(classes, y)]
        else:
            weights = compute_sample_weight(given, y)
        return weights

    def _strata(self, target: Array) -> Array | None:
        return np.greater(target, 0.5) if target.ndim == 2 and target.shape[1] == 1 else None

    @property
    def _one_class(self) -> bool:
        return len(self.classes_) == 1 and not self._multilabel

    def _validation_score(self, metrics: Mapping[str, float], data: Data) -> float:
        if "val_accuracy" in metrics and not self._multilabel:
            return metrics["val_accuracy"]
        target, predicted = data.target, self._live().trainer.predict(data.X)
        if self._multilabel or target.shape[1] == 1:
            found = accuracy_score(target > 0.5, predicted > 0.5, sample_weight=data.weight)
        else:
            found = accuracy_score(target.argmax(axis=1), predicted.argmax(axis=1), sample_weight=data.weight)
        return float(found)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
