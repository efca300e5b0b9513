"""Activations and losses' output activations in ONNX operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...components import Component
from ...components.builtin import activations, losses
from ...components.by_name import registry
from ...errors import InputError
from .graph import Graph
from .standins import StandIns
from .tracing import Untranslatable
from .values import Row, Tracer, Value

Function = Callable[..., Any]
Form = Callable[[Tracer, str, Function, list[Any]], str]
# Functions that are an operator of their own, which runtimes know how to fuse.
OPERATORS: dict[Any, tuple[str, dict[str, Any]]] = {
    activations.relu: ("Relu", {}),
    activations.sigmoid: ("Sigmoid", {}),
    losses.logistic: ("Sigmoid", {}),
    losses.softmax: ("Softmax", {"axis": 1}),
}


def activation(graph: Graph, component: Component, z: str) -> str:
    """Write an activation of `z` (batch, units) -> the name of its result."""
    return _written(graph, component, z, component.spec.value, _elementwise)


def output_activation(graph: Graph, component: Component, z: str, outputs: int) -> str:
    """Write a loss's output activation of `z` (batch, outputs) -> the name of the prediction."""
    spec = component.spec
    if spec.output is not None:
        return _written(graph, component, z, spec.output, _elementwise)
    function = spec.row_output or spec.rows_output
    if function is None:
        return z
    more = () if spec.row_output else (outputs,)  # one row is all rows of a batch of one

    def by_row(tracer: Tracer, z: str, fill: Function, values: list[Any]) -> str:
        return _by_row(tracer, z, outputs, lambda row, filled: fill(row, filled, *more, *values))

    return _written(graph, component, z, function, by_row)


def _written(graph: Graph, component: Component, z: str, function: Any, form: Form) -> str:
    """Write a component's function, in one of the two forms below, or an InputError."""
    if function in OPERATORS:
        operator, attributes = OPERATORS[function]
        return graph.add(operator, z, **attributes)
    if function is activations.leaky_relu and graph.dtype == np.float32:  # the operator has its slope in float32
        return graph.add("LeakyRelu", z, alpha=component.values[0])
    values = [graph.dtype.type(value) for value in component.values]
    try:
        with np.errstate(all="ignore"):
            return form(Tracer(graph), z, StandIns().function(function), values)
    except Exception as error:  # whatever a function may raise when it is run on something else than numbers
        reason = str(error) if isinstance(error, Untranslatable) else f"{type(error).__name__}: {error}"
        provider = registry.provider(component.spec)
        raise InputError(
            f"{component.kind} {component.name!r} of {provider} cannot be written in ONNX operators: "
            f"{function.__name__}: {reason}"
        ) from error


def _elementwise(tracer: Tracer, z: str, function: Function, values: list[Any]) -> str:
    """A function of one number."""
    given = Value(tracer, z)
    (result,) = tracer.paths.explore(lambda: (function(given, *values),), tracer.choose)
    return _whole(tracer, result, given)


def _by_row(tracer: Tracer, z: str, outputs: int, fill: Function) -> str:
    """A function that fills a row of predictions from a row of z, `fill(row, filled)`: column by column."""
    graph = tracer.graph
    places = [graph.tensor("", np.array([k], np.int64)) for k in range(outputs)]
    columns = [Value(tracer, graph.add("Gather", z, place, axis=1)) for place in places]

    def run() -> list[Any]:
        filled: list[Any] = [None] * outputs
        fill(Row(list(columns)), Row(filled))
        if any(item is None for item in filled):
            raise Untranslatable("it leaves predictions unset")
        return filled

    results = tracer.paths.explore(run, tracer.choose)
    whole = [_whole(tracer, result, column) for result, column in zip(results, columns, strict=True)]
    return graph.add("Concat", *whole, axis=1)


def _whole(tracer: Tracer, result: Any, like: Value) -> str:
    """The name of a result; a constant is brought to the shape of a value."""
    if isinstance(result, Value):
        return result.number().name
    return tracer.graph.add("Expand", tracer.value(result).name, tracer.graph.add("Shape", like.name))
