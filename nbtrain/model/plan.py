"""The arrays of a model: their names, shapes and dtypes."""

from __future__ import annotations

import numpy as np

from ..components import Component
from ..components.network import Dense
from ..components.optimizers import MOST_SLOTS
from ..core.layout import BLOCK, BLOCK_SIZE, DESCRIPTOR, LAYER, MASK_BLOCK
from ..core.matmul.sizes import workspace
from .memory import Plan
from .recipe import Recipe

FLOAT64, INT64, BYTE = np.dtype(np.float64), np.dtype(np.int64), np.dtype(np.uint8)
LOG_SIZE = 256  # epochs, at most, before the compiled core returns to Python


def plans(recipe: Recipe) -> list[Plan]:
    """All arrays, in their order in memory."""
    found = _of_model(recipe) + _of_batch(recipe) + _of_components(recipe) + _of_passes(recipe)
    for index, layer in enumerate(recipe.network.layers):
        found += _of_layer(index, layer, recipe)
    return found


def _of_model(recipe: Recipe) -> list[Plan]:
    """Parameters, state, and the rest."""
    layers, count, dtype = len(recipe.network.layers), recipe.network.parameter_count, recipe.dtype
    slots, scalars = len(recipe.optimizer.spec.slots), len(recipe.optimizer.spec.scalars)
    return [
        Plan("descriptor", (1,), DESCRIPTOR),
        Plan("layers", (layers,), LAYER),
        Plan("theta", (count,), dtype),
        Plan("gradient", (count,), dtype),
        Plan("partial_gradients", (recipe.gradient_count - 1, count), dtype),
        Plan("state", (slots, count), dtype),
        Plan("snapshot", ((1 + slots) * count * dtype.itemsize + 8 * scalars + 8,), BYTE),
        Plan("log", (LOG_SIZE, 3), FLOAT64),
        Plan("team", (3 + recipe.threads, 16), INT64),
        Plan("slot_pointers", (recipe.threads, MOST_SLOTS), INT64),
        Plan("penalty_sum", (1,), FLOAT64),
        Plan("quick_result", (3,), FLOAT64),
    ]


def _of_batch(recipe: Recipe) -> list[Plan]:
    """The current batch, and the workspace of the matrix products."""
    sizes, dtype, rows = recipe.network.sizes, recipe.dtype, recipe.batch_size
    label, columns = recipe.loss.spec.target == "label", recipe.loss.spec.columns(sizes[-1])
    return [
        Plan("batch_x", (rows, sizes[0]), dtype),
        Plan("batch_y", (rows,), INT64) if label else Plan("batch_y", (rows, columns), dtype),
        Plan("batch_weight", (rows,), dtype),
        Plan("row_loss", (rows,), FLOAT64),
        Plan("squared_errors", (sizes[-1],), FLOAT64),
        Plan("panels", (recipe.threads, workspace(rows, sizes, dtype)), dtype),
    ]


def _of_components(recipe: Recipe) -> list[Plan]:
    """Parameters of optimizer, schedule, regularizer and loss, and the optimizer's own numbers."""
    dtype, spec, rate = recipe.dtype, recipe.optimizer.spec, recipe.optimizer.learning_rate
    hyper, prepared, scalars = 1 + len(recipe.optimizer.values), spec.prepared_count, len(spec.scalars)
    return [
        Plan("hyper", (hyper,), FLOAT64),
        Plan("hyper_typed", (hyper,), dtype),
        Plan("scalars", (scalars,), FLOAT64),
        Plan("next_scalars", (scalars,), FLOAT64),
        Plan("prepared", (prepared,), FLOAT64),
        Plan("prepared_typed", (prepared,), dtype),
        Plan("rate_parameters", (len(rate.values) if isinstance(rate, Component) else 0,), FLOAT64),
        Plan("loss_parameters", (len(recipe.loss.values),), dtype),
        Plan("regularizer_parameters", (len(recipe.regularizer.values) if recipe.regularizer else 0,), dtype),
    ]


def _of_passes(recipe: Recipe) -> list[Plan]:
    """For an update in several passes."""
    count = len(blocks(recipe))
    return [
        Plan("blocks", (count,), BLOCK),
        Plan("tensor_norms", (2 * len(recipe.network.layers) if recipe.passes else 0, 3), FLOAT64),
        Plan("square_sums", (2, count), FLOAT64),
    ]


def _of_layer(index: int, layer: Dense, recipe: Recipe) -> list[Plan]:
    """Results of one layer, and its components' parameters."""
    dtype, rows, size, dropout = recipe.dtype, recipe.batch_size, layer.units, layer.dropout > 0
    found = [
        Plan(f"z{index}", (rows, size), dtype),
        Plan(f"a{index}", (rows, size), dtype),
        Plan(f"delta{index}", (rows, size), dtype),
        Plan(f"out{index}", (rows if dropout else 0, size), dtype),
        Plan(f"mask{index}", (rows * size + 2 * MASK_BLOCK if dropout else 0,), BYTE),
        Plan(f"parameters{index}", (len(layer.activation.values),), dtype),
    ]
    if layer.constraint is not None:
        kind = dtype if layer.constraint.spec.elementwise else FLOAT64
        found.append(Plan(f"constraint{index}", (len(layer.constraint.values),), kind))
        found.append(Plan(f"unit_norms{index}", (size,), FLOAT64))
    return found


def blocks(recipe: Recipe) -> list[tuple[int, int, int, int]]:
    """(start, size, tensor, regularized) of the blocks of an update in several passes; none crosses tensors."""
    if not recipe.passes:
        return []
    pairs = list(zip(recipe.network.sizes[:-1], recipe.network.sizes[1:], strict=True))
    tensors = [(inputs * units, 1) for inputs, units in pairs] + [(units, 0) for _, units in pairs]
    found, start = [], 0
    for tensor, (size, regularized) in enumerate(tensors):
        kept = 0 if recipe.optimizer.spec.norms == "global" else tensor
        for first in range(0, size, BLOCK_SIZE):
            found.append((start + first, min(BLOCK_SIZE, size - first), kept, regularized))
        start += size
    return found
