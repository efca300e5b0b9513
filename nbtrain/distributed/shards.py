"""What users pass as data, as one source for each shard."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..checks import arrays as checks
from ..checks.messages import brief, wrong
from ..errors import InputError
from ..training.data import Dataset
from ..training.engine import Engine
from .rounds import checked_shard

Array = np.ndarray[Any, Any]
SHARDS = 8  # of arrays, where the caller does not say
FORMS = "a tuple (X, y) or (X, y, sample_weight), a list of such tuples, or a function shard -> (X, y)"


class Lazy(NamedTuple):
    """Rows of Dask arrays, which are computed where the shard is trained."""

    parts: tuple[Any, ...]  # X, y and perhaps sample_weight

    def compute(self) -> tuple[Array, ...]:
        """Compute them here."""
        dask: Any = importlib.import_module("dask")
        found: tuple[Array, ...] = dask.compute(*self.parts)
        return found


Source = Dataset | Lazy | Callable[[int], Any]


def sources(engine: Engine, data: Any, shards: Any, *, lazily: bool, name: str = "data") -> list[Source]:
    """One source for each shard.

    Parameters
    ----------
    engine : Engine
        Whose data they are.
    data : tuple, list or function
        As `fit` takes them.
    shards : int or None
        How many, where the data do not say.
    lazily : bool
        Whether Dask arrays stay where they are.
    name : str
        Of the argument, in errors.

    Raises
    ------
    InputError
        If the data are in none of these forms, or cannot be used for the network.
    """
    count = None if shards is None else checks.whole_number(shards, "shards", 1)
    if callable(data):
        if count is None:
            raise InputError(wrong("shards", f"be given where {name} is a function", "None"))
        return [data] * count
    if isinstance(data, list):
        return _listed(engine, data, count, lazily, name)
    if not isinstance(data, tuple) or len(data) not in (2, 3):
        raise InputError(wrong(name, f"be {FORMS}", brief(data)))
    if any(map(is_lazy, data)):
        return _of_dask(data, SHARDS if count is None else count, lazily, engine, name)
    return _cut(checked_arrays(engine, data, name), count)


def checked_arrays(engine: Engine, data: Any, name: str) -> Dataset:
    """Arrays as the core takes them; those for training are named as in `Trainer.fit`."""
    if name != "data":
        return engine.inputs.dataset(*checks.pair(data, name), prefix=f"{name} ")
    return checked_shard(engine, data, "data")


def _listed(engine: Engine, data: list[Any], count: int | None, lazily: bool, name: str) -> list[Source]:
    if not data or not all(isinstance(item, tuple | list) for item in data):
        hint = "X and y go together as a tuple, (X, y)"
        raise InputError(wrong(name, f"be {FORMS}", f"a list of {len(data)} items that are no tuples", hint))
    if count is not None and count != len(data):
        raise InputError(wrong("shards", f"be {len(data)}, as many as {name} has, or be left out", count))
    prefix = "" if name == "data" else f"{name} "
    found: list[Source] = []
    for index, item in enumerate(data):
        if any(map(is_lazy, item)):
            parts = Lazy(tuple(item))
            found.append(parts if lazily else checked_shard(engine, parts.compute(), f"{prefix}shard {index}"))
        else:
            found.append(checked_shard(engine, item, f"{prefix}shard {index}"))
    return found


def _cut(data: Dataset, count: int | None) -> list[Source]:
    """Every `count`-th row: neighbouring rows, which are often alike, go to different shards."""
    rows = len(data.x)
    shards = min(SHARDS, rows) if count is None else count
    if shards > rows:
        raise InputError(wrong("shards", f"be at most the number of samples, {rows}", shards))
    if shards == 1:
        return [data]
    return [
        Dataset(*(None if part is None else np.ascontiguousarray(part[first::shards]) for part in data))  # type: ignore[arg-type]
        for first in range(shards)
    ]


def is_lazy(array: Any) -> bool:
    """Whether it is a Dask array."""
    return type(array).__module__.partition(".")[0] == "dask" and hasattr(array, "rechunk")


def _of_dask(data: tuple[Any, ...], count: int, lazily: bool, engine: Engine, name: str) -> list[Source]:
    """Ranges of rows of Dask arrays, so that a shard needs few chunks."""
    for array, part in zip(data, ("X", "y", "sample_weight"), strict=False):
        argument = f"{name}: {part}"
        if not is_lazy(array):
            raise InputError(wrong(argument, "be a Dask array, as the others are", f"a {type(array).__name__}"))
        if not np.isfinite(array.shape).all():
            hint = f"call {part}.compute_chunk_sizes()"
            raise InputError(wrong(argument, "have chunks of known sizes", f"shape {array.shape}", hint))
    rows = {int(array.shape[0]) for array in data}
    if len(rows) > 1:
        raise InputError(wrong(name, "have arrays of as many rows", " and ".join(map(str, sorted(rows)))))
    (total,) = rows
    if count > total:
        raise InputError(wrong("shards", f"be at most the number of samples, {total}", count))
    ends = [total * shard // count for shard in range(count + 1)]
    found = [Lazy(tuple(a[first:last] for a in data)) for first, last in zip(ends, ends[1:], strict=False)]
    if lazily:
        return list(found)
    prefix = "" if name == "data" else f"{name} "
    return [checked_shard(engine, part.compute(), f"{prefix}shard {i}") for i, part in enumerate(found)]
