"""Engine: a model with its memory, its lock and the core's C functions.

Whatever calls the core from Python goes through here: alone or with helpers, with or without the interpreter lock, in
turns with compiled callers.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import layout
from ..core.functions import WORK
from ..errors import Error
from ..model import Model, quick
from ..model.build import build
from ..model.memory import Memory
from ..model.native import Native, native
from ..model.recipe import Recipe
from ..model.state import State, keep_snapshot, restore_snapshot, write_snapshot
from ..model.threads import Team
from ..status import check
from .data import Dataset, InputSpec

if TYPE_CHECKING:
    from .fit import Fit

Array = np.ndarray[Any, Any]
SHORT_CALL_FLOPS = 1e7  # below this, some 150 microseconds, a call keeps the interpreter lock
CALL_FLOPS = 1e9  # work of one call of predict or evaluate, so that Ctrl-C is seen
PAUSE = 5e-5  # seconds between two attempts to enter a busy model


class Engine:
    """A model that Python can call.

    Parameters
    ----------
    recipe : Recipe
        Its parameters are zero.

    Attributes
    ----------
    recipe : Recipe
    model : Model
        For compiled callers; its descriptor is read-only.
    memory : Memory
    descriptor : ndarray of shape (1,), structured
        The same, writable.
    inputs : InputSpec
        What data the network and its loss accept.
    result : ndarray of shape (3,), float64
        What the last call found.
    run : Fit or None
        The call of fit that is in progress.
    sources : set of int
        Threads that are in code which gives data to fit, and must not use the engine.
    epoch_plan : dict or None
        How the data of an epoch that was begun are taken (`Feed.described`), where that is known.
    spent : function or None
        Gives the iterator of batches that the last call of fit has used, if its user still has it.
    quick_step, quick_predict : function
        Calls of a few microseconds on arrays, which decline with NaN (see `model.quick`).
    """

    recipe: Recipe
    model: Model
    memory: Memory
    descriptor: Array
    addresses: dict[str, int]
    lock: threading.RLock
    native: Native
    short: Native
    result: Array
    inputs: InputSpec
    quick_step: quick.Function
    quick_predict: quick.Function
    quick_rows: int

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.model, self.memory, core = build(recipe)
        self.descriptor = self.memory.array("descriptor")
        self.addresses = core.addresses
        self.lock = threading.RLock()
        self.native, self.short = native(core, recipe.dtype), native(core, recipe.dtype, holding=True)
        self._team: Team | None = None
        self.result = np.zeros(3)
        self.run: Fit | None = None
        self.sources: set[int] = set()
        self.epoch_plan: dict[str, Any] | None = None
        self.spent: Any = None
        self.inputs = InputSpec(
            recipe.network.inputs, recipe.network.outputs, recipe.loss.spec, recipe.dtype, self.native
        )
        self._result_address = quick.address(self.result)
        self._address = self.memory.address("descriptor")
        self._kind = int(self.descriptor["target_kind"][0])
        self.quick_step = quick.builtin("quick_step", core.addresses["quick_step"], self.descriptor)
        self.quick_predict = quick.builtin("quick_predict", core.addresses["quick_predict"], self.descriptor)
        self.quick_rows = int(SHORT_CALL_FLOPS / (6.0 * self.theta.size))
        self._quick_limit = self.descriptor["quick_rows"]  # a view
        self._quick_limit[0] = self.quick_rows
        _engines.add(self)

    @property
    def team(self) -> Team:
        """Helper threads; most trainers never need any."""
        if self._team is None:
            self._team = Team(self.recipe.threads, self.recipe.automatic, self.memory, self.native.assist)
        return self._team

    @property
    def theta(self) -> Array:
        """All parameters."""
        return self.model.theta

    # ---- calls

    def call(self, name: str, data: Dataset) -> int:
        """Call one of the core's functions on data -> its status; what it found is in `result`."""

        def function(*arguments: int) -> int:
            # `Fit` sends the helpers of train_slice itself
            shared = name == "train_slice" or self.send(WORK[name] * self.theta.size * len(data.x))
            return int(getattr(self.native if shared else self._fast(len(data.x)), name)(*arguments))

        return self.in_turn(function, *data.arguments(self._kind), self._result_address)

    def call_on(self, name: str, rows: int, *arguments: int) -> int:
        """Call one of the core's functions on so many rows, with the helpers where it is worth it -> its status."""
        shared = self.send(WORK[name] * self.theta.size * rows)
        return self.in_turn(getattr(self.native if shared else self._fast(rows), name), *arguments)

    def in_turn(self, function: Callable[..., int], *arguments: int) -> int:
        """Call one of the core's functions, again while a compiled caller in another thread is inside -> its status."""
        status = function(self._address, *arguments)
        while status == layout.BUSY:
            if self.descriptor["busy"][0] == layout.HELD:
                # by this thread, as its lock is held: a callback's `state_dict` uses the trainer while it is saved, or
                # a save was interrupted at its very end
                self.short.let_go(self._address)
            else:
                self.descriptor["wanted"] = 1
                time.sleep(PAUSE)
            status = function(self._address, *arguments)
        return int(status)

    def send(self, flops: float) -> bool:
        """Send the helpers to the next call, if there are any and that is worth it."""
        return self.recipe.threads > 1 and self.team.send(flops)

    def _fast(self, rows: int) -> Native:
        return self.short if 6.0 * self.theta.size * rows < SHORT_CALL_FLOPS else self.native

    def rows_per_call(self) -> int:
        """Rows of data that one call of predict or evaluate works on."""
        return max(self.recipe.batch_size, int(CALL_FLOPS / (2.0 * self.theta.size)))

    def predict(self, x: Array, out: Array | None = None) -> Array:
        """Predictions for checked inputs, written to `out` if it is given: contiguous and of the model's dtype."""
        if out is None:
            out = np.empty((len(x), self.recipe.network.outputs), self.recipe.dtype)
        count = self.rows_per_call()
        with self.alone():
            for first in range(0, len(x), count):
                rows, written = x[first : first + count], out[first : first + count]
                arguments = rows.ctypes.data, *rows.shape, written.ctypes.data, *written.shape
                check(self.call_on("predict", len(rows), *arguments), self.recipe.loss)
        return out

    # ---- locks

    def alone(self) -> AbstractContextManager[None]:
        """Work of several calls, during which other threads of Python wait."""
        self.refuse_source()
        return quick.alone(self.lock, self._quick_limit)

    def turn(self) -> AbstractContextManager[Any]:
        """Work of a single call, likewise."""
        self.refuse_source()
        return self.lock

    def refuse_source(self) -> None:
        """Raise an Error in code that gives data to this engine's fit: it would wait for itself."""
        if self.sources and threading.get_ident() in self.sources:
            raise Error(
                "the code that gives data to fit uses the trainer that is trained with them; use a copy "
                "(copy.deepcopy, before fit), or a callback"
            )

    def in_source(self) -> AbstractContextManager[None]:
        """Around code that gives data to fit, in this thread."""
        return InSource(self.sources)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Work on the model's memory itself, during which compiled callers are kept out as well."""
        with self.alone():
            try:
                check(self.in_turn(self.short.hold))
                yield
            finally:
                self.short.let_go(self._address)

    # ---- state

    def take(self) -> State:
        """A copy of where the training stands."""
        with self.held():
            return State.take(self.memory, self.recipe)

    def put(self, state: State) -> None:
        """Continue from a state, with its seed."""
        with self.held():
            state.put(self.memory)
            if self.recipe.seed != state.seed:
                self.recipe = replace(self.recipe, seed=state.seed)

    def keep_snapshot(self) -> None:
        """Keep how the model stands as its last finite epoch."""
        keep_snapshot(self.memory)

    def write_snapshot(self) -> None:
        """Keep it at once, where something else than the core trains."""
        write_snapshot(self.memory, self.recipe)

    def restore_snapshot(self) -> None:
        """Set the model back to its last finite epoch."""
        restore_snapshot(self.memory, self.recipe)

    def position(self, samples: int) -> int:
        """Rows of the epoch that are done, if it goes over data that count as so many samples."""
        d = self.descriptor
        return int(d["position"][0]) if d["samples"][0] == samples else 0

    # ---- forks

    def free_in_child(self) -> None:
        """Make the engine usable in a forked child, which has its memory but not the threads that were inside.

        A training that a lost thread was in the middle of is set back to its last finite epoch. A thread that forks in
        a callback of its own call of fit continues that call in the child.
        """
        self.descriptor["busy"] = layout.FREE  # no thread that forks is inside compiled code
        self.descriptor["team_call"] = 0
        self.sources.clear()
        self.memory.array("team")[...] = 0  # helpers that had registered are not in the child
        if self.lock.acquire(blocking=False):  # free, or held by the thread that forked
            self.lock.release()
            return
        self.lock = threading.RLock()
        self._quick_limit[0] = self.quick_rows
        if self.run is not None:  # it may have been in the middle of a step, or of a source
            self.restore_snapshot()
        self.descriptor["status"] = layout.OK
        self.descriptor["streamed"], self.descriptor["shuffle"] = 0, self.recipe.shuffle
        self.descriptor["continues"] = 0
        self.run = None


class InSource(AbstractContextManager[None]):
    """Notes this thread among those that are in code which gives data."""

    def __init__(self, threads: set[int]) -> None:
        self._threads = threads

    def __enter__(self) -> None:
        self._threads.add(threading.get_ident())

    def __exit__(self, *raised: object) -> None:
        self._threads.discard(threading.get_ident())


_engines: weakref.WeakSet[Engine] = weakref.WeakSet()


def _free_all() -> None:
    for engine in list(_engines):
        engine.free_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_all)
