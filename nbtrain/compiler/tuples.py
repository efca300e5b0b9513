"""Tuples in memory: parameters, hyperparameters and state slots of components, loaded and stored as tuples."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import from_dtype, types
from numba.extending import intrinsic

from . import processor

_INT64 = ir.IntType(64)
_DOMAIN = "nbtrain"


def tuple_type(dtype: np.dtype[Any], names: Sequence[str] | int, title: str = "values") -> Any:
    """A tuple of this many numbers, or a NamedTuple with these names; `title` is what messages call it."""
    number = from_dtype(dtype)
    if isinstance(names, int):
        return types.UniTuple(number, names) if names else types.Tuple(())
    if not names:
        return types.Tuple(())
    return types.NamedUniTuple(number, len(names), namedtuple(title, names))  # type: ignore[misc]


def _place(context: Any, builder: Any, number: Any, address: Any, index: Any) -> Any:
    kind = context.get_data_type(number)
    return builder.gep(builder.inttoptr(address, kind.as_pointer()), [index])


def loader(kind: Any) -> Any:
    """An intrinsic: address -> the tuple of the consecutive numbers there."""

    @intrinsic
    def load(typing_context: Any, address: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            items = [
                builder.load(_place(context, builder, number, values[0], ir.Constant(_INT64, i)))
                for i, number in enumerate(kind)
            ]
            return context.make_tuple(builder, kind, items)

        return kind(types.int64), codegen

    return load


def storer(dtype: np.dtype[Any], count: int) -> Any:
    """An intrinsic: (address, tuple of `count` numbers) -> writes them there in `dtype`."""
    number = from_dtype(dtype)

    @intrinsic
    def store(typing_context: Any, address: Any, items: Any) -> Any:
        if not isinstance(items, types.BaseTuple) or len(items) != count:
            return None

        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            for i, kind in enumerate(items):
                item = context.cast(builder, builder.extract_value(values[1], i), kind, number)
                builder.store(item, _place(context, builder, number, values[0], ir.Constant(_INT64, i)))
            return context.get_dummy_value()

        return types.void(types.int64, items), codegen

    return store


class Streams:
    """Arrays that one loop runs over together, marked for LLVM as not overlapping one another.

    Without that knowledge LLVM checks every pair of arrays before the loop, and does not vectorize if there are many.
    """

    count: int

    def __init__(self, dtype: np.dtype[Any], count: int) -> None:
        self.number, self.count = from_dtype(dtype), count

    def _mark(self, builder: Any, instruction: Any, stream: int) -> Any:
        module = builder.module
        domain = module.add_metadata([_DOMAIN])
        scopes = [module.add_metadata([f"{_DOMAIN}.{i}", domain]) for i in range(self.count)]
        instruction.set_metadata("alias.scope", module.add_metadata([scopes[stream]]))
        others = [scope for i, scope in enumerate(scopes) if i != stream]
        if others:
            instruction.set_metadata("noalias", module.add_metadata(others))
        return instruction

    def getter(self, stream: int) -> Any:
        """An intrinsic: (address, i) -> element i."""
        number, mark = self.number, self._mark

        @intrinsic
        def get(typing_context: Any, address: Any, index: Any) -> Any:
            def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
                return mark(builder, builder.load(_place(context, builder, number, *values)), stream)

            return number(types.int64, types.int64), codegen

        return get

    def setter(self, stream: int) -> Any:
        """An intrinsic: (address, i, value) -> writes element i."""
        number, mark = self.number, self._mark

        @intrinsic
        def put(typing_context: Any, address: Any, index: Any, value: Any) -> Any:
            if not isinstance(value, types.Number | types.Boolean):
                return None

            def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
                given = context.cast(builder, values[2], value, number)
                mark(builder, builder.store(given, _place(context, builder, number, *values[:2])), stream)
                return context.get_dummy_value()

            return types.void(types.int64, types.int64, value), codegen

        return put

    def slots_getter(self, first: int, kind: Any) -> Any:
        """An intrinsic: (tuple of addresses, i) -> tuple of their elements i; the streams are `first` and on."""
        mark, number = self._mark, self.number

        @intrinsic
        def get(typing_context: Any, addresses: Any, index: Any) -> Any:
            def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
                items = []
                for slot in range(len(kind)):
                    place = _place(context, builder, number, builder.extract_value(values[0], slot), values[1])
                    items.append(mark(builder, builder.load(place), first + slot))
                return context.make_tuple(builder, kind, items)

            return kind(addresses, types.int64), codegen

        return get

    def slots_setter(self, first: int, count: int) -> Any:
        """An intrinsic: (tuple of addresses, i, tuple of numbers) -> writes elements i.

        Subnormal numbers become 0, which most processors do by themselves in training.
        """
        mark, number = self._mark, self.number
        smallest = float(np.finfo(np.dtype(str(number))).smallest_normal)

        @intrinsic
        def put(typing_context: Any, addresses: Any, index: Any, items: Any) -> Any:
            if not isinstance(items, types.BaseTuple) or len(items) != count:
                return None

            def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
                for slot, given in enumerate(items):
                    item = context.cast(builder, builder.extract_value(values[2], slot), given, number)
                    if not processor.flushes():
                        item = _flushed(builder, item, smallest)
                    place = _place(context, builder, number, builder.extract_value(values[0], slot), values[1])
                    mark(builder, builder.store(item, place), first + slot)
                return context.get_dummy_value()

            return types.void(addresses, types.int64, items), codegen

        return put


def _flushed(builder: Any, value: Any, smallest: float) -> Any:
    """0 for a number too small to be normal (such are slow to compute with), else the number; NaN stays."""
    kind = value.type
    magnitude = builder.module.declare_intrinsic("llvm.fabs", [kind])
    tiny = builder.fcmp_ordered("<", builder.call(magnitude, [value]), ir.Constant(kind, smallest))
    return builder.select(tiny, ir.Constant(kind, 0.0), value)


@intrinsic
def added(typing_context: Any, total: Any, item: Any) -> Any:
    """`total + item` in float64, for a sum whose order is free, so that LLVM can keep a partial sum in every lane.

    Only for sums over the whole of something: where a sum is cut, its bits would depend on the cut.
    """

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.fadd(*values, flags=("reassoc",))

    return types.float64(types.float64, types.float64), codegen


@intrinsic
def plus_product(typing_context: Any, total: Any, factor: Any, number: Any) -> Any:
    """`total + factor * number`, with one rounding where the host can, in every loop that uses it."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        number = context.cast(builder, values[2], signature.args[2], total)
        kind = values[0].type
        fused = builder.module.declare_intrinsic("llvm.fmuladd", [kind], ir.FunctionType(kind, [kind] * 3))
        return builder.call(fused, [values[1], number, values[0]])

    return total(total, total, number), codegen
