"""Vector code as LLVM IR over addresses, and what the target's registers hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba.core.registry import cpu_target

from ...compiler import processor

INT64: Any = ir.IntType(64)
INT32: Any = ir.IntType(32)


class Target(NamedTuple):
    """Vector registers of the processor that Numba compiles for."""

    vector_bytes: int
    registers: int


@cache
def target() -> Target:
    """Ask LLVM what it makes of a 64-byte addition, so that no names of processors and features need be known."""
    module = llvm.parse_assembly(
        "define void @add(ptr %p, ptr %q) { %a = load <16 x float>, ptr %p %b = load <16 x float>, ptr %q"
        " %c = fadd <16 x float> %a, %b store <16 x float> %c, ptr %p ret void }"
    )
    triple, cpu, features = cpu_target.target_context.codegen().magic_tuple()
    machine = llvm.Target.from_triple(triple).create_target_machine(cpu=cpu, features=features)
    assembly = machine.emit_assembly(module)
    if "zmm" in assembly:
        return Target(64, 32)
    if "ymm" in assembly:
        return Target(32, 16)
    return Target(16, 16 if "xmm" in assembly else 32)


@cache
def targets_amx() -> bool:
    """Whether Numba compiles for a processor with AMX for bfloat16."""
    features = cpu_target.target_context.codegen().magic_tuple()[2].split(",")
    return {f"+{name}" for name in processor.AMX_FEATURES} <= set(features)


class Int:
    """An int64 of the function that is being emitted, with the operators of Python's numbers; none is negative
    where it is divided."""

    value: Any

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder = builder
        self.value = ir.Constant(INT64, value) if isinstance(value, int) else value

    def _of(self, operation: str, other: Int | int) -> Int:
        return Int(self.builder, getattr(self.builder, operation)(self.value, Int(self.builder, _raw(other)).value))

    def __add__(self, other: Int | int) -> Int:
        return self._of("add", other)

    def __sub__(self, other: Int | int) -> Int:
        return self._of("sub", other)

    def __mul__(self, other: Int | int) -> Int:
        return self._of("mul", other)

    def __floordiv__(self, other: Int | int) -> Int:
        return self._of("udiv", other)

    def compared(self, relation: str, other: Int | int) -> Any:
        """Truth value of ``self relation other``."""
        return self.builder.icmp_signed(relation, self.value, Int(self.builder, _raw(other)).value)

    def chosen(self, condition: Any, other: Int | int) -> Int:
        """self where the condition holds, else other."""
        return Int(self.builder, self.builder.select(condition, self.value, Int(self.builder, _raw(other)).value))

    def at_most(self, other: Int | int) -> Int:
        return self.chosen(self.compared("<", other), other)

    def at_least(self, other: Int | int) -> Int:
        return self.chosen(self.compared(">", other), other)

    def rounded_up(self, unit: Int | int) -> Int:
        return (self + unit - 1) // unit * unit


def _raw(value: Any) -> Any:
    return value.value if isinstance(value, Int) else value


class Loop:
    """A loop that is being emitted: its index, and the values that it hands from pass to pass."""

    def __init__(self, index: Int, values: list[Any]) -> None:
        self.index = index
        self.values = values


class Emitter:
    """An LLVM function ``void name(int64, ...)`` in the making; addresses and strides are Int, in bytes."""

    scalar: Any
    size: int
    arguments: list[Int]
    function: Any
    builder: Any

    def __init__(self, module: Any, name: str, arguments: int, dtype: np.dtype[Any]) -> None:
        self.scalar = ir.FloatType() if dtype.itemsize == 4 else ir.DoubleType()
        self.size = dtype.itemsize
        self.function = ir.Function(module, ir.FunctionType(ir.VoidType(), [INT64] * arguments), name)
        self.function.attributes.add("nounwind")
        self.function.attributes.add("noinline")
        self.builder = ir.IRBuilder(self.function.append_basic_block())
        self.arguments = [Int(self.builder, argument) for argument in self.function.args]

    def number(self, value: int) -> Int:
        return Int(self.builder, value)

    def call(self, other: Emitter, *arguments: Int | int) -> None:
        self.builder.call(other.function, [Int(self.builder, _raw(a)).value for a in arguments])

    def end(self) -> None:
        self.builder.ret_void()

    def vector(self, lanes: int) -> Any:
        return ir.VectorType(self.scalar, lanes)

    def zeros(self, lanes: int) -> Any:
        return ir.Constant(self.vector(lanes), [0.0] * lanes)

    def load(self, address: Int, kind: Any) -> Any:
        value = self.builder.load(self._pointer(address, kind))
        value.align = self.size
        return value

    def store(self, value: Any, address: Int) -> None:
        self.builder.store(value, self._pointer(address, value.type)).align = self.size

    def load_some(self, address: Int, count: Int, lanes: int) -> Any:
        """The first `count` lanes; nothing is read for the others, which are 0."""
        index = ir.Constant(ir.VectorType(INT64, lanes), list(range(lanes)))
        mask = self.builder.icmp_signed("<", index, self.splat(count.value, lanes))
        kind, alignment = self.vector(lanes), ir.Constant(INT32, self.size)
        arguments = [self._pointer(address, kind), alignment, mask, self.zeros(lanes)]
        return self._overloaded("llvm.masked.load", ".p0", kind, arguments)

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        """a * b + c, fused where the target can: a plain fma would call libm where it cannot."""
        return self._overloaded("llvm.fmuladd", "", a.type, [a, b, c])

    def opaque(self, value: Int) -> Int:
        """The value, of which LLVM does not see where it comes from: it would derive it anew in a loop."""
        assembly = ir.InlineAsm(ir.FunctionType(INT64, [INT64]), "", "=r,0")
        return Int(self.builder, self.builder.call(assembly, [value.value]))

    def splat(self, value: Any, lanes: int) -> Any:
        undefined = ir.Constant(ir.VectorType(value.type, lanes), ir.Undefined)
        first = self.builder.insert_element(undefined, value, ir.Constant(INT32, 0))
        return self.shuffle(first, undefined, [0] * lanes)

    def shuffle(self, x: Any, y: Any, lanes: list[int]) -> Any:
        return self.builder.shuffle_vector(x, y, ir.Constant(ir.VectorType(INT32, len(lanes)), lanes))

    def lane(self, vector: Any, index: int) -> Any:
        return self.builder.extract_element(vector, ir.Constant(INT32, index))

    def buffer(self, elements: int) -> Int:
        """Address of an aligned array on the stack."""
        with self.builder.goto_entry_block():
            array = self.builder.alloca(ir.ArrayType(self.scalar, elements))
            array.align = 64
            return Int(self.builder, self.builder.ptrtoint(array, INT64))

    @contextmanager
    def loop(self, first: Int | int, last: Int, step: Int | int, values: list[Any] | None = None) -> Iterator[Loop]:
        """A loop while ``index + step <= last``; after it, `index` and `values` are what it ended with."""
        b, before, start = self.builder, self.builder.block, [_raw(value) for value in values or []]
        head, body, end = (b.append_basic_block() for _ in range(3))
        b.branch(head)
        b.position_at_end(head)
        index, phis = b.phi(INT64), [b.phi(value.type) for value in start]
        after = Int(b, index) + step
        b.cbranch(after.compared("<=", last), body, end)
        b.position_at_end(body)
        wrapped = [Int(b, phi) if phi.type == INT64 else phi for phi in phis]
        state = Loop(Int(b, index), list(wrapped))
        yield state
        index.add_incoming(Int(b, _raw(first)).value, before)
        index.add_incoming(after.value, b.block)
        for phi, initial, final in zip(phis, start, state.values, strict=True):
            phi.add_incoming(initial, before)
            phi.add_incoming(_raw(final), b.block)
        b.branch(head)
        b.position_at_end(end)
        state.values = wrapped

    @contextmanager
    def only_if(self, condition: Any) -> Iterator[None]:
        with self.builder.if_then(condition):
            yield

    def _pointer(self, address: Int, kind: Any) -> Any:
        return self.builder.inttoptr(address.value, kind.as_pointer())

    def _overloaded(self, name: str, ending: str, kind: Any, arguments: list[Any]) -> Any:
        """Call an LLVM intrinsic that exists for every kind of scalar and vector."""
        vector = f"v{kind.count}" if isinstance(kind, ir.VectorType) else ""
        name = f"{name}.{vector}f{8 * self.size}{ending}"
        module = self.function.module
        function = module.globals.get(name)
        if function is None:
            function = ir.Function(module, ir.FunctionType(kind, [a.type for a in arguments]), name)
        return self.builder.call(function, arguments)
