"""Suggestions for unknown names: near spellings, what others call a thing here, and which package has it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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


# What else is said for a name -> names here, of any kind of thing: the first that there is was meant.
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
    "softmax belongs to the loss: loss='softmax_cross_entropy' predicts its probabilities, and wants a last layer "
    "without an activation, such as Dense(3)"
)


def synonyms(name: str) -> tuple[str, ...]:
    """Names here of what others call so."""
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
    from difflib import get_close_matches  # wanted for errors alone

    lower = {known.lower(): known for known in names}
    return [lower[found] for found in get_close_matches(name.lower(), lower, 1)]


def did_you_mean(name: Any, names: Iterable[str]) -> str:
    """The end of a sentence that tells of an unknown name, with a hint where one is near."""
    near = nearest(name, names) if isinstance(name, str) else []
    return f"; did you mean {near[0]!r}?" if near else "."


class MissingName(AttributeError):
    """A module has no such name; what was meant is looked for when somebody reads it, for imports ask in passing.

    Parameters
    ----------
    module : str
    name : str
    names : sequence of str
        Those that there are.
    """

    def __init__(self, module: str, name: str, names: Sequence[str]) -> None:
        super().__init__(f"module {module!r} has no attribute {name!r}")
        self.module, self.missing, self.names = module, name, names

    def __reduce__(self) -> Any:
        return MissingName, (self.module, self.missing, self.names)

    def __str__(self) -> str:
        return f"{self.args[0]}{did_you_mean(self.missing, self.names).rstrip('.')}"
