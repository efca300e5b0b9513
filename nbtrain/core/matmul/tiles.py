"""The tiles of `tilecode` as functions that jit code can call.

They are in the core's module and are called by name: linked into every jit function that calls them, they would be
compiled again with each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ...compiler import processor
from . import amx, bfloat, panels, tilecode
from .sizes import FEW_COLUMNS, IN_PLACE_K_BLOCK
from .tilecode import shape
from .vectors import INT64, Emitter, targets_amx

ARGUMENTS = {"product": 16, "row": 9, "outer": 9, "dot": 8, "dot2": 8, "dot3": 8, "transpose": 6}
HELPERS = {"copy": 6, "pack": 5, "pack_transposed": 6, "pack_left": 6}
PANELS_ARGUMENTS, BLOCKS_ARGUMENTS = 15, 11


def _name(function: str, dtype: np.dtype[Any]) -> str:
    return f"nbtrain_{function}_{dtype.name}"


def emit(module: Any, dtype: np.dtype[Any]) -> None:
    """Add the functions of one dtype to an LLVM module."""
    tiles = shape(dtype)
    f = {name: Emitter(module, _name(name, dtype), count, dtype) for name, count in (ARGUMENTS | HELPERS).items()}
    tilecode.emit_copy(f["copy"], tiles.lanes)
    tilecode.emit_transpose(f["transpose"], tiles.lanes)
    tilecode.emit_row(f["row"], tiles.lanes, IN_PLACE_K_BLOCK)
    tilecode.emit_outer(f["outer"], tiles.lanes)
    for name, columns in (("dot", 1), ("dot2", 2), ("dot3", 3)):
        tilecode.emit_dot(f[name], tiles.lanes, columns)
    widths = {}
    for kind in tiles.kinds:
        width = sum(kind)
        widths[width] = Emitter(module, _name(f"panels_{width}", dtype), PANELS_ARGUMENTS, dtype)
        tilecode.emit_panels(widths[width], f["copy"], kind, tiles.heights(width))
    panels.emit_pack(f["pack"], tiles, f["copy"])
    panels.emit_pack_transposed(f["pack_transposed"], tiles, f["transpose"])
    panels.emit_pack_left(f["pack_left"], tiles, f["copy"])
    amx_product = _emit_amx(module, dtype, f["copy"], f["transpose"]) if has_amx(dtype) else None
    called = panels.Functions(f["copy"], f["pack"], f["pack_transposed"], f["pack_left"], widths, amx_product)
    panels.emit_product(f["product"], tiles, called)


def has_amx(dtype: np.dtype[Any]) -> bool:
    """Whether products of a dtype can be made by AMX, whose tiles are as wide as the target's vectors."""
    return dtype == np.float32 and shape(dtype).lanes == bfloat.LANES and processor.has_amx() and targets_amx()


def _emit_amx(module: Any, dtype: np.dtype[Any], copy: Emitter, transpose: Emitter) -> Emitter:
    """Add the product of split operands."""
    counts = {"rows": 5, "columns": 5, "transposed_rows": 6, "transposed_columns": 6}
    split = {name: Emitter(module, _name(f"split_{name}", dtype), count, dtype) for name, count in counts.items()}
    bfloat.emit_split_rows(split["rows"])
    bfloat.emit_split_columns(split["columns"])
    bfloat.emit_split_transposed(split["transposed_rows"], transpose, split["rows"], along_k=False)
    bfloat.emit_split_transposed(split["transposed_columns"], transpose, split["columns"], along_k=True)
    blocks = {}
    for kind in amx.KINDS:
        blocks[kind] = Emitter(module, _name(f"blocks_{kind[0]}_{kind[1]}", dtype), BLOCKS_ARGUMENTS, dtype)
        amx.emit_blocks(blocks[kind], copy, kind)
    product = Emitter(module, _name("amx_product", dtype), ARGUMENTS["product"], dtype)
    amx.emit_product(product, amx.Functions(**split, blocks=blocks))
    return product


def _dtype(numba_type: Any) -> np.dtype[Any]:
    return np.dtype(str(numba_type.dtype))


def _tile(name: str) -> Any:
    """Intrinsic that calls a tile of a dtype with a tuple of int64."""
    count = ARGUMENTS[name]

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        dtype = _dtype(signature.args[0])
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


product, row, outer, dot, dot2, dot3, transpose = (_tile(name) for name in ARGUMENTS)


def _number(of: Callable[[np.dtype[Any]], int]) -> Any:
    """Intrinsic for a number that a dtype has on the target."""

    @intrinsic
    def number(typing_context: Any, dtype: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return ir.Constant(INT64, of(_dtype(dtype)))

        return types.int64(dtype), codegen

    return number


itemsize_of = _number(lambda dtype: dtype.itemsize)
in_place_bytes = _number(lambda dtype: shape(dtype).in_place_bytes)
amx_of = _number(lambda dtype: int(has_amx(dtype)))
k_block = _number(lambda dtype: shape(dtype).k_block)
few_columns = _number(lambda dtype: FEW_COLUMNS if shape(dtype).lanes > FEW_COLUMNS else 0)


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
