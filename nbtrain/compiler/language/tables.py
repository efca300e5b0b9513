"""Elements of tables by a computed index: constants of a component's module or closure, and tuples in its functions.

Python raises for an index out of range. Compiled code cannot raise, and must not read beside the table: it returns
NaN. A constant index out of range is refused.
"""

from __future__ import annotations

import builtins
import math
import operator
from functools import cache
from typing import Any

import numpy as np
from numba import types
from numba.core import ir
from numba.extending import intrinsic

from ..jit import jit
from ..vectormath.forms import call_of, numbas

ADVICE = "a computed index is supported for tables of numbers with one index only"


class NoElement(Exception):
    """A constant index beyond a tuple. Not a Numba error, since Numba would then retry with a computed index."""


@cache
def element(dtype: np.dtype[Any]) -> Any:
    """A jit function (table, index) -> the element in `dtype`, counted from the end below 0, or NaN."""
    number, nothing = dtype.type, dtype.type(math.nan)

    def table_element(table, index):  # type: ignore[no-untyped-def]
        if len(table) == 0:
            return nothing
        place = index + len(table) if index < 0 else index
        inside = 0 <= place < len(table)
        found = number(table[int(place) if inside else 0])
        return found if inside else nothing

    return jit(table_element)


@cache
def argument_element(dtype: np.dtype[Any]) -> Any:
    """An intrinsic (table, index): `element` for a constant table that is an argument or a part, else `[]`.

    Arrays that are written to are rows of a loss, whose code reports an index out of range.
    """

    def item(typing_context: Any, table: Any, index: Any) -> Any:
        if isinstance(table, types.BaseTuple) and isinstance(index, types.IntegerLiteral):
            return _item_of_tuple(table, index)
        computed = types.unliteral(index)
        if isinstance(computed, types.Integer | types.Float) and _is_constant(table):
            return call_of(element(dtype), table, computed)
        return numbas(typing_context, operator.getitem, table, computed)

    return intrinsic(prefer_literal=True)(item)


def _item_of_tuple(table: Any, index: Any) -> Any:
    """Signature and code for an item of a tuple by a constant index."""
    count, place = len(table), index.literal_value
    if not -count <= place < count:
        raise NoElement(f"takes element {place} of a tuple that holds {count}")

    def lowered(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.extract_value(arguments[0], place % count)

    return table.types[place](table, index), lowered


def row_that_is_read(number: Any) -> Any:
    """The type of an array that a component may not write to: targets are the caller's own memory.

    It differs from a constant table by its unknown alignment; so do its parts.
    """
    return types.Array(number, 1, "C", readonly=True, aligned=False)


def _is_constant(table: Any) -> bool:
    """Whether a type is that of a constant array or of a tuple of numbers."""
    if isinstance(table, types.Array):
        return table.ndim == 1 and not table.mutable and table.aligned
    return isinstance(table, types.UniTuple) and isinstance(table.dtype, types.Number | types.Boolean)


def table_of(known: Any, definition: Any) -> Any:
    """The elements that a variable is known to have, by the name it stands for or by its definition, or None.

    They are a tuple, an array, or for a tuple that is made in the function its variables.
    """
    found = known
    if isinstance(definition, ir.Const | ir.Global | ir.FreeVar):
        found = definition.value
    elif isinstance(definition, ir.Expr) and definition.op == "build_tuple":
        return definition.items
    return found if isinstance(found, tuple | list | np.ndarray) else None


def constant(variable: Any, definition: Any) -> Any:
    """An index that can be seen in the function, a tuple of several too, or None; `definition` is `Rewriter`'s."""
    found = definition(variable)
    if isinstance(found, ir.Const | ir.Global | ir.FreeVar):
        return found.value
    if isinstance(found, ir.Expr) and found.op == "build_tuple":
        parts = [constant(item, definition) for item in found.items]
        return None if None in parts else tuple(parts)
    return None


def problem(table: Any, index: Any, known: Any, names: Any) -> str | None:
    """Why an element cannot be taken; "" if no check is needed.

    Parameters
    ----------
    table
        Of `table_of`.
    index
        Definition of the place.
    known
        The place, if it is a constant.
    names
        What variables stand for.

    Returns
    -------
    str or None
        None for an index that is known only when the code runs.
    """
    if known is not None:
        try:
            table[known]
        except IndexError:
            return f"takes element {known} of {len(table)}"
        except TypeError:
            return ADVICE
        return ""
    if is_slice(index, names):
        return ""
    if is_several(index):
        return ADVICE
    plain = np.ndim(table) == 1 if isinstance(table, np.ndarray) else all(map(_may_be_number, table))
    return None if plain and len(table) else ADVICE


def is_slice(index: Any, names: Any) -> bool:
    """Whether an index, by its definition, is a range of places."""
    return isinstance(index, ir.Expr) and index.op == "call" and names.get(index.func.name) is builtins.slice


def is_several(index: Any) -> bool:
    """Whether an index, by its definition, is one for each dimension."""
    return isinstance(index, ir.Expr) and index.op == "build_tuple"


def _may_be_number(item: Any) -> bool:
    return isinstance(item, int | float | np.number | ir.Var)
