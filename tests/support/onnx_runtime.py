"""Exported models, run by ONNX Runtime; tests that import this are skipped where it is not installed."""

from __future__ import annotations

import pytest

onnxruntime = pytest.importorskip("onnxruntime")


def run(model, x):
    """ONNX Runtime's outputs by name; x a feed of the input `x`, or a dict of several inputs."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found = session.run(None, x if isinstance(x, dict) else {"x": x})
    return dict(zip([output.name for output in session.get_outputs()], found, strict=True))
