"""Loggers of every epoch: CSV, JSON lines, TensorBoard."""

from __future__ import annotations

import csv
import json
import math
import os
import time
import warnings
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any

from ..checks.arguments import explain_arguments, no_new_attributes
from ..errors import Error
from ..formats.modelfile.files import check_folder, checked_path
from .base import Callback

if TYPE_CHECKING:
    from ..training.trainer import Trainer


class _Log(Callback):
    """A text file with a line per epoch, flushed after each."""

    path: str
    append: bool

    def __init__(self, path: str | os.PathLike[str], append: bool) -> None:
        self.path, self.append = checked_path(path), append
        self._file: IO[str] | None = None
        self._start = 0.0
        self._begun = 0  # the file's size when this training began
        self._resumed_at: int | None = None  # before the next epoch, remove rows of epochs after this one
        self._new = True  # whether the next row is the first of this call of fit
        self._erase = False  # whether that row replaces what the file has

    def on_start(self, trainer: Trainer) -> None:
        self._start, self._begun = time.monotonic(), 0
        self._resumed_at = trainer.epoch or None
        self._new, self._erase = True, not self.append
        if self.append and os.path.exists(self.path):
            self._truncate(None)
            self._begun = 0 if trainer.epoch else os.path.getsize(self.path)
        check_folder(self.path)
        self._file = open(self.path, "a", encoding="utf-8", newline="")  # noqa: SIM115

    def state_dict(self) -> dict[str, Any]:
        return {"begun": self._begun}

    def resume(self, trainer: Trainer, state: Mapping[str, Any]) -> None:
        self._begun, self._resumed_at = int(state["begun"]), trainer.epoch
        self._erase = self._begun == 0 and trainer.epoch == 0

    def _before_first_row(self) -> None:
        """Remove what is not to stay. Not earlier: the rows of a run that fit resumes must survive."""
        if self._erase:
            os.truncate(self.path, 0)
        elif self._resumed_at is not None:
            self._truncate(self._resumed_at)
        self.append = True  # a second call of fit appends

    def _truncate(self, epoch: int | None) -> None:
        """Remove an unfinished last line, and rows of epochs that will be trained again."""
        with open(self.path, "rb") as file:
            lines = file.read().splitlines(keepends=True)
        size = kept = sum(len(line) for line in lines)
        if lines and not lines[-1].endswith(b"\n"):
            kept -= len(lines.pop())
        while epoch is not None and lines and kept > self._begun and self._epoch_of(lines) > epoch:
            kept -= len(lines.pop())
        if kept < size:
            os.truncate(self.path, kept)

    def _epoch_of(self, lines: list[bytes]) -> float:
        """Epoch of the last line; 0 if it has none."""
        raise NotImplementedError

    def on_epoch(self, trainer: Trainer, epoch: int, metrics: Mapping[str, float]) -> None:
        if self._file is not None:
            if self._new:
                self._before_first_row()
                self._new = False
            seconds = round(time.monotonic() - self._start, 3)
            own = {"epoch": epoch, "seconds": seconds, "learning_rate": trainer.learning_rate}
            self._write(self._file, {**own, **metrics})
            self._file.flush()

    def on_end(self, trainer: Trainer) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, file: IO[str], row: Mapping[str, float]) -> None:
        raise NotImplementedError


@no_new_attributes
class CSVLogger(_Log):
    """Write one row of comma-separated values per epoch: epoch, seconds since the start, learning rate, metrics.

    Parameters
    ----------
    path : str or path-like
    append : bool, default False
        Append to an existing file, keeping its rows and columns; metrics without a column cause a warning. Otherwise
        the first epoch replaces the file, unless fit resumes from a checkpoint that was written with this log. In
        both cases, a run that resumes keeps its rows, and removes those of epochs that will be repeated.

    Examples
    --------
    >>> import nbtrain
    >>> X, y = nbtrain.datasets.load_digits()
    >>> network = nbtrain.Network(64, [nbtrain.Dense(10)])
    >>> trainer = nbtrain.Trainer(network, loss="softmax_cross_entropy", rng=0)
    >>> history = trainer.fit(X, y, epochs=2, callbacks=[nbtrain.callbacks.CSVLogger("log.csv")])
    >>> with open("log.csv") as file:
    ...     print(file.readline().strip())
    epoch,seconds,learning_rate,loss,accuracy
    """

    @explain_arguments
    def __init__(self, path: str | os.PathLike[str], *, append: bool = False) -> None:
        super().__init__(path, append)
        self._columns: list[str] = []
        self._lacking: list[str] = []  # metrics that have no column, of which a warning was given

    def _before_first_row(self) -> None:
        super()._before_first_row()
        with open(self.path, encoding="utf-8", newline="") as file:
            self._columns = next(csv.reader(file), [])

    def _epoch_of(self, lines: list[bytes]) -> float:
        names, row = (_cells(lines[index]) for index in (0, -1))
        if "epoch" not in names or len(lines) == 1:
            return 0.0
        return _number(row[names.index("epoch")]) if len(row) == len(names) else math.inf

    def _write(self, file: IO[str], row: Mapping[str, float]) -> None:
        if not self._columns:
            self._columns = list(row)
            csv.writer(file).writerow(self._columns)
        lacking = [name for name in row if name not in self._columns and name not in self._lacking]
        if lacking:
            self._lacking += lacking
            warnings.warn(
                f"CSVLogger: {self.path} has no columns for {', '.join(lacking)}, which are not written; give another "
                "path to write them",
                UserWarning,
                stacklevel=2,
            )
        csv.writer(file).writerow([row.get(column, "") for column in self._columns])


def _cells(line: bytes) -> list[str]:
    """Cells of a line of CSV; none if it is damaged, as by a power failure."""
    try:
        return next(csv.reader([line.decode("utf-8").rstrip("\r\n")]), [])
    except (UnicodeDecodeError, csv.Error):
        return []


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.inf


@no_new_attributes
class JSONLinesLogger(_Log):
    """Write one JSON object per epoch and line: epoch, seconds since the start, learning_rate, metrics (null for NaN).

    Parameters
    ----------
    path : str or path-like
    append : bool, default False
        Append to an existing file, as `CSVLogger` does.

    Examples
    --------
    >>> import json, nbtrain
    >>> X, y = nbtrain.datasets.load_digits()
    >>> network = nbtrain.Network(64, [nbtrain.Dense(10)])
    >>> trainer = nbtrain.Trainer(network, loss="softmax_cross_entropy", rng=0)
    >>> history = trainer.fit(X, y, epochs=2, callbacks=[nbtrain.callbacks.JSONLinesLogger("log.jsonl")])
    >>> with open("log.jsonl") as file:
    ...     [json.loads(line)["epoch"] for line in file]
    [1, 2]
    """

    @explain_arguments
    def __init__(self, path: str | os.PathLike[str], *, append: bool = False) -> None:
        super().__init__(path, append)

    def _epoch_of(self, lines: list[bytes]) -> float:
        try:
            found = json.loads(lines[-1])
        except ValueError:
            return math.inf
        epoch = found.get("epoch", 0) if isinstance(found, dict) else 0
        return float(epoch) if isinstance(epoch, int | float) else 0.0

    def _write(self, file: IO[str], row: Mapping[str, float]) -> None:
        numbers = {name: number if math.isfinite(number) else None for name, number in row.items()}
        file.write(json.dumps(numbers, allow_nan=False) + "\n")


@no_new_attributes
class TensorBoard(Callback):
    """Write metrics and learning rate of every epoch for TensorBoard.

    Parameters
    ----------
    directory : str or path-like
        Directory of the event file.

    Raises
    ------
    Error
        If the package tensorboard is not installed.

    Examples
    --------
    >>> import nbtrain
    >>> X, y = nbtrain.datasets.load_digits()
    >>> network = nbtrain.Network(64, [nbtrain.Dense(10)])
    >>> trainer = nbtrain.Trainer(network, loss="softmax_cross_entropy", rng=0)
    >>> board = nbtrain.callbacks.TensorBoard("runs/first")  # doctest: +SKIP
    >>> history = trainer.fit(X, y, epochs=2, callbacks=[board])  # doctest: +SKIP
    """

    directory: str

    @explain_arguments
    def __init__(self, directory: str | os.PathLike[str]) -> None:
        try:
            from tensorboard.compat.proto import event_pb2, summary_pb2
            from tensorboard.summary.writer.event_file_writer import EventFileWriter
        except ImportError as error:
            raise Error("TensorBoard needs the package tensorboard: pip install tensorboard") from error
        self.directory = checked_path(directory)
        self._event, self._summary, self._open = event_pb2.Event, summary_pb2.Summary, EventFileWriter
        self._writer: Any = None

    def on_start(self, trainer: Trainer) -> None:
        self._writer = self._open(self.directory)

    def on_epoch(self, trainer: Trainer, epoch: int, metrics: Mapping[str, float]) -> None:
        numbers = {**metrics, "learning_rate": trainer.learning_rate}
        values = [self._summary.Value(tag=name, simple_value=number) for name, number in numbers.items()]
        event = self._event(wall_time=time.time(), step=epoch, summary=self._summary(value=values))
        self._writer.add_event(event)
        self._writer.flush()

    def on_end(self, trainer: Trainer) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
