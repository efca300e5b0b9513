"""Builds a model: memory, descriptor and compiled components of a declared network."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from .. import compiler
from ..checks.messages import wrong
from ..components import Component
from ..components.by_name import BUILTIN, is_identity, registry
from ..core import compiled
from ..core.functions import DOORS, check_complete
from ..core.layout import DESCRIPTOR, HITS_LARGEST, HITS_NONE, HITS_THRESHOLD
from ..errors import PluginError
from . import Model, quick
from .memory import Memory, total_bytes
from .plan import INT64, blocks, plans
from .recipe import Recipe

CLOCK_FLOPS = 1e7  # work between two looks at the clock
LATE = 5_000_000  # nanoseconds after which a helper no longer waits for a call to begin
PATIENCE = 5_000_000  # nanoseconds that a call may wait for its helpers, beside a share of its time
FLOPS_PER_NANOSECOND = 100  # of a fast core: a call may also wait about as long as a step takes


def build(recipe: Recipe) -> tuple[Model, Memory, compiler.Compiled]:
    """A model with zero parameters, its memory, and the core that works on it."""
    core = compiled.core(recipe.dtype)
    components = _Components(recipe.dtype)
    memory = _memory(recipe, [core, recipe])
    d = memory.array("descriptor")
    _fill_sizes(d, memory, recipe)
    _fill_addresses(d, memory, core)
    quick.fill(d, recipe.dtype)
    _fill_optimizer(d, memory, recipe, components)
    _fill_loss(d, memory, recipe, components)
    _fill_passes(d, memory, recipe)
    _fill_layers(memory, recipe, components)
    memory.keep.extend(components.held)
    _release_with(memory, core.addresses["release"])
    return _model(d, memory), memory, core


def _fill_addresses(d: np.ndarray[Any, Any], memory: Memory, core: compiler.Compiled) -> None:
    """Addresses of arrays, each in the field of its name, of the core's doors and of the descriptor itself."""
    fields: Any = DESCRIPTOR.fields
    for name in fields.keys() & memory.addresses.keys():
        d[name] = memory.addresses[name]
    d["here"] = memory.addresses["descriptor"]
    d["rate_result"] = memory.addresses["descriptor"] + fields["learning_rate"][1]
    check_complete("the compiled core", [name for name in DOORS if core.addresses.get(name)], DOORS)
    for name in DOORS:
        d[name] = core.addresses[name]


def _memory(recipe: Recipe, keep: list[Any]) -> Memory:
    """The memory of a model, or a MemoryError that names the argument by which it is too large."""
    try:
        return Memory(plans(recipe), keep)
    except (MemoryError, ValueError, OverflowError) as error:
        whole, one = (total_bytes(plans(replace(recipe, batch_size=size))) for size in (recipe.batch_size, 1))
        small = one < whole / 2
        argument = "batch_size" if small else "network"
        got = f"{recipe.batch_size:,}" if small else repr(recipe.network)
        needed = f"{whole:,} bytes" + (f", {whole - one:,} of them for the rows of a batch" if small else "")
        raise MemoryError(wrong(argument, "be smaller to fit in memory", got, f"the model needs {needed}")) from error


def _release_with(memory: Memory, address: int) -> None:
    """Let the core free what it allocated when the memory is freed."""
    function = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(address)
    finalizer = weakref.finalize(memory, _release, function, memory.addresses["descriptor"], memory.block)
    finalizer.atexit = False


def _release(function: Any, descriptor: int, block: object) -> None:
    """Free what the core allocated; `block` keeps the descriptor's memory alive until then."""
    function(descriptor)


def _model(d: np.ndarray[Any, Any], memory: Memory) -> Model:
    return Model(
        memory.array("descriptor", read_only=True),
        memory.array("theta"),
        memory.array("gradient"),
        memory.array("state"),
        d["learning_rate"],
        d["iteration"],
        d["status"],
    )


def _fill_passes(d: np.ndarray[Any, Any], memory: Memory, recipe: Recipe) -> None:
    found = blocks(recipe)
    d["block_count"] = len(found)
    d["tensor_count"] = 1 if recipe.optimizer.spec.norms == "global" else 2 * len(recipe.network.layers)
    d["clip_value"], d["clip_norm"], d["clip_factor"] = recipe.clip_value or 0.0, recipe.clip_norm or 0.0, 1.0
    if recipe.passes:
        memory.array("blocks")[:] = found
        update = compiled.passes(recipe.dtype)
        memory.keep.append(update)
        d["passes"] = update.addresses["update_in_passes"]


def _fill_sizes(d: np.ndarray[Any, Any], memory: Memory, recipe: Recipe) -> None:
    sizes = recipe.network.sizes
    d["layer_count"], d["inputs"], d["outputs"] = len(sizes) - 1, sizes[0], sizes[-1]
    d["itemsize"], d["batch_size"], d["shuffle"] = recipe.dtype.itemsize, recipe.batch_size, recipe.shuffle
    d["regularized"], d["parameters"] = recipe.network.weight_count, recipe.network.parameter_count
    d["panel_size"] = memory.shape("panels")[1]
    d["order_epoch"], d["rate_scale"] = -1, 1.0
    d["team_late"], d["gradient_count"] = LATE, recipe.gradient_count
    work = recipe.work_per_step
    d["clock_steps"] = max(1, int(CLOCK_FLOPS / work))
    d["team_patience"] = max(PATIENCE, int(work / FLOPS_PER_NANOSECOND))
    for i, word in enumerate(recipe.seed):
        d[f"seed_{i}"] = word
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


def _fill_optimizer(d: np.ndarray[Any, Any], memory: Memory, recipe: Recipe, components: _Components) -> None:
    optimizer, regularizer = recipe.optimizer, recipe.regularizer
    found = components.compiled(optimizer.spec)
    d["step"], d["prepare"], d["scale"] = found["step"], found.get("prepare", 0), found.get("scale", 0)
    d["slots"], d["scalar_count"] = len(optimizer.spec.slots), len(optimizer.spec.scalars)
    d["hyper_count"], d["prepared_count"] = 1 + len(optimizer.values), optimizer.spec.prepared_count
    memory.array("hyper")[1:] = optimizer.values
    rate = optimizer.learning_rate
    if isinstance(rate, Component):
        d["rate"] = components.compiled(rate.spec)["rate"]
        memory.array("rate_parameters")[:] = rate.values
    else:
        d["learning_rate"] = rate
    if regularizer is not None:
        found = components.compiled(regularizer.spec)
        d["penalty"], d["slope"] = found["penalty"], found["slope"]
        if not recipe.passes:
            d["regularized_step"] = components.regularized_step(optimizer.spec, regularizer.spec)
        memory.array("regularizer_parameters")[:] = regularizer.values


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


def _fill_loss(d: np.ndarray[Any, Any], memory: Memory, recipe: Recipe, components: _Components) -> None:
    found = components.compiled(recipe.loss.spec)
    d["loss"], d["output"] = found["loss"], found.get("output", 0)
    d["hits"], d["hit_threshold"] = hits_of(recipe.loss)
    plain = recipe.loss.spec.target == "float" and recipe.loss.spec.target_columns is None
    d["squares"] = plain and d["hits"][0] == HITS_NONE
    if recipe.loss.values:
        memory.array("loss_parameters")[:] = recipe.loss.values
    low, high = recipe.loss.spec.minimum, recipe.loss.spec.maximum
    d["target_minimum"], d["target_maximum"] = -np.inf if low is None else low, np.inf if high is None else high


def _fill_layers(memory: Memory, recipe: Recipe, components: _Components) -> None:
    network = recipe.network
    layers, at = memory.array("layers"), memory.addresses
    weights, biases = 0, network.weight_count
    for index, dense in enumerate(network.layers):
        layer, inputs = layers[index], network.sizes[index]
        layer["inputs"], layer["units"] = inputs, dense.units
        layer["weights"], layer["biases"] = weights, biases
        weights, biases = weights + inputs * dense.units, biases + dense.units
        for name in ("z", "a", "delta", "parameters"):
            layer[name] = at[f"{name}{index}"]
        if dense.activation.values:
            memory.array(f"parameters{index}")[:] = dense.activation.values
        if is_identity(dense.activation):  # nothing to call: a is z
            layer["a"] = layer["z"]
        else:
            found = components.compiled(dense.activation.spec)
            layer["value"], layer["slope"] = found["value"], found["slope"]
        if dense.dropout > 0:
            layer["out"], layer["mask"] = at[f"out{index}"], at[f"mask{index}"]
            layer["threshold"] = min(round(dense.dropout * 2**32), 2**32 - 1)
            layer["keep_scale"] = 1 / (1 - dense.dropout)
        if dense.constraint is not None:
            found = components.compiled(dense.constraint.spec)
            layer["project"], layer["rescale"] = found.get("project", 0), found.get("scale", 0)
            layer["constraint_parameters"], layer["unit_norms"] = at[f"constraint{index}"], at[f"unit_norms{index}"]
            memory.array(f"constraint{index}")[:] = dense.constraint.values
