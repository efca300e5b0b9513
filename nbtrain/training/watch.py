"""What compiled code does between the epochs of fit: validation, early stopping, reducing the learning rate.

Returning to Python after an epoch takes longer than an epoch of a small network. So where all callbacks are ones that
`nbtrain.core.watch` knows, many epochs are trained at a time, and the callbacks are brought up to date after them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..callbacks import Callback, EarlyStopping, ReduceOnPlateau
from ..core import layout
from ..core.layout import MONITOR, WATCH
from ..model.plan import LOG_SIZE
from ..model.quick import address
from .data import Dataset
from .engine import Engine
from .evaluation import Evaluated, Spread, r2_of, spread_of

Array = np.ndarray[Any, Any]
MOST_FLOPS = 1e8  # of an evaluation in between: some milliseconds, so that Ctrl-C is seen in time
FOLLOWED = ("loss", "accuracy", "val_loss", "val_accuracy")  # numbers, as a MONITOR counts them
KNOWN = (EarlyStopping, ReduceOnPlateau)


class Watch:
    """Validation data and callbacks of a call of fit, for compiled code.

    Parameters
    ----------
    engine : Engine
    validation : Dataset or None
    callbacks : sequence of EarlyStopping and ReduceOnPlateau
        Which have started; `can_watch` says whether they will do.

    Attributes
    ----------
    address : int
        Of the WATCH, or 0 where there is nothing to do between epochs.
    """

    engine: Engine
    validation: Dataset | None
    callbacks: Sequence[Callback]
    address: int
    record: Array
    monitors: Array
    best: list[Array | None]
    log: Array
    sums: Array
    errors: Array | None

    def __init__(self, engine: Engine, validation: Dataset | None, callbacks: Sequence[Callback]) -> None:
        self.engine, self.validation, self.callbacks = engine, validation, callbacks
        self.address = 0
        self._spread: Spread | None = None
        if validation is None and not callbacks:
            return
        self.record, self.monitors = np.zeros(1, WATCH), np.zeros(len(callbacks), MONITOR)
        self.address = address(self.record)
        self.best = [_parameters(callback, engine) for callback in callbacks]
        columns = columns_of(engine, validation is not None)
        for monitor, callback, best in zip(self.monitors, callbacks, self.best, strict=True):
            _fill(monitor, callback, columns)
            monitor["best_theta"] = 0 if best is None else address(best)
        self.record["monitors"], self.record["monitor_count"] = address(self.monitors), len(callbacks)
        if validation is not None:
            self._fill_validation(validation)

    def _fill_validation(self, data: Dataset) -> None:
        engine, record = self.engine, self.record
        outputs = engine.recipe.network.outputs
        self.log, self.sums = np.zeros((LOG_SIZE, 3)), np.zeros(3)
        self.errors = np.zeros((LOG_SIZE, outputs)) if _has_r2(engine) else None
        record["x"], record["y"], record["rows"] = address(data.x), address(data.y), len(data.x)
        record["weight"] = 0 if data.weight is None else address(data.weight)
        record["rows_per_call"] = engine.rows_per_call()
        record["log"], record["sums"] = address(self.log), address(self.sums)
        record["errors"] = 0 if self.errors is None else address(self.errors)

    def begin(self) -> None:
        """Before a slice of epochs."""
        if self.address:
            self.record["log_count"] = 0

    def columns(self) -> dict[str, list[float]]:
        """What the validations of a slice have found, one number an epoch."""
        count = int(self.record["log_count"][0]) if self.validation is not None else 0
        if self.validation is None or count == 0:
            return {}
        loss, weight, hits = self.log[:count].T
        found = {"val_loss": (loss / weight).tolist()}
        if self.errors is not None:
            self._spread = spread_of(self.validation, self.errors.shape[1]) if self._spread is None else self._spread
            found["val_r2"] = r2_of(self.errors[:count], self._spread).tolist()
        elif self.engine.descriptor["hits"][0] != layout.HITS_NONE:
            found["val_accuracy"] = (hits / weight).tolist()
        return found

    def report(self) -> bool:
        """Bring the callbacks up to date after a slice -> whether one of them stops the training."""
        if not self.address:
            return False
        for callback, monitor, best in zip(self.callbacks, self.monitors, self.best, strict=True):
            _bring_up_to_date(callback, monitor, best)
        return bool(self.record["stopped"][0])


def can_watch(engine: Engine, validation: Evaluated | None, callbacks: Sequence[Callback]) -> bool:
    """Whether compiled code can do what there is to do between epochs."""
    if validation is not None:
        if not isinstance(validation, Dataset):
            return False
        if 2.0 * engine.theta.size * len(validation.x) > MOST_FLOPS:
            return False
        if validation.weight is not None and not validation.weight.any():
            return False  # an error, once the first epoch has been trained
    if not callbacks:
        return True
    columns = columns_of(engine, validation is not None)
    if len({id(callback) for callback in callbacks}) < len(callbacks):
        return False
    return all(type(callback) in KNOWN and _followed(callback, columns) is not None for callback in callbacks)


def columns_of(engine: Engine, validated: bool) -> list[str]:
    """The names of an epoch's numbers, without metrics."""
    has_hits = engine.descriptor["hits"][0] != layout.HITS_NONE
    found = ["loss", "accuracy"] if has_hits else ["loss"]
    if validated:
        found += ["val_loss"] + ["val_accuracy"] * bool(has_hits) + ["val_r2"] * _has_r2(engine)
    return found


def _has_r2(engine: Engine) -> bool:
    return bool(engine.descriptor["squares"][0])


def _followed(callback: Any, columns: Sequence[str]) -> int | None:
    """The number in FOLLOWED that a callback follows; None if it is another one."""
    if callback.validation_data is not None or not isinstance(callback.metric, str):
        return None
    name = callback.metric if callback.metric in columns else f"val_{callback.metric}"
    return FOLLOWED.index(name) if name in columns and name in FOLLOWED else None


def _fill(monitor: Any, callback: Any, columns: Sequence[str]) -> None:
    """A MONITOR that does what a callback would."""
    monitor["metric"], monitor["sign"] = _followed(callback, columns), callback.sign
    monitor["min_delta"], monitor["patience"] = callback.min_delta, callback.patience
    monitor["best_value"] = np.nan
    if isinstance(callback, ReduceOnPlateau):
        monitor["factor"], monitor["minimum"] = callback.factor, callback.minimum
        monitor["cooldown"] = callback.cooldown


def _parameters(callback: Any, engine: Engine) -> Array | None:
    """Memory for the best parameters, where a callback keeps them."""
    return np.empty_like(engine.theta) if isinstance(callback, EarlyStopping) and callback.restore_best else None


def _bring_up_to_date(callback: Any, monitor: Any, best: Array | None) -> None:
    callback.best, callback.waited = float(monitor["best_value"]), int(monitor["waited"])
    if isinstance(callback, ReduceOnPlateau):
        callback._resting = int(monitor["resting"])
        return
    callback.best_epoch, callback.stopped = int(monitor["best_epoch"]), bool(monitor["stopped"])
    if best is not None and callback.best_epoch > 0:
        callback._parameters = best
