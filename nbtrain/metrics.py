"""Metrics by name: accuracy and R² are counted by the core, all others come from scikit-learn where it is installed.

trainer.evaluate(X, y, metrics=["f1", "auc", "top_3", my_function])
trainer.fit(X, y, validation_data=(X_val, y_val), metrics=["mae"])          # val_mae in the history
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .checks.messages import unknown, wrong
from .errors import Error, InputError

__all__ = ["Metric"]

Array = np.ndarray[Any, Any]
ALWAYS = ("loss", "accuracy", "r2")  # evaluate computes these by itself, where they make sense
CLASSES, PREDICTION = "classes", "prediction"


@dataclass(frozen=True)
class Metric:
    """A number that measures how good predictions are.

    Parameters
    ----------
    name : str
        Its name in the history and in what `evaluate` returns.
    function : function
        `function(y_true, y_pred) -> float`; with `weighted` it also takes `sample_weight=`.
    on : {"classes", "prediction"}, default "classes"
        What `y_pred` is in classification: the predicted classes, like `y_true`, or the result of `predict`,
        probabilities. For other losses it is always the prediction.
    weighted : bool, default False
        Whether sample weights are passed to the function.
    options : dict, optional
        More keyword arguments for the function.
    """

    name: str
    function: Callable[..., Any]
    on: str = CLASSES
    weighted: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


# Name -> function of sklearn.metrics, what it takes, options. "?" marks options that depend on the classes.
CLASSIFICATION: dict[str, tuple[str, str, dict[str, Any]]] = {
    "balanced_accuracy": ("balanced_accuracy_score", CLASSES, {}),
    "precision": ("precision_score", CLASSES, {"average": "?", "zero_division": 0.0}),
    "recall": ("recall_score", CLASSES, {"average": "?", "zero_division": 0.0}),
    "f1": ("f1_score", CLASSES, {"average": "?", "zero_division": 0.0}),
    "f1_macro": ("f1_score", CLASSES, {"average": "macro", "zero_division": 0.0}),
    "f1_micro": ("f1_score", CLASSES, {"average": "micro", "zero_division": 0.0}),
    "f1_weighted": ("f1_score", CLASSES, {"average": "weighted", "zero_division": 0.0}),
    "matthews": ("matthews_corrcoef", CLASSES, {}),
    "cohen_kappa": ("cohen_kappa_score", CLASSES, {}),
    "auc": ("roc_auc_score", PREDICTION, {"multi_class": "ovr", "labels": "?"}),
    "average_precision": ("average_precision_score", PREDICTION, {}),
    "log_loss": ("log_loss", PREDICTION, {"labels": "?"}),
}
REGRESSION = {
    "mae": "mean_absolute_error",
    "mse": "mean_squared_error",
    "rmse": "root_mean_squared_error",
    "mape": "mean_absolute_percentage_error",
    "median_absolute_error": "median_absolute_error",
    "max_error": "max_error",
    "explained_variance": "explained_variance_score",
}
TOP = re.compile(r"top_([1-9]\d*)")
_UNWEIGHTED = {"max_error"}
_ERRORS = {"mae", "mse", "rmse", "mape"}


def smaller_is_better(name: str) -> bool:
    """Whether a metric of that name is a loss or an error."""
    name = name.removeprefix("val_")
    return name in _ERRORS or name.endswith(("loss", "error"))


def as_metric(given: Any, argument: str = "metrics") -> Metric | None:
    """A metric from its name or a function; None for those that evaluate computes by itself.

    Raises
    ------
    InputError
        If the name is unknown.
    Error
        If it needs scikit-learn, which is not installed.
    """
    if isinstance(given, Metric):
        return given
    if callable(given) and not isinstance(given, type):
        return Metric(getattr(given, "__name__", type(given).__name__), given)
    if given in ALWAYS:
        return None
    if isinstance(given, str) and (top := TOP.fullmatch(given)):
        options = {"k": int(top[1]), "labels": "?"}
        return Metric(given, _from_sklearn("top_k_accuracy_score", given), PREDICTION, True, options)
    if isinstance(given, str) and given in CLASSIFICATION:
        found, on, options = CLASSIFICATION[given]
        return Metric(given, _from_sklearn(found, given), on, True, options)
    if isinstance(given, str) and given in REGRESSION:
        function = _from_sklearn(REGRESSION[given], given)
        return Metric(given, function, PREDICTION, given not in _UNWEIGHTED)
    if isinstance(given, str):
        names = [*ALWAYS, *CLASSIFICATION, "top_2", "top_3", "…", *REGRESSION]
        raise InputError(f"{unknown('metric', given, names)}. A function (y_true, y_pred) works too")
    raise InputError(wrong(argument, "be a name, a function (y_true, y_pred) or an nbtrain.metrics.Metric", given))


def as_metrics(given: Any) -> list[Metric]:
    """The requested metrics, without those that evaluate computes by itself."""
    if isinstance(given, str | Metric) or callable(given):
        given = (given,)
    if not isinstance(given, Iterable):
        raise InputError(wrong("metrics", "be a list of names or functions", given))
    found = [metric for metric in map(as_metric, given) if metric is not None]
    names = [metric.name for metric in found]
    for name in names:
        if names.count(name) > 1 or name in ALWAYS:
            raise InputError(f"metrics: two metrics are called {name!r}; rename one with nbtrain.metrics.Metric")
    return found


def _from_sklearn(function: str, name: str) -> Callable[..., Any]:
    try:
        from sklearn import metrics
    except ImportError as error:
        raise Error(f"metric {name!r} needs scikit-learn: pip install 'nbtrain[sklearn]'") from error
    found: Callable[..., Any] = getattr(metrics, function)
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
