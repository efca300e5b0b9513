"""Quick calls: functions that the interpreter calls as its own, with its own objects.

Everything is checked here. Whatever does not have the right form is declined: NaN is returned and nothing is done.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..compiler.jit import jit, vector_at
from .calls import call
from .checks import bad_number
from .layout import ARRAY_FLAGS, ARRAY_OFFSETS, WRITEABLE
from .net import INT64, ZERO

TYPE, DATA, DTYPE = ARRAY_OFFSETS["type"], ARRAY_OFFSETS["data"], ARRAY_OFFSETS["dtype"]
COUNT, SHAPE, FLAGS = ARRAY_OFFSETS["dimension_count"], ARRAY_OFFSETS["dimensions"], ARRAY_OFFSETS["flags"]
LOW = 0xFFFFFFFF
FLOATS, LABELS, UNFIT = 0, 1, 2  # kinds of arrays; the first two the kinds of targets


class Given(NamedTuple):
    """An array object's data: address, shape with columns 1 for a vector, kind, and its flags."""

    address: int
    rows: int
    columns: int
    dimensions: int
    kind: int
    flags: int


@jit
def word(address):
    """The int64 at an address."""
    return vector_at(address, 1, INT64)[0]


@jit
def model_of(self):
    """Address of the descriptor, which is the array that a quick function is bound to."""
    return word(self + DATA)


@jit
def given(d, object_address):
    """What an object holds, if it is a C-contiguous and aligned array with one or two dimensions of a known dtype."""
    unfit = Given(ZERO, ZERO, ZERO, ZERO, np.int64(UNFIT), ZERO)
    if word(object_address + TYPE) != d.ndarray_type:
        return unfit
    dimensions, flags = word(object_address + COUNT) & LOW, word(object_address + FLAGS) & LOW
    if flags & ARRAY_FLAGS != ARRAY_FLAGS or dimensions < 1 or dimensions > 2:
        return unfit
    shape, dtype = word(object_address + SHAPE), word(object_address + DTYPE)
    kind = FLOATS if dtype == d.number_type else LABELS if dtype == d.label_type else UNFIT
    columns = word(shape + 8) if dimensions == 2 else 1
    return Given(word(object_address + DATA), word(shape), columns, dimensions, np.int64(kind), flags)


@jit
def both_given(d, arguments, count):
    """What the two arguments of a call hold; any other number of arguments does not fit."""
    if count != 2:
        unfit = Given(ZERO, ZERO, ZERO, ZERO, np.int64(UNFIT), ZERO)
        return unfit, unfit
    return given(d, word(arguments)), given(d, word(arguments + 8))


@jit
def good_x(d, x, dtype):
    """Whether x is a matrix of finite numbers, small enough for a call that holds the interpreter lock."""
    fits = x.kind == FLOATS and x.dimensions == 2 and x.columns == d.inputs and 0 < x.rows <= d.quick_rows
    return fits and bad_number(vector_at(x.address, x.rows * x.columns, dtype)) < 0


@jit
def good_y(d, y, x_rows, dtype):
    """Whether y has the form that the loss takes, with finite numbers in range; the core itself checks labels."""
    if y.kind != d.target_kind or y.rows != x_rows:
        return False
    if y.kind == LABELS:
        return y.dimensions == 1
    return y.columns == d.target_columns and in_range(
        vector_at(y.address, y.rows * y.columns, dtype), d.target_minimum, d.target_maximum
    )


@jit
def in_range(numbers, minimum, maximum):
    """Whether all numbers are finite and lie between the bounds."""
    low, high = numbers.dtype.type(minimum), numbers.dtype.type(maximum)
    wrong = 0
    for i in range(numbers.size):
        right = (numbers[i] >= low) & (numbers[i] <= high) & (numbers[i] - numbers[i] == 0)
        wrong += not right
    return wrong == 0


@jit
def good_out(d, out, rows):
    """Whether predictions can be written to out."""
    fits = out.kind == FLOATS and out.rows == rows and out.columns == d.outputs and out.dimensions == 2
    return fits and out.flags & WRITEABLE != 0


@jit
def as_float(d, value):
    """A float object of the interpreter."""
    return call(d.make_float, (value,))
