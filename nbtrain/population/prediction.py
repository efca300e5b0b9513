"""Predictions and evaluations of many members: spans of rows, shared by threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from ..checks.messages import brief, wrong
from ..core import layout
from ..core.layout import SPAN
from ..errors import InputError
from ..status import check
from ..training.data import Dataset
from ..training.engine import CALL_FLOPS
from ..training.evaluation import r2_of, spread_of
from .data import Groups, MemberData, Reader, dimensions, in_order
from .members import Family, Members, Worker

Array = np.ndarray[Any, Any]


class Predictor:
    """Predictions of some members.

    Parameters
    ----------
    members : Members
    groups : Groups
    reader : Reader
        Of the members that predict.
    threads : int
    """

    members: Members
    groups: Groups
    reader: Reader
    threads: int

    def __init__(self, members: Members, groups: Groups, reader: Reader, threads: int) -> None:
        self.members, self.groups, self.reader, self.threads = members, groups, reader, threads
        self.recipe = members.families[0].recipe

    def of_all(self, X: Any) -> Array:
        """(members, rows, outputs), for the same rows or for those of each member."""
        rows = self._rows(X)
        return self._predict(rows, np.arange(len(self.reader.chosen)))

    def reduced(self, X: Any, how: str) -> Array:
        """Mean, standard deviation or majority over the members that are not marked."""
        labels = self.recipe.loss.spec.target == "label"
        if how == "vote" and not self.members.classifies:
            raise InputError(wrong("reduce", "be 'mean' or 'std' for a loss without classes", brief(how)))
        good = np.flatnonzero(~self.members.marked[self.reader.chosen])
        if not len(good):
            raise InputError("reduce needs at least one member that has not diverged")
        rows = self._rows(X)
        at_once = members_at_once(rows.each * self.recipe.network.outputs * self.recipe.dtype.itemsize)
        parts = (self._predict(rows, good[first : first + at_once]) for first in range(0, len(good), at_once))
        return majority(parts, labels) if how == "vote" else moments(parts)[how == "std"]

    def of_groups(self, X: Any, groups: Any) -> Array:
        """(rows, outputs), each row by the member of its group."""
        if self.groups.values is None:
            raise InputError("groups: no member belongs to a group yet; call fit with groups first")
        x = self.reader.inputs.inputs(X)
        member = self.groups.members_of(groups, len(x))
        order, first, rows = in_order(member, self.members.count)
        given = MemberData(Dataset(x if order is None else x[order], x, None), first, first, first, rows)
        found = np.empty((len(x), self.recipe.network.outputs), x.dtype)
        predict(self.members, given, np.arange(self.members.count), self.threads, found, first)
        if order is None:
            return found
        out = np.empty_like(found)
        out[order] = found
        return out

    def _rows(self, X: Any) -> Rows:
        if dimensions(X, "X") != 3:
            x = self.reader.inputs.inputs(X)
            return Rows(x, len(x), True)
        blocks = self.reader.blocks(X, "X")
        return Rows(self.reader.inputs.inputs(blocks.reshape(-1, blocks.shape[2])), blocks.shape[1], False)

    def _predict(self, rows: Rows, places: Array) -> Array:
        """(places, rows, outputs) of the chosen members at these places."""
        count, chosen = self.members.count, self.reader.chosen[places]
        out = np.empty((len(chosen), rows.each, self.recipe.network.outputs), self.recipe.dtype)
        each, x_first, out_first = (np.zeros(count, np.int64) for _ in range(3))
        each[chosen], out_first[chosen] = rows.each, rows.each * np.arange(len(chosen))
        if not rows.shared:
            x_first[chosen] = rows.each * places
        given = MemberData(Dataset(rows.x, rows.x, None), x_first, x_first, x_first, each)
        predict(self.members, given, chosen, self.threads, out, out_first)
        return out


class Rows(NamedTuple):
    """Checked inputs: so many rows for each member, the same or one block after the other."""

    x: Array
    each: int
    shared: bool


def spans_of(family: Family, given: MemberData, out_first: Array, chosen: Array) -> Array:
    """The rows of a family's chosen members, cut where a lone trainer cuts them."""
    most = family.workers[0].engine.rows_per_call()
    at = chosen[np.isin(chosen, family.indices)]
    pieces = -(-given.rows[at] // most)
    member = np.repeat(at, pieces)
    start = most * (np.arange(len(member)) - np.repeat(np.cumsum(pieces) - pieces, pieces))
    spans = np.zeros(len(member), SPAN)
    spans["member"], spans["rows"] = member, np.minimum(given.rows[member] - start, most)
    for name in ("x_first", "y_first", "weight_first"):
        spans[name] = getattr(given, name)[member] + start
    spans["out_first"] = out_first[member] + start
    return spans


def chunks(family: Family, spans: Array) -> Iterator[Array]:
    """Spans in portions of about the work of one call, so that Ctrl-C is seen."""
    work = 2.0 * family.layout.parameters * np.cumsum(spans["rows"], dtype=np.float64)
    begin = 0
    while begin < len(spans):
        done = work[begin - 1] if begin else 0.0
        end = max(begin + 1, int(np.searchsorted(work, done + CALL_FLOPS, side="right")))
        yield spans[begin:end]
        begin = end


Function = Callable[[Family, Worker, Array], Any]


def in_threads(family: Family, spans: Array, threads: int, function: Function) -> list[Any]:
    """What `function` returns for each portion of spans, in their order; each thread has a worker of its own."""
    portions = list(chunks(family, spans))
    workers = family.grow(min(threads, max(1, len(portions))))
    if len(workers) == 1:
        return [function(family, workers[0], portion) for portion in portions]

    def share(index: int) -> list[tuple[int, Any]]:
        own = range(index, len(portions), len(workers))
        return [(number, function(family, workers[index], portions[number])) for number in own]

    with ThreadPoolExecutor(len(workers)) as pool:
        found = dict(pair for done in pool.map(share, range(len(workers))) for pair in done)
    return [found[index] for index in range(len(portions))]


def predict(members: Members, given: MemberData, chosen: Array, threads: int, out: Array, out_first: Array) -> None:
    """Write each chosen member's predictions for its rows to `out`, from its row `out_first` on."""

    def function(family: Family, worker: Worker, portion: Array) -> None:
        _call("predict_spans", family, worker, portion, given.data.x.ctypes.data, out.ctypes.data)

    for family in members.families:
        in_threads(family, spans_of(family, given, out_first, chosen), threads, function)


def evaluate(members: Members, given: MemberData, chosen: Array, threads: int) -> dict[str, Array]:
    """(members,) of loss, and accuracy or R²; NaN for members that have no rows."""
    x, y, weight = given.data
    addresses = x.ctypes.data, y.ctypes.data, 0 if weight is None else weight.ctypes.data
    columns = 3 + members.families[0].recipe.network.outputs
    sums = np.zeros((members.count, columns))

    def function(family: Family, worker: Worker, portion: Array) -> tuple[Array, Array]:
        found = np.zeros((len(portion), columns))
        _call("evaluate_spans", family, worker, portion, *addresses, found.ctypes.data)
        return portion["member"], found

    for family in members.families:
        spans = spans_of(family, given, np.zeros_like(given.rows), chosen)
        for member, found in in_threads(family, spans, threads, function):
            np.add.at(sums, member, found)  # in their order, as a lone trainer adds them
    return _scores(members, given, chosen, sums)


def _call(name: str, family: Family, worker: Worker, portion: Array, *addresses: int) -> None:
    """Call one of the core's functions of spans."""
    engine = worker.engine
    arguments = family.memory.addresses["population"], portion.ctypes.data, len(portion), *addresses
    check(engine.in_turn(getattr(engine.native, name), *arguments), engine.recipe.loss)


def _scores(members: Members, given: MemberData, chosen: Array, sums: Array) -> dict[str, Array]:
    there = chosen[given.rows[chosen] > 0]
    descriptor = members.families[0].workers[0].engine.descriptor
    scores = {"loss": np.full(members.count, np.nan)}
    if (sums[there, 1] == 0).any():
        k = int(there[np.flatnonzero(sums[there, 1] == 0)[0]])
        raise InputError(f"member {k}: sample_weight must have a positive weight, got only zeros")
    scores["loss"][there] = sums[there, 0] / sums[there, 1]
    if descriptor["hits"][0] != layout.HITS_NONE:
        scores["accuracy"] = np.full(members.count, np.nan)
        scores["accuracy"][there] = sums[there, 2] / sums[there, 1]
    if descriptor["squares"][0]:
        scores["r2"] = np.full(members.count, np.nan)
        outputs, spread = sums.shape[1] - 3, None
        alike = len({(int(given.y_first[k]), int(given.rows[k])) for k in there}) == 1  # all have the same targets
        for k in there:
            spread = spread if alike and spread is not None else spread_of(given.of(int(k)), outputs)
            scores["r2"][k] = r2_of(sums[k, 3:], spread)
    return scores


# ---- one prediction from those of many members

REDUCTIONS = ("mean", "std", "vote")
BLOCK_BYTES = 1 << 27  # of the predictions of some members, of which the reductions are made


def moments(parts: Iterator[Array]) -> tuple[Array, Array]:
    """Mean and standard deviation of predictions (members, rows, outputs), which come in parts, in float64.

    They are merged part by part: T. F. Chan, G. H. Golub, R. J. LeVeque: Updating formulae and a pairwise algorithm for
    computing sample variances. COMPSTAT 1982.
    """
    count, mean, squares = 0, np.float64(0), np.float64(0)
    for part in parts:
        more, own = len(part), part.mean(axis=0, dtype=np.float64)
        distance = own - mean
        squares = squares + ((part - own) ** 2).sum(axis=0) + distance**2 * (count * more / (count + more))
        mean = mean + distance * (more / (count + more))
        count += more
    return np.asarray(mean), np.asarray(np.sqrt(squares / count))


def majority(parts: Iterator[Array], labels: bool) -> Array:
    """The class that most members predict, the lowest of several: (rows,) labels, or 0 or 1 for (rows, outputs)."""
    votes: Any = 0
    for part in parts:
        chosen = part.argmax(axis=2) if labels else (part > 0.5).astype(np.int64)
        classes = np.arange(part.shape[2] if labels else 2)
        votes = votes + (chosen[..., np.newaxis] == classes).sum(axis=0)
    return np.asarray(votes.argmax(axis=-1))


def members_at_once(nbytes: int) -> int:
    """How many members' predictions of so many bytes are made at once."""
    return max(1, BLOCK_BYTES // max(1, nbytes))
