"""From a trainer to an ONNX model: Gemm and activation for each layer, then the loss's output activation."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...errors import DivergenceError
from ...model.recipe import Recipe
from ..modelfile import files
from . import components
from .graph import Graph

Array = np.ndarray[Any, Any]
Weights = Sequence[tuple[Array, Array]]
Outputs = dict[str, tuple[str, Any, Sequence[Any]]]
Finish = Callable[[Graph, str], Outputs]


def model(recipe: Recipe, weights: Weights, metadata: Mapping[str, Any], finish: Finish | None = None) -> Any:
    """A network with these weights as an onnx.ModelProto.

    Parameters
    ----------
    recipe : Recipe
        Of the trainer: network, loss and dtype.
    weights : sequence of (W, b)
        W of shape (inputs, units), b of shape (units,), for each layer.
    metadata : dict
        Written into the model, each value as JSON.
    finish : function, optional
        `finish(graph, prediction)` makes outputs of the prediction, by default one that is named so.
    """
    graph = Graph(recipe.dtype)
    inner = prediction(graph, recipe, weights, "x")
    outputs = (finish or _prediction(recipe))(graph, inner)
    return graph.model(recipe.network.inputs, outputs, {key: json.dumps(value) for key, value in metadata.items()})


def prediction(graph: Graph, recipe: Recipe, weights: Weights, inner: str, scope: str = "") -> str:
    """Write a network that takes `inner` (batch, inputs) -> the name of its prediction; `scope` begins its names."""
    for index, (layer, (w, b)) in enumerate(zip(recipe.network.layers, weights, strict=True)):
        graph.scope = f"{scope}layers.{index}."
        for name, array in (("W", w), ("b", b)):
            if not np.isfinite(array).all():
                raise DivergenceError(f"layers.{index}.{name} holds NaN or infinity: nothing was exported")
            graph.tensor(graph.scope + name, array)
        inner = graph.add("Gemm", inner, graph.scope + "W", graph.scope + "b")
        inner = components.activation(graph, layer.activation, inner)
    graph.scope = f"{scope}output."
    return components.output_activation(graph, recipe.loss, inner, recipe.network.outputs)


def _prediction(recipe: Recipe) -> Finish:
    return lambda graph, inner: {"prediction": (inner, recipe.dtype, [recipe.network.outputs])}


def write(made: Any, path: files.Path | None) -> Any:
    """The model; written to a file, if a path is given."""
    if path is not None:
        files.write(path, [memoryview(made.SerializeToString())])
    return made
