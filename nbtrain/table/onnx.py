"""Encoder and networks as one ONNX model: columns in, predictions out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from ..formats.onnx import export
from ..formats.onnx.graph import LEARNING, Graph
from .column import CYCLES, THURSDAY, Column
from .encoder import TableEncoder
from .parsing import DAY, Cells, Words
from .target import Target

if TYPE_CHECKING:
    from .model import TableModel

Array = np.ndarray[Any, Any]
TEXT, DOUBLE = np.dtype(object), np.dtype(np.float64)


def exported(model: TableModel) -> Any:
    """The model as an onnx.ModelProto; see `TableModel.to_onnx`."""
    graph = Graph(model.trainers[0].dtype)
    writer = _Writer(graph, model.encoder)
    columns = [column for column in model.encoder.columns_ if column.names]
    blocks = [block for k, column in enumerate(columns) for block in writer.column(f"columns.{k}.", column)]
    x = graph.add("Concat", *blocks, axis=1) if len(blocks) > 1 else blocks[0]
    found = []
    for k, trainer in enumerate(model.trainers):
        weights = [(w.copy(), b.copy()) for w, b in trainer.weights]
        found.append(export.prediction(graph, trainer.engine.recipe, weights, x, f"networks.{k}."))
    graph.scope = "output."
    average = found[0]
    for other in found[1:]:  # runtimes have no Mean of double
        average = graph.add("Add", average, other)
    if len(found) > 1:
        average = graph.add("Div", average, graph.number(len(found)))
    described = {"target": model.target.name, "task": model.target.task, "classes": list(model.target.labels)}
    kinds = {column.name: TEXT if column.kind == "category" else DOUBLE for column in columns}
    return graph.model(kinds, _outputs(graph, model.target, average), {k: json.dumps(v) for k, v in described.items()})


def _outputs(graph: Graph, target: Target, average: str) -> export.Outputs:
    if target.task == "regression":
        writer = _Double(graph)
        y = writer("Add", writer("Mul", writer.cast(average), target.scale), target.center)
        y = writer("Max", writer("Min", y, target.most), target.least)
        return {"prediction": (y, DOUBLE, [1])}
    if target.form == "binary":
        average = graph.add("Concat", graph.add("Sub", graph.number(1.0), average), average, axis=1)
    place = graph.add("ArgMax", average, axis=1, keepdims=0)
    integer = target.type == "integer"
    names = target.classes.astype(np.int64) if integer else np.array(target.labels, object)
    label = graph.add("Gather", graph.tensor("classes", names), place, axis=0)
    return {
        "label": (label, np.dtype(np.int64) if integer else TEXT, []),
        "probabilities": (average, graph.dtype, [len(target.labels)]),
    }


class _Double:
    """Operators on double numbers, with numbers as constants."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def __call__(self, operator: str, *inputs: str | float, **attributes: Any) -> str:
        names = [one if isinstance(one, str) else self.graph.tensor("", np.asarray(one, np.float64)) for one in inputs]
        return self.graph.add(operator, *names, **attributes)

    def cast(self, name: str, dtype: Any = DOUBLE) -> str:
        return self.graph.add("Cast", name, to=self.graph.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


class _Writer:
    """Writes the encoding of columns."""

    def __init__(self, graph: Graph, encoder: TableEncoder) -> None:
        self.graph, self.double = graph, _Double(graph)
        words = encoder._words()
        self.numbers = words.numbers
        self.words = sorted(
            {*words.texts, *map(str.upper, words.texts), *map(str.title, words.texts), *encoder.missing}
        )

    def column(self, scope: str, column: Column) -> list[str]:
        """Write a column -> the names of its inputs of the network, each (batch, k)."""
        self.graph.scope = scope
        if column.kind == "category":
            return self._texts(column)
        gone, x = self._present(column)
        if column.kind == "boolean":
            found = [self._single(self.double("Sub", self.double("Mul", x, 2.0), 1.0))]
        else:
            found = [block for part in column.parts or ("elapsed",) for block in self._part(column, x, part)]
        return [*found, *([self._single(gone)] if column.indicator else [])]

    def _single(self, name: str) -> str:
        """In the dtype of the networks."""
        return self.double.cast(name, self.graph.dtype)

    def _present(self, column: Column) -> tuple[str, str]:
        """Where cells are missing, and the numbers with their median there; booleans are 0.5 there."""
        add = self.graph.add
        x = self.double("Div", column.name, DAY) if column.kind == "date" else column.name
        gone = add("Or", add("IsNaN", x), add("IsInf", x))
        for value in self.numbers if column.kind == "number" else ():
            gone = add("Or", gone, self.double("Equal", x, value))
        return gone, self.double("Where", gone, 0.5 if column.kind == "boolean" else column.fill, x)

    def _part(self, column: Column, x: str, part: str) -> list[str]:
        double = self.double
        if part == "elapsed":
            near = double("Min", double("Max", x, column.least), column.most)
            if column.step:
                near = self._bent(column, near)
            return [self._single(double("Div", double("Sub", near, column.center), column.scale))]
        turns = double("Div", double("Add", x, THURSDAY * (part == "weekday")), CYCLES[part])
        angle = double("Mul", double("Sub", turns, double("Floor", turns)), 2.0 * np.pi)
        return [self._single(double("Sin", angle)), self._single(double("Cos", angle))]

    def _bent(self, column: Column, x: str) -> str:
        double = self.double
        kept = double("Min", double("Max", x, column.low), column.high)
        far = double("Div", double("Sub", x, kept), column.step)
        near = double("Mul", double("Sign", far), double("Log", double("Add", double("Abs", far), 1.0)))
        return double("Add", kept, double("Mul", near, column.step))

    def _texts(self, column: Column) -> list[str]:
        words = [word for word in self.words if word not in column.categories]
        if column.is_pair:
            return [self._looked_up(column.name, column.categories, [-1.0, 1.0], 0.0)]
        count = len(column.categories)
        gone = count + column.other if column.indicator else -1
        code = self.graph.add(
            "LabelEncoder", column.name, domain=LEARNING, keys_strings=[*column.categories, *words],
            values_int64s=[*range(count), *[gone] * len(words)], default_int64=count if column.other else -1,
        )  # fmt: skip
        places = self.graph.tensor("", np.arange(count + column.other + column.indicator)[None, :])
        found = [self._single(self.graph.add("Equal", code, places))]
        if column.counts:
            logs = (np.log(np.maximum(column.counts, 1)) - column.center) / column.scale
            keys = [*column.categories, *column.rest, *words]
            values = [*map(float, logs), *[0.0] * len(words)]
            found.append(self._looked_up(column.name, keys, values, -column.center / column.scale))
        return found

    def _looked_up(self, name: str, keys: Any, values: Any, unseen: float) -> str:
        return self._single(
            self.graph.add(
                "LabelEncoder", name, domain=LEARNING, keys_strings=list(keys), values_floats=list(values),
                default_float=unseen,
            )
        )  # fmt: skip


def inputs(encoder: TableEncoder, frame: Any) -> dict[str, Array]:
    """What the ONNX model takes for the rows of a frame, by name, (rows, 1) each.

    Texts, empty where missing; numbers, NaN where missing; dates in seconds since 1970; booleans as 1 and 0.
    """
    words: Words = encoder._words()
    found = {}
    for column in encoder._used():
        cells = Cells(frame[column.name], words)
        if column.kind == "category":
            values = np.append(cells.texts, "").astype(object)[cells.codes]
        else:
            values = column.values(cells) * (DAY if column.kind == "date" else 1.0)
        found[column.name] = values.reshape(-1, 1)
    return found
