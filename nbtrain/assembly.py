"""Putting a model together: memory, descriptor and compiled components of a declared network."""

from __future__ import annotations

import ctypes
import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import compiler, quick
from .components import Component
from .core.layout import (
    BLOCK,
    BLOCK_SIZE,
    DESCRIPTOR,
    HITS_LARGEST,
    HITS_NONE,
    HITS_THRESHOLD,
    LAYER,
    MASK_BLOCK,
    MOST_SLOTS,
)
from .core.sizes import workspace
from .errors import PluginError
from .memory import Memory, Plan
from .model import Model
from .network import Network
from .registry import BUILTIN, is_identity, registry

FLOAT64, INT64, BYTE = np.dtype(np.float64), np.dtype(np.int64), np.dtype(np.uint8)
LOG_SIZE = 256  # epochs that may pass before the compiled core returns to Python
CLOCK_FLOPS = 1e7  # work from one look at the clock to the next
LATE = 5_000_000  # nanoseconds after which a helper no longer waits for a call to begin
PATIENCE = 5_000_000  # nanoseconds that a call bears to lose by waiting for its helpers, beside a share of its time
FLOPS_PER_NANOSECOND = 100  # of a fast core: a call also bears to wait about as long as a step takes

# Buffers whose addresses stand in the descriptor under their own names.
BUFFERS = """
    layers theta gradient state snapshot log batch_x batch_y batch_weight row_loss panels slot_pointers
    hyper hyper_typed scalars prepared prepared_typed rate_parameters regularizer_parameters loss_parameters
    penalty_sum squared_errors next_scalars team quick_result blocks tensor_norms square_sums
""".split()
FIELDS: Any = DESCRIPTOR.fields
CORE = ("train_step", "train_epoch", "train_slice", "loss_and_gradient", "update", "predict", "evaluate")


@dataclass(frozen=True)
class Recipe:
    """Everything that a model is built from."""

    network: Network
    loss: Component
    optimizer: Component
    regularizer: Component | None
    batch_size: int
    shuffle: bool
    dtype: np.dtype[Any]
    seed: tuple[int, ...] = (0, 0, 0, 0)
    threads: int = 1
    automatic: bool = False  # whether the number of threads was left to nbtrain
    clip_value: float | None = None
    clip_norm: float | None = None

    @property
    def passes(self) -> bool:
        """Whether the update takes several passes over the parameters."""
        clipped = self.clip_value is not None or self.clip_norm is not None
        constrained = any(layer.constraint is not None for layer in self.network.layers)
        return clipped or constrained or self.optimizer.spec.norms is not None


def build(recipe: Recipe) -> tuple[Model, Memory, compiler.Compiled]:
    """A model with zero parameters, its memory, and the core that works on it."""
    core = compiler.core(recipe.dtype)
    engines: list[Any] = [core, recipe]
    memory = Memory(_plans(recipe), engines)
    d = memory.array("descriptor")
    _fill_sizes(d, recipe)
    quick.fill(d, recipe.dtype)
    for name in BUFFERS:
        d[name] = memory.addresses[name]
    d["rate_result"] = memory.addresses["descriptor"] + FIELDS["learning_rate"][1]
    for name in CORE:
        d[name] = core.addresses[name]
    _fill_optimizer(d, memory, recipe, engines)
    _fill_loss(d, memory, recipe, engines)
    _fill_passes(d, memory, recipe)
    _fill_layers(memory, recipe, engines)
    memory.keep.extend(engines)
    _release_with(memory, core.addresses["release"])
    return _model(memory), memory, core


def _release_with(memory: Memory, address: int) -> None:
    """Have the core give back what it allocated when the memory goes."""
    function = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(address)
    finalizer = weakref.finalize(memory, _release, function, memory.addresses["descriptor"], memory.block)
    finalizer.atexit = False


def _release(function: Any, descriptor: int, block: object) -> None:
    """Give back what the core allocated; `block` keeps the descriptor's memory alive until then."""
    function(descriptor)


def _model(memory: Memory) -> Model:
    d = memory.array("descriptor")
    return Model(
        d,
        memory.array("theta"),
        memory.array("gradient"),
        memory.array("state"),
        d["learning_rate"],
        d["iteration"],
        d["status"],
    )


def parameter_count(network: Network) -> tuple[int, int]:
    """Number of weights, and of weights and biases."""
    pairs = list(zip(network.sizes[:-1], network.sizes[1:], strict=True))
    weights = sum(inputs * units for inputs, units in pairs)
    return weights, weights + sum(units for _, units in pairs)


def work_per_step(recipe: Recipe) -> float:
    """Floating-point operations of an iteration, about."""
    return 6.0 * parameter_count(recipe.network)[1] * recipe.batch_size


def _plans(recipe: Recipe) -> list[Plan]:
    network, dtype, rows = recipe.network, recipe.dtype, recipe.batch_size
    outputs, layers = network.sizes[-1], len(network.layers)
    _, count = parameter_count(network)
    spec = recipe.optimizer.spec
    slots, scalars = len(spec.slots), len(spec.scalars)
    hyper, prepared = 1 + len(recipe.optimizer.values), spec.prepared_count
    rate = recipe.optimizer.learning_rate
    targets = Plan("batch_y", (rows, outputs), dtype)
    if recipe.loss.spec.target == "label":
        targets = Plan("batch_y", (rows,), INT64)
    plans = [
        Plan("descriptor", (1,), DESCRIPTOR),
        Plan("layers", (layers,), LAYER),
        Plan("theta", (count,), dtype),
        Plan("gradient", (count,), dtype),
        Plan("state", (slots, count), dtype),
        Plan("snapshot", ((1 + slots) * count * dtype.itemsize + 8 * scalars + 8,), BYTE),
        Plan("log", (LOG_SIZE, 3), FLOAT64),
        Plan("batch_x", (rows, network.sizes[0]), dtype),
        targets,
        Plan("batch_weight", (rows,), dtype),
        Plan("row_loss", (rows,), FLOAT64),
        Plan("panels", (recipe.threads, workspace(rows, network.sizes, dtype)), dtype),
        Plan("team", (3 + recipe.threads, 16), INT64),
        Plan("slot_pointers", (recipe.threads, MOST_SLOTS), INT64),
        Plan("hyper", (hyper,), FLOAT64),
        Plan("hyper_typed", (hyper,), dtype),
        Plan("scalars", (scalars,), FLOAT64),
        Plan("next_scalars", (scalars,), FLOAT64),
        Plan("prepared", (prepared,), FLOAT64),
        Plan("prepared_typed", (prepared,), dtype),
        Plan("penalty_sum", (1,), FLOAT64),
        Plan("quick_result", (3,), FLOAT64),
        Plan("squared_errors", (outputs,), FLOAT64),
        Plan("rate_parameters", (len(rate.values) if isinstance(rate, Component) else 0,), FLOAT64),
        Plan("loss_parameters", (len(recipe.loss.values),), dtype),
        Plan("regularizer_parameters", (len(recipe.regularizer.values) if recipe.regularizer else 0,), dtype),
    ]
    blocks = len(_blocks(recipe))
    plans += [
        Plan("blocks", (blocks,), BLOCK),
        Plan("tensor_norms", (2 * layers if recipe.passes else 0, 3), FLOAT64),
        Plan("square_sums", (2, blocks), FLOAT64),
    ]
    for index, layer in enumerate(network.layers):
        size, dropout = layer.units, layer.dropout > 0
        plans += [Plan(f"{name}{index}", (rows, size), dtype) for name in ("z", "a", "delta")]
        plans.append(Plan(f"out{index}", (rows if dropout else 0, size), dtype))
        plans.append(Plan(f"mask{index}", (rows * size + 2 * MASK_BLOCK if dropout else 0,), BYTE))
        plans.append(Plan(f"parameters{index}", (len(layer.activation.values),), dtype))
        if layer.constraint is not None:
            kind = dtype if layer.constraint.spec.elementwise else FLOAT64
            plans.append(Plan(f"constraint{index}", (len(layer.constraint.values),), kind))
            plans.append(Plan(f"unit_norms{index}", (size,), FLOAT64))
    return plans


def _blocks(recipe: Recipe) -> list[tuple[int, int, int, int]]:
    """(start, size, tensor, regularized) of the blocks of an update in several passes; none cuts across a tensor."""
    if not recipe.passes:
        return []
    pairs = list(zip(recipe.network.sizes[:-1], recipe.network.sizes[1:], strict=True))
    tensors = [(inputs * units, 1) for inputs, units in pairs] + [(units, 0) for _, units in pairs]
    blocks, start = [], 0
    for tensor, (size, regularized) in enumerate(tensors):
        kept = 0 if recipe.optimizer.spec.norms == "global" else tensor
        for first in range(0, size, BLOCK_SIZE):
            blocks.append((start + first, min(BLOCK_SIZE, size - first), kept, regularized))
        start += size
    return blocks


def _fill_passes(d: np.ndarray[Any, Any], memory: Memory, recipe: Recipe) -> None:
    blocks = _blocks(recipe)
    d["passes"], d["block_count"] = recipe.passes, len(blocks)
    d["tensor_count"] = 1 if recipe.optimizer.spec.norms == "global" else 2 * len(recipe.network.layers)
    d["clip_value"], d["clip_norm"], d["clip_factor"] = recipe.clip_value or 0.0, recipe.clip_norm or 0.0, 1.0
    if blocks:
        memory.array("blocks")[:] = blocks


def _fill_sizes(d: np.ndarray[Any, Any], recipe: Recipe) -> None:
    sizes = recipe.network.sizes
    d["layer_count"], d["inputs"], d["outputs"] = len(sizes) - 1, sizes[0], sizes[-1]
    d["itemsize"], d["batch_size"], d["shuffle"] = recipe.dtype.itemsize, recipe.batch_size, recipe.shuffle
    d["regularized"], d["parameters"] = parameter_count(recipe.network)
    d["panel_size"] = workspace(recipe.batch_size, sizes, recipe.dtype)
    d["order_epoch"], d["rate_scale"] = -1, 1.0
    d["team_late"] = LATE
    work = work_per_step(recipe)
    d["clock_steps"] = max(1, int(CLOCK_FLOPS / work))
    d["team_patience"] = max(PATIENCE, int(work / FLOPS_PER_NANOSECOND))
    for i, word in enumerate(recipe.seed):
        d[f"seed_{i}"] = word
    if recipe.loss.spec.target == "label":
        d["target_kind"], d["target_columns"], d["target_bytes"] = 1, 0, INT64.itemsize
    else:
        d["target_columns"], d["target_bytes"] = sizes[-1], sizes[-1] * recipe.dtype.itemsize


def _component(spec: Any, dtype: np.dtype[Any]) -> compiler.Compiled:
    """A component's compiled functions; whoever provides one that cannot be compiled is named."""
    try:
        return compiler.component(spec, dtype)
    except PluginError as error:
        provider = registry.provider(spec)
        raise PluginError(str(error) if provider == BUILTIN else f"{provider}: {error}") from None


def _fill_optimizer(d: np.ndarray[Any, Any], memory: Memory, recipe: Recipe, engines: list[Any]) -> None:
    optimizer, regularizer = recipe.optimizer, recipe.regularizer
    compiled = _component(optimizer.spec, recipe.dtype)
    engines.append(compiled)
    d["step"], d["prepare"] = compiled.addresses["step"], compiled.addresses.get("prepare", 0)
    d["scale"] = compiled.addresses.get("scale", 0)
    d["slots"], d["scalar_count"] = len(optimizer.spec.slots), len(optimizer.spec.scalars)
    d["hyper_count"], d["prepared_count"] = 1 + len(optimizer.values), optimizer.spec.prepared_count
    memory.array("hyper")[1:] = optimizer.values
    rate = optimizer.learning_rate
    if isinstance(rate, Component):
        schedule = _component(rate.spec, recipe.dtype)
        engines.append(schedule)
        d["rate"] = schedule.addresses["rate"]
        memory.array("rate_parameters")[:] = rate.values
    else:
        d["learning_rate"] = rate
    if regularizer is not None:
        compiled = _component(regularizer.spec, recipe.dtype)
        engines.append(compiled)
        d["penalty"], d["slope"] = compiled.addresses["penalty"], compiled.addresses["slope"]
        memory.array("regularizer_parameters")[:] = regularizer.values


def hits_of(loss: Component) -> tuple[int, float]:
    """How correct predictions are counted for a loss, and the threshold on the last layer's output for that."""
    spec = loss.spec
    if spec.target == "label":
        return HITS_LARGEST, 0.0
    if (spec.minimum, spec.maximum) != (0, 1):
        return HITS_NONE, 0.0
    if spec.output is None:
        return HITS_THRESHOLD, 0.5
    return (HITS_THRESHOLD, 0.0) if spec.output(0.0, *loss.values) == 0.5 else (HITS_NONE, 0.0)


def _fill_loss(d: np.ndarray[Any, Any], memory: Memory, recipe: Recipe, engines: list[Any]) -> None:
    compiled = _component(recipe.loss.spec, recipe.dtype)
    engines.append(compiled)
    d["loss"], d["output"] = compiled.addresses["loss"], compiled.addresses.get("output", 0)
    d["hits"], d["hit_threshold"] = hits_of(recipe.loss)
    memory.array("loss_parameters")[:] = recipe.loss.values
    low, high = recipe.loss.spec.minimum, recipe.loss.spec.maximum
    d["target_minimum"], d["target_maximum"] = -np.inf if low is None else low, np.inf if high is None else high


def _fill_layers(memory: Memory, recipe: Recipe, engines: list[Any]) -> None:
    network = recipe.network
    layers, at = memory.array("layers"), memory.addresses
    weights, (biases, _) = 0, parameter_count(network)
    for index, dense in enumerate(network.layers):
        layer, inputs = layers[index], network.sizes[index]
        layer["inputs"], layer["units"] = inputs, dense.units
        layer["weights"], layer["biases"] = weights, biases
        weights, biases = weights + inputs * dense.units, biases + dense.units
        for name in ("z", "a", "delta", "parameters"):
            layer[name] = at[f"{name}{index}"]
        memory.array(f"parameters{index}")[:] = dense.activation.values
        if is_identity(dense.activation):  # nothing to call: a is z
            layer["a"] = layer["z"]
        else:
            compiled = _component(dense.activation.spec, recipe.dtype)
            engines.append(compiled)
            layer["value"], layer["slope"] = compiled.addresses["value"], compiled.addresses["slope"]
        if dense.dropout > 0:
            layer["out"], layer["mask"] = at[f"out{index}"], at[f"mask{index}"]
            layer["threshold"] = min(round(dense.dropout * 2**32), 2**32 - 1)
            layer["keep_scale"] = 1 / (1 - dense.dropout)
        if dense.constraint is not None:
            compiled = _component(dense.constraint.spec, recipe.dtype)
            engines.append(compiled)
            layer["project"] = compiled.addresses.get("project", 0)
            layer["rescale"] = compiled.addresses.get("scale", 0)
            layer["constraint_parameters"], layer["unit_norms"] = at[f"constraint{index}"], at[f"unit_norms{index}"]
            memory.array(f"constraint{index}")[:] = dense.constraint.values
