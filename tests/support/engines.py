"""A program that trains with real engines and prints what it found as JSON: `python engines.py ENGINE LOG`.

Workers note in the file LOG what they do, with their process ids. One of them hangs in the middle of a round, after it
has trained but before it answers, until this program kills it.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

import nbtrain
from nbtrain import distributed
from nbtrain.distributed import dask_workers, rounds, workers

SHARDS, EPOCHS = 5, 3
X = np.random.default_rng(1).normal(size=(200, 5)).astype(np.float32)
Y = np.random.default_rng(2).integers(0, 3, 200)


def shard_of(shard: int) -> Any:
    """The rows of a shard, as `fit` divides arrays."""
    return X[shard::SHARDS], Y[shard::SHARDS]


def trainer(seed: int = 3) -> nbtrain.Trainer:
    net = nbtrain.Network(5, [nbtrain.Dense(16, "tanh", dropout=0.2), nbtrain.Dense(3)])
    return nbtrain.Trainer(net, loss="softmax_cross_entropy", batch_size=8, rng=seed, regularizer="l2")


def digest(trained: nbtrain.Trainer) -> str:
    found = hashlib.blake2b(trained.theta.tobytes(), digest_size=8)
    found.update(trained.model.state.tobytes())
    return found.hexdigest()


def trained(executor: Any = None, data: Any = (X, Y), **options: Any) -> str:
    """What a run leaves."""
    made = trainer()
    shards = None if isinstance(data, list) else SHARDS
    distributed.fit(made, data, EPOCHS, executor=executor, shards=shards, timeout=120, **options)
    return digest(made)


# ---- notes of workers

PERFORM = rounds.perform


def note(log: str, *words: Any) -> None:
    with open(log, "a", encoding="utf-8") as file:
        file.write(" ".join(map(str, words)) + "\n")


def first_time(path: str) -> bool:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def noted(log: str, hangs: bool, order: Any, package: Any = None) -> Any:
    """`perform` with notes."""
    what = order.task, order.shard, order.first
    note(log, "begin", os.getpid(), *what)
    answer = PERFORM(order, package)
    if hangs and answer.kind == "done" and what[:2] == ("train", 1) and order.first >= 4 and first_time(f"{log}.hung"):
        note(log, "hang", os.getpid(), *what)
        time.sleep(600)
    if answer.kind == "done":  # not where the worker asks for its data first
        note(log, "end", os.getpid(), *what)
    return answer


class Noting:
    """An executor whose calls are noted; `make` makes the one that does them."""

    def __init__(self, make: Any, log: str, hangs: bool = False) -> None:
        self.executor, self.log, self.hangs = make(), log, hangs

    def submit(self, function: Any, *arguments: Any) -> Any:
        return self.executor.submit(noted, self.log, self.hangs, *arguments)

    def shutdown(self, **options: Any) -> None:
        self.executor.shutdown(**options)


def lines(log: str) -> list[list[str]]:
    path = Path(log)
    return [line.split() for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


class Killing(threading.Thread):
    """Waits until a worker hangs, and kills it."""

    def __init__(self, log: str) -> None:
        super().__init__(daemon=True)
        self.log = log
        self.start()

    def run(self) -> None:
        while True:
            for word, pid, *_ in lines(self.log):
                if word == "hang":
                    os.kill(int(pid), signal.SIGKILL)
                    return
            time.sleep(0.02)


def report(log: str) -> dict[str, Any]:
    """What the notes say: who trained, and what was under way in the worker that hung, was lost and was repeated."""
    found = lines(log)
    pids = sorted({pid for word, pid, task, *_ in found if word == "end" and task == "train"})
    hung = [line[1:] for line in found if line[0] == "hang"]
    repeated = [
        [pid for word, pid, *what in found if word == "end" and what == where and pid != of] for of, *where in hung
    ]
    ended = [line[1:] for line in found if line[0] == "end"]
    return {
        "pids": pids,
        "own": str(os.getpid()),
        "hung": hung,
        "ended": [one in ended for one in hung],
        "repeated": repeated,
    }


# ---- engines


def threads(log: str) -> dict[str, Any]:
    with ThreadPoolExecutor(3) as pool:
        return {"digests": [trained(pool), trained(pool, shard_of)]}


def processes(log: str) -> dict[str, Any]:
    import multiprocessing

    def make() -> Any:
        return Noting(lambda: ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")), log, hangs=True)

    Killing(log)
    return {"digests": [trained(make)]} | report(log)


def loky(log: str) -> dict[str, Any]:
    import loky as package

    made = []

    def make() -> Any:
        made.append(Noting(lambda: package.get_reusable_executor(2), log, hangs=True))
        return made[-1]

    Killing(log)
    found = {"digests": [trained(make), trained(package.get_reusable_executor(2), lambda shard: shard_of(shard))]}
    package.get_reusable_executor(2).shutdown()
    return found | {"made": len(made)} | report(log)


def watch(log: str, hangs: bool) -> None:
    """Let the actors in this process note what they do."""

    def perform(order: Any, package: Any = None) -> Any:
        return noted(log, hangs, order, package)

    dask_workers.perform = workers.perform = perform


def dask(log: str) -> dict[str, Any]:
    import dask.array
    from distributed import Client, LocalCluster

    arrays = dask.array.from_array(X, chunks=(60, 5)), dask.array.from_array(Y, chunks=60)
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**options) as cluster, Client(cluster) as client:
        client.run(watch, log, True)
        Killing(log)
        found = {"digests": [trained(client)], "serial lazy": trained(None, arrays)} | report(log)
        found["synchronous"] = trained(client, algorithm="synchronous")
        found["digests"] += [trained(client.get_executor(), shard_of)]
        found["lazy"] = trained(client, arrays, validation_data=arrays)
        made = trainer()
        lazily = distributed.predict(made, arrays[0])
        distributed.fit(made, (X, Y), 1, shards=2)  # does not change what was asked for
        found["lazy prediction"] = bool(np.array_equal(lazily.compute(), trainer().predict(X)))
        scores = distributed.evaluate(trainer(), arrays, executor=client, shards=3)
        found["scores"] = [scores, trainer().evaluate(X, Y)]
    return found


def mpi(log: str) -> dict[str, Any]:
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    watch(log, False)
    made = trainer(seed=3 + comm.rank)  # other seeds elsewhere: rank 0 decides
    calls: list[int] = []
    history = distributed.fit(
        made, (X, Y), EPOCHS, executor=comm, shards=SHARDS, callbacks=[lambda *_: calls.append(1)]
    )
    found = {"digests": [digest(made)], "history": dict(history), "calls": len(calls)}
    found["synchronous"] = trained(comm, algorithm="synchronous")
    errors = []
    for data in (lambda shard: shard_of(shard) if shard != 3 else 1 / 0, (X[comm.rank :], Y[comm.rank :]), None):
        try:
            distributed.fit(trainer(), data if comm.rank or data else (X[:, :4], Y), 1, executor=comm, shards=SHARDS)
        except nbtrain.errors.Error as error:
            errors.append(f"{type(error).__name__}: {error}")
    found["predicted"] = bool(np.array_equal(distributed.predict(made, X, executor=comm), made.predict(X)))
    parts = comm.gather(found | {"errors": errors})
    comm.Barrier()
    return {"ranks": parts} | report(log) if comm.rank == 0 else {}


if __name__ == "__main__":
    result = globals()[sys.argv[1]](sys.argv[2])
    if result:
        print(json.dumps(result))
