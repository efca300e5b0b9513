"""What users call: `fit`, `predict` and `evaluate`, with their arguments checked."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..checks import arrays as checks
from ..checks.arguments import explain_arguments
from ..checks.messages import brief, wrong
from ..compiler.numerics import numerics_id
from ..errors import InputError
from ..training.checkpointing import digest
from ..training.data import Dataset
from ..training.engine import Engine
from ..training.fit import Options
from ..training.fit import fit as train
from ..training.history import History
from ..training.trainer import Trainer
from . import lazy, mpi
from .dask_workers import DaskWorkers
from .driver import RoundsFit, ShardsData
from .plan import Plan, checked_algorithm, rate_factor, warn_of_plan
from .rounds import Job, Order, codes
from .shards import Source, is_lazy, sources
from .sums import scores
from .workers import Pool, Workers, kind_of

Array = np.ndarray[Any, Any]
TIMEOUT = 600.0  # seconds
PIECE = 1 << 16  # rows that a worker predicts at a time, at most


@explain_arguments
def fit(
    trainer: Trainer,
    data: Any,
    epochs: int = 1,
    *,
    executor: Any = None,
    shards: int | None = None,
    algorithm: str = "local_sgd",
    steps_per_round: int | None = None,
    warmup: int | None = None,
    learning_rate_scale: str | float = "linear",
    validation_data: Any = None,
    metrics: Any = (),
    callbacks: Any = (),
    checkpoint: Any = None,
    retries: int = 3,
    timeout: float = TIMEOUT,
    progress: bool | str = False,
) -> History:
    """Train on shards of data, in several processes or machines. Calling it again continues training.

    Training is a sequence of rounds. In a round each shard trains from the same state, for the same number of steps, on
    its own rows; then the parameters and the optimizer's states of all shards are averaged, in the shards' order, in
    float64, and weighted by their samples. The result is the same, to the bit, whatever the executor, the number of its
    workers and their losses, on processors with the same `nbtrain.compiler.numerics_id()`.

    Parameters
    ----------
    trainer : Trainer
        It is trained here, by the means of what the workers return. With `threads` above 1 every worker uses so many.
    data : tuple (X, y) or (X, y, sample_weight), list of such tuples, or function
        Arrays are divided into `shards`: shard i has rows i, i + shards, i + 2 shards, … Each item of a list is a
        shard. A function ``f(shard) -> (X, y)`` makes the data of a shard where it is trained, and must give the same
        each time. Dask arrays stay in the cluster: a shard is a range of rows.
    epochs : int, default 1
        An epoch is as many steps as the largest shard has; a smaller one begins its next epoch meanwhile.
    executor : distributed.Client, concurrent.futures.Executor, function, mpi4py.MPI.Comm or None
        Where the rounds are done. None does them in this process. A function makes an Executor, and again whenever a
        lost process has broken it. With a communicator all ranks make the same call; rank 0 decides, calls callbacks
        and writes checkpoints, and all trainers end alike.
    shards : int, optional
        How many; 8 by default. It is part of the recipe and changes the result, so that it does not depend on the
        number of workers; more workers than shards find nothing to do.
    algorithm : {"local_sgd", "synchronous"}, default "local_sgd"
        "synchronous" adds the shards' gradients in every step, as one trainer with a larger batch does. It needs a
        network as fast as MPI's.
    steps_per_round : int, optional
        By default 16, or an eighth of an epoch if that is less.
    warmup : int, optional
        Rounds in which the learning rate rises to its scale. By default 5 % of the call's rounds, from 2 to 10
        (synchronous: 32 to 160 steps).
    learning_rate_scale : {"linear", "sqrt"} or float, default "linear"
        What the rate is multiplied by: the number of shards, its square root, or a number. The mean of n shards moves
        no further than one of them, so that an epoch at an unchanged rate is worth much less.
    validation_data : as `data`, optional
        Arrays are evaluated here after every epoch; lists, functions and Dask arrays by the workers, without `metrics`.
    metrics, callbacks, progress
        As for `Trainer.fit`. Callbacks are called here.
    checkpoint : path or nbtrain.callbacks.Checkpoint, optional
        As for `Trainer.fit`: a run that is started again resumes from its last epoch, with any executor, bit for bit.
    retries : int, default 3
        How often a round that was lost with its worker is repeated.
    timeout : float, default 600
        Seconds that a round may take. MPI has no such limit: a rank that is lost ends the job.

    Returns
    -------
    History
        Of this call, or with `checkpoint` of the whole run. The losses are means over all shards.

    Raises
    ------
    InputError
        If an argument is invalid, or a shard's data cannot be used; the message names the shard, and nothing was
        trained.
    WorkerError
        If a worker computes other bits or lacks a component, or a round was lost more than `retries` times. The message
        names shard, round and host. The trainer stands at its last whole round.
    DivergenceError
        If a loss or a parameter became NaN or infinite; the trainer is back at its last finite epoch.
    KeyboardInterrupt
        On Ctrl-C; the trainer stands at its last whole round, and the next call continues the epoch.

    Warns
    -----
    UserWarning
        If the arguments are known to cost accuracy, or the shards hold different kinds of samples.

    Notes
    -----
    The updates of the shards between two averages: S. U. Stich: Local SGD converges fast and communicates little. ICLR
    2019. The scale of the rate and its warm-up: P. Goyal et al.: Accurate, large minibatch SGD: training ImageNet in 1
    hour. arXiv:1706.02677.

    Examples
    --------
    >>> import nbtrain
    >>> X, y = nbtrain.datasets.load_digits()
    >>> network = nbtrain.Network(64, [nbtrain.Dense(32, "relu"), nbtrain.Dense(10)])
    >>> trainer = nbtrain.Trainer(network, loss="softmax_cross_entropy", rng=0)
    >>> history = nbtrain.distributed.fit(trainer, (X, y), epochs=3, shards=4)
    >>> history.epochs
    3
    """
    given = Given(
        *(trainer, data, executor, shards, algorithm, steps_per_round, warmup, learning_rate_scale),
        *(validation_data, Options(epochs, metrics, callbacks, progress, checkpoint), retries, timeout),
    )
    ranked = kind_of(executor) == "mpi"
    history: History = mpi.together(executor, trainer, partial(_fit, given)) if ranked else _fit(given)
    return history


class Given(NamedTuple):
    """The arguments of fit."""

    trainer: Any
    data: Any
    executor: Any
    shards: Any
    algorithm: Any
    steps_per_round: Any
    warmup: Any
    scale: Any
    validation_data: Any
    options: Options
    retries: Any
    timeout: Any


def _fit(given: Given, ranks: mpi.Ranks | None = None) -> Any:
    engine, options = checked_trainer(given.trainer).engine, given.options
    steps = checked_algorithm(given.algorithm, given.steps_per_round)
    warmup = None if given.warmup is None else checks.whole_number(given.warmup, "warmup", 0)
    rate_factor(given.scale, 1)
    with engine.alone():
        lazily = kind_of(given.executor) == "dask"
        parts = sources(engine, given.data, given.shards, lazily=lazily)
        held, validation = _validation(engine, given, lazily)
        if held and options.metrics:
            raise InputError("metrics need validation_data that is (X, y) here, not shards of it")
        workers = _workers(given, engine, parts + held, len(parts), ranks)
        if ranks is not None and not ranks.leads:
            return ranks.serve(workers)
        with closing(workers):
            found = inspected(workers, len(parts + held))
            rows, digests = zip(*found[: len(parts)], strict=True)
            plan = Plan.of(rows, engine.recipe, given.algorithm, steps, given.scale)
            warn_of_plan(plan, engine.recipe, steps, given.scale, stacklevel=5 + (ranks is not None))
            left = options.epochs if options.checkpoint is None else options.epochs - given.trainer.epoch
            plan = plan.begun(given.trainer.epoch, max(0, left), warmup)
            data = ShardsData(plan, digests, None if options.checkpoint is None else given.trainer)
            kind = partial(RoundsFit, workers=workers, validation_shards=len(held))
            return train(given.trainer, data, validation, options, kind)


def _validation(engine: Engine, given: Given, lazily: bool) -> tuple[list[Source], Dataset | None]:
    """Shards to validate with, and data to validate with here."""
    data, name = given.validation_data, "validation_data"
    if data is None:
        return [], None
    if isinstance(data, tuple) and not any(map(is_lazy, data)):
        return [], engine.inputs.dataset(*checks.pair(data, name), prefix=f"{name} ")
    shards = None if isinstance(data, list) else given.shards
    return sources(engine, data, shards, lazily=lazily, name=name), None


def _workers(
    given: Given | Asked, engine: Engine, parts: Sequence[Source], count: int, ranks: mpi.Ranks | None
) -> Workers:
    """The workers for an executor; of MPI, once every rank has come so far."""
    retries = checks.whole_number(given.retries, "retries", 0)
    timeout = checks.positive_number(given.timeout, "timeout", "a number of seconds > 0")
    job = Job(os.urandom(8).hex(), engine.recipe, codes(engine.recipe), count)
    kind = kind_of(given.executor)
    if ranks is not None:
        return mpi.MpiWorkers(ranks.same_job(job, parts), parts, ranks)
    if kind == "dask":
        return DaskWorkers(job, parts, retries, timeout, given.executor)
    if kind == "pool":
        return Pool(job, parts, retries, timeout, given.executor)
    return Workers(job, parts, retries, timeout)


def inspected(workers: Workers, count: int) -> list[tuple[int, str]]:
    """Rows and a digest of each shard. Data that are not here are made and checked by the workers."""
    found: dict[int, tuple[int, str]] = {}
    for shard, source in enumerate(workers.sources):
        if isinstance(source, Dataset):
            found[shard] = len(source.x), digest(source)
    order = Order("inspect", workers.job.token, numerics_id(), 0)
    asked = [order._replace(shard=shard) for shard in range(count) if shard not in found]
    if asked:
        values = workers.run(asked, "before the first round")
        found |= {one.shard: value for one, value in zip(asked, values, strict=True)}
    return [found[shard] for shard in range(count)]


@contextlib.contextmanager
def closing(workers: Workers) -> Iterator[None]:
    """Close the workers at the end, without waiting for them after an error."""
    try:
        yield
    except BaseException:
        workers.close(failed=True)
        raise
    workers.close()


def checked_trainer(trainer: Any) -> Trainer:
    if not isinstance(trainer, Trainer):
        raise InputError(wrong("trainer", "be an nbtrain.Trainer", brief(trainer)))
    return trainer


class Asked(NamedTuple):
    """The arguments of evaluate and predict."""

    trainer: Any
    data: Any
    executor: Any
    shards: Any
    retries: Any
    timeout: Any


@explain_arguments
def evaluate(
    trainer: Trainer,
    data: Any,
    *,
    executor: Any = None,
    shards: int | None = None,
    retries: int = 3,
    timeout: float = TIMEOUT,
) -> dict[str, float]:
    """Compute the mean data loss, and accuracy or R², over shards of data.

    The workers sum over their shards, and the sums are added in the shards' order, in float64.

    Parameters
    ----------
    trainer, data, executor, shards, retries, timeout
        As for `fit`.

    Returns
    -------
    dict
        `loss`, then `accuracy` or `r2`.

    Raises
    ------
    InputError, WorkerError
        As for `fit`.

    Examples
    --------
    >>> import nbtrain
    >>> X, y = nbtrain.datasets.load_digits()
    >>> network = nbtrain.Network(64, [nbtrain.Dense(10)])
    >>> trainer = nbtrain.Trainer(network, loss="softmax_cross_entropy", rng=0)
    >>> sorted(nbtrain.distributed.evaluate(trainer, (X, y), shards=3))
    ['accuracy', 'loss']
    """
    asked = Asked(trainer, data, executor, shards, retries, timeout)
    ranked = kind_of(executor) == "mpi"
    found: dict[str, float] = mpi.together(executor, None, partial(_evaluate, asked)) if ranked else _evaluate(asked)
    return found


def _evaluate(asked: Asked, ranks: mpi.Ranks | None = None) -> Any:
    engine = checked_trainer(asked.trainer).engine
    with engine.alone():
        parts = sources(engine, asked.data, asked.shards, lazily=kind_of(asked.executor) == "dask")
        workers = _workers(asked, engine, parts, len(parts), ranks)
        if ranks is not None and not ranks.leads:
            return ranks.serve(workers)
        with closing(workers):
            order = Order("evaluate", workers.job.token, numerics_id(), 0, state=engine.theta.copy())
            orders = [order._replace(shard=shard) for shard in range(len(parts))]
            return scores(engine, workers.run(orders, "evaluation"))


@explain_arguments
def predict(trainer: Trainer, X: Any, *, executor: Any = None, retries: int = 3, timeout: float = TIMEOUT) -> Any:
    """Predict what the loss's output activation gives: class probabilities, or values.

    Parameters
    ----------
    trainer : Trainer
    X : array_like of shape (samples, inputs), or Dask array
        Of a Dask array, nothing is computed yet: the result is a Dask array with the same chunks of rows, of the
        parameters as they are now. It needs no executor.
    executor, retries, timeout
        As for `fit`: the workers predict for some rows each.

    Returns
    -------
    ndarray or Dask array of shape (samples, outputs)
        The same numbers as those of `Trainer.predict`.

    Raises
    ------
    InputError, WorkerError
        As for `fit`.

    Examples
    --------
    >>> import nbtrain
    >>> X, y = nbtrain.datasets.load_digits()
    >>> network = nbtrain.Network(64, [nbtrain.Dense(10)])
    >>> trainer = nbtrain.Trainer(network, loss="softmax_cross_entropy", rng=0)
    >>> nbtrain.distributed.predict(trainer, X).shape
    (1797, 10)
    """
    if is_lazy(X):
        return lazy.predict(checked_trainer(trainer), X)
    asked = Asked(trainer, X, executor, None, retries, timeout)
    if kind_of(executor) == "mpi":
        return mpi.together(executor, None, partial(_predict, asked))
    return _predict(asked)


def _predict(asked: Asked, ranks: mpi.Ranks | None = None) -> Any:
    engine = checked_trainer(asked.trainer).engine
    with engine.alone():
        x = engine.inputs.inputs(asked.data)
        workers = _workers(asked, engine, [], 0, ranks)
        if ranks is not None and not ranks.leads:
            return ranks.serve(workers)
        with closing(workers):
            order = Order("predict", workers.job.token, numerics_id(), 0, state=engine.theta.copy())
            pieces = [x[first : first + PIECE] for first in range(0, len(x), PIECE)]
            orders = [order._replace(shard=number, rows=rows) for number, rows in enumerate(pieces)]
            return np.concatenate(workers.run(orders, "prediction"))
