"""Rounds in the workers of a Dask cluster: an actor in each worker does those of the shards that are placed there."""

from __future__ import annotations

import concurrent.futures
import contextlib
import pickle
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import WorkerError
from .rounds import DONE, NEED, Answer, Job, Order, Package, forget, perform
from .shards import Lazy, Source
from .workers import STANDS, Workers

Array = np.ndarray[Any, Any]
LOOK_EVERY = 1.0  # seconds between two looks at which workers there are
GRACE = 5.0  # seconds in which a worker should say that it has dropped a run


def packed(value: Any) -> Array:
    """A value as an array of bytes: of all things, Dask sends arrays fastest."""
    return np.frombuffer(pickle.dumps(value, pickle.HIGHEST_PROTOCOL), np.uint8)


def unpacked(array: Array) -> Any:
    return pickle.loads(array.data)


class Keeper:
    """An actor: calls of its methods are done in its worker, and go there directly."""

    def __init__(self, threads: int) -> None:
        self.pool = concurrent.futures.ThreadPoolExecutor(threads)

    def run(self, written: Array, packages: dict[int, Package]) -> Array:
        """Do orders, as many at a time as the worker has threads -> the answers; both are packed."""
        orders: list[Order] = unpacked(written)
        given = [packages.get(order.shard) for order in orders]
        if len(orders) == 1:
            return packed([perform(orders[0], given[0])])
        return packed(list(self.pool.map(perform, orders, given)))

    def forget(self, token: str) -> None:
        """Drop what the worker's process has of a run."""
        forget(token)


def deliver(order: Order, job: Job, *parts: Any) -> Answer:
    """Keep the computed rows of Dask arrays in the process of the worker that this task runs in."""
    return perform(order, Package(job, parts))


class DaskWorkers(Workers):
    """Does rounds in the workers of a Dask Client.

    Actors, since a round takes 4 ms with them and 27 with tasks. A worker that is lost or late is left out, and its
    shards go to the others; workers that join take over shards.
    """

    asked: float
    changed: bool

    def __init__(self, job: Job, sources: Sequence[Source], retries: int, timeout: float, client: Any) -> None:
        super().__init__(job, sources, retries, timeout)
        self.client = client
        self.actors: dict[str, Any] = {}
        self.places: dict[int, str] = {}  # the workers of shards
        self.excluded: set[str] = set()
        self.asked, self.changed = 0.0, False  # when the scheduler was asked; whether a worker has left since then

    def answers(self, orders: Sequence[Order], where: str) -> list[Answer]:
        found: dict[int, Answer] = {}
        packages: dict[int, Package] = {}
        needed: Counter[int] = Counter()  # how often the data of a shard were asked for
        left = self.retries
        while len(found) < len(orders):
            open_orders = [order for order in orders if order.shard not in found]
            self._arrange(open_orders, where)
            for worker, answers in self._ask(open_orders, packages).items():
                if isinstance(answers, BaseException):
                    order = next(order for order in open_orders if self.places[order.shard] == worker)
                    self._leave(worker)
                    left -= 1
                    self.lose(order, where, answers, left)
                    continue
                needed.update(answer.shard for answer in answers if answer.kind == NEED)
                for answer in answers:
                    if answer.kind == NEED and needed[answer.shard] <= 1 + self.retries:
                        order = next(order for order in open_orders if order.shard == answer.shard)
                        self._supply(order, found, packages)
                    else:
                        found[answer.shard] = answer
                        packages.pop(answer.shard, None)
        return [found[order.shard] for order in orders]

    def _supply(self, order: Order, found: dict[int, Answer], packages: dict[int, Package]) -> None:
        """Give the worker of a shard its data: now, or with its next order."""
        package = self.package(order)
        if not isinstance(package.source, Lazy):
            packages[order.shard] = package
            return
        delivered = self._deliver(order, package.source)
        if delivered is not None and delivered.kind != DONE:
            found[order.shard] = delivered

    def _ask(self, orders: Sequence[Order], packages: dict[int, Package]) -> dict[str, Any]:
        """Send orders to the workers of their shards -> by worker, their answers or what was raised."""
        groups: dict[str, list[Order]] = {}
        for order in orders:
            groups.setdefault(self.places[order.shard], []).append(order)
        end = time.monotonic() + self.timeout
        calls: dict[str, Any] = {}
        answers: dict[str, Any] = {}
        for worker, group in groups.items():
            given = {order.shard: packages[order.shard] for order in group if order.shard in packages}
            try:
                calls[worker] = self.actors[worker].run(packed(group), given)
            except Exception as error:
                answers[worker] = error
        for worker, call in calls.items():
            try:
                answers[worker] = unpacked(call.result(timeout=max(0.001, end - time.monotonic())))
            except Exception as error:  # `perform` raises nothing: the worker is gone, or late
                answers[worker] = error
        return answers

    def _deliver(self, order: Order, source: Lazy) -> Answer | None:
        """Compute the rows of a shard and keep them in its worker."""
        worker = self.places[order.shard]
        inspection = order._replace(task="inspect", state=None)
        parts = self.client.compute(list(source.parts))
        task = self.client.submit(deliver, inspection, self.job, *parts, workers=[worker], pure=False)
        try:
            answer: Answer = task.result(timeout=self.timeout)
            return answer
        except Exception as error:
            there = worker in self.client.scheduler_info(n_workers=-1)["workers"]
            if not there or isinstance(error, TimeoutError):
                self._leave(worker)
                self.lost += 1
                return None
            raise WorkerError(
                f"shard {order.shard}: its rows could not be computed: {type(error).__name__}: {error}. {STANDS}"
            ) from error
        finally:
            task.cancel()

    def _arrange(self, orders: Sequence[Order], where: str) -> None:
        """Give every shard a worker that is there, with as even a number for each as can be."""
        workers = self._workers()
        if not workers:
            raise WorkerError(f"shard {orders[0].shard}, {where}: no worker is left in the cluster. {STANDS}")
        loads = {worker: sum(place == worker for place in self.places.values()) for worker in workers}
        for order in orders:
            shard, place = order.shard, self.places.get(order.shard)
            least = min(workers, key=loads.__getitem__)
            if place in loads and loads[place] < loads[least] + 2:
                continue
            if place in loads:
                loads[place] -= 1
            self.places[shard] = least
            loads[least] += 1

    def _workers(self) -> list[str]:
        """The workers that there are, each with an actor; the scheduler is not asked in every round."""
        if self.actors and not self.changed and time.monotonic() < self.asked + LOOK_EVERY:
            return list(self.actors)
        self.asked = time.monotonic()
        there = self.client.scheduler_info(n_workers=-1)["workers"]
        for worker in set(self.actors) - set(there):
            self._leave(worker)
        self.changed = False
        for worker, about in there.items():
            if worker in self.actors or worker in self.excluded:
                continue
            made = self.client.submit(
                Keeper, about.get("nthreads", 1), actor=True, workers=[worker], allow_other_workers=False, pure=False
            )
            try:
                self.actors[worker] = made.result(timeout=self.timeout)
            except Exception:  # it has gone meanwhile
                self.excluded.add(worker)
        return [worker for worker in there if worker in self.actors]

    def _leave(self, worker: str) -> None:
        """Use a worker no more."""
        self.changed = True
        self.excluded.add(worker)
        self.actors.pop(worker, None)
        for shard in [shard for shard, place in self.places.items() if place == worker]:
            del self.places[shard]

    def close(self, failed: bool = False) -> None:
        super().close(failed)
        calls = []
        for actor in self.actors.values():
            with contextlib.suppress(Exception):
                calls.append(actor.forget(self.job.token))
        for call in [] if failed else calls:
            with contextlib.suppress(Exception):
                call.result(timeout=GRACE)
        self.actors.clear()
