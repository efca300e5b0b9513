"""Arrays whose rows are read when they are needed: memory-mapped files, h5py, zarr, Dask, and whatever slices alike."""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...checks.arrays import as_array
from ...checks.messages import wrong
from ...errors import InputError

Array = np.ndarray[Any, Any]
SMALL_BYTES = 32 << 20  # of a copy: an array on disk of which a smaller one can be made is loaded
LARGE_BYTES = 1 << 30  # an array in memory of which a larger copy would be needed is read block by block
IN_MEMORY = ("__array_interface__", "__dlpack__", "__cuda_array_interface__", "tocsr")


def is_lazy(value: Any) -> bool:
    """Whether an object has shape, dtype and row slices, but its elements are not in memory."""
    if isinstance(value, np.ndarray) or any(hasattr(value, name) for name in IN_MEMORY):
        return False
    if not (hasattr(value, "shape") and hasattr(value, "dtype") and hasattr(type(value), "__getitem__")):
        return False
    if hasattr(value, "to_numpy") and not hasattr(value, "dims"):  # a column of a frame; xarray's have `dims`
        return False
    try:
        np.dtype(value.dtype)
    except TypeError:
        return False
    return isinstance(value.shape, tuple)


def map_of(value: Any) -> mmap.mmap | None:
    """The file that is an array's memory; None for other arrays."""
    while isinstance(value, np.ndarray):
        value = value.base
    return value if isinstance(value, mmap.mmap) else None


def to_be_read(value: Any, dtype: np.dtype[Any]) -> bool:
    """Whether an array is read block by block rather than taken or copied as a whole."""
    if isinstance(value, np.ndarray):
        size = value.size * dtype.itemsize
        if size <= SMALL_BYTES or value.dtype.kind not in "fiub":
            return False
        if value.dtype == dtype and value.flags.c_contiguous and value.flags.aligned and dtype.kind == "f":
            return False
        return size > LARGE_BYTES or map_of(value) is not None
    if value is None or isinstance(value, list) or not is_lazy(value):
        return False
    known = all(isinstance(size, int | np.integer) for size in value.shape)
    return not known or math.prod(map(int, value.shape)) * dtype.itemsize > SMALL_BYTES


class Rows:
    """The rows of an array, in memory or not.

    Parameters
    ----------
    source : array_like
        It has `shape`, `dtype` and slices of rows, which `numpy.asarray` turns into arrays.
    name : str
        For messages.

    Attributes
    ----------
    shape : tuple of int
    dtype : numpy.dtype
    chunk : int
        Rows that the source stores, or computes, together; 1 where it says nothing.
    gathers : bool
        Whether rows in any order can be read at once.
    """

    def __init__(self, source: Any, name: str) -> None:
        self.gathers = isinstance(source, np.ndarray)
        self.source = source.view(np.ndarray) if self.gathers else source
        self.name, self.dtype = name, np.dtype(source.dtype)
        if not all(isinstance(size, int | np.integer) for size in source.shape):
            hint = f"{name}.compute_chunk_sizes() finds it" if hasattr(source, "compute_chunk_sizes") else ""
            raise InputError(wrong(name, "have a known number of rows", f"shape {source.shape}", hint))
        if self.dtype.kind not in "fiub":
            raise InputError(wrong(name, "contain real numbers", f"an array of dtype {self.dtype}"))
        self.shape = tuple(map(int, source.shape))
        self._edges = None if self.gathers or not self.shape else edges(source)
        self.chunk = 1 if self._edges is None or len(self._edges) < 2 else int(np.diff(self._edges).max())
        self._held: tuple[int, int, Array] | None = None  # what was read last, whole chunks

    def __len__(self) -> int:
        return self.shape[0]

    def read(self, first: int, last: int) -> Iterator[tuple[range, Array]]:
        """Rows from `first` to `last`, part by part: which they are, and the rows."""
        if self.gathers:
            yield range(first, last), self.source[first:last]
            return
        while first < last:
            start, stop, held = self._around(first, last)
            until = min(stop, last)
            yield range(first, until), held[first - start : until - start]
            first = until

    def gather(self, places: Array) -> Array:
        """Rows by their numbers; only where `gathers`."""
        found: Array = self.source.take(places, axis=0)
        return found

    def expect(self, single_rows: bool, memory: int | None) -> None:
        """Tell the system whether single rows of a file are read, which is so large that it does not stay in memory.

        It would otherwise read what follows each row as well: fifteen times as long.
        """
        file = map_of(self.source)
        if file is not None and memory is not None and len(file) > memory and hasattr(file, "madvise"):
            file.madvise(mmap.MADV_RANDOM if single_rows else mmap.MADV_NORMAL)

    def forget(self) -> None:
        """Let go of what was read last."""
        self._held = None

    def _around(self, first: int, last: int) -> tuple[int, int, Array]:
        """What is held, if it has row `first`; else the chunks of the rows, which are read."""
        if self._held is not None and self._held[0] <= first < self._held[1]:
            return self._held
        self._held = None
        start, stop = first, last
        if self._edges is not None:
            start = int(self._edges[np.searchsorted(self._edges, first, side="right") - 1])
            stop = int(self._edges[np.searchsorted(self._edges, last, side="left")])
        self._held = start, stop, self._slice(start, stop)
        return self._held

    def _slice(self, start: int, stop: int) -> Array:
        try:
            found = as_array(self.source[start:stop], self.name)
        except Exception as error:
            error.add_note(f"nbtrain: while rows {start} to {stop} of {self.name} were read")
            raise
        if found.shape != (stop - start, *self.shape[1:]):
            expected = f"give {(stop - start, *self.shape[1:])} for {self.name}[{start}:{stop}], as its shape says"
            raise InputError(wrong(self.name, expected, str(found.shape)))
        return found


def edges(source: Any) -> Array | None:
    """Where the chunks of a source begin, and its end; None where it has none."""
    chunks, rows = getattr(source, "shards", None) or getattr(source, "chunks", None), int(source.shape[0])
    if not isinstance(chunks, tuple) or not chunks or rows == 0:
        return None
    if isinstance(chunks[0], tuple):  # Dask: the size of each
        return np.concatenate([[0], np.cumsum(chunks[0])])
    if not isinstance(chunks[0], int | np.integer) or chunks[0] < 1:
        return None
    return np.append(np.arange(0, rows, int(chunks[0])), rows)
