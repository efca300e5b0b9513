"""The worker's side: one round of one shard, as a pure function of bytes.

What goes in is the state of the training, the shard's data and the number of the round; what comes out is the new
state and the sums of losses. A worker keeps data and engines between rounds only to save time: any process can do any
round, at any time, twice if need be, and the result has the same bits.
"""

from __future__ import annotations

import os
import socket
import threading
import traceback
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..checks import arrays as checks
from ..checks.messages import brief, wrong
from ..compiler.keys.component import behaviour
from ..compiler.numerics import numerics_id
from ..components import Component
from ..components.by_name import registry
from ..components.registry import BUILTIN
from ..core import layout
from ..errors import InputError
from ..model.plan import LOG_SIZE
from ..model.recipe import Recipe
from ..model.state import SEED, RowLayout, State
from ..status import DIVERGENCES, check
from ..training.checkpointing import digest
from ..training.data import Dataset
from ..training.engine import Engine
from ..training.fit import SLICE_SECONDS, describe_divergence
from .gradients import recording
from .sums import evaluation_sums

Array = np.ndarray[Any, Any]
KEPT_RUNS = 4  # whose data and engines a process keeps; those of older runs are dropped
LARGE = 1 << 20  # bytes of parameters above which the shards of a process share engines
RESTORED = "the trainer was restored to the end of its last finite epoch"
WHOLE, PLAIN, PENALIZED = "whole", "plain", "penalized"  # engines: the trainer's own, and those that keep gradients

# What an answer says
DONE = "done"
NEED = "need"  # the worker does not have the run, or not this shard's data
REFUSED = "refused"  # the worker would compute other bits, or lacks a component
WRONG = "wrong"  # the shard's data cannot be used
FAILED = "failed"  # the function that makes the shard's data raised
DIVERGED = "diverged"


class Job(NamedTuple):
    """What all rounds of a run have in common; it is sent to a worker once.

    `code` says what the components that do not belong to nbtrain do (`codes`).
    """

    token: str
    recipe: Recipe
    code: tuple[tuple[str, str], ...]
    shards: int


class Order(NamedTuple):
    """What a worker is asked to do for one shard."""

    task: str  # "inspect", "train", "gradient", "evaluate" or "predict"
    token: str
    numerics: str
    shard: int
    state: Any = None  # bytes of a State; for "gradient", theta
    iteration: int = 0
    first: int = 0  # the shard's step with which the round begins, over the trainer's life
    steps: int = 0
    rate_scale: float = 1.0
    sums: tuple[float, ...] = (0.0, 0.0, 0.0)  # of the epoch so far
    penalty: bool = False  # whether this shard's gradient has the regularizer's part
    rows: Any = None  # to predict for
    attempt: int = 0


class Package(NamedTuple):
    """What a worker needs before it can do a shard's rounds; `source` is the shard's data, or makes them."""

    job: Job
    source: Any


class Answer(NamedTuple):
    """What a worker answers, and where it is."""

    kind: str
    shard: int
    host: str
    pid: int
    value: Any = None


class Place:
    """What a process has of a run: the shards' data, and engines that are not in use."""

    job: Job
    lock: threading.Lock
    refusal: str

    def __init__(self, job: Job) -> None:
        self.job, self.lock = job, threading.Lock()
        self.data: dict[int, Dataset] = {}
        self.engines: dict[Any, list[Engine]] = {}
        self.refusal = _missing(job)

    def take(self, kind: str, shard: int) -> tuple[Any, Engine]:
        """An engine that no other thread uses, and where it belongs.

        Each shard has its own, which keeps the order of rows that it has drawn, unless the network is large.
        """
        recipe = self.job.recipe
        large = recipe.network.parameter_count * recipe.dtype.itemsize > LARGE
        key = kind, None if large else shard
        with self.lock:
            idle = self.engines.setdefault(key, [])
            if idle:
                return key, idle.pop()
        return key, Engine(recipe if kind == WHOLE else recording(recipe, kind == PENALIZED))

    def give_back(self, key: Any, engine: Engine) -> None:
        with self.lock:
            self.engines[key].append(engine)


_places: OrderedDict[str, Place] = OrderedDict()
_lock = threading.Lock()


def settle(package: Package, shard: int) -> Place:
    """Keep what a package has for a shard."""
    with _lock:
        place = _places.get(package.job.token)
        if place is None:
            place = _places[package.job.token] = Place(package.job)
            while len(_places) > KEPT_RUNS:
                _places.popitem(last=False)
    if package.source is not None and not place.refusal and shard not in place.data:
        place.data[shard] = _dataset(place, shard, package.source)
    return place


def _place(token: str) -> Place | None:
    """What this process has of a run, which is now the last that was used."""
    with _lock:
        if token in _places:
            _places.move_to_end(token)
        return _places.get(token)


def forget(token: str) -> None:
    """Drop what this process has of a run."""
    with _lock:
        _places.pop(token, None)


def perform(order: Order, package: Package | None = None) -> Answer:
    """Do what is asked for, in this process. Raises nothing but what ends a process: errors are answers."""
    try:
        if order.numerics != _own_numerics():
            return _answer(REFUSED, order, f"computes with other numerics ({_own_numerics()})")
        place = _place(order.token) if package is None else settle(package, order.shard)
        if place is None:
            return _answer(NEED, order)
        if place.refusal:
            return _answer(REFUSED, order, place.refusal)
        if order.task != "predict" and order.shard not in place.data:
            return _answer(NEED, order)
        return _TASKS[order.task](order, place)
    except _SourceError as error:
        return _answer(FAILED, order, error.args)
    except InputError as error:
        return _answer(WRONG, order, str(error))
    except MemoryError as error:
        return _answer(FAILED, order, (f"MemoryError: {error}", ""))
    except Exception as error:
        return _answer(FAILED, order, (_last_line(error), traceback.format_exc()))


def shard_seed(seed: tuple[int, ...], shard: int) -> tuple[int, ...]:
    """The words of a shard's random stream: shard 0 has the trainer's, the others those of its children."""
    if shard == 0:
        return seed
    words = np.random.SeedSequence(seed, spawn_key=(shard,)).generate_state(4)
    return tuple(int(word) for word in words)


def codes(recipe: Recipe) -> tuple[tuple[str, str], ...]:
    """What the components of plugins do, by their names: another version of a plugin would give other results."""
    found = {}
    for component in _components(recipe):
        if registry.provider(component.spec) != BUILTIN:
            found[f"{component.kind} {component.name!r}"] = behaviour(component.spec)
    return tuple(sorted(found.items()))


def _components(recipe: Recipe) -> list[Component]:
    layers = recipe.network.layers
    found = [recipe.loss, recipe.optimizer, recipe.regularizer, recipe.optimizer.learning_rate]
    found += [part for layer in layers for part in (layer.activation, layer.constraint)]
    return [part for part in found if isinstance(part, Component)]


def _missing(job: Job) -> str:
    """Why this process cannot take part in a run, or nothing."""
    try:
        own = dict(codes(job.recipe))
    except Exception as error:  # a component that is not here says so when it is used
        return f"lacks a component: {error}"
    for name, theirs in job.code:
        ours = own.get(name, theirs)
        if ours != theirs and ours.split(" ")[0] == theirs.split(" ")[0]:
            return f"has other code for the {name}; install the same version of its plugin"
    return ""


@cache
def _own_numerics() -> str:
    return numerics_id()


def _answer(kind: str, order: Order, value: Any = None) -> Answer:
    return Answer(kind, order.shard, socket.gethostname(), os.getpid(), value)


class _SourceError(Exception):
    """A function that makes a shard's data raised."""


def _dataset(place: Place, shard: int, source: Any) -> Dataset:
    """A shard's data, checked. Shards behind those to train on are for validation."""
    if isinstance(source, Dataset):
        return source
    validates = shard >= place.job.shards
    number = shard - place.job.shards if validates else shard
    given = _made(source, number) if callable(source) else source
    key, engine = place.take(WHOLE, shard)
    try:
        return checked_shard(engine, given, f"{'validation_data ' * validates}shard {number}")
    finally:
        place.give_back(key, engine)


def _made(source: Callable[[int], Any], shard: int) -> Any:
    try:
        return source(shard)
    except Exception as error:
        raise _SourceError(_last_line(error), traceback.format_exc()) from error


def _last_line(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]


def checked_shard(engine: Engine, given: Any, name: str) -> Dataset:
    """(X, y) or (X, y, sample_weight) of a shard as the core takes them; errors begin with the shard's `name`."""
    X, y, weight = checks.pair(given, name)
    data = engine.inputs.dataset(X, y, weight, prefix=f"{name}: ")
    smallest = np.finfo(engine.recipe.dtype).smallest_normal
    if data.weight is not None and not (data.weight >= smallest).any():
        raise InputError(wrong(f"{name}: sample_weight", "have a positive weight", brief(float(data.weight.max()))))
    return data


# ---- what a worker can be asked to do


def _inspect(order: Order, place: Place) -> Answer:
    """Rows of the shard, and a digest of its data."""
    data = place.data[order.shard]
    return _answer(DONE, order, (len(data.x), digest(data)))


def _train(order: Order, place: Place) -> Answer:
    """Steps of the shard from a state -> the state after them, and the epoch's sums."""
    data = place.data[order.shard]
    key, engine = place.take(WHOLE, order.shard)
    try:
        state = State(RowLayout.of(engine.recipe), np.array(order.state))
        _begin(state, order, place.job.recipe, data)
        engine.put(state)
        sums = steps(engine, data, order)
        return _answer(DONE, order, (engine.take().data, sums))
    except _Diverged as error:
        return _answer(DIVERGED, order, str(error))
    finally:
        place.give_back(key, engine)


def _gradient(order: Order, place: Place) -> Answer:
    """One step of the shard with an optimizer that keeps the gradient -> the gradient, and the epoch's sums."""
    data = place.data[order.shard]
    key, engine = place.take(PENALIZED if order.penalty else PLAIN, order.shard)
    try:
        state = State(RowLayout.of(engine.recipe))
        state.theta[...] = order.state
        state.counters["iteration"], state.counters["learning_rate"] = order.iteration, 1.0
        _begin(state, order, place.job.recipe, data)
        engine.put(state)
        sums = steps(engine, data, order)
        return _answer(DONE, order, (engine.model.state[0].copy(), sums))
    except _Diverged as error:
        return _answer(DIVERGED, order, str(error))
    finally:
        place.give_back(key, engine)


def _evaluate(order: Order, place: Place) -> Answer:
    """Sums of losses, hits and targets over the shard."""
    key, engine = place.take(WHOLE, order.shard)
    try:
        engine.theta[...] = order.state
        return _answer(DONE, order, evaluation_sums(engine, place.data[order.shard]))
    finally:
        place.give_back(key, engine)


def _predict(order: Order, place: Place) -> Answer:
    """Predictions for rows."""
    key, engine = place.take(WHOLE, order.shard)
    try:
        engine.theta[...] = order.state
        return _answer(DONE, order, engine.predict(order.rows))
    finally:
        place.give_back(key, engine)


_TASKS = {"inspect": _inspect, "train": _train, "gradient": _gradient, "evaluate": _evaluate, "predict": _predict}


class _Diverged(Exception):
    """A step or an epoch of a round was not finite."""


def _begin(state: State, order: Order, recipe: Recipe, data: Dataset) -> None:
    """Set a state to where the shard's own epochs stand: a small shard begins its next one sooner."""
    counters, batch = state.counters, recipe.batch_size
    epoch, step = divmod(order.first, -(-len(data.x) // batch))
    counters["epoch"], counters["position"], counters["samples"] = epoch, step * batch, len(data.x)
    counters["rate_scale"] = order.rate_scale
    for name, total in zip(("epoch_loss", "epoch_weight", "epoch_hits"), order.sums, strict=True):
        counters[name] = total if step else 0.0
    for name, word in zip(SEED, shard_seed(recipe.seed, order.shard), strict=True):
        counters[name] = word


def steps(engine: Engine, data: Dataset, order: Order) -> tuple[float, float, float]:
    """Train for the order's steps -> weighted loss, weight and hits of the epoch, those before the round included."""
    d, batch = engine.descriptor, engine.recipe.batch_size
    each = -(-len(data.x) // batch)
    sums = np.zeros(3) if d["position"][0] else np.array(order.sums)
    done, d["status"] = 0, layout.OK
    while done < order.steps:
        d["log_count"], d["log_size"], d["slice_steps"] = 0, LOG_SIZE, order.steps - done
        work = engine.recipe.work_per_step * (order.steps - done)
        with engine.team.slice(work, SLICE_SECONDS):
            status = engine.call("train_slice", data)
        if status in DIVERGENCES:
            raise _Diverged(str(describe_divergence(engine, data, RESTORED)))
        check(status, engine.recipe.loss)
        for line in engine.memory.array("log")[: int(d["log_count"][0])]:
            sums += line
        done = int(d["epoch"][0]) * each + int(d["position"][0]) // batch - order.first
    if d["position"][0]:
        sums += [float(d[name][0]) for name in ("epoch_loss", "epoch_weight", "epoch_hits")]
    loss, weight, hits = sums.tolist()
    return loss, weight, hits
