"""From the bytes of a file to a trainer; everything is checked before memory is allocated or a number is used."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...errors import Error, InputError, ModelFileError, PluginWarning
from ...model.recipe import Recipe
from . import files
from .container import Container, decode, parse, refuse
from .description import COUNTERS, FORMAT, NUMBERS, VERSION, Fields, recipe_of
from .states import STATES, State, states_of

if TYPE_CHECKING:
    from ...training.trainer import Trainer

Array = np.ndarray[Any, Any]
FLOAT64 = np.dtype(np.float64)


class Contents(NamedTuple):
    """What the bytes of a file say, checked."""

    recipe: Recipe
    tensors: Mapping[str, Array]
    counters: Mapping[str, float]
    metadata: dict[str, Any]
    altered: list[str]  # components whose code is not what it was when the file was written
    states: list[State]  # of callbacks


def contents(data: bytes | bytearray, where: str, known: Recipe | None = None) -> Contents:
    """Everything in a file, or ModelFileError."""
    container = decode(data, where)
    _check_version(container.metadata, where)
    texts = Fields(container.metadata, where, "", [])
    fields = Fields(parse(texts.text("trainer"), where, "trainer"), where, "trainer.", [])
    metadata = parse(texts.text("metadata"), where, "metadata")
    recipe = recipe_of(fields, known)
    counters = _counters(fields)
    _check_tensors(container, recipe, where)
    states = states_of(texts, container.tensors)
    return Contents(recipe, container.tensors, counters, metadata, fields.altered, states)


def restored(kind: type[Any], data: bytes | bytearray, where: str, known: Recipe | None = None) -> Any:
    """A trainer of class `kind` from the bytes of its file; `where` is named in errors."""
    found = contents(data, where, known)
    if found.altered:
        warnings.warn(
            f"{where}: {' and '.join(found.altered)} had other code when this was saved: predictions, and training "
            "that goes on, are not what they would have been",
            PluginWarning,
            stacklevel=3,
        )
    try:
        trainer = kind.from_recipe(found.recipe)
    except (MemoryError, OverflowError) as error:
        raise ModelFileError(f"{where}: there is no memory for its model: {error}") from error
    except Error as error:
        raise ModelFileError(f"{where}: {error}") from error
    _fill(trainer, found)
    return trainer


def resume(trainer: Trainer, path: str, check: Callable[[Contents], None]) -> list[State] | None:
    """Have a trainer go on from a file of another with the same recipe, if there is one; the seed is the file's.

    Parameters
    ----------
    trainer : Trainer
    path : str
    check : function
        Raises an error where the trainer must not go on from a file with such contents; it is changed only afterwards.

    Returns
    -------
    list of State, or None
        Of the callbacks that were told when the file was written; None where there is no file.

    Raises
    ------
    InputError
        If the recipes differ, or the code of a plugin's component.
    ModelFileError
        If the file is damaged.
    """
    if not os.path.exists(path):
        return None
    found = contents(files.read(path), path)
    for name in (
        field.name for field in dataclasses.fields(Recipe) if field.name not in ("seed", "threads", "automatic")
    ):
        theirs, ours = getattr(found.recipe, name), getattr(trainer.recipe, name)
        if theirs != ours:
            raise InputError(
                f"checkpoint: {path} is of another trainer: its {name} is {theirs!r}, here it is {ours!r}; "
                "give another path, or remove the file to start anew"
            )
    if found.altered:
        raise InputError(
            f"checkpoint: {path} was written when {' and '.join(found.altered)} had other code, so that the run would "
            "not be completed as it began; remove the file to start anew, or load it and save it there to go on"
        )
    check(found)
    vars(trainer)["recipe"] = dataclasses.replace(trainer.recipe, seed=found.recipe.seed)  # no user may set it
    for index, word in enumerate(found.recipe.seed):
        trainer.model.descriptor[f"seed_{index}"] = word
    trainer.model.descriptor["order_epoch"] = -1  # the order that was drawn is not of this seed
    trainer.history.clear()
    _fill(trainer, found)
    return found.states


def _check_version(metadata: Mapping[str, str], where: str) -> None:
    if metadata.get("format") != FORMAT:
        refuse(where, "format", f"{FORMAT!r} is wanted")
    found = metadata.get("version", "")
    if found != VERSION:
        refuse(where, "version", f"{found[:20]!r} given; this version of nbtrain reads {VERSION!r}")


def _counters(fields: Fields) -> dict[str, float]:
    counters: dict[str, float] = {name: fields.whole(name) for name in COUNTERS}
    if counters["position"] and counters["position"] >= counters["samples"]:
        fields.refuse("position", f"{counters['position']} given for {counters['samples']} samples")
    return counters | {name: fields.number(name) for name in NUMBERS}


def _shapes(recipe: Recipe) -> dict[str, tuple[np.dtype[Any], tuple[int, ...]]]:
    """dtype and shape of every tensor but the history, in the order of the file."""
    network, spec, dtype = recipe.network, recipe.optimizer.spec, recipe.dtype
    shapes: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {"scalars": (FLOAT64, (len(spec.scalars),))}
    pairs = list(zip(network.sizes[:-1], network.sizes[1:], strict=True))
    shapes |= {f"layers.{index}.W": (dtype, pair) for index, pair in enumerate(pairs)}
    shapes |= {f"layers.{index}.b": (dtype, (units,)) for index, (_, units) in enumerate(pairs)}
    return shapes | {f"optimizer.{name}": (dtype, (network.parameter_count,)) for name in spec.slots}


def _check_tensors(container: Container, recipe: Recipe, where: str) -> None:
    """The tensors are those of the recipe, and their numbers are finite; before memory is allocated."""
    wanted = _shapes(recipe)
    own = [name for name in container.tensors if not name.startswith(("history.", STATES))]
    if own != list(wanted):
        odd = sorted(set(own) ^ set(wanted)) or own
        refuse(where, f"tensor {odd[0]!r}", "the tensors are not those of the trainer")
    for name, array in container.tensors.items():
        if name.startswith(STATES):
            continue
        dtype, shape = wanted.get(name, (FLOAT64, array.shape[:1]))
        if array.dtype != dtype or array.shape != shape or not shape:
            refuse(where, f"tensor {name!r}", f"{array.dtype} {array.shape} given; {dtype} {shape} is wanted")
        if name in wanted and not np.isfinite(array).all():
            refuse(where, f"tensor {name!r}", "it holds NaN or infinity")


def _fill(trainer: Trainer, found: Contents) -> None:
    tensors = found.tensors
    trainer.metadata = found.metadata
    for index, (w, b) in enumerate(trainer.weights):
        w[...], b[...] = tensors[f"layers.{index}.W"], tensors[f"layers.{index}.b"]
    for name, row in zip(trainer.recipe.optimizer.spec.slots, trainer.model.state, strict=True):
        row[...] = tensors[f"optimizer.{name}"]
    trainer.memory.array("scalars")[...] = tensors["scalars"]
    for name, number in found.counters.items():
        trainer.model.descriptor[name] = number
    for name, array in tensors.items():
        if name.startswith("history."):
            trainer.history.extend(name.removeprefix("history."), array.tolist())
