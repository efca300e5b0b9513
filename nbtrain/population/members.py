"""Members: where each one's training stands, and the models that take them in turns, for each architecture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..components.spec import PerMember
from ..core import compiled
from ..core.functions import INSIDE, MEMBER_DOORS
from ..core.layout import MEMBER, MONITOR, MOST_THREADS, OK, POPULATION, TARGET, TASK, WATCH, WORKER
from ..model import MembersModel
from ..model.draws import draw
from ..model.memory import ALIGNMENT, Memory, Plan
from ..model.recipe import Recipe
from ..model.state import RECORD, SEED, RowLayout, State
from ..training.engine import Engine
from .hyperparameters import RATE, Check, Hyperparameters, Number, numbers_of, place_of

if TYPE_CHECKING:
    from .training import Run

Array = np.ndarray[Any, Any]
FLOAT64, INT64, BYTE = np.dtype(np.float64), np.dtype(np.int64), np.dtype(np.uint8)


class Worker(NamedTuple):
    """A model that takes members, and its part of a call of fit."""

    engine: Engine
    memory: Memory  # of its record, and of what it logs

    @classmethod
    def of(cls, recipe: Recipe) -> Worker:
        """A worker with an engine of its own."""
        engine = Engine(recipe)
        sums = [Plan(name, (3,), FLOAT64) for name in ("log", "valid_log", "valid_sums")]
        best = Plan("best_theta", (recipe.network.parameter_count,), recipe.dtype)
        records = [Plan("worker", (1,), WORKER), Plan("watch", (1,), WATCH), Plan("monitor", (1,), MONITOR)]
        memory = Memory([*records, *sums, best])
        record = memory.array("worker")
        record["member"] = -1
        for name in ("log", "best_theta"):
            record[name] = memory.addresses[name]
        return cls(engine, memory)

    @property
    def record(self) -> Array:
        """Its record WORKER."""
        return self.memory.array("worker")

    @property
    def address(self) -> int:
        """Of its model."""
        return self.engine.memory.addresses["descriptor"]


class Family:
    """The members of one architecture: their rows, and the models that take them.

    Parameters
    ----------
    recipe : Recipe
        Its numbers stand for those of the members.
    indices : ndarray of shape (members,), int64
        Which members of the population they are.
    """

    recipe: Recipe
    indices: Array
    layout: RowLayout
    rows: Array
    addresses: Array
    workers: list[Worker]

    def __init__(self, recipe: Recipe, indices: Array) -> None:
        self.recipe, self.indices, self.layout = recipe, indices, RowLayout.of(recipe)
        stride = -(-self.layout.nbytes // 8) * 8
        block = np.zeros(len(indices) * stride + ALIGNMENT, BYTE)
        start = -int(block.ctypes.data) % ALIGNMENT
        self.rows = block[start : start + len(indices) * stride].reshape(len(indices), stride)
        self.addresses = int(self.rows.ctypes.data) + stride * np.arange(len(indices))
        self.workers = [Worker.of(recipe)]
        self.memory: Memory = None  # type: ignore[assignment]  # of its record: made when all members are there

    @property
    def theta(self) -> Array:
        """(members, parameters), a view of the rows."""
        size = self.layout.parameters * self.layout.dtype.itemsize
        return self.rows[:, :size].view(self.layout.dtype)

    @property
    def state(self) -> Array:
        """(members, slots, parameters), likewise."""
        shape, itemsize = (len(self.rows), self.layout.slots, self.layout.parameters), self.layout.dtype.itemsize
        strides = self.rows.strides[0], self.layout.parameters * itemsize, itemsize
        return np.ndarray(shape, self.layout.dtype, self.rows, self.layout.parameters * itemsize, strides)

    @property
    def record(self) -> Array:
        """Its record POPULATION."""
        return self.memory.array("population")

    def grow(self, threads: int) -> list[Worker]:
        """So many workers."""
        while len(self.workers) < threads:
            self.workers.append(Worker.of(self.recipe))
        return self.workers[:threads]


class Members:
    """All members of a population: a record and a row each, their hyperparameters, and what became of them.

    Parameters
    ----------
    families : list of Family
    words : ndarray of shape (members, 8), uint32
        Seeds: four words for the compiled random stream, four for the initial weights.
    numbers : list of Number for each family
        Their hyperparameters.
    drawn : bool, default True
        Whether to draw initial weights.
    """

    families: list[Family]
    count: int
    records: Array
    tasks: Array
    losses: Array
    family: Array
    place: Array
    rows: Array
    hyperparameters: Hyperparameters
    columns: list[str]
    values: Array

    def __init__(
        self, families: Sequence[Family], words: Array, numbers: Sequence[list[Number]], drawn: bool = True
    ) -> None:
        self.families, self.count = list(families), len(words)
        self.records, self.tasks = np.zeros(self.count, MEMBER), np.zeros(self.count, TASK)
        self.losses = np.full(self.count, np.nan)
        self.run: Run | None = None  # whose helpers may be in compiled code
        self.family = np.zeros(self.count, np.int64)  # of each member
        self.place = np.zeros(self.count, np.int64)  # of each member in its family
        self.rows = np.zeros(self.count, np.int64)  # addresses
        for index, family in enumerate(families):
            at = family.indices
            self.family[at], self.place[at], self.rows[at] = index, np.arange(len(at)), family.addresses
        for column, name in enumerate(SEED):
            self.records[name] = words[:, column]
        self.records["rate_scale"] = 1.0
        self.hyperparameters = self._hyperparameters(numbers)
        for family in families:
            native = family.workers[0].engine.native
            if drawn:
                draw(family.recipe.network, native, np.ascontiguousarray(words[family.indices, 4:]), family.theta)
            family.memory = self._memory(family)

    def _hyperparameters(self, numbers: Sequence[list[Number]]) -> Hyperparameters:
        checks: dict[str, Check] = {}
        for found in numbers:
            checks |= {number.name: number.check for number in found}
        self.columns = [name for name in checks if name != RATE]
        self.values = np.full((self.count, len(self.columns)), np.nan)
        arrays = {RATE: self.records["learning_rate"]} if RATE in checks else {}
        arrays |= {name: self.values[:, column] for column, name in enumerate(self.columns)}
        for family, found in zip(self.families, numbers, strict=True):
            for name, value, _ in found:
                at = family.indices
                arrays[name][at] = value.numbers[at] if isinstance(value, PerMember) else value
        return Hyperparameters({name: arrays[name] for name in checks}, checks)

    def _memory(self, family: Family) -> Memory:
        """A family's record, with what it points at."""
        keep = [self.records, self.tasks, self.losses, self.rows, self.values, family.rows, family.workers]
        plans = [
            Plan("population", (1,), POPULATION),
            Plan("targets", (len(self.columns),), TARGET),
            Plan("models", (MOST_THREADS,), INT64),
        ]
        memory, engine = Memory(plans, keep), family.workers[0].engine
        found = {number.name for number in numbers_of(family.recipe)}
        targets = memory.array("targets")
        for column, name in enumerate(self.columns):
            if name in found:
                targets[column] = place_of(name, family.recipe, engine.memory)
        record = memory.array("population")
        record["count"], record["columns"], record["accuracy"] = self.count, len(self.columns), -1
        for name, array in [("members", self.records), ("rows", self.rows), ("tasks", self.tasks)]:
            record[name] = array.ctypes.data
        record["values"], record["targets"] = self.values.ctypes.data, memory.addresses["targets"]
        record["losses"] = self.losses.ctypes.data
        record["models"] = memory.addresses["models"]
        for name in (*MEMBER_DOORS, *INSIDE):
            record[name] = compiled.address_of(name, family.recipe.dtype)
        return memory

    def model(self, family: Family, threads: int) -> MembersModel:
        """What compiled callers hold of a family that is the whole population; so many may call at once."""
        models = family.memory.array("models")
        for index, worker in enumerate(family.grow(threads)):
            models[index] = worker.address
        family.record["model_count"] = max(threads, int(family.record["model_count"][0]))
        names = ("learning_rate", "iteration", "epoch")
        views = {name: self.records[name] for name in names}
        return MembersModel(
            population=family.memory.array("population"),
            theta=family.theta,
            **views,
            status=self.tasks["status"],
            loss=self.losses,
        )

    # ---- one member

    def row(self, k: int) -> Array:
        """The bytes of a member's row."""
        return np.asarray(self.families[self.family[k]].rows[self.place[k]])

    def theta(self, k: int) -> Array:
        """A member's parameters, a view."""
        return np.asarray(self.families[self.family[k]].theta[self.place[k]])

    def numbers(self, k: int) -> dict[str, float]:
        """A member's hyperparameters, by their full names."""
        family = self.families[self.family[k]]
        names = [number.name for number in numbers_of(family.recipe)]
        return {name: float(self.hyperparameters[name][k]) for name in names}

    def state(self, k: int) -> State:
        """A copy of where a member stands."""
        layout = self.families[self.family[k]].layout
        data = np.empty(RECORD.itemsize + layout.nbytes, BYTE)
        data[: RECORD.itemsize] = self.records[k : k + 1].view(BYTE)
        data[RECORD.itemsize :] = self.row(k)[: layout.nbytes]
        return State(layout, data)

    def put(self, k: int, state: State) -> None:
        """Let a member stand where a state does; it is no longer marked."""
        self.records[k] = state.counters[0]
        self.row(k)[: state.layout.nbytes] = state.data[RECORD.itemsize :]
        self.unmark(k)

    def unmark(self, k: Any) -> None:
        """Forget why members were given up."""
        for name in ("status", "failed_epoch", "failed_iteration"):
            self.tasks[name][k] = OK

    @property
    def classifies(self) -> bool:
        """Whether predictions are classes, so that there is an accuracy."""
        return bool(self.families[0].workers[0].engine.descriptor["hits"][0])

    @property
    def marked(self) -> Array:
        """Which members have been given up, (members,) bool."""
        return np.asarray(self.tasks["status"] != OK)
