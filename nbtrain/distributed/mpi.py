"""Rounds in the ranks of an mpi4py communicator: every rank makes the same call, and rank 0 decides.

The other ranks wait for what rank 0 broadcasts: orders, or the end. What goes wrong in a rank travels as an answer, so
that no rank waits for one that has raised.
"""

from __future__ import annotations

import hashlib
import pickle
import signal
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import Error, InputError, WorkerError
from ..model.state import RowLayout, State
from ..training.checkpointing import digest
from ..training.data import Dataset
from .interrupts import uninterrupted
from .rounds import Answer, Job, Order
from .shards import Source
from .workers import Workers

RUN, END = "run", "end"


class Ranks:
    """What a rank knows of a call that all ranks make."""

    comm: Any
    rank: Any
    size: Any
    leads: Any
    agreed: bool
    began: bool

    def __init__(self, comm: Any) -> None:
        self.comm, self.rank, self.size = comm, comm.Get_rank(), comm.Get_size()
        self.leads = self.rank == 0
        self.agreed = self.began = False  # whether all have checked their arguments; whether they do rounds

    def agree(self, error: BaseException | None, seen: str = "") -> None:
        """Wait until all ranks have checked their arguments; raise WorkerError where another one cannot go on."""
        self.agreed = True
        text = None if error is None else f"rank {self.rank}: {type(error).__name__}: {error}"
        found = self.comm.allgather((text, seen))
        if error is None:
            for other, _ in found:
                if other is not None:
                    raise WorkerError(f"{other}. Nothing was trained")
            if len({digests for _, digests in found}) > 1:
                raise InputError(
                    "data must be the same in all ranks, got different numbers; where each rank has its own, pass a "
                    "function shard -> (X, y) and the number of shards"
                )

    def same_job(self, job: Job, parts: Sequence[Source]) -> Job:
        """The job of rank 0, once all ranks agree."""
        own = [digest(part) for part in parts if isinstance(part, Dataset)]
        text = pickle.dumps(job)  # before the others wait for it
        self.agree(None, hashlib.blake2b("".join(own).encode(), digest_size=8).hexdigest())
        self.began = True
        found: Job = pickle.loads(self.comm.bcast(text))
        return found

    def serve(self, workers: Workers) -> Any:
        """Do what rank 0 asks for, until it ends -> what its call returned."""
        with ignoring_interrupts():
            while True:
                task, given = self.comm.bcast(None)
                if task == END:
                    workers.close()
                    return given
                own = [order for order in given if order.shard % self.size == self.rank]
                self.comm.gather([workers.here(order) for order in own])


class MpiWorkers(Workers):
    """Does rounds in the ranks of a communicator: rank r those of the shards r, r + size, …"""

    def __init__(self, job: Job, sources: Sequence[Source], ranks: Ranks) -> None:
        super().__init__(job, sources, 0, np.inf)
        self.ranks = ranks

    def answers(self, orders: Sequence[Order], where: str) -> list[Answer]:
        ranks = self.ranks
        with uninterrupted():  # or the other ranks would wait in the gather
            ranks.comm.bcast((RUN, list(orders)))
            own = [self.here(order) for order in orders if order.shard % ranks.size == 0]
            parts = ranks.comm.gather(own)
        found = {answer.shard: answer for part in parts for answer in part}
        return [found[order.shard] for order in orders]


def together(comm: Any, trainer: Any, call: Callable[[Ranks], Any]) -> Any:
    """Make a call in all ranks -> in all of them, what it returned in rank 0, or what it raised there.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm
    trainer : Trainer or None
        That is trained: all ranks' trainers end as that of rank 0.
    call : function
        `call(ranks)`; ranks other than 0 return what `Ranks.serve` does.
    """
    ranks = Ranks(comm)
    try:
        result = call(ranks)
    except BaseException as error:
        if not ranks.agreed:
            ranks.agree(error)
        elif ranks.leads and ranks.began:
            comm.bcast((END, (_sendable(error), None, _standing(trainer))))
        raise
    if ranks.leads:
        comm.bcast((END, (None, result, _standing(trainer))))
        return result
    raised, result, standing = result
    if standing is not None:
        _stand(trainer, standing)
    if raised is not None:
        raise raised
    return result


def _sendable(error: BaseException) -> BaseException:
    """What the other ranks raise: nbtrain's errors and Ctrl-C as they are, others as a text."""
    if isinstance(error, Error | KeyboardInterrupt):
        return error
    return WorkerError(f"rank 0: {type(error).__name__}: {error}")


def _standing(trainer: Any) -> Any:
    """Where a trainer stands, for the other ranks."""
    if trainer is None:
        return None
    return trainer.engine.take().data, dict(trainer.history)


def _stand(trainer: Any, standing: Any) -> None:
    data, history = standing
    trainer.engine.put(State(RowLayout.of(trainer.engine.recipe), data))
    trainer.history.replace(history)


class ignoring_interrupts:
    """Leave Ctrl-C to rank 0, which ends the call in all ranks."""

    def __enter__(self) -> None:
        self.before = None
        if threading.current_thread() is threading.main_thread():
            self.before = signal.signal(signal.SIGINT, signal.SIG_IGN)

    def __exit__(self, *raised: object) -> None:
        if self.before is not None:
            signal.signal(signal.SIGINT, self.before)
