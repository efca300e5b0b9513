"""From a trainer's state to the bytes of its file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ...compiler.numerics import numerics_id
from ...errors import DivergenceError, InputError
from ...model import layer_arrays
from ...model.recipe import Recipe
from ...model.state import NUMBERS, State
from .callback_states import PREFIX, collect
from .container import encode
from .description import FORMAT, describe, version
from .reading import HISTORY

if TYPE_CHECKING:
    from ...callbacks import Callback

Array = np.ndarray[Any, Any]


def encoded(
    recipe: Recipe,
    state: State,
    history: Mapping[str, Iterable[float]],
    metadata: str,
    callbacks: Iterable[Callback] | None = None,
) -> list[memoryview]:
    """The bytes of a file, in parts to be written one after the other.

    Parameters
    ----------
    recipe, state, history
        Of the trainer.
    metadata : str
        The user's, as JSON.
    callbacks : iterable of Callback, optional
        Those whose state is kept, in a call of fit that is in progress.
    """
    described, tensors = describe(recipe, state), _tensors(recipe, state, history)
    strings = {
        **{"format": FORMAT, "version": version(described), "numerics": numerics_id()},
        **{"trainer": json.dumps(described), "metadata": metadata},
    }
    if callbacks is not None:
        strings["callbacks"], kept = collect(callbacks)
        wide = {name: array for name, array in kept.items() if array.itemsize == 8}
        tensors = wide | tensors | kept
    for name, array in tensors.items():
        if not name.startswith((HISTORY, PREFIX)) and not np.isfinite(array).all():
            remedy = "; trainer.reset_optimizer() clears it" if name.startswith("optimizer.") else ""
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
            "metadata must be a dict with strings as keys of what JSON can hold: strings, finite numbers, booleans, "
            "None, and lists and dicts of these"
        )
    return text


def _tensors(recipe: Recipe, state: State, history: Mapping[str, Iterable[float]]) -> dict[str, Array]:
    """Everything that training has changed, the wider numbers first."""
    tensors = {"scalars": state.scalars}
    for name, column in history.items():
        tensors[HISTORY + name] = np.array(column, np.float64)
    layers = layer_arrays(state.theta, recipe.network.sizes)
    tensors |= {f"layers.{index}.W": w for index, (w, _) in enumerate(layers)}
    tensors |= {f"layers.{index}.b": b for index, (_, b) in enumerate(layers)}
    return tensors | {
        f"optimizer.{name}": row for name, row in zip(recipe.optimizer.spec.slots, state.state, strict=True)
    }
