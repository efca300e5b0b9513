"""How a Trainer calls the core: with or without the interpreter lock, alone or with helpers, how much at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np

from ..core import layout
from ..errors import Error
from ..model import Model, quick
from ..model.native import Native
from ..model.recipe import Recipe
from ..model.threads import Team
from ..status import check
from .data import Dataset

SHORT_CALL_FLOPS = 1e7  # below this, some 150 microseconds, a call keeps the interpreter lock
CALL_WORK = {"train_step": 6.0, "loss_and_gradient": 6.0, "evaluate": 2.0}  # operations for a parameter and a sample
PAUSE = 5e-5  # seconds between two attempts to get inside a model
OVERWRITTEN = (
    "trainer.model.descriptor: it was overwritten, and without its sizes and addresses nothing can be computed; the "
    "descriptor as it was is wanted, or a new trainer of the same network, whose theta can be assigned the parameters "
    "that still stand in this one: new.theta[:] = old.theta"
)
PART_FLOPS = 1e9  # work of one call of predict or evaluate, so that Ctrl-C is seen


class Calling:
    """What lies between a Trainer's methods and the core's functions."""

    recipe: Recipe
    model: Model
    team: Team
    theta: Any
    result: np.ndarray[Any, Any]
    _lock: threading.RLock
    _quick_limit: np.ndarray[Any, Any]
    _native: Native
    _short: Native
    _descriptor: int
    _result_address: int
    _kind: int

    def call_on(self, name: str, data: Dataset) -> int:
        """Call one of the core's functions on data -> its status; what it found lies in `result`."""

        def function(*arguments: int) -> int:
            # the helpers of train_slice are sent by `Fit`
            shared = name == "train_slice" or self.team.send(CALL_WORK[name] * self.theta.size * len(data.x))
            return int(getattr(self._native if shared else self._fast(len(data.x)), name)(*arguments))

        return self.in_turn(function, *data.arguments(self._kind), self._result_address)

    def in_turn(self, function: Callable[..., int], *arguments: int) -> int:
        """Call one of the core's functions until no compiled caller in another thread is inside -> its status."""
        status = function(self._descriptor, *arguments)
        while status == layout.BUSY:
            if self.model.descriptor["busy"][0] == layout.HELD:
                # by this thread, as its lock is held: a callback's `state_dict` uses the trainer while it is saved, or
                # a save was interrupted at its very end
                self._short.let_go(self._descriptor)
            else:
                self.model.descriptor["wanted"] = 1
                time.sleep(PAUSE)
            status = function(self._descriptor, *arguments)
        if status == layout.WRONG_MODEL:
            raise Error(OVERWRITTEN)
        return int(status)

    def _fast(self, rows: int) -> Native:
        return self._short if 6.0 * self.theta.size * rows < SHORT_CALL_FLOPS else self._native

    def part_rows(self) -> int:
        """Rows of data that one call of predict or evaluate works on."""
        return max(self.recipe.batch_size, int(PART_FLOPS / (2.0 * self.theta.size)))

    def _alone(self) -> AbstractContextManager[None]:
        """Work of several calls during which no other thread gets at the model through the trainer."""
        return quick.alone(self._lock, self._quick_limit)

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Work on the model's memory itself, during which compiled callers are kept out as well."""
        with self._alone():
            try:
                check(self.in_turn(self._short.hold))
                yield
            finally:
                self._short.let_go(self._descriptor)
