"""What a call of fit asks for data: the block that comes next, until the epochs are over."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ...errors import Error, InputError
from ...model.quick import address
from ...status import check
from ..data import FIRST, SPREAD, Dataset, sampled_rows
from .data import SourceData, available_bytes
from .filling import Block, Buffer, empty
from .orders import (
    BLOCKS,
    MOST_ROWS,
    ORDER_OF_PIECES,
    Gathered,
    InOrder,
    Order,
    Pieces,
    Shuffle,
    read_rows,
)
from .reader import Filled, Reader, ReaderLost

if TYPE_CHECKING:
    from ..engine import Engine

Array = np.ndarray[Any, Any]
UINT32 = np.dtype(np.uint32)


class Feed(Protocol):
    """The data of a call of fit.

    Attributes
    ----------
    samples : int
        Of an epoch, as the core counts them; 0 where that is not known, or says too little.
    total : int
        Of an epoch; 0 where that is not known.
    sampled : str
        Which rows `sample` gives.
    shuffles : bool
        Whether the core shuffles the samples of a block.
    in_memory : bool
        Whether there is one block, which is never done.
    reads_here : bool
        Whether the next block is read in the calling thread, by `meanwhile`.
    described : dict
        What a resumed run must have alike.
    """

    samples: int
    total: int
    sampled: str
    shuffles: bool
    in_memory: bool
    reads_here: bool

    @property
    def described(self) -> dict[str, Any]: ...

    def resume(self, described: dict[str, Any]) -> None:
        """Continue the epoch of a run that was described so."""

    def take(self) -> Block:
        """The block in which the training stands."""

    def meanwhile(self) -> None:
        """Read the next block."""

    def finished(self, ended: bool) -> None:
        """The block is done, or with it the epoch."""

    def close(self) -> None:
        """No block is wanted any more."""

    def sample(self) -> Dataset | None:
        """Some rows, which tell these data from others; None where they cannot be read again."""


class Whole:
    """Data in memory."""

    in_memory, reads_here, sampled = True, False, SPREAD

    def __init__(self, data: Dataset, shuffle: Shuffle) -> None:
        self.block = Block(data, streamed=False)
        self.samples = self.total = len(data.x)
        self.shuffles, self.shuffle = bool(shuffle.kind), shuffle

    @property
    def described(self) -> dict[str, Any]:
        """How the epochs are shuffled."""
        return self.shuffle.described()

    def resume(self, described: dict[str, Any]) -> None:
        """Nothing is to be done."""

    def take(self) -> Block:
        """All of it."""
        return self.block

    def meanwhile(self) -> None:
        """Nothing is to be read."""

    def finished(self, ended: bool) -> None:
        """There is no other block."""

    def close(self) -> None:
        """Nothing is to be closed."""

    def sample(self) -> Dataset:
        """Rows of evenly spaced numbers."""
        rows, data = sampled_rows(self.total), self.block.data
        return Dataset(data.x[rows], data.y[rows], None)


class Streamed:
    """Arrays that are read block by block, by a helper thread.

    Parameters
    ----------
    engine : Engine
    data : SourceData
    shuffle : Shuffle
        True only where the data `gathers`.
    """

    in_memory = reads_here = False

    def __init__(self, engine: Engine, data: SourceData, shuffle: Shuffle) -> None:
        self.engine, self.data, self.shuffle = engine, data, shuffle
        self.pieced = shuffle.kind == BLOCKS
        self.total = len(data)
        self.samples = 0 if self.pieced else self.total
        self.shuffles, self.described = self.pieced, shuffle.described()
        if self.pieced:
            self.described["rows"] = self.total
        self.sampled = SPREAD if data.gathers else FIRST
        self.lock = threading.Lock()  # of the data, which not everything that can be read allows from two threads
        batch_size = engine.recipe.batch_size
        rows = shuffle.block_rows or read_rows(data.row_bytes, batch_size)
        self.rows = min(rows, -(-len(data) // batch_size) * batch_size)
        self.buffers: list[Buffer] = []
        self.order: Array | None = None
        self.memory = available_bytes()
        self.reader: Reader | None = None
        self.filled: Filled | None = None
        if shuffle.kind is True and len(data) > MOST_ROWS:
            raise InputError(
                f"shuffle=True can shuffle at most {MOST_ROWS:,} rows, got {len(data):,}; use shuffle='blocks'"
            )

    def resume(self, described: dict[str, Any]) -> None:
        """Nothing is to be done: position and order say all."""

    def take(self) -> Block:
        """The block in which the training stands; wait for it."""
        while self.filled is None:
            try:
                self.reader = self.reader or self._open()
                self.filled = self.reader.take()
            except ReaderLost:
                self.reader = None
                continue
            if self.filled is None:
                raise Error("the epoch stands behind the last row of its data")
        buffer, first, last = self.filled
        number = first // self.rows if self.pieced else 0
        data = buffer.data.rows(0, last - first)
        return Block(data, self.samples, first, number, open=last < len(self.data))

    def meanwhile(self) -> None:
        """The helper thread reads."""

    def finished(self, ended: bool) -> None:
        """Let the block's buffer be filled again; after an epoch, let the reader end."""
        if self.reader is not None and self.filled is not None:
            self.reader.give_back(self.filled)
        self.filled = None
        if ended:
            self.close()

    def close(self) -> None:
        """End the reader."""
        self.filled = None
        if self.reader is not None:
            self.reader.close()
            self.reader = None
            self._expect(single_rows=False)

    def sample(self) -> Dataset:
        """Rows of evenly spaced numbers, or the first ones where rows cannot be gathered."""
        places = sampled_rows(len(self.data))
        buffer = self.data.buffer(len(places))
        with self.lock:
            self.data.fill(buffer, Gathered(places) if self.data.gathers else InOrder(), 0, len(places))
        return buffer.data

    def _open(self) -> Reader:
        """Begin to read where the epoch stands."""
        position, total = self.engine.position(self.samples), len(self.data)
        begin = position // self.rows * self.rows if self.pieced else position
        ranges = ((first, min(first + self.rows, total)) for first in range(begin, total, self.rows))
        order = self._order()
        while len(self.buffers) < (2 if total > self.rows else 1):
            self.buffers.append(self.data.buffer(self.rows))

        def fill(buffer: Buffer, first: int, last: int) -> None:
            with self.lock:
                self.data.fill(buffer, order, first, last)

        self._expect(single_rows=True)
        return Reader(fill, ranges, self.buffers, self.engine.sources)

    def _expect(self, single_rows: bool) -> None:
        if self.shuffle.kind is True:
            for source in self.data.sources:
                source.expect(single_rows, self.memory)

    def _order(self) -> Order:
        """The order of the epoch that stands in the descriptor."""
        if self.pieced:
            size, rows = self.shuffle.piece_rows, len(self.data)
            return Pieces(self._drawn(-(-rows // size), ORDER_OF_PIECES), size, rows)
        return Gathered(self._drawn(len(self.data), 0)) if self.shuffle.kind else InOrder()

    def _drawn(self, count: int, block: int) -> Array:
        """A permutation by the trainer's random stream."""
        if self.order is None:
            hint = "shuffle='blocks' and shuffle=False need none"
            self.order = empty((count,), UINT32, "the order of the samples", hint)
        engine = self.engine
        check(engine.in_turn(engine.native.draw_order, block, count, address(self.order)))
        return self.order
