"""Checks of what users pass: arrays become contiguous and of the model's dtype, or an error says why not."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from ..errors import InputError
from .messages import brief, wrong

Array = np.ndarray[Any, Any]


def whole_number(value: Any, argument: str, minimum: int) -> int:
    """An int of at least `minimum`; bools are refused."""
    if type(value) is int and value >= minimum:  # the tests for abstract classes below take ten times as long
        return value
    if isinstance(value, Integral) and not isinstance(value, bool | np.bool) and int(value) >= minimum:
        return int(value)
    raise InputError(wrong(argument, f"be an integer >= {minimum}", brief(value)))


def finite_number(value: Any, argument: str, kind: str = "a finite number") -> float:
    """A finite float; bools are refused. `kind` describes it in the error."""
    if type(value) is float and math.isfinite(value):
        return value
    if isinstance(value, Real) and not isinstance(value, bool | np.bool) and math.isfinite(value):
        return float(value)
    raise InputError(wrong(argument, f"be {kind}", brief(value)))


def positive_number(value: Any, argument: str, kind: str = "a finite number > 0") -> float:
    """A finite float above 0; bools are refused. `kind` describes it in the error."""
    number = finite_number(value, argument, kind)
    if number > 0:
        return number
    raise InputError(wrong(argument, f"be {kind}", brief(value)))


def numbers(value: Any, dtype: np.dtype[Any], argument: str) -> Array:
    """A C-contiguous, aligned array of `dtype` in native byte order, from anything that holds real numbers."""
    array = as_array(value, argument)
    if array.dtype.kind not in "fiub":
        raise InputError(wrong(argument, "contain real numbers", f"an array of dtype {array.dtype}"))
    if array.dtype == dtype and array.flags.c_contiguous and array.flags.aligned:
        return array
    try:
        with np.errstate(over="ignore"):  # a number that does not fit becomes infinite, which is refused later
            return np.require(array.astype(dtype, order="C"), requirements=("C", "A"))
    except MemoryError:
        raise no_memory_for_copy(array, dtype, argument) from None


def no_memory_for_copy(array: Any, dtype: np.dtype[Any], argument: str) -> MemoryError:
    """The error where an array cannot be copied to another dtype."""
    size = math.prod(map(int, array.shape)) * dtype.itemsize
    return MemoryError(
        f"{argument}: {size:,} bytes are needed for a copy in {dtype} of an array of shape {array.shape} and dtype "
        f"{array.dtype}; a C-contiguous array of {dtype} is not copied, and a numpy.memmap is read block by block"
    )


def as_array(value: Any, argument: str) -> Array:
    """An array of any dtype except object."""
    if value is None:
        raise InputError(wrong(argument, "be an array of numbers", "None"))
    if hasattr(value, "tocsr"):
        raise InputError(wrong(argument, "be a dense array", "a sparse matrix", f"use {argument}.toarray()"))
    masked = _masked(value)
    if masked:
        hint = f"fill them with {argument}.filled(…), or leave out their rows"
        raise InputError(wrong(argument, "have no masked elements", f"{masked} of them", hint))
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise InputError(wrong(argument, "be an array of numbers", brief(value), str(error))) from None
    return _from_objects(array, value, argument) if array.dtype == object else array


def _masked(value: Any) -> int:
    """How many elements are masked. numpy.ma is slow to import; programs with masked arrays import it."""
    kind = getattr(sys.modules.get("numpy.ma"), "MaskedArray", None)  # None while another thread imports it
    return int(np.count_nonzero(value.mask)) if kind is not None and isinstance(value, kind) else 0


def _from_objects(array: Array, value: Any, argument: str) -> Array:
    try:
        return array.astype(np.float64)
    except OverflowError:
        raise InputError(wrong(argument, "contain real numbers", "an int beyond the range of float64")) from None
    except (ValueError, TypeError):
        index = next((i for i, item in enumerate(array.flat) if not _is_number(item)), None)
    if index is None or array.ndim == 0:
        raise InputError(wrong(argument, "contain real numbers", "an array of dtype object"))
    item = array.flat[index]
    if isinstance(item, str):
        hint = "encode text as numbers first"
        if array.ndim == 1:
            hint = f"np.unique({argument}, return_inverse=True)[1] turns text into class labels"
    else:
        hint = "fill or remove missing values" if _is_missing(item) else ""
    where = place(array, index)
    names = getattr(value, "columns", None)  # of a pandas or polars frame
    if names is not None and array.ndim == 2 and len(names) == array.shape[1]:
        where = f"row {index // array.shape[1]}, column {names[index % array.shape[1]]!r}"
    raise InputError(wrong(argument, "contain real numbers", f"{brief(item)} at {where}", hint))


def _is_number(item: Any) -> bool:
    try:
        np.float64(item)
    except (ValueError, TypeError, OverflowError):
        return False
    return True


def _is_missing(item: Any) -> bool:
    return type(item).__name__ in ("NAType", "NaTType")  # of pandas; None becomes NaN


def inputs(value: Any, columns: int, dtype: np.dtype[Any], argument: str = "X") -> Array:
    """X as an array of shape (n_samples, columns) and `dtype`; its values are not checked."""
    array = numbers(value, dtype, argument)
    check_inputs_shape(array.shape, columns, argument)
    return array


def check_inputs_shape(shape: tuple[int, ...], columns: int, argument: str = "X", empty: bool = False) -> None:
    """Raise InputError unless it is (samples, columns), with at least one sample unless they may be none."""
    if len(shape) != 2 or shape[1] != columns:
        hint = f"the network has {columns} input{'s' * (columns != 1)}{_reshaped(shape, columns, argument)}"
        raise InputError(wrong(argument, f"have shape (n_samples, {columns})", str(shape), hint))
    if shape[0] == 0 and not empty:
        raise InputError(wrong(argument, "have at least one sample", f"shape {shape}"))


def _reshaped(shape: tuple[int, ...], columns: int, argument: str) -> str:
    """How an array of another shape may be meant, where that is plain."""
    if len(shape) == 1 and columns == 1:
        return f": use {argument}.reshape(-1, 1) for one value per sample"
    if shape == (columns,):
        return f": use {argument}.reshape(1, -1) for a single sample"
    if len(shape) == 2 and shape[0] == columns:
        return f": use {argument}.T if its rows are the inputs"
    if len(shape) > 2 and math.prod(shape[1:]) == columns:
        return f": use {argument}.reshape(len({argument}), -1)"
    return ""


def targets(value: Any, samples: int, columns: int, dtype: np.dtype[Any], argument: str = "y", hint: str = "") -> Array:
    """Float targets as an array of shape (samples, columns); (samples,) is accepted for one column."""
    array = numbers(value, dtype, argument)
    check_targets_shape(array.shape, samples, columns, argument, hint)
    return array.reshape(samples, columns)


def check_targets_shape(shape: tuple[int, ...], samples: int, columns: int, argument: str, hint: str) -> None:
    """Raise InputError unless it is (samples, columns), or (samples,) for one column."""
    if shape != (samples, columns) and not (columns == 1 and shape == (samples,)):
        also = f" or ({samples},)" if columns == 1 else ""
        raise InputError(wrong(argument, f"have shape ({samples}, {columns}){also}", str(shape), hint))


def labels(value: Any, samples: int, argument: str = "y", numbers: Sequence[int] | Array | None = None) -> Array:
    """Class labels as a contiguous int64 array of shape (samples,), always a copy.

    They are indices in compiled code, which runs while other threads may write to the caller's array.
    """
    array = as_array(value, argument)
    if array.dtype.kind == "f" and array.size:
        array = _whole(array, argument, numbers)
    if array.dtype.kind not in "iub":
        text = array.dtype.kind in "US"
        hint = f"np.unique({argument}, return_inverse=True)[1] turns text into class labels" if text else ""
        raise InputError(wrong(argument, "be integer class labels 0, 1, …", f"an array of dtype {array.dtype}", hint))
    check_labels_shape(array.shape, samples, argument)
    if array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
        raise InputError(wrong(argument, "be integer class labels 0, 1, …", str(array.max())))
    return array.astype(np.int64, order="C")


def check_labels_shape(shape: tuple[int, ...], samples: int, argument: str) -> None:
    """Raise InputError unless it is (samples,)."""
    if shape != (samples,):
        hint = ""
        if len(shape) == 2:
            hint = (
                f"use {argument}.ravel()" if shape[1] == 1 else f"use {argument}.argmax(axis=1) if its rows are one-hot"
            )
        raise InputError(wrong(argument, f"have shape ({samples},)", str(shape), hint))


def _whole(array: Array, argument: str, numbers: Sequence[int] | Array | None) -> Array:
    """Floats as int64."""
    wide = array.astype(np.float64)  # 2**63 is no float16
    odd = ~((np.abs(wide) < 2.0**63) & (wide == np.floor(wide)))
    if odd.any():
        index = int(odd.argmax())
        found = f"{wide.flat[index]:g} at {place(array, index, numbers)}"
        raise InputError(wrong(argument, "be integer class labels 0, 1, …", found))
    return array.astype(np.int64)


def weights(value: Any, samples: int, dtype: np.dtype[Any], argument: str = "sample_weight") -> Array:
    """Sample weights as an array of shape (samples,)."""
    array = numbers(value, dtype, argument)
    check_weights_shape(array.shape, samples, argument)
    return array


def check_weights_shape(shape: tuple[int, ...], samples: int, argument: str = "sample_weight") -> None:
    """Raise InputError unless it is (samples,)."""
    if shape != (samples,):
        raise InputError(wrong(argument, f"have shape ({samples},)", str(shape)))


def pair(value: Any, argument: str) -> tuple[Any, Any, Any]:
    """(X, y) or (X, y, sample_weight) as (X, y, sample_weight or None)."""
    if not isinstance(value, tuple | list) or len(value) not in (2, 3):
        raise InputError(wrong(argument, "be a tuple (X, y) or (X, y, sample_weight)", brief(value)))
    X, y, weight = (*value, None)[:3]
    return X, y, weight


def place(array: Array, index: int, numbers: Sequence[int] | Array | None = None) -> str:
    """Position of element `index` of the flattened array: `row 3, column 0`; the rows may have numbers of their own."""
    where: Any = np.unravel_index(index, array.shape)
    if numbers is not None:
        where = (int(numbers[where[0]]), *where[1:])
    if array.ndim == 2:
        return f"row {where[0]}, column {where[1]}"
    return f"index {', '.join(map(str, where))}"
