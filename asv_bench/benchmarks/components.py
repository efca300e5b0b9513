"""The built-in components on blocks of numbers, as the core calls them."""

from __future__ import annotations

import ctypes
import time
from typing import Any

import numpy as np

from nbtrain import compiler
from nbtrain.components.by_name import registry

NUMBERS = 65536
BLOCK = 1024


def _call(address: int, *arguments: Any) -> Any:
    """A call without arguments: the C function at `address` with these."""
    kinds = [ctypes.c_double if isinstance(argument, float) else ctypes.c_int64 for argument in arguments]
    function = ctypes.CFUNCTYPE(ctypes.c_int64, *kinds)(address)
    return lambda: function(*arguments)


def _named(kind: str) -> list[str]:
    return [row["name"] for row in registry.components() if row["kind"] == kind and row["provider"] == "nbtrain"]


class _Numbers:
    """Arrays of ordinary numbers."""

    timeout = 600
    timer = time.thread_time

    def arrays(self, count: int) -> list[int]:
        random = np.random.default_rng(0)
        self.kept = [random.standard_normal(NUMBERS).astype(np.float32) for _ in range(count)]
        return [array.ctypes.data for array in self.kept]

    def parameters(self, spec: Any) -> int:
        values = [parameter.default for parameter in spec.parameters.values()]
        self.values = np.array([*values, 0.0], np.float32)
        return int(self.values.ctypes.data)


class Activations(_Numbers):
    """65,536 numbers."""

    params = (_named("activation"),)
    param_names = ("activation",)

    def setup(self, name: str) -> None:
        spec = registry.get("activation", name)
        code, given = compiler.component(spec, "float32").addresses, self.parameters(spec)
        z, a, delta = self.arrays(3)
        self.value = _call(code["value"], z, a, NUMBERS, given)
        self.slope = _call(code["slope"], z, a, delta, NUMBERS, given)

    def time_value(self, name: str) -> None:
        self.value()

    def time_slope(self, name: str) -> None:
        self.slope()


class Optimizers(_Numbers):
    """65,536 parameters."""

    params = (_named("optimizer"),)
    param_names = ("optimizer",)

    def setup(self, name: str) -> None:
        spec = registry.get("optimizer", name)
        code = compiler.component(spec, "float32").addresses
        w, g, *slots = self.arrays(2 + len(spec.slots))
        for array in self.kept[2:]:
            array[:] = np.abs(array)
        self.pointers = np.array([*slots, 0], np.int64)
        values = [parameter.default for parameter in spec.parameters.values()]
        self.hyper = np.array([1e-3, *values], np.float32)
        self.prepared = np.full(max(1, spec.prepared_count), 0.5, np.float32)
        addresses = (self.pointers.ctypes.data, NUMBERS, self.prepared.ctypes.data, self.hyper.ctypes.data)
        self.step = _call(code["step"], w, g, *addresses)

    def time_step(self, name: str) -> None:
        self.step()


class Losses(_Numbers):
    """4,096 rows of 16 outputs."""

    params = (_named("loss"),)
    param_names = ("loss",)

    def setup(self, name: str) -> None:
        spec = registry.get("loss", name)
        code = compiler.component(spec, "float32").addresses
        p, y, delta = self.arrays(3)
        self.losses, self.labels = np.zeros(4096), np.arange(4096) % 16
        self.kept[1][:] = self.kept[1] > 0
        target = self.labels.ctypes.data if spec.target == "label" else y
        rows = (4096, 16, self.parameters(spec), 1.0 / 4096)
        self.loss = _call(code["loss"], p, target, 0, delta, self.losses.ctypes.data, *rows)

    def time_loss_and_slope(self, name: str) -> None:
        self.loss()
