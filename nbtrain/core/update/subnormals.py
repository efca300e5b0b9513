"""Training flushes subnormal numbers to zero: processors compute with them many times slower.

Saturated units and decaying weights produce them, more and more the longer a network is trained. When a call returns,
the thread's own setting is restored. Predictions, losses and gradients asked for by a caller keep subnormal numbers.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ...compiler import processor
from ..calls import INT64

INT32: Any = ir.IntType(32)
MXCSR_BITS = 0x8040  # subnormal results and arguments are zero
FPCR_BIT = 1 << 24  # the same on ARM


def _mxcsr(builder: Any, name: str, slot: Any) -> None:
    """Store the control word of an x86 processor in `slot`, or load it from there."""
    where = builder.bitcast(slot, ir.IntType(8).as_pointer())
    kind = ir.FunctionType(ir.VoidType(), [where.type])
    builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.sse.{name}"), [where])


def _set_fpcr(builder: Any, word: Any) -> None:
    kind = ir.FunctionType(ir.VoidType(), [INT64])
    builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.aarch64.set.fpcr"), [word])


@intrinsic
def flush_subnormals(typing_context: Any) -> Any:
    """Make this thread flush subnormal numbers to zero -> its control word before, for `restore`."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = processor.kind()
        if kind == processor.X86:
            slot = cgutils.alloca_once(builder, INT32)
            _mxcsr(builder, "stmxcsr", slot)
            word = builder.load(slot)
            builder.store(builder.or_(word, ir.Constant(INT32, MXCSR_BITS)), slot)
            _mxcsr(builder, "ldmxcsr", slot)
            return builder.zext(word, INT64)
        if kind == processor.ARM:
            no_arguments = ir.FunctionType(INT64, [])
            get = cgutils.get_or_insert_function(builder.module, no_arguments, "llvm.aarch64.get.fpcr")
            word = builder.call(get, [])
            _set_fpcr(builder, builder.or_(word, ir.Constant(INT64, FPCR_BIT)))
            return word
        return ir.Constant(INT64, 0)

    return types.int64(), codegen


@intrinsic
def restore(typing_context: Any, word: Any) -> Any:
    """Restore the control word that `flush_subnormals` returned."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = processor.kind()
        if kind == processor.X86:
            slot = cgutils.alloca_once(builder, INT32)
            builder.store(builder.trunc(values[0], INT32), slot)
            _mxcsr(builder, "ldmxcsr", slot)
        elif kind == processor.ARM:
            _set_fpcr(builder, values[0])
        return context.get_dummy_value()

    return types.void(types.int64), codegen
