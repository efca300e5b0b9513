"""From the bytes of a model file to its contents; everything is checked before any number is used."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ...errors import Error, ModelFileError, PluginWarning
from ...model import layer_arrays
from ...model.recipe import Recipe
from ...model.state import COUNTERS, FLOAT64, NUMBERS, SEED, START, RowLayout, State
from .callback_states import PREFIX, CallbackState, callback_states
from .container import Container, decode, parse, refuse
from .description import FORMAT, VERSIONS, Fields, Parts, recipe_of
from .tables import networks_of

Array = np.ndarray[Any, Any]
Made = TypeVar("Made")
HISTORY = "history."  # how the names of its tensors begin


class Contents(NamedTuple):
    """What a file holds."""

    where: str  # the file, for messages
    recipe: Recipe
    state: State
    history: dict[str, list[float]]
    metadata: dict[str, Any]
    altered: list[str]  # components whose code has changed since the file was written
    callbacks: list[CallbackState]
    numerics: str  # what the bits of its training depended on: `compiler.numerics_id`; "" in older files

    def make(self, kind: Callable[[Recipe], Made]) -> Made:
        """Make something of the recipe; what goes wrong is a ModelFileError."""
        try:
            return kind(self.recipe)
        except (MemoryError, OverflowError) as error:
            raise ModelFileError(f"{self.where}: not enough memory for its model: {error}") from error
        except Error as error:
            raise ModelFileError(f"{self.where}: {error}") from error


def contents(data: bytes | bytearray, where: str, known: Recipe | Parts | None = None) -> Contents:
    """Read everything in a file, or raise ModelFileError, which names `where`.

    `known` provides the components in place of the registry.
    """
    container = decode(data, where)
    networks = networks_of(container, where)
    if networks is not None:
        if len(networks) != 1:
            refuse(where, "kind", f"a table's model of {len(networks)} networks; nbtrain.table.load reads it")
        return contents(networks[0], where, known)
    _check_version(container.metadata, where)
    texts = Fields(container.metadata, where, "", [])
    fields = Fields(parse(texts.text("trainer"), where, "trainer"), where, "trainer.", [])
    metadata = parse(texts.text("metadata"), where, "metadata")
    recipe = recipe_of(fields, known)
    counters = _counters(fields)
    _check_tensors(container, recipe, where)
    tensors = container.tensors
    history = {
        name.removeprefix(HISTORY): array.tolist() for name, array in tensors.items() if name.startswith(HISTORY)
    }
    state = _state(recipe, tensors, counters)
    states, numerics = callback_states(texts, tensors), container.metadata.get("numerics", "")
    return Contents(where, recipe, state, history, metadata, fields.altered, states, numerics)


def warn_of_altered(where: str, altered: list[str], stacklevel: int) -> None:
    """Warn of components whose code has changed."""
    if altered:
        warnings.warn(
            f"{where}: the code of {' and '.join(altered)} has changed since this was saved; predictions "
            "and continued training will differ",
            PluginWarning,
            stacklevel=stacklevel,
        )


def _check_version(metadata: Mapping[str, str], where: str) -> None:
    if metadata.get("format") != FORMAT:
        refuse(where, "format", f"expected {FORMAT!r}")
    found = metadata.get("version", "")
    if found not in VERSIONS:
        read = " and ".join(map(repr, VERSIONS))
        refuse(where, "version", f"this version of nbtrain reads {read}, got {found[:20]!r}")


def _counters(fields: Fields) -> dict[str, float]:
    counters: dict[str, float] = {name: fields.whole(name) for name in COUNTERS}
    if counters["samples"] and counters["position"] >= counters["samples"]:  # 0: not known while it lasts
        fields.refuse("position", f"{counters['position']} of {counters['samples']} samples")
    counters[START] = fields.whole(START) if START in fields.entries else 0
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
    expected = _shapes(recipe)
    own = [name for name in container.tensors if not name.startswith((HISTORY, PREFIX))]
    if own != list(expected):
        odd = sorted(set(own) ^ set(expected)) or own
        refuse(where, f"tensor {odd[0]!r}", "the tensors are not those of the trainer")
    for name, array in container.tensors.items():
        if name.startswith(PREFIX):
            continue
        dtype, shape = expected.get(name, (FLOAT64, array.shape[:1]))
        if array.dtype != dtype or array.shape != shape or not shape:
            refuse(where, f"tensor {name!r}", f"expected {dtype} {shape}, got {array.dtype} {array.shape}")
        if name in expected and not np.isfinite(array).all():
            refuse(where, f"tensor {name!r}", "it holds NaN or infinity")


def _state(recipe: Recipe, tensors: Mapping[str, Array], counters: Mapping[str, float]) -> State:
    state = State(RowLayout.of(recipe))
    for index, (w, b) in enumerate(layer_arrays(state.theta, recipe.network.sizes)):
        w[...], b[...] = tensors[f"layers.{index}.W"], tensors[f"layers.{index}.b"]
    for name, row in zip(recipe.optimizer.spec.slots, state.state, strict=True):
        row[...] = tensors[f"optimizer.{name}"]
    state.scalars[...] = tensors["scalars"]
    for name, number in [*zip(SEED, recipe.seed, strict=True), *counters.items()]:
        state.counters[name] = number
    return state
