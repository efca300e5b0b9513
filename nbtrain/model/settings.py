"""What a trainer is asked for, checked: dtype, loss, seed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..checks import arrays as checks
from ..components import Component
from ..components.by_name import is_identity, resolve
from ..components.network import Network
from ..errors import InputError
from .recipe import Recipe
from .threads import MOST_THREADS, suitable_threads

DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
LARGEST = {dtype: float(np.finfo(dtype).max) for dtype in DTYPES}


def checked_recipe(
    network: Network,
    loss: str | Component,
    optimizer: str | Component,
    regularizer: str | Component | None,
    batch_size: int,
    shuffle: bool,
    dtype: Any,
    seed: tuple[int, ...],
    *,
    clip_value: float | None = None,
    clip_norm: float | None = None,
) -> Recipe:
    """The recipe of a model, or an InputError that names the argument that cannot be used."""
    if not isinstance(network, Network):
        raise InputError(f"network: {network!r} given; an nbtrain.Network is wanted")
    if not isinstance(shuffle, bool | np.bool):
        raise InputError(f"shuffle: {shuffle!r} given; True or False is wanted")
    recipe = Recipe(
        network,
        _checked_loss(resolve("loss", loss, "loss"), network),
        resolve("optimizer", optimizer, "optimizer"),
        None if regularizer is None else resolve("regularizer", regularizer, "regularizer"),
        checks.whole_number(batch_size, "batch_size", 1),
        bool(shuffle),
        checked_dtype(dtype),
        seed,
        clip_value=_checked_limit(clip_value, "clip_value"),
        clip_norm=_checked_limit(clip_norm, "clip_norm"),
    )
    _check_parameters(recipe)
    return recipe


def _check_parameters(recipe: Recipe) -> None:
    """Refuse parameters of components that the dtype turns into infinity."""
    largest = LARGEST[recipe.dtype]
    components = [recipe.loss, recipe.optimizer, recipe.regularizer]
    for layer in recipe.network.layers:
        components += [layer.activation, layer.initializer, layer.constraint]
    schedule = recipe.optimizer.learning_rate
    if isinstance(schedule, Component):
        components.append(schedule)
    for component in components:
        for name, value in component.parameters if component is not None else ():
            if not isinstance(value, Component) and abs(value) > largest:
                raise InputError(f"{name}: {value!r} given to {component!r}, which no {recipe.dtype} can hold")


def _checked_limit(value: Any, argument: str) -> float | None:
    """A limit of clipping, or None for no clipping."""
    if value is None:
        return None
    limit = checks.finite_number(value, argument, "a positive number or None")
    if limit <= 0:
        raise InputError(f"{argument}: {value!r} given; a positive number or None is wanted")
    return limit


def with_threads(recipe: Recipe, threads: int | str) -> Recipe:
    """The recipe with a number of threads; "auto" chooses one that suits it."""
    if isinstance(threads, str):
        if threads != "auto":
            raise InputError(f"threads: {threads!r} given; a whole number of at least 1 or 'auto' is wanted")
        return replace(recipe, threads=suitable_threads(recipe), automatic=True)
    count = checks.whole_number(threads, "threads", 1)
    if count == recipe.threads:
        return recipe
    if count > MOST_THREADS:
        raise InputError(f"threads: {threads!r} given; at most {MOST_THREADS} are possible")
    return replace(recipe, threads=count)


class DrawnSeed(tuple[int, ...]):
    """Words of a seed that nobody gave: the system's entropy, which no run repeats, so that none is wanted again.

    Copies and files of a trainer that has not trained keep that.
    """

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return DrawnSeed(found) if isinstance(index, slice) else found


def seed_words(rng: Any) -> tuple[int, ...]:
    """Eight 32-bit words: four for the compiled random stream, four for the initial weights."""
    if rng is None:
        return DrawnSeed(int(word) for word in np.random.SeedSequence().generate_state(8))
    if isinstance(rng, np.random.Generator):
        return tuple(int(word) for word in rng.integers(0, 2**32, size=8, dtype=np.uint64))
    if isinstance(rng, np.random.SeedSequence):
        sequence = rng
    elif isinstance(rng, int | np.integer) and not isinstance(rng, bool | np.bool) and rng >= 0:
        sequence = np.random.SeedSequence(int(rng))
    else:
        raise InputError(
            f"rng: {rng!r} given; an int of at least 0, a numpy.random.SeedSequence or Generator, or None is wanted"
        )
    return tuple(int(word) for word in sequence.generate_state(8))


def checked_dtype(dtype: Any) -> np.dtype[Any]:
    """float32 or float64."""
    try:
        found: np.dtype[Any] = np.dtype(dtype)
    except TypeError:
        found = np.dtype(object)
    if found not in DTYPES:
        raise InputError(f"dtype: {dtype!r} given; 'float32' or 'float64' is wanted")
    return found


def _checked_loss(loss: Component, network: Network) -> Component:
    last = network.layers[-1].activation
    if loss.spec.owns_output and not is_identity(last):
        raise InputError(
            f"network: the last layer's activation is {last.name!r}; {loss.name!r} brings its own output activation "
            "and wants the built-in 'identity' there"
        )
    if loss.spec.target == "label" and network.sizes[-1] == 1:
        raise InputError(
            f"network: one output given; {loss.name!r} wants one for each class: Dense(2) for two classes, or Dense(1) "
            "with 'binary_cross_entropy'"
        )
    return loss
