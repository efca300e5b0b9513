"""The only module that calls Numba's `njit`: the flags of all compiled code of nbtrain, and views of memory by address.

It is imported only when something has to be compiled; `nbtrain` itself loads without Numba.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit, types
from numba.core import cgutils, config
from numba.extending import intrinsic

from .lean import LeanCompiler

# No reference counts (an allocation is a typing error), no wrappers (they need symbols of a running Numba), and of
# the relaxed floating-point rules only fused multiply-add: `nnan` and `ninf` compile NaN checks away, `reassoc` and
# `arcp` make a result depend on where a loop is cut into vectors and a scalar rest.
FLAGS: dict[str, Any] = {
    "error_model": "numpy",
    "fastmath": {"contract"},
    "nogil": True,
    "_nrt": False,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}


def always_njit(**options: Any) -> Any:
    """Numba's `njit`, even if NUMBA_DISABLE_JIT is set, with which users debug their own functions."""

    def decorate(function: Callable[..., Any]) -> Any:
        disabled, config.DISABLE_JIT = config.DISABLE_JIT, 0  # type: ignore[attr-defined]
        try:
            return njit(**options)(function)
        finally:
            config.DISABLE_JIT = disabled  # type: ignore[attr-defined]

    return decorate


def jit(function: Callable[..., Any], **options: Any) -> Any:
    """Compile `function` with nbtrain's flags when it is first used by compiled code."""
    return always_njit(**{"pipeline_class": LeanCompiler, **FLAGS, **options})(function)


def jit_inline(function: Callable[..., Any]) -> Any:
    """As `jit`, but LLVM inlines the code into every caller, however long it is: for the bodies of hot loops."""
    return jit(function, forceinline=True)


def array_value(context: Any, builder: Any, array_type: Any, address: Any, shape: list[Any]) -> Any:
    """Value of a C-contiguous array that does not own its memory."""
    data_type = context.get_data_type(array_type.dtype)
    itemsize = context.get_constant(types.intp, context.get_abi_sizeof(data_type))
    strides, count = [itemsize], shape[0]
    for extent in reversed(shape[1:]):
        strides.insert(0, builder.mul(strides[0], extent))
    for extent in shape[1:]:
        count = builder.mul(count, extent)
    array = context.make_array(array_type)(context, builder)
    array.data = builder.inttoptr(address, data_type.as_pointer())
    array.shape = cgutils.pack_array(builder, shape)
    array.strides = cgutils.pack_array(builder, strides)
    array.itemsize, array.nitems = itemsize, count
    array.meminfo = cgutils.get_null_value(array.meminfo.type)
    array.parent = cgutils.get_null_value(array.parent.type)
    return array._getvalue()


@intrinsic
def vector_at(typing_context: Any, address: Any, size: Any, dtype: Any) -> Any:
    """The `size` elements of `dtype` (a NumPy dtype, also a structured one) at `address`, as an array."""
    array_type = types.Array(dtype.dtype, 1, "C")

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return array_value(context, builder, array_type, arguments[0], [arguments[1]])

    return array_type(types.intp, types.intp, dtype), codegen


@intrinsic
def matrix_at(typing_context: Any, address: Any, rows: Any, columns: Any, dtype: Any) -> Any:
    """The C-contiguous (rows, columns) array of `dtype` at `address`."""
    array_type = types.Array(dtype.dtype, 2, "C")

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return array_value(context, builder, array_type, arguments[0], [arguments[1], arguments[2]])

    return array_type(types.intp, types.intp, types.intp, dtype), codegen


@intrinsic
def address_of(typing_context: Any, array: Any) -> Any:
    """Address of an array's first element."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(array)(context, builder, arguments[0]).data
        return builder.ptrtoint(data, context.get_value_type(types.intp))

    return types.intp(array), codegen


@intrinsic
def matrix_in(typing_context: Any, array: Any, start: Any, rows: Any, columns: Any) -> Any:
    """The (rows, columns) matrix that begins at element `start` of a vector."""
    array_type = types.Array(array.dtype, 2, "C")

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(array)(context, builder, arguments[0]).data
        address = builder.ptrtoint(builder.gep(data, [arguments[1]]), context.get_value_type(types.intp))
        return array_value(context, builder, array_type, address, [arguments[2], arguments[3]])

    return array_type(array, types.intp, types.intp, types.intp), codegen
