"""Checks of what users hand over: arrays become contiguous and of the model's dtype, or an error that says why not."""

from __future__ import annotations

import math
import sys
from numbers import Integral, Real
from typing import Any

import numpy as np

from ..errors import InputError

Array = np.ndarray[Any, Any]


def whole_number(value: Any, argument: str, minimum: int) -> int:
    """An int of at least `minimum`; bools are refused."""
    if isinstance(value, Integral) and not isinstance(value, bool | np.bool) and int(value) >= minimum:
        return int(value)
    raise InputError(f"{argument}: {_brief(value)} given; a whole number of at least {minimum} is wanted")


def finite_number(value: Any, argument: str, wanted: str = "a finite number") -> float:
    """A finite float; bools are refused."""
    if isinstance(value, Real) and not isinstance(value, bool | np.bool) and math.isfinite(value):
        return float(value)
    raise InputError(f"{argument}: {_brief(value)} given; {wanted} is wanted")


def numbers(value: Any, dtype: np.dtype[Any], argument: str) -> Array:
    """A C-contiguous, aligned array of `dtype` in native order, from anything that holds real numbers."""
    array = _as_array(value, argument)
    if array.dtype.kind not in "fiub":
        raise InputError(f"{argument}: an array of dtype {array.dtype} given; real numbers are wanted")
    if array.dtype == dtype and array.flags.c_contiguous and array.flags.aligned:
        return array
    with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused as that
        return np.require(array.astype(dtype, order="C"), requirements=("C", "A"))


def _as_array(value: Any, argument: str) -> Array:
    """An array of whatever dtype, but of no objects."""
    if value is None:
        raise InputError(f"{argument}: None given; an array of numbers is wanted")
    if hasattr(value, "tocsr"):
        raise InputError(f"{argument}: a sparse matrix given; a dense array is wanted ({argument}.toarray())")
    if _is_masked(value):
        count = np.count_nonzero(value.mask)
        raise InputError(
            f"{argument}: an array with {count} masked elements given, whose mask would be lost; an array without is "
            f"wanted ({argument}.filled(…), or the rows that have none)"
        )
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise InputError(f"{argument}: {_brief(value)} given; an array of numbers is wanted ({error})") from None
    return _from_objects(array, argument) if array.dtype == object else array


def _is_masked(value: Any) -> bool:
    """Whether elements are masked; who gives such an array has imported numpy.ma, which takes its time."""
    ma = sys.modules.get("numpy.ma")
    return ma is not None and isinstance(value, ma.MaskedArray) and bool(ma.is_masked(value))


def _from_objects(array: Array, argument: str) -> Array:
    try:
        return array.astype(np.float64)
    except OverflowError:
        raise InputError(f"{argument}: an int beyond the range of float64 given; real numbers are wanted") from None
    except (ValueError, TypeError):
        raise InputError(f"{argument}: an array of dtype object given; real numbers are wanted") from None


def _brief(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def inputs(value: Any, columns: int, dtype: np.dtype[Any], argument: str = "X") -> Array:
    """X as a (samples, columns) array of `dtype`; contents are not looked at."""
    array = numbers(value, dtype, argument)
    if array.ndim != 2 or array.shape[1] != columns:
        hint = f"; did you mean {argument}.reshape(1, -1) for a single sample?" if array.shape == (columns,) else ""
        raise InputError(f"{argument}: shape {array.shape} given; (samples, {columns}) is wanted{hint}")
    if array.shape[0] == 0:
        raise InputError(f"{argument}: no samples given; at least one is wanted")
    return array


def targets(value: Any, samples: int, outputs: int, dtype: np.dtype[Any], argument: str = "y") -> Array:
    """Float targets as a (samples, outputs) array; (samples,) is accepted for one output."""
    array = numbers(value, dtype, argument)
    if array.ndim == 1 and outputs == 1:
        array = array.reshape(-1, 1)
    if array.shape != (samples, outputs):
        also = f" or ({samples},)" if outputs == 1 else ""
        raise InputError(f"{argument}: shape {array.shape} given; ({samples}, {outputs}){also} is wanted")
    return array


def labels(value: Any, samples: int, argument: str = "y") -> Array:
    """Class labels as a contiguous int64 array of shape (samples,), always a copy.

    They are indices in compiled code, which runs while other threads may write to the caller's array.
    """
    array = _as_array(value, argument)
    if array.dtype.kind == "f" and array.size and _whole(array):
        array = array.astype(np.int64)
    if array.dtype.kind not in "iub":
        raise InputError(
            f"{argument}: an array of dtype {array.dtype} given; integer class labels 0, 1, … are wanted"
            + ("; np.unique(y, return_inverse=True)[1] makes them" if array.dtype.kind in "US" else "")
        )
    if array.shape != (samples,):
        hint = ""
        if array.ndim == 2:
            column = array.shape[1] == 1
            hint = f"; {argument}.ravel()" if column else f"; {argument}.argmax(axis=1) turns one-hot rows into labels"
        raise InputError(f"{argument}: shape {array.shape} given; ({samples},) is wanted{hint}")
    if array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
        raise InputError(f"{argument}: label {array.max()} given; integer class labels 0, 1, … are wanted")
    return array.astype(np.int64, order="C")


def _whole(array: Array) -> bool:
    """Whether all numbers are whole and fit an int64."""
    wide = array.astype(np.float64)  # 2**63 is no float16
    return bool((np.abs(wide) < 2.0**63).all() and (wide == np.floor(wide)).all())


def weights(value: Any, samples: int, dtype: np.dtype[Any], argument: str = "sample_weight") -> Array:
    """Sample weights as an array of shape (samples,)."""
    array = numbers(value, dtype, argument)
    if array.shape != (samples,):
        raise InputError(f"{argument}: shape {array.shape} given; ({samples},) is wanted")
    return array


def pair(value: Any, argument: str) -> tuple[Any, Any, Any]:
    """(X, y) or (X, y, sample_weight) as (X, y, sample_weight or None)."""
    if not isinstance(value, tuple | list) or len(value) not in (2, 3):
        raise InputError(f"{argument}: {_brief(value)} given; a tuple (X, y) or (X, y, sample_weight) is wanted")
    X, y, weight = (*value, None)[:3]
    return X, y, weight


def place(array: Array, index: int) -> str:
    """Where element `index` of a flat array stands, in words."""
    where = np.unravel_index(index, array.shape)
    names = ("row", "column") if array.ndim == 2 else ("index",)
    return ", ".join(f"{name} {int(i)}" for name, i in zip(names, where, strict=True))
