"""Builds a model: memory, descriptor and compiled components of a declared network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from .. import compiler
from ..checks.messages import wrong
from ..components import Component
from ..components.by_name import BUILTIN, is_identity, registry
from ..components.network import Dense
from ..core import compiled
from ..core.functions import DOORS, check_complete
from ..core.layout import BLOCK, DESCRIPTOR, HITS_LARGEST, HITS_NONE, HITS_THRESHOLD, LAYER
from ..errors import PluginError
from . import Model, quick
from .memory import Layout, Memory, total_bytes
from .native import native
from .plan import INT64, blocks, plans
from .recipe import Recipe

CLOCK_FLOPS = 1e7  # work between two looks at the clock
LATE = 5_000_000  # nanoseconds after which a helper no longer waits for a call to begin
PATIENCE = 5_000_000  # nanoseconds that a call may wait for its helpers, beside a share of its time
FLOPS_PER_NANOSECOND = 100  # of a fast core: a call may also wait about as long as a step takes


MOST_BLUEPRINTS = 64  # that are kept for more models of the same kind

Array = np.ndarray[Any, Any]


def build(recipe: Recipe) -> tuple[Model, Memory, compiler.Compiled]:
    """A model with zero parameters, its memory, and the core that works on it."""
    blueprint = _blueprint(recipe)
    with _explained(recipe):
        memory = Memory(blueprint.layout, blueprint)
    blueprint.write(memory)
    d = memory.array("descriptor")
    for i, word in enumerate(recipe.seed):
        d[f"seed_{i}"] = word
    release = native(blueprint.core, recipe.dtype, holding=True).release
    memory.block.release = partial(release, memory.address("descriptor"))
    return _model(d, memory), memory, blueprint.core


class Blueprint:
    """What models of the same recipe have alike, whatever their seeds: made once, and copied into each model's memory.

    Attributes
    ----------
    core : Compiled
    keep : list
        What the addresses in a model belong to.
    layout : Layout
    descriptor, layers : Record
    numbers : dict
        Contents of other arrays that are not zero at the start.
    """

    core: compiler.Compiled
    layout: Layout
    descriptor: Record
    layers: Record

    def __init__(self, recipe: Recipe) -> None:
        self.core = compiled.core(recipe.dtype)
        components = _Components(recipe.dtype)
        self.keep: list[Any] = [self.core, recipe]
        with _explained(recipe):
            self.layout = Layout(plans(recipe))
        self.descriptor, self.layers = Record(1, DESCRIPTOR), Record(len(recipe.network.layers), LAYER)
        self.numbers: dict[str, Any] = {}
        _fill_sizes(self, recipe)
        _fill_addresses(self)
        quick.fill(self.descriptor.contents, recipe.dtype)
        _fill_optimizer(self, recipe, components)
        _fill_loss(self, recipe, components)
        _fill_passes(self, recipe)
        _fill_layers(self, recipe, components)
        self.numbers = {name: np.array(numbers) for name, numbers in self.numbers.items() if len(numbers) > 0}
        self.keep += components.held

    def write(self, memory: Memory) -> None:
        """Write everything to the memory of a new model."""
        self.descriptor.write(memory, "descriptor")
        self.layers.write(memory, "layers")
        for name, numbers in self.numbers.items():
            memory.array(name)[:] = numbers


class Record:
    """Contents of a record, or of several, with fields that hold addresses of arrays of the same model.

    Parameters
    ----------
    count : int
    dtype : dtype
        All fields are eight bytes wide.
    """

    contents: Array

    def __init__(self, count: int, dtype: np.dtype[Any]) -> None:
        self.contents = np.zeros(count, dtype)
        self._addresses: list[tuple[int, str, int]] = []  # place among the words, array, bytes from its start

    def point(self, field: str, name: str, beyond: int = 0, index: int = 0) -> None:
        """Let a field of record `index` hold the address of an array, or of something so many bytes beyond."""
        dtype: Any = self.contents.dtype
        self._addresses.append(((index * dtype.itemsize + dtype.fields[field][1]) // 8, name, beyond))

    @cached_property
    def _pointers(self) -> tuple[Array, tuple[str, ...], Array]:
        """Places among the words, arrays, and bytes from their starts."""
        places, names, beyond = zip(*self._addresses, strict=True)
        return np.array(places), names, np.array(beyond)

    def write(self, memory: Memory, name: str) -> None:
        """Write the contents to the array of that name, with the addresses of that memory."""
        places, names, beyond = self._pointers
        words = memory.words(name)
        words[:] = self.contents.view(INT64)
        words[places] = memory.addresses_of(names) + beyond


_blueprints: dict[Any, Blueprint] = {}


def _blueprint(recipe: Recipe) -> Blueprint:
    """The blueprint of a recipe, one that is there already if it has been used lately."""
    key = compiler.machine(), *_key(recipe)
    found = _blueprints.get(key)
    if found is None:
        found = Blueprint(recipe)
        while len(_blueprints) >= MOST_BLUEPRINTS:
            _blueprints.pop(next(iter(_blueprints)), None)
        _blueprints[key] = found
    return found


def _key(recipe: Recipe) -> tuple[Any, ...]:
    """What tells one blueprint from another: components by identity, as a spec that was made anew is compiled anew.

    A blueprint keeps its recipe, and with it the specs, so that their identities are not those of others.
    """
    components: list[Any] = []
    for component in (recipe.loss, recipe.optimizer, recipe.regularizer, recipe.optimizer.learning_rate):
        if isinstance(component, Component):
            components += id(component.spec), component.parameters
        else:
            components.append(component)
    return (
        *(*components, recipe.network.inputs, tuple(map(_key_of_layer, recipe.network.layers))),
        *(recipe.batch_size, recipe.shuffle, recipe.dtype, recipe.threads, recipe.clip_value, recipe.clip_norm),
    )


def _key_of_layer(layer: Dense) -> tuple[Any, ...]:
    g, constraint = layer.activation, layer.constraint
    found = layer.units, layer.dropout, id(g.spec), g.parameters
    return found if constraint is None else (*found, id(constraint.spec), constraint.parameters)


@contextmanager
def _explained(recipe: Recipe) -> Iterator[None]:
    """Where there is not enough memory, a MemoryError that names the argument by which the model is too large."""
    try:
        yield
    except (MemoryError, ValueError, OverflowError) as error:
        whole, one = (total_bytes(plans(replace(recipe, batch_size=size))) for size in (recipe.batch_size, 1))
        small = one < whole / 2
        argument = "batch_size" if small else "network"
        got = f"{recipe.batch_size:,}" if small else repr(recipe.network)
        needed = f"{whole:,} bytes" + (f", {whole - one:,} of them for the rows of a batch" if small else "")
        raise MemoryError(wrong(argument, "be smaller to fit in memory", got, f"the model needs {needed}")) from error


def _model(d: Array, memory: Memory) -> Model:
    return Model(
        memory.array("descriptor", read_only=True),
        memory.array("theta"),
        memory.array("gradient"),
        memory.array("state"),
        d["learning_rate"],
        d["iteration"],
        d["status"],
    )


def _fill_addresses(made: Blueprint) -> None:
    """Addresses of arrays, each in the field of its name, of the core's doors and of the descriptor itself."""
    fields: Any = DESCRIPTOR.fields
    for name in fields.keys() & made.layout.plans.keys():
        made.descriptor.point(name, name)
    made.descriptor.point("here", "descriptor")
    made.descriptor.point("rate_result", "descriptor", beyond=fields["learning_rate"][1])
    check_complete("the compiled core", [name for name in DOORS if made.core.addresses.get(name)], DOORS)
    for name in DOORS:
        made.descriptor.contents[name] = made.core.addresses[name]


def _fill_passes(made: Blueprint, recipe: Recipe) -> None:
    d, found = made.descriptor.contents, blocks(recipe)
    d["block_count"] = len(found)
    d["tensor_count"] = 1 if recipe.optimizer.spec.norms == "global" else 2 * len(recipe.network.layers)
    d["clip_value"], d["clip_norm"], d["clip_factor"] = recipe.clip_value or 0.0, recipe.clip_norm or 0.0, 1.0
    if recipe.passes:
        made.numbers["blocks"] = np.array(found, BLOCK)
        update = compiled.passes(recipe.dtype)
        made.keep.append(update)
        d["passes"] = update.addresses["update_in_passes"]


def _fill_sizes(made: Blueprint, recipe: Recipe) -> None:
    d, sizes = made.descriptor.contents, recipe.network.sizes
    d["layer_count"], d["inputs"], d["outputs"] = len(sizes) - 1, sizes[0], sizes[-1]
    d["itemsize"], d["batch_size"], d["shuffle"] = recipe.dtype.itemsize, recipe.batch_size, recipe.shuffle
    d["regularized"], d["parameters"] = recipe.network.weight_count, recipe.network.parameter_count
    d["panel_size"] = made.layout.plans["panels"].shape[1]
    d["order_epoch"], d["rate_scale"] = -1, 1.0
    d["team_late"], d["gradient_count"] = LATE, recipe.gradient_count
    work = recipe.work_per_step
    d["clock_steps"] = max(1, int(CLOCK_FLOPS / work))
    d["team_patience"] = max(PATIENCE, int(work / FLOPS_PER_NANOSECOND))
    if recipe.loss.spec.target == "label":
        d["target_kind"], d["target_columns"], d["target_bytes"] = 1, 0, INT64.itemsize
    else:
        columns = recipe.loss.spec.columns(sizes[-1])
        d["target_columns"], d["target_bytes"] = columns, columns * recipe.dtype.itemsize


class _Components:
    """Compiles components for a dtype; `held` are all that the model uses."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype, self.machine = dtype, compiler.machine()
        self.held: list[compiler.Compiled] = []

    def compiled(self, spec: Any) -> dict[str, int]:
        """Addresses of a component's functions; an error names the plugin that provides it."""
        return self._hold(compiler.component, spec)

    def regularized_step(self, optimizer: Any, regularizer: Any) -> int:
        """Address of their common step."""
        return self._hold(compiler.regularized_step, optimizer, regularizer)["step"]

    def _hold(self, compiled: Callable[..., compiler.Compiled], *specs: Any) -> dict[str, int]:
        try:
            self.held.append(compiled(*specs, self.dtype, self.machine))
        except PluginError as error:
            others = [provider for provider in map(registry.provider, specs) if provider != BUILTIN]
            raise PluginError(": ".join([*others, str(error)])) from None
        return self.held[-1].addresses


def _fill_optimizer(made: Blueprint, recipe: Recipe, components: _Components) -> None:
    d, optimizer, regularizer = made.descriptor.contents, recipe.optimizer, recipe.regularizer
    found = components.compiled(optimizer.spec)
    d["step"], d["prepare"], d["scale"] = found["step"], found.get("prepare", 0), found.get("scale", 0)
    d["slots"], d["scalar_count"] = len(optimizer.spec.slots), len(optimizer.spec.scalars)
    d["hyper_count"], d["prepared_count"] = 1 + len(optimizer.values), optimizer.spec.prepared_count
    made.numbers["hyper"] = (0.0, *optimizer.values)
    rate = optimizer.learning_rate
    if isinstance(rate, Component):
        d["rate"] = components.compiled(rate.spec)["rate"]
        made.numbers["rate_parameters"] = rate.values
    else:
        d["learning_rate"] = rate
    if regularizer is not None:
        found = components.compiled(regularizer.spec)
        d["penalty"], d["slope"] = found["penalty"], found["slope"]
        if not recipe.passes:
            d["regularized_step"] = components.regularized_step(optimizer.spec, regularizer.spec)
        made.numbers["regularizer_parameters"] = regularizer.values


def hits_of(loss: Component) -> tuple[int, float]:
    """How correct predictions are counted for a loss, and the threshold on the last layer's output."""
    spec = loss.spec
    if spec.target == "label":
        return HITS_LARGEST, 0.0
    if spec.target_columns is not None or (spec.minimum, spec.maximum) != (0, 1):
        return HITS_NONE, 0.0
    if spec.output is None:
        return HITS_THRESHOLD, 0.5
    return (HITS_THRESHOLD, 0.0) if spec.output(0.0, *loss.values) == 0.5 else (HITS_NONE, 0.0)


def _fill_loss(made: Blueprint, recipe: Recipe, components: _Components) -> None:
    d, found = made.descriptor.contents, components.compiled(recipe.loss.spec)
    d["loss"], d["output"] = found["loss"], found.get("output", 0)
    d["hits"], d["hit_threshold"] = hits_of(recipe.loss)
    made.numbers["loss_parameters"] = recipe.loss.values
    plain = recipe.loss.spec.target == "float" and recipe.loss.spec.target_columns is None
    d["squares"] = plain and d["hits"][0] == HITS_NONE
    low, high = recipe.loss.spec.minimum, recipe.loss.spec.maximum
    d["target_minimum"], d["target_maximum"] = -np.inf if low is None else low, np.inf if high is None else high


def _fill_layers(made: Blueprint, recipe: Recipe, components: _Components) -> None:
    network = recipe.network
    weights, biases = 0, network.weight_count
    for index, dense in enumerate(network.layers):
        layer, inputs = made.layers.contents[index], network.sizes[index]
        layer["inputs"], layer["units"] = inputs, dense.units
        layer["weights"], layer["biases"] = weights, biases
        weights, biases = weights + inputs * dense.units, biases + dense.units
        point = partial(made.layers.point, index=index)
        for name in ("z", "delta", "parameters"):
            point(name, f"{name}{index}")
        made.numbers[f"parameters{index}"] = dense.activation.values
        if is_identity(dense.activation):  # nothing to call: a is z
            point("a", f"z{index}")
        else:
            point("a", f"a{index}")
            found = components.compiled(dense.activation.spec)
            layer["value"], layer["slope"] = found["value"], found["slope"]
        if dense.dropout > 0:
            point("out", f"out{index}")
            point("mask", f"mask{index}")
            layer["threshold"] = min(round(dense.dropout * 2**32), 2**32 - 1)
            layer["keep_scale"] = 1 / (1 - dense.dropout)
        if dense.constraint is not None:
            found = components.compiled(dense.constraint.spec)
            layer["project"], layer["rescale"] = found.get("project", 0), found.get("scale", 0)
            point("constraint_parameters", f"constraint{index}")
            point("unit_norms", f"unit_norms{index}")
            made.numbers[f"constraint{index}"] = dense.constraint.values
