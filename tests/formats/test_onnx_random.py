"""Functions written at random, with branches, loops and helpers: their graphs give what Python gives, to NaN and -0."""

from __future__ import annotations

import random

import numpy as np
import pytest
from common import times

import nbtrain
from nbtrain.formats.onnx.components import activation
from nbtrain.formats.onnx.graph import Graph

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

HELPER = "import math\nimport numpy as np\n\ndef helper(a, b):\n    if a > b:\n        return a - b\n    return b\n\n"
# each is right to the bit, so that comparisons come out alike
FORMS = (
    "({a} + {b})", "({a} - {b})", "({a} * {b})", "abs({a})", "math.sqrt(abs({a}))", "math.floor({a})",
    "({a} if {c} else {b})", "np.where({c}, {a}, {b})", "helper({a}, {b})", "np.maximum({a}, {b})",
    "min({a}, {b})", "max(0.5, {a}, {b})", "np.clip({a}, -1, 1)", "np.fmin({a}, {b})",
)  # fmt: skip
CONDITIONS = (
    "{a} {r} {b}", "({a} {r} {b} and {b} > 0)", "({a} {r} {b} or {a} < 1)", "(not {a} {r} {b})", "{b} < {a} <= 1",
)  # fmt: skip
STATEMENTS = (
    "    {v} = {a}\n",
    "    if {c}:\n        {v} = {a}\n    else:\n        {v} = {b}\n",
    "    if {c}:\n        return {a}\n    {v} = {b}\n",
    "    {v} = {a}\n    for k in range(3):\n        {v} = 0.5 * {v} + {b}\n",
)
X = np.concatenate([np.linspace(-3, 3, 25), [0.0, -0.0, 0.3, np.inf, -np.inf, np.nan]])


class Author:
    """Writes functions of z."""

    def __init__(self, seed):
        self.random, self.names = random.Random(seed), ["z"]

    def number(self, depth):
        if not depth:
            return self.random.choice([*self.names, "0.5", "2.0", "-1.0", "1"])
        return self.filled(self.random.choice(FORMS), depth - 1)

    def filled(self, text, depth):
        condition = self.random.choice(CONDITIONS)
        parts = {"a": self.number(depth), "b": self.number(depth), "r": self.random.choice("< <= > >= == !=".split())}
        return text.format(**parts, c=condition.format(**parts), v=f"v{len(self.names)}")

    def function(self):
        text = HELPER + "def function(z):\n"
        for _ in range(self.random.randrange(4)):
            text += self.filled(self.random.choice(STATEMENTS), 1)
            self.names.append(f"v{len(self.names)}")
        return text + f"    return {self.number(3)}\n"


@pytest.mark.parametrize("part", range(times(4, 40)))
def test_functions_written_at_random(part):
    for seed in range(40 * part, 40 * part + 40):
        text, scope = Author(seed).function(), {}
        exec(text, scope)
        graph = Graph(np.dtype("float64"))
        spec = nbtrain.Activation("random", scope["function"], lambda z: 1.0)
        made = graph.model(1, {"a": (activation(graph, nbtrain.activation(spec), "x"), np.float64, [1])}, {})
        session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
        (got,) = session.run(None, {"x": X[:, None]})
        with np.errstate(all="ignore"):
            wanted = [[float(python(scope["function"], z))] for z in X.tolist()]
        np.testing.assert_array_equal(got, wanted, err_msg=text)


def python(function, z):
    """Of Python; math.floor of what is not finite is itself in compiled code."""
    function.__globals__["math"] = type("Math", (), {"sqrt": staticmethod(np.sqrt), "floor": staticmethod(np.floor)})
    return function(z)
