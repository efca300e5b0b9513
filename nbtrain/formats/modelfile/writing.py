"""From a trainer to the bytes of its file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import DivergenceError, InputError
from ...model import layer_views
from .container import encode
from .description import FORMAT, NUMBERS, VERSION, describe
from .states import STATES, collect

if TYPE_CHECKING:
    from ...training.saving import Saving

Array = np.ndarray[Any, Any]


def parts_of(trainer: Saving, metadata: str) -> list[memoryview]:
    """The bytes of a trainer's file, in parts: a copy of how it stands. Nobody may train it meanwhile."""
    described, tensors = describe(trainer.recipe, trainer.model.descriptor), _tensors(trainer)
    strings = {"format": FORMAT, "version": VERSION, "trainer": json.dumps(described), "metadata": metadata}
    if trainer._run is not None:
        strings["callbacks"], kept = collect(trainer._run.keepers)
        wide = {name: array for name, array in kept.items() if array.itemsize == 8}
        tensors = wide | tensors | kept
    for name, array in tensors.items():
        if not name.startswith(("history.", STATES)) and not np.isfinite(array).all():
            remedy = "; trainer.reset_optimizer() sets it back" if name.startswith("optimizer.") else ""
            raise DivergenceError(f"{name} holds NaN or infinity: the trainer was not saved{remedy}")
    for name in NUMBERS:
        if not np.isfinite(described[name]):
            raise DivergenceError(f"{name} is {described[name]}: the trainer was not saved")
    try:
        return encode(strings, tensors)
    except ValueError as error:
        raise InputError(f"metadata: too large to be saved with the model: {error}") from error


def metadata_text(given: Any) -> str:
    """The user's metadata as JSON, or an InputError."""
    try:
        text = json.dumps(given, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"metadata: it cannot be written as JSON: {error}") from error
    if not isinstance(given, Mapping) or json.loads(text) != given:
        raise InputError(
            "metadata: a dict of what JSON can hold is wanted: strings, finite numbers, booleans, None, and lists "
            "and dicts of them, with strings as keys"
        )
    return text


def _tensors(trainer: Saving) -> dict[str, Array]:
    """Copies of everything that training has changed, the wider numbers first."""
    tensors = {"scalars": trainer.memory.array("scalars").copy()}
    for name, column in trainer.history.items():
        tensors[f"history.{name}"] = np.array(column, np.float64)
    layers = layer_views(trainer.model, trainer.recipe.network.sizes)
    for index, (w, _) in enumerate(layers):
        tensors[f"layers.{index}.W"] = w.copy()
    for index, (_, b) in enumerate(layers):
        tensors[f"layers.{index}.b"] = b.copy()
    for name, row in zip(trainer.recipe.optimizer.spec.slots, trainer.model.state, strict=True):
        tensors[f"optimizer.{name}"] = row.copy()
    return tensors
