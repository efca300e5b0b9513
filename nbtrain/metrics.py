"""Metrics by name: accuracy and R² are counted by the core, all others come from scikit-learn where it is installed.

trainer.evaluate(X, y, metrics=["f1", "auc", "top_3", my_function])
trainer.fit(X, y, validation_data=(X_val, y_val), metrics=["mae"])          # val_mae in the history
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from .core import layout
from .dataset import Dataset
from .errors import Error, InputError
from .words import did_you_mean

if TYPE_CHECKING:
    from .trainer import Trainer

Array = np.ndarray[Any, Any]
ALWAYS = ("loss", "accuracy", "r2")  # those that evaluate has anyhow, where they make sense
CLASSES, PREDICTION = "classes", "prediction"


@dataclass(frozen=True)
class Metric:
    """A number that says how good predictions are.

    Parameters
    ----------
    name : str
        Its name in the history and in what `evaluate` returns.
    function : function
        `function(y_true, y_pred) -> float`; with `weighted` it also takes `sample_weight=`.
    on : {"classes", "prediction"}, default "classes"
        What `y_pred` is in classification: the predicted classes, like `y_true`, or what `predict` gives,
        probabilities. For other losses it is always the prediction.
    weighted : bool, default False
        Whether sample weights are handed on.
    options : dict, optional
        Further arguments of the function.
    """

    name: str
    function: Callable[..., Any]
    on: str = CLASSES
    weighted: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


# Name -> function of sklearn.metrics, what it looks at, options. "?" stands for options that depend on the classes.
_CLASSIFICATION: dict[str, tuple[str, str, dict[str, Any]]] = {
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
_REGRESSION = {
    "mae": "mean_absolute_error",
    "mse": "mean_squared_error",
    "rmse": "root_mean_squared_error",
    "mape": "mean_absolute_percentage_error",
    "median_absolute_error": "median_absolute_error",
    "max_error": "max_error",
    "explained_variance": "explained_variance_score",
}
_TOP = re.compile(r"top_([1-9]\d*)")
_UNWEIGHTED = {"max_error"}
_ERRORS = {"mae", "mse", "rmse", "mape"}


def smaller_is_better(name: str) -> bool:
    """Whether a metric of that name is a loss or an error."""
    name = name.removeprefix("val_")
    return name in _ERRORS or name.endswith(("loss", "error"))


def as_metric(given: Any, argument: str = "metrics") -> Metric | None:
    """A metric from its name or a function; None for those that evaluate has anyhow.

    Raises
    ------
    InputError
        If there is none of that name.
    Error
        If it needs scikit-learn, which is not installed.
    """
    if isinstance(given, Metric):
        return given
    if callable(given) and not isinstance(given, type):
        return Metric(getattr(given, "__name__", type(given).__name__), given)
    if given in ALWAYS:
        return None
    if isinstance(given, str) and (top := _TOP.fullmatch(given)):
        options = {"k": int(top[1]), "labels": "?"}
        return Metric(given, _from_sklearn("top_k_accuracy_score", given), PREDICTION, True, options)
    if isinstance(given, str) and given in _CLASSIFICATION:
        found, on, options = _CLASSIFICATION[given]
        return Metric(given, _from_sklearn(found, given), on, True, options)
    if isinstance(given, str) and given in _REGRESSION:
        function = _from_sklearn(_REGRESSION[given], given)
        return Metric(given, function, PREDICTION, given not in _UNWEIGHTED)
    names = [*ALWAYS, *_CLASSIFICATION, "top_2", "top_3", "…", *_REGRESSION]
    if isinstance(given, str):
        raise InputError(
            f"{argument}: there is no {given!r}{did_you_mean(given, names)} There are: {', '.join(names)}; a function "
            "(y_true, y_pred) is taken, too"
        )
    raise InputError(
        f"{argument}: {given!r} given; a name, a function (y_true, y_pred) or an nbtrain.metrics.Metric is wanted"
    )


def as_metrics(given: Any) -> list[Metric]:
    """The metrics that were asked for, without those that evaluate has anyhow."""
    if isinstance(given, str | Metric) or callable(given):
        given = (given,)
    if not isinstance(given, Iterable):
        raise InputError(f"metrics: {given!r} given; a list of names or functions is wanted")
    found = [metric for metric in map(as_metric, given) if metric is not None]
    names = [metric.name for metric in found]
    for name in names:
        if names.count(name) > 1 or name in ALWAYS:
            raise InputError(f"metrics: two are called {name!r}; nbtrain.metrics.Metric gives a function another name")
    return found


def _from_sklearn(function: str, name: str) -> Callable[..., Any]:
    try:
        from sklearn import metrics
    except ImportError as error:
        raise Error(f"metric {name!r} needs scikit-learn: pip install 'nbtrain[sklearn]'") from error
    found: Callable[..., Any] = getattr(metrics, function)
    return found


def compute(trainer: Trainer, dataset: Dataset, metrics: Iterable[Metric]) -> dict[str, float]:
    """The metrics of a trainer on data, from one prediction."""
    metrics = list(metrics)
    if not metrics:
        return {}
    prediction = trainer.predict(dataset.x)
    truth, hits = dataset.y, int(trainer.model.descriptor["hits"][0])
    if truth.ndim == 2 and truth.shape[1] == 1:
        truth, prediction = truth[:, 0], prediction[:, 0]
    classes = prediction
    if hits == layout.HITS_LARGEST:
        classes = prediction.argmax(axis=1)
    elif hits == layout.HITS_THRESHOLD:
        truth, classes = (truth > 0.5).astype(np.int64), (prediction > 0.5).astype(np.int64)
    found = {}
    for metric in metrics:
        _check_task(metric, hits, trainer)
        options = _options(metric, prediction)
        if metric.weighted and dataset.weight is not None:
            options["sample_weight"] = dataset.weight
        given = classes if metric.on == CLASSES else prediction
        if hits == layout.HITS_LARGEST and given is prediction and prediction.shape[1] == 2 and metric.weighted:
            given = prediction[:, 1]  # scikit-learn's form for two classes
        found[metric.name] = _number(metric.function(truth, given, **options), metric)
    return found


def _number(value: Any, metric: Metric) -> float:
    """What a metric returned as a float."""
    try:
        return float(value)
    except (TypeError, ValueError):
        text = " ".join(repr(value).split())
        raise InputError(f"metrics: {metric.name!r} returned {text[:60]}; a number is wanted") from None


def _check_task(metric: Metric, hits: int, trainer: Trainer) -> None:
    """A named metric is for classes or for values, and so is a loss."""
    name, loss = metric.name, trainer.recipe.loss.name
    if hits == layout.HITS_NONE and (name in _CLASSIFICATION or _TOP.fullmatch(name)):
        raise InputError(f"metrics: {name!r} is for classification; loss {loss!r} has values as targets")
    if hits == layout.HITS_LARGEST and name in _REGRESSION:
        raise InputError(f"metrics: {name!r} is for values; loss {loss!r} has classes as targets")


def _options(metric: Metric, prediction: Array) -> dict[str, Any]:
    """The metric's options, with what depends on the classes."""
    options = dict(metric.options)
    outputs = prediction.shape[1] if prediction.ndim == 2 else 2
    if options.get("average") == "?":
        options["average"] = "binary" if outputs == 2 else "macro"
    if options.get("labels") == "?":
        options["labels"] = np.arange(outputs)
    return options
