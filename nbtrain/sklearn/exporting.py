"""The outputs of a classifier's ONNX model: `label` and `probabilities`, as skl2onnx names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..checks.messages import brief, wrong
from ..errors import InputError
from .data import Array

if TYPE_CHECKING:
    from ..formats.onnx.export import Outputs
    from ..formats.onnx.graph import Graph


def of_labels(graph: Graph, prediction: str, outputs: int) -> Outputs:
    """Outputs of a multilabel classifier: 0 or 1 for each label, (batch, labels), and their probabilities."""
    label = _cast(graph, graph.add("Greater", prediction, graph.number(0.5)))
    return {"label": (label, np.int64, [outputs]), "probabilities": (prediction, graph.dtype, [outputs])}


def of_classes(graph: Graph, prediction: str, classes: Array, outputs: int, probable: bool) -> Outputs:
    """Outputs of a classifier: the class, (batch,), and the probabilities of all classes, (batch, classes).

    Parameters
    ----------
    graph : Graph
    prediction : str
        Name of the network's prediction, (batch, outputs).
    classes : ndarray of shape (classes,)
    outputs : int
    probable : bool
        Whether the prediction consists of probabilities; if not, there is no output for them.
    """
    if len(classes) < 2:
        raise InputError(wrong("classes_", "have two or more classes for an ONNX model", brief(classes)))
    probabilities = prediction
    if outputs == 1:
        second = _cast(graph, graph.add("Greater", prediction, graph.number(0.5)))
        place = graph.add("Reshape", second, graph.tensor("", np.array([-1], np.int64)))
        first = graph.add("Sub", graph.number(1.0), prediction)
        probabilities = graph.add("Concat", first, prediction, axis=1)
    else:
        place = graph.add("ArgMax", prediction, axis=1, keepdims=0)
    names = _names(classes)
    kind = np.int64 if names.dtype == np.int64 else np.dtype(object)
    found: Outputs = {"label": (graph.add("Gather", graph.tensor("classes", names), place, axis=0), kind, [])}
    if probable:
        found["probabilities"] = (probabilities, graph.dtype, [len(classes)])
    return found


def _cast(graph: Graph, truth: str) -> str:
    return graph.add("Cast", truth, to=graph.onnx.TensorProto.INT64)


def _names(classes: Array) -> Array:
    """Classes as int64 or as text, for ONNX."""
    if classes.dtype.kind in "iub" and (classes <= np.iinfo(np.int64).max).all():
        return classes.astype(np.int64)
    if all(isinstance(name, str) for name in classes.tolist()):
        return classes.astype(object)
    whole = classes.dtype.kind == "f" and (classes == np.rint(classes)).all()
    if whole and (abs(classes) < 2**53).all():
        return classes.astype(np.int64)
    raise InputError(wrong("classes_", "be integers or strings for an ONNX model", brief(classes)))
