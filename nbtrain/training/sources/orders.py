"""In which order an epoch takes the rows of a source, and which of them a block has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np

from ...checks import arrays as checks
from ...checks.messages import brief, wrong
from ...errors import InputError

Array = np.ndarray[Any, Any]
BLOCKS = "blocks"  # the order of random pieces, shuffled block by block
ORDER_OF_PIECES = 0xFFFFFFFF  # the number that the order of the pieces has as a block: no block has it
PIECES_PER_BLOCK, PIECES_PER_EPOCH = 16, 256  # at least
READ_BYTES, SHUFFLE_BYTES, MOST_SHUFFLE_BYTES = 1 << 20, 64 << 20, 512 << 20  # of X in a block
MOST_ROWS = 0xFFFFFFFF  # in an order of the core


class Order(Protocol):
    """Which rows of the source the rows of an epoch are."""

    def parts(self, first: int, last: int) -> Iterator[range | Array]:
        """The rows of the source that are rows `first` to `last` of the epoch, in their order."""


class InOrder:
    """The order of the source."""

    def parts(self, first: int, last: int) -> Iterator[range | Array]:
        """The same rows."""
        yield range(first, last)


class Gathered:
    """An order of single rows."""

    def __init__(self, order: Array) -> None:
        self.order = order

    def parts(self, first: int, last: int) -> Iterator[range | Array]:
        """Single rows."""
        yield self.order[first:last]


class Pieces:
    """An order of pieces of so many rows; the last one of the source may be shorter."""

    def __init__(self, order: Array, size: int, rows: int) -> None:
        starts = order.astype(np.int64) * size
        self.starts, self.stops = starts, np.minimum(starts + size, rows)
        self.ends = np.cumsum(self.stops - starts)  # rows of the epoch up to the end of each

    def parts(self, first: int, last: int) -> Iterator[range | Array]:
        """Ranges of the source, in its order, so that a chunk is read once a block; the core shuffles the block."""
        found = []
        index = int(np.searchsorted(self.ends, first, side="right"))
        while first < last:
            stop, end = int(self.stops[index]), int(self.ends[index])
            until = min(end, last)
            found.append(range(stop - (end - first), stop - (end - until)))
            first, index = until, index + 1
        yield from sorted(found, key=lambda part: part.start)


class Shuffle(NamedTuple):
    """How an epoch is shuffled: what a resumed run must have alike."""

    kind: bool | str
    block_rows: int = 0  # of "blocks"
    piece_rows: int = 0

    def described(self) -> dict[str, Any]:
        """For checkpoints."""
        sizes = {"block_rows": self.block_rows, "piece_rows": self.piece_rows} if self.kind == BLOCKS else {}
        return {"shuffle": self.kind} | sizes


def checked_shuffle(shuffle: Any, block_rows: Any, default: bool) -> tuple[bool | str, int | None]:
    """The arguments of fit; None is the trainer's own."""
    if shuffle is None:
        if block_rows is None:
            return default, None
        shuffle = default
    if not (isinstance(shuffle, bool | np.bool) or (isinstance(shuffle, str) and shuffle == BLOCKS)):
        raise InputError(wrong("shuffle", "be True, False, 'blocks' or None (the trainer's own)", brief(shuffle)))
    if block_rows is not None:
        block_rows = checks.whole_number(block_rows, "block_rows", 1)
        if shuffle != BLOCKS:
            raise InputError(wrong("block_rows", "be given with shuffle='blocks' only", f"shuffle={shuffle!r}"))
    return (shuffle if isinstance(shuffle, str) else bool(shuffle)), block_rows


def rows_of(size: int, row_bytes: int, batch_size: int) -> int:
    """Rows of a block of so many bytes: whole batches, one at least."""
    return max(1, size // row_bytes // batch_size) * batch_size


def read_rows(row_bytes: int, batch_size: int) -> int:
    """Rows of a block that is read in the order of its source."""
    return rows_of(READ_BYTES, row_bytes, batch_size)


def shuffle_of(
    kind: bool | str, block_rows: int | None, rows: int, row_bytes: int, chunk: int, batch_size: int
) -> Shuffle:
    """The sizes of blocks and pieces of a source of so many rows, of which it stores `chunk` together."""
    if kind != BLOCKS:
        return Shuffle(kind)
    if block_rows is None:
        wanted = max(SHUFFLE_BYTES, min(PIECES_PER_BLOCK * chunk * row_bytes, MOST_SHUFFLE_BYTES))
        block_rows = wanted // row_bytes
    block = max(1, block_rows // batch_size) * batch_size
    block = min(block, -(-rows // batch_size) * batch_size)
    most = max(1, block // PIECES_PER_BLOCK)
    piece = max(1, min(most, rows // PIECES_PER_EPOCH))
    if 1 < chunk <= most:  # whole chunks, which are read once
        piece = max(1, piece // chunk) * chunk
    return Shuffle(kind, block, piece)
