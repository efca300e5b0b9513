"""Batches of any size, as functions, iterators and sequences give them: cut anew into blocks of whole steps."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...checks import arrays as checks
from ...checks.messages import brief, wrong
from ...errors import InputError
from ..data import Dataset, InputSpec
from .filling import Block, Buffer
from .orders import read_rows

if TYPE_CHECKING:
    from ..engine import Engine

Array = np.ndarray[Any, Any]
PATIENCE = 0.1  # seconds that a block is waited for, once there are steps in it


class Batches:
    """What a user gives as batches.

    Parameters
    ----------
    given : function, iterable, sequence or iterator
        A function that returns an iterator, an object that is iterated anew in every epoch, an object with `__len__`
        and `__getitem__`, or an iterator, which can be used once.
    name : str
        Of the argument.
    """

    def __init__(self, given: Any, name: str = "batches") -> None:
        self.given, self.name = given, name
        self.once = hasattr(given, "__next__")
        sequence = hasattr(given, "__getitem__") and hasattr(given, "__len__")
        if isinstance(given, str | bytes | dict | np.ndarray) or not (
            self.once or hasattr(given, "__iter__") or sequence or callable(given)
        ):
            hint = "fit(X, y) takes arrays" if isinstance(given, np.ndarray) else ""
            expected = "be a function that returns an iterator of (X, y), an iterable, or have __len__ and __getitem__"
            raise InputError(wrong(name, expected, brief(given), hint))

    def pieces(self) -> Iterator[Any]:
        """Go through all batches, from the first on."""
        given = self.given
        if self.once:
            return iter(given)
        if hasattr(given, "__iter__"):
            return iter(given)
        if hasattr(given, "__getitem__") and hasattr(given, "__len__"):
            return (given[index] for index in range(len(given)))
        made = given()
        try:
            return iter(made)
        except TypeError:
            raise InputError(wrong(self.name, "return an iterator", brief(made))) from None


class Piece(NamedTuple):
    """What is left of a batch."""

    x: Any
    y: Any
    weight: Any
    names: tuple[str, str, str]  # of its arrays, for messages
    at: int  # rows that were taken
    rows: int


class Cutter:
    """Takes rows from batches, whatever their sizes.

    Parameters
    ----------
    inputs : InputSpec
    batches : Batches
    around : function
        A context in which the code of the batches runs.
    """

    def __init__(self, inputs: InputSpec, batches: Batches, around: Callable[[], Any]) -> None:
        self.inputs, self.batches, self.around = inputs, batches, around
        label = inputs.loss.target == "label"
        self.columns = None if label else inputs.loss.columns(inputs.outputs)  # of y
        self.weighted: bool | None = None  # until the first batch is known
        self.where = ""  # how messages begin
        self.iterator: Iterator[Any] | None = None
        self.piece: Piece | None = None
        self.index = -1
        self.taken = 0  # rows, since the first batch
        self.passed_rows = 0  # of this pass

    def begin(self) -> None:
        """Begin a pass."""
        self.close()
        with self.around():
            self.iterator = self.batches.pieces()
        self.index, self.piece, self.passed_rows = -1, None, 0

    def close(self) -> None:
        """End a pass; a generator runs its `finally`."""
        iterator, self.iterator, self.piece = self.iterator, None, None
        if iterator is not None and not self.batches.once:
            with self.around():
                getattr(iterator, "close", lambda: None)()

    def more(self) -> bool:
        """Whether there is one more row."""
        while self.piece is None:
            if self.iterator is None:
                return False
            try:
                with self.around():
                    batch = next(self.iterator)
            except StopIteration:
                self.iterator = None
                return False
            self.index += 1
            piece = self.checked(batch)
            self.passed_rows += piece.rows
            if piece.rows:
                self.piece = piece
        return True

    def checked(self, batch: Any) -> Piece:
        """A batch whose form is right."""
        name = f"{self.where}, batch {self.index}"
        if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
            got = f"a {type(batch).__name__}" if not isinstance(batch, tuple | list) else f"{len(batch)} of them"
            raise InputError(wrong(name, "be a tuple (X, y) or (X, y, sample_weight)", got))
        names = f"{name}: X", f"{name}: y", f"{name}: sample_weight"
        x, y, weight = (*batch, None)[:3]
        x, y = checks.as_array(x, names[0]), checks.as_array(y, names[1])
        checks.check_inputs_shape(x.shape, self.inputs.columns, names[0], empty=True)
        rows = len(x)
        if self.columns is None:
            checks.check_labels_shape(y.shape, rows, names[1])
        else:
            checks.check_targets_shape(y.shape, rows, self.columns, names[1], self.inputs.hint)
        if weight is not None:
            weight = checks.as_array(weight, names[2])
            checks.check_weights_shape(weight.shape, rows, names[2])
        if self.weighted is None:
            self.weighted = weight is not None
        if self.weighted != (weight is not None):
            expected = "have a sample_weight, as those before it" if self.weighted else "have none, as those before it"
            raise InputError(wrong(names[2], expected, "none" if self.weighted else "one"))
        return Piece(x, y, weight, names, 0, rows)

    def take(self, buffer: Buffer, at: int, most: int) -> int:
        """Write rows of the present batch to a buffer, from its place `at` on -> how many they are."""
        piece = self.piece
        assert piece is not None
        first, last = piece.at, min(piece.rows, piece.at + most)
        numbers, names = range(first, last), piece.names
        buffer.put_x(at, piece.x[first:last], numbers, names[0])
        buffer.put_y(at, piece.y[first:last], numbers, names[1])
        if piece.weight is not None:
            buffer.put_weight(at, piece.weight[first:last], numbers, names[2])
        self.piece = None if last == piece.rows else piece._replace(at=last)
        self.taken += last - first
        return last - first

    def skip(self, rows: int) -> int:
        """Leave out rows -> how many of them there were."""
        left = rows
        while left and self.more():
            piece = self.piece
            assert piece is not None
            last = min(piece.rows, piece.at + left)
            left -= last - piece.at
            self.taken += last - piece.at
            self.piece = None if last == piece.rows else piece._replace(at=last)
        return rows - left


class BatchData:
    """Batches to validate with: all of them, whenever they are evaluated."""

    def __init__(self, engine: Engine, batches: Batches) -> None:
        recipe = engine.recipe
        self.inputs, self.cutter = engine.inputs, Cutter(engine.inputs, batches, engine.in_source)
        self.cutter.where = batches.name
        self.rows = read_rows(recipe.network.inputs * recipe.dtype.itemsize, recipe.batch_size)
        self._targets: list[tuple[Array, Array | None]] = []

    def blocks(self, rows: int, batch_size: int) -> Iterator[tuple[Dataset, bool]]:
        """Blocks for an evaluation in calls of so many rows each, and whether they continue the last one."""
        cutter, buffer, row = self.cutter, None, 0
        self._targets = []
        cutter.begin()
        try:
            while cutter.more():
                buffer = buffer or Buffer.new(self.inputs, self.rows, bool(cutter.weighted))
                limit, filled = min(self.rows, rows - row % rows), 0
                while filled < limit and cutter.more():
                    filled += cutter.take(buffer, filled, limit - filled)
                block = buffer.data.rows(0, filled)
                if cutter.columns is not None:  # R² needs them
                    self._targets.append((block.y.copy(), None if block.weight is None else block.weight.copy()))
                yield block, row % rows > 0
                row += filled
        finally:
            cutter.close()
        if row == 0:
            raise InputError(f"{cutter.where} gave no rows")

    def targets(self, rows: int) -> Iterator[tuple[Array, Array | None]]:
        """Targets and weights of the last evaluation, so many rows at a time."""
        y = np.concatenate([part for part, _ in self._targets])
        weights = [weight for _, weight in self._targets if weight is not None]
        weight = np.concatenate(weights) if weights else None
        for first in range(0, len(y), rows):
            yield y[first : first + rows], None if weight is None else weight[first : first + rows]


def weakly(iterator: Any) -> Callable[[], Any]:
    """A reference that lets a generator, and the file that it reads, go with its user's."""
    try:
        return weakref.ref(iterator)
    except TypeError:  # of lists and other built-in types
        return lambda: iterator


class Read(NamedTuple):
    """A block, and the buffer in which it is."""

    block: Block
    buffer: Buffer


class Batched:
    """Batches that are trained in their order; they are made in the thread that calls fit.

    Parameters
    ----------
    engine : Engine
    batches : Batches
    steps : int, optional
        Of an epoch, which may end before the batches do, and begins again with the first if they end before it.
    """

    in_memory, reads_here, shuffles, sampled = False, True, False, ""
    samples = total = 0

    def __init__(self, engine: Engine, batches: Batches, steps: int | None) -> None:
        self.engine, self.batches = engine, batches
        recipe = engine.recipe
        self.rows = read_rows(recipe.network.inputs * recipe.dtype.itemsize, recipe.batch_size)
        self.epoch_rows = None if steps is None else steps * recipe.batch_size
        self.cutter = Cutter(engine.inputs, batches, engine.in_source)
        self.before = 0  # rows that the epochs before have taken from the batches, if these go on from epoch to epoch
        self.begun = False
        self.row = 0  # of the epoch, that is read next
        self.free: list[Buffer] = []
        self.present: Read | None = None
        self.next: Read | None = None
        self.kept: tuple[Buffer, int, int] | None = None  # rows that are read and belong to the next block
        self.error: BaseException | None = None

    @property
    def described(self) -> dict[str, Any]:
        """What a resumed run must have alike, and how far the batches were read when the epoch began."""
        return {"shuffle": "batches", "epoch_rows": self.epoch_rows or 0, "rows_before": self.before}

    def resume(self, described: dict[str, Any]) -> None:
        """Skip as many rows as the epochs before have taken."""
        if self.epoch_rows is not None:
            self.before = int(described.get("rows_before", 0))

    # ---- what fit asks for

    def take(self) -> Block:
        """The block in which the training stands."""
        if self.present is None:
            self.present, self.next = self.next or self._read(), None
        return self.present.block

    def meanwhile(self) -> None:
        """Read the next block, if there is one; an error waits until the present one is trained."""
        if self.next is None and self.error is None and self.present is not None and self.present.block.open:
            try:
                self.next = self._read()
            except Exception as error:
                self.error = error

    def finished(self, ended: bool) -> None:
        """Let the block's buffer be filled again; after an epoch, let the batches end."""
        if self.present is not None:
            self.free.append(self.present.buffer)
        self.present = None
        if ended:
            self.row, self.begun = 0, self.epoch_rows is not None
            if self.begun:
                self.before = self.cutter.taken
            else:
                self.cutter.close()

    def close(self) -> None:
        """End the batches."""
        self.cutter.close()
        self.present = self.next = self.error = self.kept = None
        self.begun = False
        self.engine.spent = weakly(self.batches.given) if self.batches.once else None

    def sample(self) -> None:
        """Batches cannot be read again."""

    # ---- reading

    def _read(self) -> Read:
        """The next rows of the epoch: all that come in time, if there is a step among them."""
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        self.cutter.where = f"{self.batches.name}: epoch {int(self.engine.descriptor['epoch'][0]) + 1}"
        if not self.begun:
            self._begin()
        buffer, filled = None, 0
        if self.kept is not None:
            buffer, filled = self._rest()
        until, b = time.monotonic() + PATIENCE, self.engine.recipe.batch_size
        limit = self.rows if self.epoch_rows is None else min(self.rows, self.epoch_rows - self.row)
        try:
            while filled < limit and self._more():
                buffer = buffer or self._buffer()
                filled += self.cutter.take(buffer, filled, limit - filled)
                if filled > b and time.monotonic() > until:
                    return self._emit(buffer, (filled - 1) // b * b, filled, True)
            open_ = filled == limit and self.row + filled != self.epoch_rows and self._more()
        except Exception as error:
            if buffer is None or filled < b:
                raise
            self.error = error  # the whole steps before it are trained
            return self._emit(buffer, filled // b * b, filled, True)
        if buffer is None:
            raise InputError(f"{self.cutter.where} gave no rows{self._missing()}")
        return self._emit(buffer, filled, filled, open_)

    def _begin(self) -> None:
        """Go to where the epoch stands."""
        self.begun = True
        position = self.engine.position(0)
        if position and self.engine.spent is not None and self.batches.given is self.engine.spent():
            raise InputError(
                f"{self.cutter.where} was interrupted, and what this iterator had given before is lost; give a "
                "function that returns an iterator"
            )
        self.cutter.taken = 0
        self.cutter.begin()
        left = self.before + position
        while left:
            done = self.cutter.skip(left)
            left -= done
            if left and not self._again():
                raise InputError(
                    f"{self.cutter.where} gave {done} rows, of which the epoch has trained {position} already"
                )
        self.row = position

    def _more(self) -> bool:
        """Whether there is one more row; epochs of a number of steps begin with the first batch again."""
        if self.cutter.more():
            return True
        if not self._again():
            return False
        if not self.cutter.more():
            raise InputError(f"{self.cutter.where} gave no rows when they were begun again for steps_per_epoch")
        return True

    def _again(self) -> bool:
        """Begin with the first batch again, where that is possible and leads to rows."""
        if self.epoch_rows is None or self.cutter.passed_rows == 0:
            return False
        if self.batches.once:
            raise InputError(
                f"{self.cutter.where} ended after {self.cutter.passed_rows} rows, before steps_per_epoch was reached; "
                "give a function that returns an iterator, which is called again"
            )
        self.cutter.begin()
        return True

    def _missing(self) -> str:
        return f" after row {self.row}, where the epoch stands" if self.row else ""

    def _buffer(self) -> Buffer:
        if self.free:
            return self.free.pop()
        return Buffer.new(self.engine.inputs, self.rows, bool(self.cutter.weighted))

    def _rest(self) -> tuple[Buffer, int]:
        """A buffer that begins with the rows that were kept."""
        assert self.kept is not None
        old, first, last = self.kept
        buffer, self.kept = self._buffer(), None
        old.move(first, last, buffer)
        return buffer, last - first

    def _emit(self, buffer: Buffer, rows: int, filled: int, open_: bool) -> Read:
        """The first rows of a buffer as a block; the others are kept for the next."""
        if filled > rows:
            self.kept = buffer, rows, filled
        first = self.row
        self.row += rows
        return Read(Block(buffer.data.rows(0, rows), 0, first, 0, open_), buffer)
