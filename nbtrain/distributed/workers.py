"""Where rounds are done: in this process, in the workers of an Executor, of a Dask cluster, or in the ranks of MPI.

All kinds take orders and give answers in the shards' order. What they may change is how long a round takes.
"""

from __future__ import annotations

import concurrent.futures
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from ..checks.messages import brief, wrong
from ..errors import DivergenceError, InputError, WorkerError
from .rounds import DIVERGED, FAILED, NEED, REFUSED, WRONG, Answer, Job, Order, Package, forget, perform
from .shards import Source

STANDS = "The trainer stands at its last whole round"


class Workers:
    """Does rounds in this process, one after the other.

    Parameters
    ----------
    job : Job
    sources : list of Source
        The shards' data, first those to train on, then those for validation.
    retries : int
        How often a round that was lost is repeated.
    timeout : float
        Seconds that a round may take.
    """

    job: Job
    sources: Sequence[Source]
    retries: int
    timeout: float
    lost: int

    def __init__(self, job: Job, sources: Sequence[Source], retries: int, timeout: float) -> None:
        self.job, self.sources, self.retries, self.timeout = job, sources, retries, timeout
        self.hosts: dict[int, str] = {}  # where a shard was last
        self.lost = 0  # rounds that were repeated

    def run(self, orders: Sequence[Order], where: str) -> list[Any]:
        """Do a round -> the values of the answers, in the order of the orders.

        Parameters
        ----------
        where : str
            The round, for errors.

        Raises
        ------
        WorkerError
            If a worker cannot take part, or was lost as often as `retries` allow.
        InputError
            If the data of a shard cannot be used.
        DivergenceError
            If a loss or a parameter became NaN or infinite.
        """
        answers = self.answers(orders, where)
        for answer in answers:
            self.hosts[answer.shard] = f"{answer.host}, process {answer.pid}"
        for answer in answers:
            self.check(answer, where)
        return [answer.value for answer in answers]

    def answers(self, orders: Sequence[Order], where: str) -> list[Answer]:
        """Do the orders. The kinds of workers differ in this."""
        return [self.here(order) for order in orders]

    def here(self, order: Order) -> Answer:
        """Do an order in this process."""
        answer = perform(order)
        return perform(order, self.package(order)) if answer.kind == NEED else answer

    def package(self, order: Order) -> Package:
        """What a worker needs for an order."""
        return Package(self.job, None if order.task == "predict" else self.sources[order.shard])

    def check(self, answer: Answer, where: str) -> None:
        """Raise what an answer reports."""
        place = f"shard {answer.shard}, {where}, on {self.hosts[answer.shard]}"
        if answer.kind == REFUSED:
            raise WorkerError(
                f"{place}: the worker {answer.value}. All processes need the same versions of nbtrain and of plugins, "
                "and the same level of instructions, which NBTRAIN_LEVEL=x86-64-v3 sets in their environment, or "
                f"results would depend on who does what. {STANDS}"
            )
        if answer.kind == WRONG:
            raise InputError(answer.value)
        if answer.kind == FAILED:
            error = WorkerError(f"{place}: {answer.value[0]}. {STANDS}")
            error.add_note(answer.value[1])
            raise error
        if answer.kind == DIVERGED:
            raise DivergenceError(f"{place}: {answer.value}")
        if answer.kind == NEED:
            raise WorkerError(f"{place}: the worker does not keep its data. {STANDS}")

    def lose(self, order: Order, where: str, error: BaseException, left: int) -> None:
        """Count a round that was lost; raise WorkerError if it may not be repeated."""
        self.lost += 1
        if left < 0:
            raise self.gone(order, where, error) from error

    def gone(self, order: Order, where: str, error: BaseException, hint: str = "") -> WorkerError:
        """The error for a round that was lost for good."""
        late = isinstance(error, TimeoutError | concurrent.futures.TimeoutError)
        what = f"no answer within {self.timeout:g} s" if late else f"{type(error).__name__}: {error}".rstrip(": ")
        last = f", last on {self.hosts[order.shard]}" if order.shard in self.hosts else ""
        return WorkerError(
            f"shard {order.shard}, {where}{last}: {what}; tried {self.lost} times with retries={self.retries}. "
            f"{STANDS}; calling fit again continues from there" + (f". {hint}" if hint else "")
        )

    def close(self, failed: bool = False) -> None:
        """Drop what workers keep; with `failed`, without waiting for them."""
        forget(self.job.token)


class Pool(Workers):
    """Does rounds in the workers of a `concurrent.futures.Executor`.

    A worker that does not have a shard's data says so and is sent them: at most once for each shard and process.

    Parameters
    ----------
    executor : Executor or function
        A function makes one. It is called again when a lost process has broken the one before.
    """

    hangs: bool

    def __init__(self, job: Job, sources: Sequence[Source], retries: int, timeout: float, executor: Any) -> None:
        super().__init__(job, sources, retries, timeout)
        ready = hasattr(executor, "submit") and not isinstance(executor, type)
        self.make: Callable[[], Any] | None = None if ready else executor
        self.executor = executor if self.make is None else _made(self.make)
        self.hangs = False  # whether a round came too late

    def answers(self, orders: Sequence[Order], where: str) -> list[Answer]:
        found: dict[int, Answer] = {}
        packages: dict[int, Package] = {}
        given: set[int] = set()  # shards whose data went with their last order
        left, tries = self.retries, 0
        while len(found) < len(orders):
            open_orders = [order for order in orders if order.shard not in found]
            answers, lost = self._attempt(open_orders, packages, where, tries)
            for answer in answers:
                if answer.kind == NEED and answer.shard not in given:
                    order = next(order for order in open_orders if order.shard == answer.shard)
                    packages[answer.shard] = self.package(order)
                else:
                    found[answer.shard] = answer
            given = set(packages)
            tries += 1
            if lost is not None:
                self.hangs |= isinstance(lost[1], TimeoutError | concurrent.futures.TimeoutError)
                left -= 1
                self.lose(*lost[:1], where, lost[1], left)
                self._replace(*lost, where)
        return [found[order.shard] for order in orders]

    def _attempt(
        self, orders: Sequence[Order], packages: dict[int, Package], where: str, tries: int
    ) -> tuple[list[Answer], tuple[Order, BaseException] | None]:
        """Submit orders and wait -> the answers, and the first that was lost with its error."""
        futures: list[tuple[Order, Any]] = []
        answers: list[Answer] = []
        lost: tuple[Order, BaseException] | None = None
        end = time.monotonic() + self.timeout
        try:
            for order in orders:
                try:
                    package = packages.pop(order.shard, None)
                    futures.append((order, self.executor.submit(perform, order._replace(attempt=tries), package)))
                except (RuntimeError, OSError) as error:  # it is broken, or shut down
                    lost = lost or (order, error)
            for order, future in futures:
                try:
                    answers.append(future.result(timeout=max(0.001, end - time.monotonic())))
                except concurrent.futures.CancelledError as error:
                    lost = lost or (order, error)
                except Exception as error:
                    if not _is_loss(error):
                        raise self._not_sent(order, where, error) from error
                    lost = lost or (order, error)
        finally:
            for _, future in futures:  # those that are done do not mind
                future.cancel()
        return answers, lost

    def _not_sent(self, order: Order, where: str, error: Exception) -> WorkerError:
        return WorkerError(
            f"shard {order.shard}, {where}: the executor could not do the round: {type(error).__name__}: {error}. "
            "Data, functions and components are pickled on their way to other processes: functions must be importable "
            f"there, unless the executor uses cloudpickle, as loky and Dask do. {STANDS}"
        )

    def _replace(self, order: Order, error: BaseException, where: str) -> None:
        """Make a new executor in place of one that is broken, or whose workers do not answer."""
        if self.make is not None:
            _end(self.executor, self.hangs)
            self.executor, self.hangs = _made(self.make), False
        elif isinstance(error, RuntimeError):  # BrokenExecutor is one
            hint = "A broken executor stays broken: pass a function that makes one, such as lambda: Executor(…)"
            raise self.gone(order, where, error, hint) from error

    def close(self, failed: bool = False) -> None:
        super().close(failed)
        if self.make is not None:
            if failed:
                _end(self.executor, self.hangs)
            else:
                self.executor.shutdown(wait=True)


def _made(make: Callable[[], Any]) -> Any:
    executor = make()
    if not hasattr(executor, "submit"):
        raise InputError(wrong("executor", "be a function that returns an Executor", brief(executor)))
    return executor


def _is_loss(error: Exception) -> bool:
    """Whether an error of a future means that its worker is gone or late; `perform` itself raises nothing."""
    kinds = (concurrent.futures.BrokenExecutor, TimeoutError, concurrent.futures.TimeoutError, OSError, EOFError)
    return isinstance(error, kinds) or type(error).__module__.startswith("distributed")


def _end(executor: Any, hangs: bool) -> None:
    """End an executor of our own; where it hangs, its processes too: they would keep this one from ending."""
    processes = list((getattr(executor, "_processes", None) or {}).values()) if hangs else []
    executor.shutdown(wait=False)
    for process in processes:
        process.kill()


def kind_of(executor: Any) -> str:
    """Which workers an argument `executor` stands for: "serial", "dask", "mpi" or "pool".

    Raises
    ------
    InputError
        If it is none of them.
    """
    if executor is None:
        return "serial"
    module = sys.modules.get("distributed")
    if module is not None and isinstance(executor, module.Client):
        if executor.asynchronous:
            raise InputError(wrong("executor", "be a synchronous Client", "one with asynchronous=True"))
        return "dask"
    module = sys.modules.get("mpi4py.MPI")
    if module is not None and isinstance(executor, module.Comm):
        return "mpi"
    if hasattr(executor, "submit") or callable(executor):
        return "pool"
    expected = (
        "be a Dask Client, a concurrent.futures.Executor, a function that makes one, an mpi4py communicator or None"
    )
    raise InputError(wrong("executor", expected, brief(executor)))
