"""What fit, evaluate and predict are given, checked: whether it is in memory or read block by block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...checks import arrays as checks
from ...checks.messages import brief, wrong
from ...errors import InputError
from ..data import Dataset, InputSpec
from .arrays import to_be_read
from .batches import BatchData, Batched, Batches
from .data import SourceData, any_to_be_read
from .feeds import Feed, Streamed, Whole
from .orders import BLOCKS, Shuffle, checked_shuffle, shuffle_of

if TYPE_CHECKING:
    from ..engine import Engine
    from ..evaluation import Evaluated


class Given(NamedTuple):
    """The arguments of fit that say what to train on, and in which order."""

    X: Any
    y: Any
    sample_weight: Any
    batches: Any
    steps_per_epoch: Any
    shuffle: Any
    block_rows: Any


def feed_of(engine: Engine, given: Given, epochs: int) -> Feed:
    """The data to train on."""
    if given.batches is not None:
        return _batched(engine, given, epochs)
    if given.X is None or given.y is None:
        missing = "X" if given.X is None else "y"
        raise InputError(wrong(missing, "be an array of numbers", "None", "or give batches="))
    if given.steps_per_epoch is not None:
        raise InputError(wrong("steps_per_epoch", "be given with batches= only", "arrays", "epochs= says how long"))
    kind, block_rows = checked_shuffle(given.shuffle, given.block_rows, bool(engine.recipe.shuffle))
    inputs = engine.inputs
    if kind != BLOCKS and not any_to_be_read(inputs, given.X, given.y, given.sample_weight):
        data = inputs.dataset(given.X, given.y, given.sample_weight)
        check_weighted(inputs, data)
        return Whole(data, Shuffle(kind))
    source = SourceData(inputs, given.X, given.y, given.sample_weight)
    if kind is True and not source.gathers:
        data = source.loaded()
        check_weighted(inputs, data)
        return Whole(data, Shuffle(kind))
    if source.weight is not None and not to_be_read(given.sample_weight, inputs.dtype):
        check_weighted(inputs, Dataset(np.empty(0), np.empty(0), source.weight.source))
    chunk = max(rows.chunk for rows in source.sources)
    sizes = len(source), source.row_bytes, chunk, engine.recipe.batch_size
    return Streamed(engine, source, shuffle_of(kind, block_rows, *sizes))


def _batched(engine: Engine, given: Given, epochs: int) -> Feed:
    for name in ("X", "y", "sample_weight"):
        if getattr(given, name) is not None:
            hint = "batches of (X, y, sample_weight) have weights" if name == "sample_weight" else ""
            raise InputError(wrong(name, "not be given together with batches=", "both", hint))
    if given.shuffle not in (None, False) or given.block_rows is not None:
        expected = "be None or False with batches=, which are taken in their order"
        raise InputError(wrong("shuffle", expected, brief(given.shuffle), "shuffle where the batches are made"))
    steps = given.steps_per_epoch
    if steps is not None:
        steps = checks.whole_number(steps, "steps_per_epoch", 1)
    batches = Batches(given.batches)
    if epochs > 1 and steps is None:
        refuse_iterator(batches)
    return Batched(engine, batches, steps)


def refuse_iterator(batches: Batches) -> None:
    """Raise InputError for an iterator where batches are gone through more than once."""
    if batches.once:
        hint = "or an iterable such as a list or a DataLoader"
        expected = "be a function that returns an iterator, which is called in every epoch"
        got = f"{brief(batches.given)}, which can be used once"
        raise InputError(wrong(batches.name, expected, got, hint))


def check_weighted(inputs: InputSpec, data: Dataset) -> None:
    """Raise InputError where no sample has a weight."""
    if data.weight is not None and not (data.weight >= np.finfo(inputs.dtype).smallest_normal).any():
        got = f"at most {data.weight.max():.2g}, which training in {inputs.dtype} counts as 0"
        raise InputError(wrong("sample_weight", "have a positive weight", got if data.weight.any() else "only zeros"))


def validation_of(engine: Engine, data: Any, batches: Any, epochs: int) -> Evaluated | None:
    """The data to validate with."""
    if batches is not None:
        if data is not None:
            raise InputError(wrong("validation_batches", "not be given together with validation_data", "both"))
        made = Batches(batches, "validation_batches")
        if epochs > 1:
            refuse_iterator(made)
        return BatchData(engine, made)
    if data is None:
        return None
    return evaluated(engine.inputs, *checks.pair(data, "validation_data"), prefix="validation_data ")


def evaluated(inputs: InputSpec, X: Any, y: Any, weight: Any, prefix: str = "") -> Evaluated:
    """Data to evaluate with."""
    if any_to_be_read(inputs, X, y, weight):
        if y is None:
            raise InputError(wrong(f"{prefix}y", "be an array of numbers", "None"))
        return SourceData(inputs, X, y, weight, prefix)
    return inputs.dataset(X, y, weight, prefix)
