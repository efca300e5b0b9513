"""Whole rows of a loss: parts of one are copied to another, and arithmetic on rows is refused.

NumPy makes a new array for `z - y`, for which compiled training has no memory; Numba's message names a line in Numba.
"""

from __future__ import annotations

import operator
from functools import cache
from typing import Any

from numba import types
from numba.core import ir
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.errors import TypingError
from numba.extending import intrinsic

from ..jit import address_of, jit
from ..vectormath.forms import call_of
from .messages import NEW_ARRAY
from .unsupported import unsupported


@register_pass(mutates_CFG=False, analysis_only=True)
class RefuseNewArrays(FunctionPass):
    """Raise for an operation whose result is an array; it follows type inference."""

    _name = "nbtrain_refuse_new_arrays"

    def __init__(self) -> None:
        FunctionPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        """Look at every assignment."""
        for block in state.func_ir.blocks.values():
            for statement in block.body:
                value = getattr(statement, "value", None)
                if not isinstance(statement, ir.Assign) or not isinstance(value, ir.Expr):
                    continue
                if value.op in ("binop", "unary") and isinstance(state.typemap.get(statement.target.name), types.Array):
                    raise unsupported(statement.loc.line, NEW_ARRAY).within(state.func_id.code)
        return False


def put_part() -> Any:
    """An intrinsic (array, slice, value): `array[slice] = value`; one row into another without new memory."""
    return _PUT


def _put(typing_context: Any, target: Any, index: Any, value: Any) -> Any:
    if isinstance(target, types.Array) and isinstance(value, types.Array) and target.mutable:
        if target.ndim != 1 or value.ndim != 1 or "A" in (target.layout, value.layout):
            raise TypingError("part must be a row without steps; write a loop over its elements")
        if isinstance(index, types.SliceType) and index.has_step:  # a copy onto itself would depend on the direction
            raise TypingError("part must be a row without steps; write a loop over its elements")
        return call_of(_copy(target.dtype == value.dtype), target, index, value)
    usual = typing_context.resolve_setitem(target, index, types.unliteral(value))
    if usual is None:
        return None

    def lowered(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        given = [
            context.cast(builder, argument, kind, wanted)
            for argument, kind, wanted in zip(arguments, signature.args, usual.args, strict=True)
        ]
        context.get_function(operator.setitem, usual)(builder, given)
        return context.get_dummy_value()

    return types.void(target, index, value), lowered


_PUT = intrinsic(_put)


place_of: Any = address_of


@cache
def _copy(may_overlap: bool) -> Any:
    """A jit function that copies a row into a part of another, as if by way of a third; one number goes everywhere."""

    def copy(target, index, value):  # type: ignore[no-untyped-def]
        part = target[index]
        if value.size != part.size and value.size != 1:
            raise IndexError("rows of different lengths")
        step = 0 if value.size == 1 else 1
        if may_overlap and place_of(part) > place_of(value):
            for k in range(part.size - 1, -1, -1):
                part[k] = value[step * k]
        else:
            for k in range(part.size):
                part[k] = value[step * k]

    return jit(copy)
