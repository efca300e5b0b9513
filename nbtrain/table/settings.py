"""The networks of a table's model and their settings: what was said, and defaults by the number of rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import arrays as checks
from ..checks.messages import brief, wrong
from ..components import Component
from ..components.by_name import loss as loss_named
from ..components.by_name import optimizer as optimizer_named
from ..components.by_name import regularizer as regularizer_named
from ..components.network import Dense, Network
from ..errors import InputError
from .target import Target

if TYPE_CHECKING:
    from ..training.trainer import Trainer

LARGE = 10_000  # rows above which networks, batches and learning rate are larger
EPOCHS, ITERATIONS = 200, 2000  # at most: so many epochs, or iterations where that is more
PATIENCE, PATIENT_ITERATIONS = 15, 300
L2 = 0.03


def chosen_settings(
    rows: int, hidden: Any, rate: Any, batch_size: Any, epochs: Any, patience: Any, seeds: Any
) -> dict[str, Any]:
    """The settings, where they are not given those that do well on tables of so many rows."""
    large = rows > LARGE
    batch = (256 if large else 32) if batch_size is None else checks.whole_number(batch_size, "batch_size", 1)
    steps = max(1, -(-rows // batch))
    if epochs is None:
        epochs = max(EPOCHS, math.ceil(ITERATIONS / steps))
    if patience is None:
        patience = max(PATIENCE, math.ceil(PATIENT_ITERATIONS / steps))
    if hidden is None:
        hidden = (128, 128) if large else (64, 64)
    elif not isinstance(hidden, Sequence) or isinstance(hidden, str):
        raise InputError(wrong("hidden", "be a list of numbers of units", brief(hidden)))
    return {
        "hidden": tuple(hidden),
        "batch_size": batch,
        "learning_rate": (3e-3 if large else 1e-3) if rate is None else rate,
        "chosen_rate": rate is not None,
        "epochs": checks.whole_number(epochs, "epochs", 1),
        "patience": checks.whole_number(patience, "patience", 0),
        "seeds": checks.whole_number((3 if large else 5) if seeds is None else seeds, "seeds", 1),
    }


def loss_of(target: Target, given: Any) -> Component:
    """The loss, by default that of the target's task."""
    if isinstance(given, Component):
        return given
    return loss_named(given or ("softmax_cross_entropy" if target.task == "classification" else "mse"))


def networks_of(
    inputs: int,
    outputs: int,
    settings: dict[str, Any],
    activation: Any,
    dropout: float,
    optimizer: Any,
    regularizer: Any,
    rng: int,
    **more: Any,
) -> list[Trainer]:
    """A trainer for each seed; network k has the k-th seed that `rng` spawns."""
    from ..training.trainer import Trainer

    units = [unit if isinstance(unit, Dense) else Dense(unit, activation, dropout=dropout, initializer="glorot_uniform")
             for unit in settings["hidden"]]  # fmt: skip
    if isinstance(optimizer, str) and (settings["chosen_rate"] or optimizer == "adam"):
        optimizer = optimizer_named(optimizer, learning_rate=settings["learning_rate"])
    elif settings["chosen_rate"]:
        raise InputError("learning_rate: the optimizer has one already; give its name alone")
    if isinstance(regularizer, str) and regularizer == "default":
        regularizer = regularizer_named("l2", strength=L2)
    common = {"optimizer": optimizer, "regularizer": regularizer, "batch_size": settings["batch_size"], **more}
    network = Network(inputs, [*units, Dense(outputs)])
    return [
        Trainer(network, rng=np.random.SeedSequence(rng, spawn_key=(k,)), **common) for k in range(settings["seeds"])
    ]
