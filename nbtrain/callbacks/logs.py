"""Writing down every epoch: CSV, lines of JSON, TensorBoard."""

from __future__ import annotations

import csv
import json
import math
import os
import time
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any

from ..errors import Error
from ..persistence.files import checked_path
from .base import Callback

if TYPE_CHECKING:
    from ..trainer import Trainer


class _Log(Callback):
    """A text file with a line for every epoch, on disk when the epoch is over."""

    def __init__(self, path: str | os.PathLike[str], append: bool) -> None:
        self.path, self.append = checked_path(path), append
        self._file: IO[str] | None = None
        self._start = 0.0

    def on_start(self, trainer: Trainer) -> None:
        self._start = time.monotonic()
        self._file = open(self.path, "a" if self.append else "w", encoding="utf-8", newline="")  # noqa: SIM115
        self.append = True  # a second call of fit goes on

    def on_epoch(self, trainer: Trainer, epoch: int, metrics: Mapping[str, float]) -> None:
        if self._file is not None:
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


class CSVLogger(_Log):
    """A line of comma-separated values an epoch: epoch, seconds since the start, learning rate, metrics.

    Parameters
    ----------
    path : str or path-like
    append : bool, default False
        Go on in a file that is there, under the columns that it has.
    """

    def __init__(self, path: str | os.PathLike[str], *, append: bool = False) -> None:
        super().__init__(path, append)
        self._columns: list[str] = []

    def on_start(self, trainer: Trainer) -> None:
        self._columns = []
        if self.append and os.path.exists(self.path):
            with open(self.path, encoding="utf-8", newline="") as file:
                self._columns = next(csv.reader(file), [])
        super().on_start(trainer)

    def _write(self, file: IO[str], row: Mapping[str, float]) -> None:
        if not self._columns:
            self._columns = list(row)
            csv.writer(file).writerow(self._columns)
        csv.writer(file).writerow([row.get(column, "") for column in self._columns])


class JSONLinesLogger(_Log):
    """A JSON object an epoch, one on a line: epoch, seconds since the start, learning_rate, metrics (null for NaN).

    Parameters
    ----------
    path : str or path-like
    append : bool, default False
        Go on in a file that is there.
    """

    def __init__(self, path: str | os.PathLike[str], *, append: bool = False) -> None:
        super().__init__(path, append)

    def _write(self, file: IO[str], row: Mapping[str, float]) -> None:
        numbers = {name: number if math.isfinite(number) else None for name, number in row.items()}
        file.write(json.dumps(numbers, allow_nan=False) + "\n")


class TensorBoard(Callback):
    """Metrics and learning rate of every epoch for TensorBoard.

    Parameters
    ----------
    directory : str or path-like
        Where the event file is made.

    Raises
    ------
    Error
        If the package tensorboard is not installed.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        try:
            from tensorboard.compat.proto import event_pb2, summary_pb2
            from tensorboard.summary.writer.event_file_writer import EventFileWriter
        except ImportError as error:
            raise Error("TensorBoard needs the package tensorboard: pip install nbtrain[tensorboard]") from error
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
