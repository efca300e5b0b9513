"""The part of the estimators' documentation that they share."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from typing import TypeVar

Estimator = TypeVar("Estimator", bound=type)

PARAMETERS = """
hidden_layer_sizes : int or sequence of int, default (100,)
    Units of the hidden layers.
activation : str or component, or a list of them, default "relu"
    "identity", "logistic", "tanh", "relu" or any other activation by name or from `nbtrain.activation`; a list has one
    for each hidden layer.
solver : str or component, default "adam"
    "adam", "sgd" (with momentum as in scikit-learn), "lbfgs", or any other optimizer: by name, with
    `learning_rate_init`, or from `nbtrain.optimizer`, with its own learning rate.
alpha : float, default 0.0001
    Strength of the L2 regularization.
batch_size : int or "auto", default "auto"
    Samples per iteration; "auto" is min(200, n_samples).
learning_rate : "constant", "invscaling", "adaptive", or a schedule, default "constant"
    A schedule is given by name or from `nbtrain.schedule`. The first three affect "sgd" and other optimizers by name,
    but not "adam", as in scikit-learn.
learning_rate_init : float, default 0.001
    Initial learning rate.
power_t : float, default 0.5
    Exponent of "invscaling".
max_iter : int, default 200
    Maximum number of epochs, or of iterations of "lbfgs".
shuffle : bool, default True
    Shuffle the samples in every epoch.
random_state : int, RandomState or None, default None
    Determines initial weights (the same as in scikit-learn), validation split, order and dropout.
tol : float, default 0.0001
    Smallest improvement of the loss or score that counts; `gtol` of "lbfgs".
verbose : bool or int, default False
    Print a line per epoch.
warm_start : bool, default False
    `fit` continues from the weights of the previous call and, with the same solver, from its state.
momentum : float, default 0.9
    For "sgd".
nesterovs_momentum : bool, default True
    For "sgd".
early_stopping : bool, default False
    Stop when the validation score no longer improves, and restore the best weights.
validation_fraction : float, default 0.1
    Fraction of the samples for early stopping, unless `fit` is given validation data.
beta_1 : float, default 0.9
    For "adam".
beta_2 : float, default 0.999
    For "adam".
epsilon : float, default 1e-08
    For "adam".
n_iter_no_change : int, default 10
    Epochs without improvement after which training ends.
max_fun : int, default 15000
    Maximum number of evaluations of the loss by "lbfgs".
dropout : float or list of float, default 0.0
    Probability that a hidden unit is disabled in an iteration; a list has one for each hidden layer.
initializer : str or component or None, default None
    Initializer of the weights, by name or from `nbtrain.initializer`; by default as in scikit-learn.
regularizer : str or component or None, default None
    Replaces L2: by name, with strength `alpha`, or from `nbtrain.regularizer`.
constraint : str or component, None, or a list of them, default None
    Constraint that weights are projected onto after every update, by name or from `nbtrain.constraint`: for every
    layer, or a list with one for each layer, the output layer's last.
clip_value : float or None, default None
    Clip every element of the gradient to the range -clip_value … clip_value.
clip_norm : float or None, default None
    Largest Euclidean norm of the whole gradient; a longer one is scaled down.
scoring : str, callable or None, default None
    Score of the validation data, larger is better: a scorer by name or from `sklearn.metrics.make_scorer`, called as
    `scorer(estimator, X, y)`; "loss" for the negative loss; None for `score`.
callbacks : callback or sequence of callbacks, default None
    `nbtrain.Callback` objects, or functions `f(trainer, epoch, metrics)`; returning True stops the training.
threads : int or "auto", default 1
    Threads that share the work of a step; see `nbtrain.Trainer`.
"""
ATTRIBUTES = """
coefs_, intercepts_ : list of ndarray
    Weights (inputs, units) and biases (units,) of each layer; changing them in place changes the model.
loss_, best_loss_, loss_curve_ : float, float, list of float
    Loss including the penalty: last, smallest, one per epoch.
validation_scores_, best_validation_score_ : list of float, float
    Score of the validation data after each epoch, and the best one; or None.
history_ : nbtrain.History
    Loss and metrics of each epoch; those of validation data are called `val_…`.
n_iter_, t_ : int
    Epochs of the last call, samples seen in total.
trainer_ : nbtrain.Trainer
    The trainer; its weights are the estimator's own.
n_features_in_, feature_names_in_, n_layers_, n_outputs_, out_activation_
    As in scikit-learn.
"""


def documented(own: str = "") -> Callable[[Estimator], Estimator]:
    """Class decorator: fill `{parameters}` and `{attributes}` in a docstring; `own` parameters come before dropout."""
    return _filled({"parameters": PARAMETERS.replace("\ndropout :", f"{own}\ndropout :"), "attributes": ATTRIBUTES})


def _filled(texts: dict[str, str]) -> Callable[[Estimator], Estimator]:
    def complete(estimator: Estimator) -> Estimator:
        if estimator.__doc__:  # there are no docstrings under python -OO
            for name, text in texts.items():
                shifted = textwrap.indent(text.strip(), "    ").lstrip()
                estimator.__doc__ = estimator.__doc__.replace(f"{{{name}}}", shifted)
        return estimator

    return complete


# Of the estimators that train several networks, in the order of their parameters.
MANY_PARAMETERS = """
n_estimators : int, default 10
    Networks; they begin at different weights.
hidden_layer_sizes, activation, alpha, learning_rate_init, max_iter, shuffle, dropout, regularizer, constraint
    As for `MLPClassifier` and `MLPRegressor`.
standardize : bool, default True
    Scale each column of X and y in each group to mean 0 and standard deviation 1; predictions are scaled back.
solver : str or component, default "adam"
    Any optimizer: by name, with `learning_rate_init`, or from `nbtrain.optimizer`, with its own learning rate.
batch_size : int or "auto"
    Samples per iteration; "auto" is min(200, samples of a network).
bootstrap : bool, default False
    Train each network on as many samples, drawn with replacement, of which it has a copy in memory.
early_stopping : bool, default False
    Stop each network when its loss on validation data no longer improves, and restore its best weights.
    {split}
    Otherwise networks stop by their training loss.
validation_fraction : float, default 0.1
    Fraction of the samples for early stopping.
n_iter_no_change : int, default 10
    Epochs without an improvement of at least `tol` after which a network stops; infinity for all `max_iter` epochs.
tol : float, default 0.0001
    Smallest improvement of the loss that counts.
random_state : int, RandomState or None, default None
    Determines initial weights, bootstrap, validation splits, order and dropout.
initializer : str or component or None, default None
    Initializer of the weights; by default `glorot_uniform`.
clip_value, clip_norm : float or None, default None
    As for `nbtrain.Trainer`.
threads : int or "auto", default 1
    Threads that train networks, each one at a time. The results are the same for any number.
"""
MANY_ATTRIBUTES = """
population_ : nbtrain.Population
    The networks; `population_[k]` is a Trainer, a copy of network k.
n_iter_ : ndarray of shape (networks,)
    Epochs that each network was trained for.
n_features_in_, feature_names_in_
    As in scikit-learn.
"""
SPLITS = {
    "n_estimators": "Each network has a split of its own, and a copy of its samples in memory.",
    "standardize": "The same fraction of each group is split off.",
}
OPTIONAL = ("n_estimators", "bootstrap", "standardize")


def documented_many(own: str) -> Callable[[Estimator], Estimator]:
    """Class decorator as `documented`, for estimators of several networks, of whose parameters `own` are some."""
    names = own.split()
    split = next(text for name, text in SPLITS.items() if name in names)
    entries = re.split(r"\n(?=\w)", MANY_PARAMETERS.strip().replace("{split}", split))
    kept = [text for text in entries if (name := text.split(" ", 1)[0]) not in OPTIONAL or name in names]
    return _filled({"parameters": "\n".join(kept), "attributes": MANY_ATTRIBUTES})
