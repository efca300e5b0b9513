"""Suggestions for unknown names: similar spellings, other libraries' names, and which package has it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

# distribution: kind -> names, as its hooks yield them (the tests compare)
OFFERED: dict[str, dict[str, str]] = {
    "nbtrain-activations": {
        "activation": "elu selu silu gelu gelu_tanh softplus softsign mish hard_sigmoid hard_swish"
    },
    "nbtrain-constraints": {"constraint": "max_norm unit_norm non_negative"},
    "nbtrain-lamb": {"optimizer": "lamb"},
    "nbtrain-losses": {"loss": "mae huber quantile poisson hinge focal"},
    "nbtrain-optimizers": {"optimizer": "nesterov adagrad adadelta adamw amsgrad nadam radam lion"},
    "nbtrain-regularizers": {"regularizer": "l1 elastic_net"},
    "nbtrain-schedules": {"schedule": "warmup polynomial inverse_time inverse_sqrt cosine_restarts one_cycle cyclic"},
}


def package_of(kind: str, name: str) -> str:
    """The distribution that provides a component of that name, or nothing."""
    found = (package for package, kinds in OFFERED.items() if name in kinds.get(kind, "").split())
    return next(found, "")


# Other names of a thing -> names here, of any kind; the first one that exists was meant.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "lr": ("learning_rate",),
    "eps": ("epsilon",),
    "wd": ("weight_decay",),
    "acc": ("accuracy",),
    "r2_score": ("r2",),
    "auc": ("roc_auc",),
    "roc_auc": ("auc",),
    "linear": ("identity",),
    "logistic": ("sigmoid",),
    "swish": ("silu",),
    "squared_error": ("mse",),
    "mean_squared_error": ("mse",),
    "mse": ("neg_mean_squared_error",),
    "absolute_error": ("mae",),
    "mean_absolute_error": ("mae",),
    "mae": ("neg_mean_absolute_error",),
    "rmse": ("neg_root_mean_squared_error",),
    "bce": ("binary_cross_entropy",),
    "binary_crossentropy": ("binary_cross_entropy",),
    **dict.fromkeys(
        "cross_entropy crossentropy categorical_crossentropy sparse_categorical_crossentropy softmax".split(),
        ("softmax_cross_entropy",),
    ),
    "nll": ("softmax_cross_entropy",),
    "log_loss": ("softmax_cross_entropy", "neg_log_loss"),
    **dict.fromkeys("he kaiming kaiming_uniform".split(), ("he_uniform",)),
    "kaiming_normal": ("he_normal",),
    **dict.fromkeys("glorot xavier xavier_uniform".split(), ("glorot_uniform",)),
    "xavier_normal": ("glorot_normal",),
    "lecun": ("lecun_uniform",),
    "l1_l2": ("elastic_net",),
    "cosine_annealing": ("cosine",),
    "gradient_descent": ("sgd",),
}
SOFTMAX = (
    "softmax belongs to the loss: use loss='softmax_cross_entropy', which predicts its probabilities, and a last layer "
    "without an activation, such as Dense(3)"
)


def synonyms(name: str) -> tuple[str, ...]:
    """Names here of what other libraries call so."""
    return SYNONYMS.get(name.lower(), ())


def an(noun: str) -> str:
    """The noun with its article."""
    return f"a{'n' * (noun[0] in 'aeiou')} {noun}"


def nearest(name: str, names: Iterable[str]) -> list[str]:
    """The name that was probably meant, if there is one."""
    names = list(names)
    for meant in synonyms(name):
        if meant in names:
            return [meant]
    from difflib import get_close_matches  # needed for errors only

    lower = {known.lower(): known for known in names}
    return [lower[found] for found in get_close_matches(name.lower(), lower, 1)]


def did_you_mean(name: Any, names: Iterable[str]) -> str:
    """The end of a sentence about an unknown name, with a hint if there is a similar one."""
    near = nearest(name, names) if isinstance(name, str) else []
    return f"; did you mean {near[0]!r}?" if near else "."
