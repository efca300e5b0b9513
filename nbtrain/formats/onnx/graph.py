"""An ONNX graph that is being written: operators, each once, and constants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...errors import Error, InputError
from ...version import __version__

OPSET, IR_VERSION = 17, 8  # of 2022: runtimes since then read it, and all operators used here are in it
LEARNING, LEARNING_OPSET = "ai.onnx.ml", 3  # operators on texts
MOST_BYTES = 2_000_000_000  # a protobuf message has less than 2 GiB
Array = np.ndarray[Any, Any]


def library() -> Any:
    """The package onnx.

    Raises
    ------
    Error
        If it is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise Error("to_onnx needs onnx: pip install onnx") from error
    return onnx


class Graph:
    """Operators and constants; what was written before is not written again.

    Parameters
    ----------
    dtype : numpy.dtype
        float32 or float64, of all numbers.
    """

    onnx: Any

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.onnx = library()
        self.dtype = dtype
        self.scope = ""  # begins the names of what is written
        self.nodes: list[Any] = []
        self.tensors: dict[str, Array] = {}
        self._written: dict[Any, str] = {}

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Write an operator with one output -> the output's name."""
        key = (operator, inputs, tuple(sorted((name, str(value)) for name, value in attributes.items())))
        if key not in self._written:
            name = f"{self.scope}{operator}_{len(self.nodes)}"
            self.nodes.append(self.onnx.helper.make_node(operator, inputs, [name], name=name, **attributes))
            self._written[key] = name
        return self._written[key]

    def number(self, value: Any) -> str:
        """A constant in the graph's dtype -> its name."""
        with np.errstate(over="ignore"):
            return self.tensor("", np.asarray(value, self.dtype))

    def tensor(self, name: str, array: Array) -> str:
        """A constant array -> its name: the one given, or one of its own."""
        if name:
            self.tensors[name] = array
            return name
        key = (array.dtype.str, array.shape, array.tobytes() if array.dtype != object else tuple(array.tolist()))
        if key not in self._written:
            self._written[key] = f"constant_{len(self._written)}"
            self.tensors[self._written[key]] = array
        return self._written[key]

    def model(
        self,
        inputs: int | Mapping[str, Any],
        outputs: dict[str, tuple[str, Any, Sequence[Any]]],
        metadata: dict[str, str],
    ) -> Any:
        """The finished onnx.ModelProto, checked.

        Parameters
        ----------
        inputs : int or dict
            Numbers in a row of the input "x"; or the dtype of each input of shape (batch, 1), by name.
        outputs : dict
            Name -> (name in the graph, dtype, shape).
        metadata : dict of str
        """
        helper = self.onnx.helper
        found = [self._output(name, inner, dtype, shape) for name, (inner, dtype, shape) in outputs.items()]
        columns = {"x": (self.dtype, inputs)} if isinstance(inputs, int) else {k: (v, 1) for k, v in inputs.items()}
        given = [
            helper.make_tensor_value_info(name, self._type(dtype), ["batch", count])
            for name, (dtype, count) in columns.items()
        ]
        nodes = self._reached(list(outputs))
        used = {name for node in nodes for name in node.input}
        tensors = {name: array for name, array in self.tensors.items() if name in used}
        size = sum(array.nbytes for array in tensors.values())
        if size > MOST_BYTES:
            raise InputError(f"network: its parameters have {size:,} bytes; an ONNX file holds {MOST_BYTES:,} at most")
        initializers = [_tensor(self.onnx, name, array) for name, array in tensors.items()]
        made = helper.make_model(
            helper.make_graph(nodes, "nbtrain", given, found, initializers),
            opset_imports=[
                helper.make_opsetid("", OPSET),
                *([helper.make_opsetid(LEARNING, LEARNING_OPSET)] * any(node.domain == LEARNING for node in nodes)),
            ],
            ir_version=IR_VERSION,
            producer_name="nbtrain",
            producer_version=__version__,
        )
        helper.set_model_props(made, metadata)
        self.onnx.checker.check_model(made, full_check=True)
        return made

    def _output(self, name: str, inner: str, dtype: Any, shape: Sequence[Any]) -> Any:
        """An output of that name, which its operator gets instead of its own."""
        producers = [node for node in self.nodes if inner in node.output]
        if producers and inner not in {value for node in self.nodes for value in node.input}:
            producers[0].output[0] = name
        else:
            self.nodes.append(self.onnx.helper.make_node("Identity", [inner], [name], name=name))
        return self.onnx.helper.make_tensor_value_info(name, self._type(dtype), ["batch", *shape])

    def _reached(self, outputs: list[str]) -> list[Any]:
        """The operators that outputs depend on, in their order."""
        wanted, kept = set(outputs), []
        for node in reversed(self.nodes):
            if node.output[0] in wanted:
                wanted.update(node.input)
                kept.append(node)
        return kept[::-1]

    def _type(self, dtype: Any) -> Any:
        found = np.dtype(dtype)
        return self.onnx.TensorProto.STRING if found.hasobject else self.onnx.helper.np_dtype_to_tensor_dtype(found)


def _tensor(onnx: Any, name: str, array: Array) -> Any:
    return onnx.numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)
