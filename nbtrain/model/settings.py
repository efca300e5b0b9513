"""Checks of a trainer's settings: dtype, loss, seed, threads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..checks import arrays as checks
from ..checks.messages import brief, wrong
from ..components import Component
from ..components.by_name import is_identity, resolve
from ..components.network import Network
from ..components.spec import PerMember
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
    seeded: bool = True,
) -> Recipe:
    """The recipe of a model, or an InputError that names the invalid argument."""
    if not isinstance(network, Network):
        raise InputError(wrong("network", "be an nbtrain.Network", brief(network)))
    if not isinstance(shuffle, bool | np.bool):
        raise InputError(wrong("shuffle", "be True or False", brief(shuffle)))
    recipe = Recipe(
        network,
        _checked_loss(resolve("loss", loss, "loss"), network),
        resolve("optimizer", optimizer, "optimizer"),
        None if regularizer is None else resolve("regularizer", regularizer, "regularizer"),
        checks.whole_number(batch_size, "batch_size", 1),
        bool(shuffle),
        checked_dtype(dtype),
        seed,
        seeded,
        clip_value=_checked_limit(clip_value, "clip_value"),
        clip_norm=_checked_limit(clip_norm, "clip_norm"),
    )
    _check_parameters(recipe)
    return recipe


def _check_parameters(recipe: Recipe) -> None:
    """Refuse parameters of components that are infinite in the dtype, and numbers that are meant for a population."""
    largest = LARGEST[recipe.dtype]
    components = [recipe.loss, recipe.optimizer, recipe.regularizer]
    for layer in recipe.network.layers:
        components += [layer.activation, layer.initializer, layer.constraint]
        _check_single(layer.dropout, "dropout")
    schedule = recipe.optimizer.learning_rate
    if isinstance(schedule, Component):
        components.append(schedule)
    for component in components:
        for name, value in component.parameters if component is not None else ():
            _check_single(value, name)
            if not isinstance(value, Component) and abs(value) > largest:
                raise InputError(wrong(name, f"be finite in {recipe.dtype}", value, f"it is given to {component!r}"))


def _check_single(value: Any, name: str) -> None:
    """Refuse several numbers."""
    if isinstance(value, PerMember):
        hint = "nbtrain.Population trains a network for each of them"
        raise InputError(wrong(name, "be one number for a single network", f"{len(value)} numbers", hint))


def _checked_limit(value: Any, argument: str) -> float | None:
    """A limit of clipping, or None for no clipping."""
    return None if value is None else checks.positive_number(value, argument, "a finite number > 0 or None")


def with_threads(recipe: Recipe, threads: int | str) -> Recipe:
    """The recipe with a number of threads; "auto" chooses one that suits it."""
    if isinstance(threads, str):
        if threads != "auto":
            raise InputError(wrong("threads", "be an integer >= 1 or 'auto'", brief(threads)))
        return replace(recipe, threads=suitable_threads(recipe), automatic=True)
    count = checks.whole_number(threads, "threads", 1)
    if count == recipe.threads:
        return recipe
    if count > MOST_THREADS:
        raise InputError(wrong("threads", f"be at most {MOST_THREADS}", threads))
    return replace(recipe, threads=count)


def seed_words(rng: Any) -> tuple[int, ...]:
    """Eight 32-bit words: four for the compiled random stream, four for the initial weights."""
    if rng is None:
        return tuple(np.random.SeedSequence().generate_state(8).tolist())
    if isinstance(rng, np.random.Generator):
        return tuple(rng.integers(0, 2**32, size=8, dtype=np.uint64).tolist())
    if isinstance(rng, np.random.SeedSequence):
        sequence = rng
    elif isinstance(rng, int | np.integer) and not isinstance(rng, bool | np.bool) and rng >= 0:
        sequence = np.random.SeedSequence(int(rng))
    else:
        raise InputError(wrong("rng", "be an int >= 0, a numpy.random.SeedSequence, a Generator or None", brief(rng)))
    return tuple(sequence.generate_state(8).tolist())


def checked_dtype(dtype: Any) -> np.dtype[Any]:
    """float32 or float64."""
    try:
        found: np.dtype[Any] = np.dtype(dtype)
    except TypeError:
        found = np.dtype(object)
    if found not in DTYPES:
        raise InputError(wrong("dtype", "be 'float32' or 'float64'", brief(dtype)))
    return found


def _checked_loss(loss: Component, network: Network) -> Component:
    last = network.layers[-1].activation
    if loss.spec.owns_output and not is_identity(last):
        raise InputError(
            f"network: the last layer must have the built-in activation 'identity', got {last.name!r}; "
            f"loss {loss.name!r} applies its own output activation"
        )
    if loss.spec.target == "label" and network.sizes[-1] == 1:
        raise InputError(
            f"network must have one output per class for loss {loss.name!r}, got 1; use Dense(2) for two classes, or "
            "Dense(1) with 'binary_cross_entropy'"
        )
    return loss
