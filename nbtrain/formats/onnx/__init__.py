"""Trained networks as ONNX models, for other runtimes: `trainer.to_onnx(path)`.

A component is a plain Python function of numbers. It is run once on values that stand for tensors (`values`), with
`math` and Python's own functions exchanged for ones that take such values (`standins`); where it decides by a value,
it is run both ways (`tracing`). What it does to the values becomes ONNX operators (`graph`). So plugins' components
are exported without their authors' doing anything, and what has no such form is an error.
"""
