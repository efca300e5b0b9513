"""Hyperparameters: which numbers of a model a member can have for itself, and where a model reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..checks.arrays import positive_number
from ..checks.messages import unknown, wrong
from ..components import Component
from ..components.network import Dense, Network, dropout_rate
from ..components.spec import PerMember
from ..core.layout import DESCRIPTOR, DROPOUT_RATE, FLOAT64_NUMBER, LAYER, TYPED_NUMBER
from ..errors import InputError
from ..model.memory import Memory
from ..model.recipe import Recipe

Array = np.ndarray[Any, Any]
Check = Callable[[Any, str], float]
RATE = "optimizer.learning_rate"  # kept in the members' records, not in a column


class Number(NamedTuple):
    """A hyperparameter: its full name, its value, and the check of other values."""

    name: str
    value: Any  # a float, or PerMember
    check: Check


def numbers_of(recipe: Recipe | Declared) -> list[Number]:
    """All hyperparameters of a recipe, a constant learning rate included."""
    rate = recipe.optimizer.learning_rate
    found = [*_of(recipe.optimizer, "optimizer"), *_of(recipe.regularizer, "regularizer"), *_of(recipe.loss, "loss")]
    if isinstance(rate, Component):
        found += _of(rate, "schedule")
    for index, layer in enumerate(recipe.network.layers):
        found += _of(layer.activation, f"layers.{index}.activation")
        found += _of(layer.constraint, f"layers.{index}.constraint")
        if layer.dropout:
            found.append(Number(f"layers.{index}.dropout", layer.dropout, dropout_rate))
    for name in ("clip_value", "clip_norm"):
        if getattr(recipe, name) is not None:
            found.append(Number(name, getattr(recipe, name), positive_number))
    return found


def _of(component: Component | None, place: str) -> list[Number]:
    """The numbers of a component; `learning_rate` where it is no schedule."""
    found = []
    for name, value in () if component is None else component.parameters:
        if not isinstance(value, Component):
            check = positive_number if name == "learning_rate" else component.spec.parameters[name].checked  # type: ignore[union-attr]
            found.append(Number(f"{place}.{name}", value, check))
    return found


def place_of(name: str, recipe: Recipe, memory: Memory) -> tuple[int, int]:
    """Where a model reads a hyperparameter: bytes from its descriptor on, and how it is written there."""
    here, owner, parameter = memory.addresses["descriptor"], *name.rpartition(".")[::2]
    if not owner:
        return DESCRIPTOR.fields[name][1], FLOAT64_NUMBER  # type: ignore[index]
    index, _, part = owner.removeprefix("layers.").partition(".")
    if parameter == "dropout" and not part:
        place = memory.addresses["layers"] + int(index) * LAYER.itemsize + LAYER.fields["threshold"][1]  # type: ignore[index]
        return place - here, DROPOUT_RATE
    arrays: dict[str, tuple[str, Any, int]] = {
        "optimizer": ("hyper", recipe.optimizer, 1),
        "schedule": ("rate_parameters", recipe.optimizer.learning_rate, 0),
        "regularizer": ("regularizer_parameters", recipe.regularizer, 0),
        "loss": ("loss_parameters", recipe.loss, 0),
    }
    if owner in arrays:
        array, component, first = arrays[owner]
    else:
        name = {"activation": "parameters", "constraint": "constraint"}[part]
        array, component, first = f"{name}{index}", getattr(recipe.network.layers[int(index)], part), 0
    number = first + [key for key, _ in component.parameters if key != "learning_rate"].index(parameter)
    dtype = memory.array(array).dtype
    kind = FLOAT64_NUMBER if dtype == np.float64 else TYPED_NUMBER
    return memory.addresses[array] + number * dtype.itemsize - here, kind


# ---- one number in place of many, and back


class Declared(NamedTuple):
    """What a user declares of a model, with `PerMember` among its numbers; the components are resolved."""

    network: Network
    loss: Component
    optimizer: Component
    regularizer: Component | None
    clip_value: Any
    clip_norm: Any

    def single(self) -> Declared:
        """The same with one number in place of many, which stands for all of them."""
        layers = [
            Dense(
                layer.units,
                _single(layer.activation),
                dropout=_one(layer.dropout, largest=True),
                initializer=layer.initializer,
                constraint=_single(layer.constraint),
            )
            for layer in self.network.layers
        ]
        return Declared(
            Network(self.network.inputs, layers),
            _single(self.loss),
            _single(self.optimizer),
            _single(self.regularizer),
            _one(self.clip_value),
            _one(self.clip_norm),
        )


def _one(value: Any, largest: bool = False) -> Any:
    """One of several numbers: the first, or the largest."""
    if isinstance(value, PerMember):
        return float(value.numbers.max() if largest else value.numbers[0])
    return value


def _single(component: Any) -> Any:
    if component is None:
        return None
    values = tuple(
        (name, _single(value) if isinstance(value, Component) else _one(value)) for name, value in component.parameters
    )
    return Component(component.kind, component.name, values, component.spec)


def with_numbers(recipe: Recipe, values: Mapping[str, float]) -> Recipe:
    """A recipe with other hyperparameters, by their full names."""

    def changed(component: Component | None, place: str) -> Any:
        if component is None:
            return None
        pairs = tuple(
            (name, changed(value, "schedule") if isinstance(value, Component) else values.get(f"{place}.{name}", value))
            for name, value in component.parameters
        )
        return Component(component.kind, component.name, pairs, component.spec)

    layers = [
        Dense(
            layer.units,
            changed(layer.activation, f"layers.{index}.activation"),
            dropout=values.get(f"layers.{index}.dropout", layer.dropout),
            initializer=layer.initializer,
            constraint=changed(layer.constraint, f"layers.{index}.constraint"),
        )
        for index, layer in enumerate(recipe.network.layers)
    ]
    return replace(
        recipe,
        network=Network(recipe.network.inputs, layers),
        **{name: changed(getattr(recipe, name), name) for name in ("loss", "optimizer", "regularizer")},
        **{name: values.get(name, getattr(recipe, name)) for name in ("clip_value", "clip_norm")},
    )


# ---- what users see


class Hyperparameters(Mapping[str, Array]):
    """The members' hyperparameters: name -> (members,) array of float64, a view that can be written.

    A name is the full one, such as `optimizer.learning_rate` or `layers.0.dropout`, or any end of it that only one
    hyperparameter has: `learning_rate`. Assigning a number, or one for each member, checks it; what is written into an
    array is checked when `fit` begins. A hyperparameter that a member's network does not have is NaN.

    Examples
    --------
    >>> many.hyperparameters["learning_rate"][:] *= 0.5  # doctest: +SKIP
    """

    def __init__(self, arrays: dict[str, Array], checks: dict[str, Check]) -> None:
        self._arrays, self._checks = arrays, checks

    def __len__(self) -> int:
        return len(self._arrays)

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __getitem__(self, name: str) -> Array:
        return self._arrays[self._full(name)]

    def __setitem__(self, name: str, value: Any) -> None:
        full = self._full(name)
        array, check = self._arrays[full], self._checks[full]
        if not np.ndim(value):
            array[~np.isnan(array)] = check(value, name)
            return
        if len(value) != len(array):
            raise InputError(wrong(name, f"be a number, or {len(array)} of them", f"{len(value)} numbers"))
        there = ~np.isnan(array)
        array[there] = [check(value[k], f"{name} of member {k}") for k in np.flatnonzero(there)]

    def check(self) -> None:
        """Raise InputError for the first number that is not valid."""
        for name, array in self._arrays.items():
            there = ~np.isnan(array) if name in self._partial else np.ones(len(array), bool)
            first = _representatives(array[there])
            for index in first:
                k = int(np.flatnonzero(there)[index])
                self._checks[name](float(array[k]), f"{name} of member {k}")

    @property
    def _partial(self) -> set[str]:
        """Hyperparameters that only some members have."""
        return {name for name in self._arrays if name.startswith("layers.")}

    def _full(self, name: str) -> str:
        ends = [full for full in self._arrays if full == name or full.endswith(f".{name}")]
        if len(ends) == 1 or name in ends:
            return name if name in ends else ends[0]
        if ends:
            raise KeyError(f"{name!r} is the name of several hyperparameters: {', '.join(ends)}")
        raise KeyError(unknown("hyperparameter", name, self._arrays))

    def __repr__(self) -> str:
        parts = [f"{name}: {_range(array)}" for name, array in self._arrays.items()]
        return f"<Hyperparameters {'; '.join(parts)}>"


def _representatives(array: Array) -> list[int]:
    """Places of the numbers that decide whether all are valid, since bounds are intervals."""
    if not array.size:
        return []
    odd = np.flatnonzero(~np.isfinite(array))
    return [int(odd[0])] if odd.size else [int(array.argmin()), int(array.argmax())]


def _range(array: Array) -> str:
    low, high = np.nanmin(array), np.nanmax(array)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
