"""The estimators' documentation: one text per parameter and attribute, put together for each class by its signature."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

COMPONENT = "str or component"
# name: (what may be given, what it does)
PARAMETERS: dict[str, tuple[str, str]] = {
    "hidden_layer_sizes": ("int or sequence of int", "Units of the hidden layers."),
    "activation": (
        f"{COMPONENT}, or a list of them",
        '"identity", "logistic", "tanh", "relu" or any other activation by name or from `nbtrain.activation`; a list '
        "gives one for each hidden layer.",
    ),
    "solver": (
        COMPONENT,
        '"adam", "sgd" (momentum in scikit-learn\'s form), "lbfgs", or any other optimizer by name, with '
        "`learning_rate_init`, or from `nbtrain.optimizer`, with its own learning rate.",
    ),
    "alpha": ("float", "Strength of the L2 regularization."),
    "batch_size": ('int or "auto"', 'Samples per iteration; "auto" is min(200, samples).'),
    "learning_rate": (
        '"constant", "invscaling", "adaptive", or a schedule by name or from `nbtrain.schedule`',
        'The first three have an effect with "sgd" and other optimizers by name, not with "adam", as in scikit-learn.',
    ),
    "learning_rate_init": ("float", "Initial learning rate."),
    "power_t": ("float", 'Exponent of "invscaling".'),
    "max_iter": ("int", 'Epochs, or iterations of "lbfgs".'),
    "shuffle": ("bool", "Draw a new order of the samples every epoch."),
    "random_state": (
        "int, RandomState or None",
        "Of initial weights (the same as scikit-learn's), validation split, order and dropout.",
    ),
    "tol": ("float", 'Improvement below which an epoch counts as none; `gtol` of "lbfgs".'),
    "verbose": ("bool or int", "Print a line an epoch."),
    "warm_start": (
        "bool",
        "Have `fit` go on from the weights, and with the same solver from its state, of the call before.",
    ),
    "momentum": ("float", 'Of "sgd".'),
    "nesterovs_momentum": ("bool", 'Of "sgd".'),
    "early_stopping": (
        "bool",
        "Stop when the validation score no longer improves, and go back to the best weights.",
    ),
    "validation_fraction": (
        "float",
        "Of the samples, for early stopping, unless `fit` is given validation data.",
    ),
    "beta_1": ("float", 'Of "adam".'),
    "beta_2": ("float", 'Of "adam".'),
    "epsilon": ("float", 'Of "adam".'),
    "n_iter_no_change": ("int", "Epochs without improvement that end the training."),
    "max_fun": ("int", 'Evaluations of the loss by "lbfgs".'),
    "dropout": (
        "float or list of float",
        "Probability that a hidden unit is disabled in a training iteration; a list gives one for each hidden layer.",
    ),
    "initializer": (
        f"{COMPONENT} or None",
        "Of the weights, by name or from `nbtrain.initializer`; by default drawn as in scikit-learn.",
    ),
    "regularizer": (
        f"{COMPONENT} or None",
        "Instead of L2: by name, with strength `alpha`, or from `nbtrain.regularizer`.",
    ),
    "constraint": (
        f"{COMPONENT}, None, or a list of them",
        "What the weights are brought back to after every update, by name or from `nbtrain.constraint`: of every "
        "layer, or a list with one for each hidden layer and one for the output layer.",
    ),
    "clip_value": ("float or None", "Brings every number of the gradient to the range -clip_value … clip_value."),
    "clip_norm": (
        "float or None",
        "Largest Euclidean norm of the gradient of all weights and biases together; a longer one is scaled down.",
    ),
    "scoring": (
        "str, callable or None",
        "What is computed on validation data, of `early_stopping` or given to `fit`, and is to grow: a scorer by name "
        'or from `sklearn.metrics.make_scorer`, called as `scorer(estimator, X, y)`; "loss" for the loss, negated; '
        "None for what `score` gives.",
    ),
    "class_weight": ('dict, "balanced" or None', "Weights of the classes, multiplied into the sample weights."),
    "callbacks": (
        "callback or sequence of callbacks",
        "`nbtrain.Callback` objects, or functions `f(trainer, epoch, metrics)`; True stops.",
    ),
    "threads": ('int or "auto"', "Threads that share the work of a step; see `nbtrain.Trainer`."),
}
ATTRIBUTES = """
coefs_, intercepts_ : list of ndarray
    Weights (inputs, units) and biases (units,) of each layer; changing them in place changes the model.
loss_, best_loss_, loss_curve_ : float, float, list of float
    Loss with the penalty: last, smallest, one an epoch.
validation_scores_, best_validation_score_ : list of float, float
    What `scoring` says of the validation data after each epoch, and the best of it; or None.
history_ : nbtrain.History
    Loss and metrics of each epoch, on validation data (`val_…`) too where there are any.
n_iter_, t_ : int
    Epochs of the last call, samples seen in all.
trainer_ : nbtrain.Trainer
    What trains: its weights are the estimator's own.
n_features_in_, feature_names_in_, n_layers_, n_outputs_, out_activation_
    As in scikit-learn.
"""
WIDTH = 112


def documented(**own: tuple[str, str]) -> Callable[[type], type]:
    """Complete a class's docstring: `{parameters}` by its signature, with texts of its own, and `{attributes}`."""

    def complete(estimator: type) -> type:
        if estimator.__doc__:  # there are no docstrings under python -OO
            parameters = _parameters(estimator, PARAMETERS | own)
            texts = {"parameters": parameters, "attributes": ATTRIBUTES.strip()}
            for name, text in texts.items():
                estimator.__doc__ = estimator.__doc__.replace(f"{{{name}}}", textwrap.indent(text, "    ").lstrip())
        return estimator

    return complete


def _parameters(estimator: Any, texts: Mapping[str, tuple[str, str]]) -> str:
    """The section on parameters, in the order of the signature; each has a text."""
    lines = []
    for name, parameter in inspect.signature(estimator).parameters.items():
        kind, text = texts[name]
        default = f'"{parameter.default}"' if isinstance(parameter.default, str) else repr(parameter.default)
        lines.append(f"{name} : {kind}, default {default}")
        lines += textwrap.wrap(text, WIDTH, initial_indent="    ", subsequent_indent="    ")
    return "\n".join(lines)
