"""Checks of what a population is declared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..checks import arrays as checks
from ..checks.messages import brief, wrong
from ..components import Component
from ..components.network import Network
from ..components.spec import PerMember, is_per_member, per_member
from ..core.layout import MOST_THREADS
from ..errors import InputError
from ..model.cores import available_cores
from ..model.recipe import Recipe
from ..model.settings import LARGEST, checked_recipe
from .hyperparameters import Declared

Array = np.ndarray[Any, Any]


def networks_of(network: Any, members: Any) -> tuple[dict[Network, Array], int]:
    """The members of each different network, and how many there are in all."""
    if isinstance(network, Network):
        if members is None:
            raise InputError(wrong("members", "be an integer >= 1", "None", "how many networks there are"))
        count = checks.whole_number(members, "members", 1)
        return {network: np.arange(count)}, count
    if not isinstance(network, Sequence) or not network or not all(isinstance(each, Network) for each in network):
        raise InputError(wrong("network", "be an nbtrain.Network, or a list of them", brief(network)))
    if members is not None and members != len(network):
        raise InputError(wrong("members", f"be {len(network)}, as there are so many networks", brief(members)))
    first = network[0]
    found: dict[Network, list[int]] = {}
    for k, each in enumerate(network):
        if (each.inputs, each.outputs) != (first.inputs, first.outputs):
            wanted = f"have {first.inputs} inputs and {first.outputs} outputs, as the first one"
            raise InputError(wrong(f"network {k}", wanted, f"{each.inputs} and {each.outputs}"))
        found.setdefault(each, []).append(k)
    return {each: np.array(places) for each, places in found.items()}, len(network)


def limits_of(value: Any, argument: str) -> Any:
    return per_member(value, argument, checks.positive_number) if is_per_member(value) else value


def recipe_of(declared: Declared, batch_size: Any, shuffle: Any, dtype: Any, seeded: bool) -> Recipe:
    one = declared.single()
    return checked_recipe(
        *(one.network, one.loss, one.optimizer, one.regularizer, batch_size, shuffle, dtype, (0, 0, 0, 0)),
        clip_value=one.clip_value,
        clip_norm=one.clip_norm,
        seeded=seeded,
    )


def check_counts(numbers: Any, count: int, recipe: Recipe) -> None:
    """There is a number for each member wherever there are several, and all are finite in the dtype."""
    for name, value, _ in numbers:
        if not isinstance(value, PerMember):
            continue
        if len(value) != count:
            raise InputError(wrong(name, f"be a number, or {count} of them, one for each member", f"{len(value)}"))
        if np.abs(value.numbers).max() > LARGEST[recipe.dtype]:
            raise InputError(wrong(name, f"be finite in {recipe.dtype}", f"{np.abs(value.numbers).max():g}"))


def sequence_of(rng: Any) -> Any:
    """The SeedSequence of a population; its children are the members'."""
    if rng is None:
        return np.random.SeedSequence()
    if isinstance(rng, np.random.SeedSequence):
        return rng
    if isinstance(rng, np.random.Generator):
        return np.random.SeedSequence([int(word) for word in rng.integers(0, 2**32, size=4, dtype=np.uint64)])
    if isinstance(rng, int | np.integer) and not isinstance(rng, bool | np.bool) and rng >= 0:
        return np.random.SeedSequence(int(rng))
    raise InputError(wrong("rng", "be an int >= 0, a numpy.random.SeedSequence, a Generator or None", brief(rng)))


def threads_of(threads: Any, members: int) -> int:
    if isinstance(threads, str):
        if threads != "auto":
            raise InputError(wrong("threads", "be an integer >= 1 or 'auto'", brief(threads)))
        return min(available_cores(), members)
    count = checks.whole_number(threads, "threads", 1)
    if count > MOST_THREADS:
        raise InputError(wrong("threads", f"be at most {MOST_THREADS}", threads))
    return min(count, members)


def check_same(own: Recipe, theirs: Recipe) -> None:
    """Refuse a trainer that is no member of a family."""
    layers = [
        [(d.units, d.activation.spec, d.constraint and d.constraint.spec, bool(d.dropout)) for d in r.network.layers]
        for r in (own, theirs)
    ]
    if own.network.sizes != theirs.network.sizes or not _fits(*layers):
        raise InputError(wrong("trainer", f"have the member's network, {own.network!r}", f"{theirs.network!r}"))
    for name in ("loss", "optimizer", "regularizer"):
        ours, other = getattr(own, name), getattr(theirs, name)
        if (ours and ours.spec) is not (other and other.spec):
            raise InputError(wrong("trainer", f"have the {name} {ours!r}", f"{other!r}"))
    for name in ("batch_size", "shuffle", "dtype"):
        if getattr(own, name) != getattr(theirs, name):
            raise InputError(wrong("trainer", f"have {name}={getattr(own, name)}", f"{getattr(theirs, name)}"))
    for name in ("clip_value", "clip_norm"):
        if (getattr(own, name) is None) != (getattr(theirs, name) is None):
            raise InputError(wrong("trainer", f"have {name}={getattr(own, name)}", f"{getattr(theirs, name)}"))
    rates = [isinstance(recipe.optimizer.learning_rate, Component) for recipe in (own, theirs)]
    if rates[0] != rates[1]:
        raise InputError("trainer must have a schedule where the members have one, and a number where they have not")


def _fits(own: Any, theirs: Any) -> bool:
    """Whether layers are alike; a trainer may do without the dropout that the members have."""
    return all(a[:3] == b[:3] and (a[3] or not b[3]) for a, b in zip(own, theirs, strict=True))
