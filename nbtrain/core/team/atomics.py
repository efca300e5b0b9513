"""Atomic operations, and what waiting threads need of the processor and of the C library."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ...compiler import processor, targets
from ..calls import INT64, library_call

ORDERING = "seq_cst"
MONOTONIC, MONOTONIC_OF_MACOS = 1, 6  # clocks of clock_gettime
BILLION: Any = ir.Constant(INT64, 10**9)
# The instruction that tells the processor that a thread is waiting, and its argument.
PAUSE: dict[str, tuple[str, int | None]] = {
    processor.X86: ("llvm.x86.sse2.pause", None),
    processor.ARM: ("llvm.aarch64.hint", 1),
}


def pointer(builder: Any, address: Any) -> Any:
    """An address as a pointer to int64."""
    return builder.inttoptr(address, INT64.as_pointer())


@intrinsic
def atomic_load(typing_context: Any, address: Any) -> Any:
    """The int64 at `address`; what its writer wrote before it is visible after."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.load_atomic(pointer(builder, values[0]), "acquire", 8)

    return types.int64(types.int64), codegen


@intrinsic
def atomic_store(typing_context: Any, address: Any, value: Any) -> Any:
    """Write the int64 at `address`; a thread that reads it sees all that was written before."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        builder.store_atomic(values[1], pointer(builder, values[0]), "release", 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


@intrinsic
def compare_and_swap(typing_context: Any, address: Any, old: Any, new: Any) -> Any:
    """Turn the int64 at `address` from `old` to `new` atomically; whether that was done."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        result = builder.cmpxchg(pointer(builder, values[0]), values[1], values[2], ORDERING, ORDERING)
        return builder.extract_value(result, 1)

    return types.boolean(types.int64, types.int64, types.int64), codegen


@intrinsic
def plain_load(typing_context: Any, address: Any) -> Any:
    """The int64 at `address`."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.load(pointer(builder, values[0]))

    return types.int64(types.int64), codegen


@intrinsic
def plain_store(typing_context: Any, address: Any, value: Any) -> Any:
    """Write the int64 at `address`."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        builder.store(values[1], pointer(builder, values[0]))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


@intrinsic
def pause(typing_context: Any) -> Any:
    """Wait for about ten cycles, as loops that poll memory should."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        name, argument = PAUSE.get(processor.kind(), (None, None))
        if name is not None:
            int32 = ir.IntType(32)
            kinds = [] if argument is None else [int32]
            function_type = ir.FunctionType(ir.VoidType(), kinds)
            function = cgutils.get_or_insert_function(builder.module, function_type, name)
            builder.call(function, [ir.Constant(kind, argument) for kind in kinds])
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def prefetch(typing_context: Any, address: Any) -> Any:
    """Prefetch the cache line at `address`, which is read soon."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        int32 = ir.IntType(32)
        where = builder.inttoptr(values[0], ir.IntType(8).as_pointer())
        function_type = ir.FunctionType(ir.VoidType(), [where.type, int32, int32, int32])
        function = cgutils.get_or_insert_function(builder.module, function_type, "llvm.prefetch.p0")
        builder.call(function, [where, *(ir.Constant(int32, number) for number in (0, 3, 1))])  # read, keep, data
        return context.get_dummy_value()

    return types.void(types.int64), codegen


@intrinsic
def give_way(typing_context: Any) -> Any:
    """Yield the core to another thread: sched_yield of the C library, or Windows' SwitchToThread."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        name = "SwitchToThread" if targets.system() == targets.WINDOWS else "sched_yield"
        library_call(builder, name, ir.IntType(32), [])
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def clock(typing_context: Any) -> Any:
    """Nanoseconds of a monotonic clock: clock_gettime of the C library, or Windows' performance counter."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return (counter if targets.system() == targets.WINDOWS else time_of_clock)(builder)

    return types.int64(), codegen


def time_of_clock(builder: Any) -> Any:
    """Code for clock_gettime."""
    time = cgutils.alloca_once(builder, ir.ArrayType(INT64, 2))  # seconds, nanoseconds
    number = MONOTONIC_OF_MACOS if targets.system() == targets.MACOS else MONOTONIC
    given = [ir.Constant(INT64, number), builder.ptrtoint(time, INT64)]
    library_call(builder, "clock_gettime", ir.IntType(32), given)
    seconds, rest = (builder.extract_value(builder.load(time), i) for i in range(2))
    return builder.add(builder.mul(seconds, BILLION), rest)


def counter(builder: Any) -> Any:
    """Code for the performance counter: its whole seconds, and the rest of its ticks as nanoseconds."""
    found = []
    for name in ("QueryPerformanceCounter", "QueryPerformanceFrequency"):
        place = cgutils.alloca_once(builder, INT64)
        library_call(builder, name, ir.IntType(32), [builder.ptrtoint(place, INT64)])
        found.append(builder.load(place))
    ticks, frequency = found
    rest = builder.sdiv(builder.mul(builder.srem(ticks, frequency), BILLION), frequency)
    return builder.add(builder.mul(builder.sdiv(ticks, frequency), BILLION), rest)
