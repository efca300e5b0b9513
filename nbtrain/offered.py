"""Components that nbtrain's own plugin packages provide, for who asks for one that is not installed."""

from __future__ import annotations

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


def provider_of(kind: str, name: str) -> str:
    """The distribution that provides a component of that name, or nothing."""
    found = (package for package, kinds in OFFERED.items() if name in kinds.get(kind, "").split())
    return next(found, "")
