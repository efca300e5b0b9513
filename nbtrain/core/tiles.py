"""The tiles of `nbtrain.core.tilecode` as functions that jit code can call.

They are compiled once per dtype in a Numba library of their own, and called from there by name: linked into every jit
function that calls them, they would be compiled again with each. Whoever stores compiled code for another process must
link `library(dtype)` into it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.extending import intrinsic

from . import tilecode
from .tilecode import shape
from .vectors import INT64, Emitter

ARGUMENTS = {"copy": 6, "multiply": 13, "row": 9, "dot": 8, "transpose": 6}
PANEL_ARGUMENTS = ARGUMENTS["multiply"] - 1


def _name(function: str, dtype: np.dtype[Any]) -> str:
    return f"nbtrain_{function}_{dtype.name}"


@cache
def library(dtype: np.dtype[Any]) -> Any:
    """Numba's code library with the tiles of one dtype, in Numba's engine."""
    with global_compiler_lock:
        code = cpu_target.target_context.codegen().create_library(_name("tiles", dtype))
        module = code.create_ir_module(_name("tiles", dtype))
        tiles = shape(dtype)
        emitters = {name: Emitter(module, _name(name, dtype), n, dtype) for name, n in ARGUMENTS.items()}
        panels = {}
        for kind in tiles.kinds:
            panel = Emitter(module, _name(f"panel_{sum(kind)}", dtype), PANEL_ARGUMENTS, dtype)
            heights = tiles.rows if len(kind) > 1 else tiles.narrow_rows
            tilecode.emit_panel(panel, emitters["copy"].function, kind, heights)
            panels[sum(kind)] = panel.function
        tilecode.emit_multiply(emitters["multiply"], panels)
        tilecode.emit_copy(emitters["copy"], tiles.lanes)
        tilecode.emit_row(emitters["row"], tiles.lanes)
        tilecode.emit_dot(emitters["dot"], tiles.lanes)
        tilecode.emit_transpose(emitters["transpose"], tiles.lanes)
        code.add_ir_module(module)
        code.finalize()
    return code


def _dtype(numba_type: Any) -> np.dtype[Any]:
    return np.dtype(str(numba_type.dtype))


def _tile(name: str) -> Any:
    """Intrinsic that calls a tile of a dtype with a tuple of int64."""
    count = ARGUMENTS[name]

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        dtype = _dtype(signature.args[0])
        library(dtype)
        function = builder.module.globals.get(_name(name, dtype))
        if function is None:
            function_type = ir.FunctionType(ir.VoidType(), [INT64] * count)
            function = ir.Function(builder.module, function_type, _name(name, dtype))
        builder.call(function, [builder.extract_value(arguments[1], i) for i in range(count)])
        return context.get_dummy_value()

    @intrinsic
    def tile(typing_context: Any, dtype: Any, values: Any) -> Any:
        return types.void(dtype, types.UniTuple(types.int64, count)), codegen

    return tile


copy, multiply, row, dot, transpose = (_tile(name) for name in ARGUMENTS)


@intrinsic
def sizes(typing_context: Any, dtype: Any) -> Any:
    """Bytes of an element, elements of a vector and of a full panel, and the step between widths of panels."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        tiles = shape(_dtype(dtype))
        values = (_dtype(dtype).itemsize, tiles.lanes, tiles.width, sum(tiles.kinds[-1]))
        return context.make_tuple(builder, signature.return_type, [ir.Constant(INT64, v) for v in values])

    return types.UniTuple(types.int64, 4)(dtype), codegen


def _constant(name: str, count: int, value: float) -> Any:
    """Intrinsic for the address of `count` equal numbers of a dtype."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        scalar = context.get_data_type(signature.args[0].dtype)
        label = _name(name, _dtype(signature.args[0]))
        found = builder.module.globals.get(label)
        if found is None:
            kind = ir.ArrayType(scalar, count)
            found = ir.GlobalVariable(builder.module, kind, label)
            found.linkage, found.global_constant, found.align = "internal", True, 64
            found.initializer = ir.Constant(kind, [ir.Constant(scalar, value)] * count)
        return builder.ptrtoint(found, INT64)

    @intrinsic
    def address(typing_context: Any, dtype: Any) -> Any:
        return types.int64(dtype), codegen

    return address


one = _constant("one", 1, 1.0)
zeros = _constant("zeros", 16 * tilecode.ROW_VECTORS, 0.0)  # as many as the widest tile has columns
