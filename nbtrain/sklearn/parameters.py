"""The estimators' parameters: what each accepts, as a function and in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np

from ..checks.messages import brief, wrong
from ..checks.suggestions import an
from ..components import Component, Spec
from ..errors import InputError

BOOLS = (bool, np.bool)
LARGEST_SEED = 2**32 - 1
SOLVERS = ("lbfgs", "sgd", "adam")


class ParameterError(InputError, TypeError):
    """An invalid parameter of an estimator; both ValueError and TypeError, as in scikit-learn."""


Rule = tuple[Callable[[Any], bool], str]


def _whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, BOOLS) and int(value) >= 1


def _number(low: float, high: float = math.inf, *, open_low: bool = False, open_high: bool = False) -> Rule:
    def accepts(value: Any) -> bool:
        if not isinstance(value, Real) or isinstance(value, BOOLS) or not math.isfinite(value):
            return False
        number = float(value)
        return (number > low if open_low else number >= low) and (number < high if open_high else number <= high)

    words = f"a number {'>' if open_low else '>='} {low:g}"
    if high < math.inf:
        words += f" and {'<' if open_high else '<='} {high:g}"
    return accepts, words


def _name(kind: str, *names: str) -> Rule:
    """A name (looked up later), a component or a spec of the kind."""

    def accepts(value: Any) -> bool:
        return isinstance(value, str) or (isinstance(value, Component | Spec) and value.kind == kind)

    other = f"{', '.join(map(repr, names))}, the name of another {kind}" if names else f"the name of {an(kind)}"
    return accepts, f"{other}, or nbtrain.{kind}(…)"


def _or_none(rule: Rule) -> Rule:
    return (lambda value: value is None or rule[0](value)), f"{rule[1]}, or None"


def _sequence(value: Any) -> bool:
    return isinstance(value, list | tuple | np.ndarray)


def _per_layer(rule: Rule, layers: str) -> Rule:
    """One for all layers, or a list."""
    one, words = rule
    return (
        lambda value: one(value) or (_sequence(value) and all(one(item) for item in value)),
        f"{words}, or a list with one per {layers}",
    )


WHOLE: Rule = (_whole, "an integer >= 1")
WHOLE_OR_AUTO: Rule = (
    lambda value: (isinstance(value, str) and value == "auto") or _whole(value),
    f"'auto' or {WHOLE[1]}",
)
BOOL: Rule = (lambda value: isinstance(value, BOOLS), "True or False")
BETA = _number(0, 1, open_high=True)
RULES: dict[str, Rule] = {
    "hidden_layer_sizes": (
        lambda value: _sequence(value) or _whole(value),
        "a number of units, or a list with one per hidden layer",
    ),
    "activation": _per_layer(_name("activation", "identity", "logistic", "tanh", "relu"), "hidden layer"),
    "solver": _name("optimizer", *SOLVERS),
    "learning_rate": _name("schedule", "constant", "invscaling", "adaptive"),
    "loss": _name("loss"),
    "dropout": _per_layer(BETA, "hidden layer"),
    "initializer": _or_none(_name("initializer")),
    "regularizer": _or_none(_name("regularizer")),
    "constraint": _per_layer(_or_none(_name("constraint")), "layer, the output layer's last"),
    **dict.fromkeys(("alpha", "power_t", "tol"), _number(0)),
    **dict.fromkeys(("learning_rate_init", "epsilon"), _number(0, open_low=True)),
    **dict.fromkeys(("clip_value", "clip_norm"), _or_none(_number(0, open_low=True))),
    **dict.fromkeys(("beta_1", "beta_2", "validation_fraction"), BETA),
    "momentum": _number(0, 1),
    **dict.fromkeys(("max_iter", "max_fun", "n_estimators"), WHOLE),
    **dict.fromkeys(("batch_size", "threads"), WHOLE_OR_AUTO),
    "n_iter_no_change": (
        lambda value: _whole(value) or (isinstance(value, Real) and float(value) == math.inf),
        f"{WHOLE[1]}, or infinity",
    ),
    **dict.fromkeys(
        ("shuffle", "warm_start", "nesterovs_momentum", "early_stopping", "bootstrap", "standardize"), BOOL
    ),
    "verbose": (
        lambda value: isinstance(value, BOOLS) or (isinstance(value, Integral) and int(value) >= 0),
        "True, False or a level",
    ),
    "scoring": (
        lambda value: value is None or isinstance(value, str) or callable(value),
        "'loss', the name of a scorer of scikit-learn, a callable scorer(estimator, X, y), or None",
    ),
    "class_weight": (
        lambda value: value is None or isinstance(value, Mapping | list) or value == "balanced",
        "a dict {class: weight}, 'balanced' or None",
    ),
}


def check_parameters(estimator: Any) -> None:
    """Raise a ParameterError that names the first invalid parameter."""
    for name, value in vars(estimator).items():
        rule = RULES.get(name)
        if rule is not None and not rule[0](value):
            rate = name == "learning_rate" and RULES["learning_rate_init"][0](value)
            hint = "a number belongs in learning_rate_init" if rate else ""
            raise ParameterError(wrong(name, f"be {rule[1]}", brief(value), hint))
    state = estimator.random_state
    if not (state is None or state is np.random or isinstance(state, np.random.RandomState) or _seed(state)):
        expected = f"be an integer from 0 to {LARGEST_SEED}, a numpy.random.RandomState or None"
        raise ParameterError(wrong("random_state", expected, brief(state)))


def _seed(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, BOOLS) and 0 <= int(value) <= LARGEST_SEED


def check_class_weight(given: Any, weights: np.ndarray[Any, Any]) -> None:
    """Raise a ParameterError if the weight of a class is invalid, or all `weights` of the samples are 0."""
    for each in given if isinstance(given, list) else [given]:
        for label, weight in each.items() if isinstance(each, Mapping) else ():
            if not _number(0)[0](weight):
                raise ParameterError(
                    wrong(f"class_weight of class {label!r}", "be a finite number >= 0", brief(weight))
                )
    if not weights.any():
        raise ParameterError(f"class_weight: {brief(given)} gives every sample the weight 0")
