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
from .components import Component
from .core import layout
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

    Examples
    --------
    >>> import numpy as np, nbtrain
    >>> def largest_error(y_true, y_pred):
    ...     return float(np.abs(y_true - y_pred).max())
    >>> metric = nbtrain.metrics.Metric("largest_error", largest_error)
    >>> trainer = nbtrain.Trainer(nbtrain.Network(2, [nbtrain.Dense(1)]), loss="mse", rng=0)
    >>> sorted(trainer.evaluate(np.ones((4, 2)), np.ones(4), metrics=[metric]))
    ['largest_error', 'loss', 'r2']
    """

    name: str
    function: Callable[..., Any]
    on: str = CLASSES
    weighted: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


# What a trainer predicts: numbers, one class of several, yes or no, or yes or no for each of several labels; or
# something that is not what the targets are.
VALUES, CLASS, YES_OR_NO, LABELS, OWN = "values", "class", "yes or no", "labels", "own"
ONE_CLASS, CLASSIFYING, NUMBERS = (CLASS, YES_OR_NO), (CLASS, YES_OR_NO, LABELS), (VALUES, YES_OR_NO, LABELS)


@dataclass(frozen=True)
class NamedMetric(Metric):
    """A metric of scikit-learn by name; "?" marks options that depend on the task.

    Parameters
    ----------
    tasks : tuple of str
        What it can be computed for.
    """

    tasks: tuple[str, ...] = ()


# Name -> function of sklearn.metrics, what it takes, tasks, options.
CLASSIFICATION: dict[str, tuple[str, str, tuple[str, ...], dict[str, Any]]] = {
    "balanced_accuracy": ("balanced_accuracy_score", CLASSES, ONE_CLASS, {}),
    "precision": ("precision_score", CLASSES, CLASSIFYING, {"average": "?", "zero_division": 0.0}),
    "recall": ("recall_score", CLASSES, CLASSIFYING, {"average": "?", "zero_division": 0.0}),
    "f1": ("f1_score", CLASSES, CLASSIFYING, {"average": "?", "zero_division": 0.0}),
    "f1_macro": ("f1_score", CLASSES, CLASSIFYING, {"average": "macro", "zero_division": 0.0}),
    "f1_micro": ("f1_score", CLASSES, CLASSIFYING, {"average": "micro", "zero_division": 0.0}),
    "f1_weighted": ("f1_score", CLASSES, CLASSIFYING, {"average": "weighted", "zero_division": 0.0}),
    "matthews": ("matthews_corrcoef", CLASSES, ONE_CLASS, {}),
    "cohen_kappa": ("cohen_kappa_score", CLASSES, ONE_CLASS, {}),
    "auc": ("roc_auc_score", PREDICTION, CLASSIFYING, {}),
    "average_precision": ("average_precision_score", PREDICTION, CLASSIFYING, {}),
    "log_loss": ("log_loss", PREDICTION, ONE_CLASS, {"labels": "?"}),
}
PER_CLASS = ("auc", "average_precision")  # means over the classes or labels that occur
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
        function = _from_sklearn("top_k_accuracy_score", given)
        return NamedMetric(given, function, PREDICTION, True, options, tasks=ONE_CLASS)
    if isinstance(given, str) and given in CLASSIFICATION:
        found, on, tasks, options = CLASSIFICATION[given]
        return NamedMetric(given, _from_sklearn(found, given), on, True, options, tasks)
    if isinstance(given, str) and given in REGRESSION:
        function = _from_sklearn(REGRESSION[given], given)
        return NamedMetric(given, function, PREDICTION, given not in _UNWEIGHTED, tasks=NUMBERS)
    if isinstance(given, str):
        names = [*ALWAYS, *CLASSIFICATION, "top_2", "top_3", "…", *REGRESSION]
        raise InputError(f"{unknown('metric', given, names)}. A function (y_true, y_pred) works too")
    raise InputError(wrong(argument, "be a name, a function (y_true, y_pred) or an nbtrain.metrics.Metric", given))


def as_metrics(given: Any) -> list[Metric]:
    """The requested metrics, without those that evaluate computes by itself."""
    if isinstance(given, tuple) and not given:
        return []
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


def task_of(engine: Any) -> str:
    """What a trainer's engine predicts."""
    hits = int(engine.descriptor["hits"][0])
    if engine.recipe.loss.spec.target_columns is not None:
        return OWN
    if hits == layout.HITS_NONE:
        return VALUES
    if hits == layout.HITS_LARGEST:
        return CLASS
    return YES_OR_NO if engine.recipe.network.outputs == 1 else LABELS


def check_metric(metric: Metric, engine: Any) -> None:
    """Raise InputError if a metric by name cannot be computed for what a trainer predicts."""
    if not isinstance(metric, NamedMetric):
        return
    task, name, loss, outputs = task_of(engine), metric.name, engine.recipe.loss, engine.recipe.network.outputs
    if task not in metric.tasks:
        if task == OWN:
            raise InputError(
                f"metrics: {name!r} compares predictions with targets; loss {loss.name!r} has targets of its own "
                f"(target_columns={loss.spec.target_columns}). A function (y_true, y_pred) gets both as they are"
            )
        if task == VALUES:
            raise InputError(f"metrics: {name!r} is for classification; loss {loss.name!r} has values as targets")
        if task == CLASS:
            raise InputError(f"metrics: {name!r} is for values; loss {loss.name!r} has classes as targets")
        raise InputError(
            f"metrics: {name!r} is for one class per sample; loss {loss.name!r} with {outputs} outputs has several "
            "labels per sample"
        )
    if name == "max_error" and outputs > 1:
        raise InputError(f"metrics: 'max_error' is for networks with one output; this one has {outputs}")
    if name == "log_loss" and not gives_probabilities(loss):
        raise InputError(f"metrics: 'log_loss' needs probabilities, which loss {loss.name!r} does not give")


def gives_probabilities(loss: Component) -> bool:
    """Whether predictions with this loss lie between 0 and 1."""
    spec = loss.spec
    if spec.row_output is not None or spec.rows_output is not None:
        return True
    return spec.output is not None and (spec.minimum, spec.maximum) == (0, 1)


def _from_sklearn(function: str, name: str) -> Callable[..., Any]:
    try:
        from sklearn import metrics
    except ImportError as error:
        raise Error(f"metric {name!r} needs scikit-learn: pip install scikit-learn") from error
    found: Callable[..., Any] = getattr(metrics, function)
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
