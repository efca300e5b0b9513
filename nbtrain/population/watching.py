"""Validation and early stopping of members: what compiled code does after each of their epochs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..callbacks import EarlyStopping
from ..checks.messages import brief, unknown, wrong
from ..errors import InputError
from ..training.watch import FOLLOWED
from .data import MemberData
from .members import Members, Worker

Array = np.ndarray[Any, Any]
TASK_PLACES = ("x_first", "y_first", "weight_first", "rows")


class Watching(NamedTuple):
    """Validation data of members, the early stopping, and whether Python is called after every epoch."""

    validation: MemberData | None
    stopping: EarlyStopping | None
    every_epoch: bool

    @property
    def keeps_best(self) -> bool:
        """Whether the best parameters are kept."""
        return self.stopping is not None and self.stopping.restore_best


def checked_stopping(given: Any, names: Sequence[str]) -> EarlyStopping | None:
    """What a user passed as `early_stopping`."""
    if given is None:
        return None
    if isinstance(given, dict):
        given = EarlyStopping(**given)
    if not isinstance(given, EarlyStopping):
        raise InputError(wrong("early_stopping", "be a dict or an nbtrain.callbacks.EarlyStopping", brief(given)))
    if given.validation_data is not None:
        raise InputError("early_stopping: pass validation_data to fit, not to EarlyStopping")
    if metric_of(given, names) is None:
        followed = [name for name in names if name in FOLLOWED]
        hint = "val_* metrics need validation_data" if not any(name.startswith("val_") for name in names) else ""
        raise InputError(f"early_stopping: {unknown('metric', given.metric, followed, hint)}")  # type: ignore[arg-type]
    return given


def metric_of(stopping: EarlyStopping, names: Sequence[str]) -> str | None:
    """The column of the log that a callback follows."""
    if not isinstance(stopping.metric, str):
        return None
    name = stopping.metric if stopping.metric in names else f"val_{stopping.metric}"
    return name if name in names and name in FOLLOWED else None


def names_of(classifies: bool, validated: bool) -> list[str]:
    """The columns of a log."""
    own = ["loss", "accuracy"] if classifies else ["loss"]
    return own + [f"val_{name}" for name in own] * validated


def begin(members: Members, watching: Watching, names: Sequence[str]) -> None:
    """Prepare tasks and families for a call of fit; every member's early stopping begins anew."""
    tasks, validation = members.tasks, watching.validation
    for name in TASK_PLACES:
        tasks[f"valid_{name}"] = 0 if validation is None else getattr(validation, name)
    tasks["best_value"] = np.nan
    tasks["best_epoch"] = tasks["waited"] = tasks["stopped"] = 0
    for family in members.families:
        record = family.record
        for name, array in zip(
            ("x", "y", "weight"), (None,) * 3 if validation is None else validation.data, strict=True
        ):
            record[f"valid_{name}"] = 0 if array is None else array.ctypes.data
        for name in ("accuracy", "val_loss", "val_accuracy"):
            record[name] = names.index(name) if name in names else -1
        record["keeps_best"] = watching.keeps_best
        record["restores"] = watching.keeps_best and not watching.every_epoch
        record["best"] = 0


def prepare(worker: Worker, watching: Watching, names: Sequence[str]) -> None:
    """Point a worker's watch and monitor at what it needs."""
    memory, stopping = worker.memory, watching.stopping
    record, watch, monitor = worker.record, memory.array("watch"), memory.array("monitor")
    used = watching.validation is not None or stopping is not None
    record["watch"] = memory.addresses["watch"] if used else 0
    watch["x"] = watch["errors"] = watch["weight"] = 0
    watch["rows_per_call"] = worker.engine.rows_per_call()
    watch["log"], watch["sums"] = memory.addresses["valid_log"], memory.addresses["valid_sums"]
    watch["monitors"], watch["monitor_count"] = memory.addresses["monitor"], int(stopping is not None)
    if stopping is not None:
        name = metric_of(stopping, names)
        monitor["metric"], monitor["sign"] = FOLLOWED.index(str(name)), stopping.sign
        monitor["min_delta"], monitor["patience"] = stopping.min_delta, stopping.patience
        monitor["factor"] = 0.0


class Best:
    """The best parameters of members that are not trained to their end at once: a row for each, or for some."""

    members: Members
    addresses: Array

    def __init__(self, members: Members) -> None:
        self.members, self.addresses = members, np.zeros(members.count, np.int64)
        self.rows: dict[int, Array] = {}

    def keep(self, k: int, theta: Array | None = None) -> None:
        """Give a member a row of its own."""
        layout = self.members.families[self.members.family[k]].layout
        self.rows[k] = np.zeros(layout.parameters, layout.dtype) if theta is None else theta.copy()
        self.addresses[k] = self.rows[k].ctypes.data

    def point(self) -> None:
        """Let compiled code use the rows."""
        for family in self.members.families:
            family.record["best"] = self.addresses.ctypes.data

    def restore(self) -> None:
        """Set the members back to their best parameters."""
        for k, row in self.rows.items():
            if self.members.tasks["best_epoch"][k] > 0:
                self.members.theta(k)[...] = row
