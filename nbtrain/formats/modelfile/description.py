"""A trainer's recipe and counters as JSON, and back: components by their names, looked up in the registry."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ...checks.messages import brief
from ...compiler.keys.component import behaviour
from ...components import NAME, Component
from ...components.by_name import bound, registry
from ...components.network import Dense, Network
from ...components.registry import AT_RUN_TIME, BUILTIN, UNREGISTERED
from ...core.layout import MOST_THREADS
from ...errors import Error, InputError, ModelFileError
from ...model.recipe import Recipe
from ...model.settings import checked_recipe, with_threads
from ...model.state import COUNTERS, NUMBERS, START, State
from .container import refuse

FORMAT = "nbtrain"
VERSIONS = ("1", "2")  # 2: the optimizer began at a later iteration than the trainer

LARGEST = 2**62


def describe(recipe: Recipe, state: State) -> dict[str, Any]:
    """Everything but the arrays and the user's metadata, as JSON can hold it."""
    optimizer = recipe.optimizer.spec
    return {
        "network": {"inputs": recipe.network.inputs, "layers": [_layer(layer) for layer in recipe.network.layers]},
        "loss": _component(recipe.loss),
        "optimizer": _component(recipe.optimizer),
        "regularizer": _optional(recipe.regularizer),
        "batch_size": recipe.batch_size,
        "shuffle": recipe.shuffle,
        "dtype": str(recipe.dtype),
        "clip_value": recipe.clip_value,
        "clip_norm": recipe.clip_norm,
        "threads": 0 if recipe.automatic else recipe.threads,
        "seed": list(recipe.seed),
        **({} if recipe.seeded else {"drawn": True}),
        "slots": list(optimizer.slots),
        "scalars": list(optimizer.scalars),
        **{name: int(state.counters[name][0]) for name in COUNTERS},
        **{name: float(state.counters[name][0]) for name in NUMBERS},
        **({START: int(state.counters[START][0])} if state.counters[START][0] else {}),
    }


def version(described: Mapping[str, Any]) -> str:
    """The oldest version of the format that can say what is described."""
    return "2" if START in described else "1"


def _layer(layer: Dense) -> dict[str, Any]:
    return {
        "units": layer.units,
        "activation": _component(layer.activation),
        "dropout": layer.dropout,
        "initializer": _component(layer.initializer),
        "constraint": _optional(layer.constraint),
    }


def _optional(component: Component | None) -> dict[str, Any] | None:
    return None if component is None else _component(component)


def _component(component: Component) -> dict[str, Any]:
    parameters = {
        name: _component(value) if isinstance(value, Component) else value for name, value in component.parameters
    }
    provider = registry.provider(component.spec)
    found = {"name": component.name, "parameters": parameters, "provider": provider}
    return found if provider == BUILTIN else found | {"code": behaviour(component.spec)}


class Fields(NamedTuple):
    """A JSON object whose entries are read with their type; `where` and `path` are its place, for messages.

    `altered` collects the components whose code is not that of the file.
    """

    entries: Mapping[str, Any]
    where: str
    path: str
    altered: list[str]

    def refuse(self, name: str, problem: str) -> Any:
        """Raise ModelFileError about an entry."""
        refuse(self.where, f"{self.path}{name}", problem)

    def get(self, name: str, check: Callable[[Any], bool], wanted: str) -> Any:
        """An entry for which `check` holds."""
        if name not in self.entries:
            self.refuse(name, f"missing; expected {wanted}")
        value = self.entries[name]
        if not check(value):
            text = repr(value) if isinstance(value, str | float | bool) else f"a {type(value).__name__}"
            self.refuse(name, f"expected {wanted}, got {text[:60]}")
        return value

    def whole(self, name: str, minimum: int = 0, maximum: int = LARGEST) -> int:
        """A whole number."""
        wanted = f"an integer from {minimum} to {maximum}"
        return int(self.get(name, lambda value: type(value) is int and minimum <= value <= maximum, wanted))

    def number(self, name: str) -> float:
        """A finite float."""
        return float(self.get(name, _finite, "a finite number"))

    def number_or_none(self, name: str) -> float | None:
        """A finite float, or null."""
        found = self.get(name, lambda value: value is None or _finite(value), "a finite number or null")
        return None if found is None else float(found)

    def text(self, name: str) -> str:
        """A string."""
        return str(self.get(name, lambda value: isinstance(value, str), "a string"))

    def names(self, name: str) -> tuple[str, ...]:
        """Several strings."""
        is_names = "names", lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value)
        return tuple(self.get(name, is_names[1], is_names[0]))

    def inner(self, name: str) -> Fields:
        """An object."""
        found = self.get(name, lambda value: isinstance(value, dict), "an object")
        return Fields(found, self.where, f"{self.path}{name}.", self.altered)

    def several(self, name: str) -> list[Fields]:
        """A list of objects."""
        found = self.get(
            name,
            lambda value: isinstance(value, list) and all(isinstance(item, dict) for item in value),
            "a list of objects",
        )
        return [Fields(item, self.where, f"{self.path}{name}[{i}].", self.altered) for i, item in enumerate(found)]


def _finite(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


class Parts(NamedTuple):
    """What a pickle has beside the bytes of a trainer's file: the components, which other processes may lack."""

    network: Network
    loss: Component
    optimizer: Component
    regularizer: Component | None


def recipe_of(fields: Fields, known: Recipe | Parts | None = None) -> Recipe:
    """The recipe that a file describes; with `known`, its components are taken instead of the registry's.

    Raises
    ------
    ModelFileError
        If a field is missing or wrong, or a component is not installed; the message names it and its provider.
    """
    seed, seeded = _seed(fields, known)
    if known is None:
        network = _network(fields.inner("network"))
        loss, optimizer = (_found(kind, fields.inner(kind)) for kind in ("loss", "optimizer"))
        regularizer = _found_or_none("regularizer", fields)
    else:
        network, loss, optimizer, regularizer = known.network, known.loss, known.optimizer, known.regularizer
        if isinstance(known, Parts):
            _compare_parts(fields, known)
    shuffle = fields.get("shuffle", lambda value: isinstance(value, bool), "true or false")
    dtype = fields.get("dtype", lambda value: value in ("float32", "float64"), "'float32' or 'float64'")
    try:
        size = fields.whole("batch_size", 1)
        recipe = checked_recipe(
            *(network, loss, optimizer, regularizer, size, shuffle, dtype, seed),
            clip_value=fields.number_or_none("clip_value"),
            clip_norm=fields.number_or_none("clip_norm"),
            seeded=seeded,
        )
        recipe = with_threads(recipe, fields.whole("threads", 0, MOST_THREADS) or "auto")
    except Error as error:
        raise ModelFileError(f"{fields.where}: {error}") from error
    for role in ("slots", "scalars"):
        wanted = getattr(recipe.optimizer.spec, role)
        if fields.names(role) != wanted:
            name = recipe.optimizer.name
            fields.refuse(
                role, f"not those of the installed optimizer {name!r}, which are {', '.join(wanted) or 'none'}"
            )
    return recipe


def _seed(fields: Fields, known: Recipe | Parts | None) -> tuple[tuple[int, ...], bool]:
    """The seed, and whether a user gave it.

    A drawn seed counts as given once the trainer has been trained and saved: it is the same whenever it is loaded.
    """
    words = fields.get("seed", _words, "a list of four 32-bit words")
    drawn = "drawn" in fields.entries and fields.get("drawn", lambda value: isinstance(value, bool), "true or false")
    learnt = fields.whole("iteration") > 0 and not isinstance(known, Recipe)
    return tuple(words), learnt or not drawn


def _words(value: Any) -> bool:
    return (
        isinstance(value, list) and len(value) == 4 and all(type(item) is int and 0 <= item < 2**32 for item in value)
    )


def _network(fields: Fields) -> Network:
    layers = []
    for layer in fields.several("layers"):
        activation, initializer = (_found(kind, layer.inner(kind)) for kind in ("activation", "initializer"))
        constraint = _found_or_none("constraint", layer)
        units, dropout = layer.whole("units", 1), layer.number("dropout")
        try:
            made = Dense(units, activation, dropout=dropout, initializer=initializer, constraint=constraint)
        except InputError as error:
            layer.refuse("", str(error))
        layers.append(made)
    try:
        return Network(fields.whole("inputs", 1), layers)
    except InputError as error:
        raise ModelFileError(f"{fields.where}: {error}") from error


def _found_or_none(kind: str, fields: Fields) -> Component | None:
    given = fields.get(kind, lambda value: value is None or isinstance(value, dict), "an object or null")
    return None if given is None else _found(kind, fields.inner(kind))


def _remedy(provider: str) -> str:
    """What brings back a component that is not there."""
    if provider.endswith(AT_RUN_TIME):
        return "A program had registered it: call nbtrain.register with it before the file is loaded"
    return f"Install or register {provider}, which provided it"


def _found(kind: str, fields: Fields) -> Component:
    """A component of the registry, with a file's parameters."""
    name, provider = fields.text("name"), fields.text("provider")
    parameters = fields.inner("parameters")
    given: dict[str, Any] = {}
    for key, value in parameters.entries.items():
        rate = kind == "optimizer" and key == "learning_rate" and isinstance(value, dict)
        given[key] = _found("schedule", parameters.inner(key)) if rate else parameters.number(key)
    if not NAME.fullmatch(name):
        fields.refuse("name", f"{brief(name)}, which {provider[:200]} provided, is not a name of a component")
    try:
        spec = registry.get(kind, name)
    except InputError as error:
        fields.refuse("name", f"{error}. {_remedy(provider[:200])}")
    if provider == UNREGISTERED and registry.provider(spec) == BUILTIN:
        fields.refuse(
            "name", f"the {kind} {name!r} was an unregistered spec, not the built-in {kind} of that name; register it"
        )
    _compare_code(fields, spec)
    try:
        return bound(spec, given)
    except InputError as error:
        raise ModelFileError(f"{fields.where}: {parameters.path.removesuffix('.')}: {error}") from error


def _compare_parts(fields: Fields, parts: Parts) -> None:
    """Note the parts whose code is not that of the file: those that were pickled by name."""
    pairs = [(fields, "loss", parts.loss), (fields, "optimizer", parts.optimizer)]
    pairs += [(fields, "regularizer", parts.regularizer)] if parts.regularizer is not None else []
    for described, layer in zip(fields.inner("network").several("layers"), parts.network.layers, strict=True):
        pairs += [(described, "activation", layer.activation), (described, "initializer", layer.initializer)]
        pairs += [(described, "constraint", layer.constraint)] if layer.constraint is not None else []
    rate = parts.optimizer.learning_rate
    if isinstance(rate, Component):
        pairs.append((fields.inner("optimizer").inner("parameters"), "learning_rate", rate))
    for described, name, component in pairs:
        _compare_code(described.inner(name), component.spec)


def _compare_code(fields: Fields, spec: Any) -> None:
    """Note a component whose functions do something else than those that the file was written with."""
    provider = registry.provider(spec)
    if "code" not in fields.entries or provider == BUILTIN:
        return
    theirs, ours = fields.text("code"), behaviour(spec)
    words = f"the {spec.kind} {spec.name!r} of {provider}"
    if theirs != ours and theirs.split(" ")[0] == ours.split(" ")[0] and words not in fields.altered:
        fields.altered.append(words)
