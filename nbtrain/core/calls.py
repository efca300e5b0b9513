"""Calls of C functions by address, by which the core reaches the components of a model, and of the C library."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .layout import QUIET_NAN

INT64: Any = ir.IntType(64)


@intrinsic
def call(typing_context: Any, address: Any, arguments: Any) -> Any:
    """Call ``int64 f(...)`` at `address` with a tuple of int64 (also for pointers) and float64."""
    if not isinstance(arguments, types.BaseTuple):
        return None
    kinds = [types.float64 if isinstance(t, types.Float) else types.int64 for t in arguments]

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        function_type = ir.FunctionType(INT64, [context.get_value_type(kind) for kind in kinds])
        function = builder.inttoptr(values[0], function_type.as_pointer())
        given = [
            context.cast(builder, builder.extract_value(values[1], i), arguments[i], kind)
            for i, kind in enumerate(kinds)
        ]
        return builder.call(function, given)

    return types.int64(types.int64, arguments), codegen


def library_call(builder: Any, name: str, result: Any, arguments: Any) -> Any:
    """Call a function of the C library that takes int64 arguments."""
    function_type = ir.FunctionType(result, [INT64] * len(arguments))
    function = builder.module.globals.get(name) or ir.Function(builder.module, function_type, name)
    return builder.call(function, arguments)


@intrinsic
def reallocate(typing_context: Any, address: Any, size: Any) -> Any:
    """The C library's realloc; 0 where there is no memory."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return library_call(builder, "realloc", INT64, values)

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def free(typing_context: Any, address: Any) -> Any:
    """The C library's free."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        library_call(builder, "free", ir.VoidType(), values)
        return context.get_dummy_value()

    return types.void(types.int64), codegen


@intrinsic
def copy_bytes(typing_context: Any, target: Any, source: Any, size: Any) -> Any:
    """The C library's memcpy, by addresses."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        library_call(builder, "memcpy", INT64, values)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), codegen


def _block_copy(size: int) -> Any:
    """A copy of so many bytes, at any alignment, as instructions: of a few bytes a call takes longest."""

    @intrinsic
    def copy_block(typing_context: Any, target: Any, source: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            kind = ir.VectorType(ir.IntType(8), size).as_pointer()
            written, read = (builder.inttoptr(value, kind) for value in values)
            builder.store(builder.load(read, align=1), written, align=1)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64), codegen

    return copy_block


copy_8, copy_16, copy_32 = (_block_copy(size) for size in (8, 16, 32))


@intrinsic
def nan_of(typing_context: Any, status: Any) -> Any:
    """A NaN with a status in its last bits."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.bitcast(builder.or_(values[0], ir.Constant(INT64, QUIET_NAN)), ir.DoubleType())

    return types.float64(types.int64), codegen


@intrinsic
def square_root(typing_context: Any, number: Any) -> Any:
    """Square root of a float64, as an instruction: `math.sqrt` would be a call of the mathematical library."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.call(builder.module.declare_intrinsic("llvm.sqrt", [ir.DoubleType()]), values)

    return types.float64(types.float64), codegen
