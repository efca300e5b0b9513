"""Data of members: the same for all, data of each member, or rows that belong to groups of any size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..checks import arrays as checks
from ..checks.messages import brief, wrong
from ..errors import InputError
from ..training.data import Dataset, InputSpec

Array = np.ndarray[Any, Any]


class MemberData(NamedTuple):
    """Checked arrays of all rows, and which of them each member has; members without rows have none.

    Attributes
    ----------
    data : Dataset
        x, y and weights may have different numbers of rows: what all members share is there once.
    x_first, y_first, weight_first, rows : ndarray of shape (members,), int64
        Where a member's rows begin in each array, and how many it has.
    """

    data: Dataset
    x_first: Array
    y_first: Array
    weight_first: Array
    rows: Array

    def of(self, k: int) -> Dataset:
        """The samples of one member."""
        rows, (x, y, weight) = int(self.rows[k]), self.data
        x_first, y_first, weight_first = (int(first[k]) for first in (self.x_first, self.y_first, self.weight_first))
        kept = None if weight is None else weight[weight_first : weight_first + rows]
        return Dataset(x[x_first : x_first + rows], y[y_first : y_first + rows], kept)


class Groups:
    """The groups of a population, sorted, one for each member; unknown until the first call with `groups`."""

    def __init__(self, members: int) -> None:
        self.members = members
        self.values: Array | None = None

    def members_of(self, groups: Any, rows: int, argument: str = "groups") -> Array:
        """Which member each row belongs to; the first time, every group becomes a member."""
        given = self._checked(groups, rows, argument)
        try:
            found, inverse = np.unique(given, return_inverse=True)
        except TypeError as error:
            raise InputError(wrong(argument, "hold values that can be sorted", brief(groups), str(error))) from None
        if self.values is None:
            if len(found) != self.members:
                hint = f"make the Population with {len(found)} members"
                raise InputError(wrong(argument, f"have {self.members} different values", f"{len(found)}", hint))
            self.values = found
            return np.asarray(inverse, np.int64)
        places = np.minimum(np.searchsorted(self.values, found), self.members - 1)
        unseen = self.values[places] != found
        if unseen.any():
            odd = found[unseen]
            more = f" and {len(odd) - 1} others" if len(odd) > 1 else ""
            raise InputError(wrong(argument, "be among those that the members belong to", f"{plain(odd[0])!r}{more}"))
        return np.asarray(places[inverse], np.int64)

    def _checked(self, groups: Any, rows: int, argument: str) -> Array:
        given = np.asarray(groups)
        if given.shape != (rows,):
            raise InputError(wrong(argument, f"have shape ({rows},), one for each row of X", str(given.shape)))
        if given.dtype.kind == "f" and np.isnan(given).any():
            raise InputError(wrong(argument, "not be NaN", f"NaN at index {int(np.isnan(given).argmax())}"))
        return given

    def name(self, k: int) -> str:
        """How errors name a member that has data of its own."""
        return f"member {k}" if self.values is None else f"group {plain(self.values[k])!r}"


def plain(value: Any) -> Any:
    """A value of an array as Python has it."""
    return value.item() if isinstance(value, np.generic) else value


class Reader:
    """Checks data for the members that a call works on.

    Parameters
    ----------
    inputs : InputSpec
    groups : Groups
    chosen : ndarray of shape (chosen,), int64
        The members; data of each member are in this order.
    """

    inputs: InputSpec
    groups: Groups
    chosen: Array

    def __init__(self, inputs: InputSpec, groups: Groups, chosen: Array) -> None:
        self.inputs, self.groups, self.chosen = inputs, groups, chosen

    def read(self, X: Any, y: Any, weight: Any, groups: Any, prefix: str = "") -> MemberData:
        """X, y and weights: shared, of each member, or by groups."""
        if groups is not None:
            return self._by_groups(X, y, weight, groups, prefix)
        if dimensions(X, f"{prefix}X") == 3:
            return self._own(X, y, weight, prefix)
        return self._shared(self.inputs.dataset(X, y, weight, prefix))

    def _shared(self, data: Dataset) -> MemberData:
        rows, nothing = self._none(), self._none()
        rows[self.chosen] = len(data.x)
        return MemberData(data, nothing, nothing, nothing, rows)

    def _none(self) -> Array:
        return np.zeros(self.groups.members, np.int64)

    def _own(self, X: Any, y: Any, weight: Any, prefix: str) -> MemberData:
        X, count = self.blocks(X, f"{prefix}X"), len(self.chosen)
        each, shared = X.shape[1], is_broadcast(X)
        y, spec = as_array(y, f"{prefix}y"), self.inputs
        if y.shape[:2] != (count, each):
            raise InputError(
                wrong(f"{prefix}y", f"have shape ({count}, {each}, …), as X has data of each member", str(y.shape))
            )
        if weight is not None:
            weight = as_array(weight, f"{prefix}sample_weight")
            if weight.shape != (count, each):
                raise InputError(wrong(f"{prefix}sample_weight", f"have shape ({count}, {each})", str(weight.shape)))

        def whole() -> Dataset:
            x = spec.inputs(X[0] if shared else X.reshape(-1, X.shape[2]), f"{prefix}X")
            target = spec.targets(y.reshape(count * each, *y.shape[2:]), count * each, f"{prefix}y")
            flat = None if weight is None else weight.reshape(-1)
            return Dataset(x, target, None if flat is None else spec.weights(flat, len(flat), f"{prefix}sample_weight"))

        def part(index: int) -> None:
            spec.dataset(X[index], y[index], None if weight is None else weight[index], prefix)

        data = self._located(whole, part, self.chosen)
        first, rows = self._none(), self._none()
        first[self.chosen], rows[self.chosen] = each * np.arange(count), each
        return MemberData(data, self._none() if shared else first, first, first, rows)

    def blocks(self, given: Any, argument: str) -> Array:
        """X as an array (chosen members, rows, inputs)."""
        X: Array = as_array(given, argument)
        count = len(self.chosen)
        if X.ndim != 3 or X.shape[0] != count or X.shape[2] != self.inputs.columns or not X.shape[1]:
            expected = f"have shape ({count}, n_samples, {self.inputs.columns}), or (n_samples, {self.inputs.columns})"
            raise InputError(wrong(argument, expected, str(X.shape)))
        return X

    def _by_groups(self, X: Any, y: Any, weight: Any, groups: Any, prefix: str) -> MemberData:
        whole = self.inputs.dataset(X, y, weight, prefix)
        member = self.groups.members_of(groups, len(whole.x), f"{prefix}groups")
        kept = np.isin(member, self.chosen)
        order, first, rows = in_order(np.where(kept, member, self.groups.members), self.groups.members)
        if order is not None:
            whole = Dataset(*(None if array is None else array[order] for array in whole))  # type: ignore[arg-type]
        return MemberData(whole, first, first, first, rows)

    def _located(self, whole: Callable[[], Dataset], part: Callable[[int], None], names: Array) -> Dataset:
        """What `whole` returns; where it refuses the data, the error of the first part that is refused."""
        try:
            return whole()
        except InputError:
            for index, k in enumerate(names):
                try:
                    part(index)
                except InputError as error:
                    raise InputError(f"{self.groups.name(int(k))}: {error}") from None
            raise


def as_array(value: Any, argument: str) -> Array:
    """An array, or an error for a list of arrays of different lengths."""
    try:
        return np.asarray(value)
    except ValueError:
        hint = "concatenate data of different lengths, and say by `groups` which member each row belongs to"
        raise InputError(wrong(argument, "be one array", "arrays of different shapes", hint)) from None


def dimensions(value: Any, argument: str) -> int:
    """How many dimensions something has that becomes an array."""
    found = getattr(value, "ndim", None)
    return int(found) if isinstance(found, int) else as_array(value, argument).ndim


def in_order(member: Array, members: int) -> tuple[Array | None, Array, Array]:
    """The order that brings rows of members together, or None if they are; where each begins, and how many it has."""
    rows = np.bincount(member, minlength=members)[:members].astype(np.int64)
    order = None if (member[:-1] <= member[1:]).all() else np.argsort(member, kind="stable")
    return order, np.concatenate([[0], np.cumsum(rows)[:-1]]).astype(np.int64), rows


def is_broadcast(X: Array) -> bool:
    """Whether all members' data are the same memory, as `np.broadcast_to` makes them."""
    return X.shape[0] > 1 and X.strides[0] == 0


def check_weights(given: MemberData, smallest: float, name: Callable[[int], str]) -> None:
    """Raise InputError for a member whose weights are all 0, or so small that training counts them as 0."""
    weight = given.data.weight
    if weight is None:
        return
    positive = np.concatenate([[0], np.cumsum(weight >= smallest)])
    there = given.rows > 0
    counts = positive[given.weight_first + given.rows] - positive[given.weight_first]
    if (there & (counts == 0)).any():
        k = int(np.flatnonzero(there & (counts == 0))[0])
        raise InputError(f"{name(k)}: " + wrong("sample_weight", "have a positive weight", "only zeros"))


def chosen_members(members: Any, count: int) -> Array:
    """The members that a call works on: all, or those whose numbers or places are given."""
    if members is None:
        return np.arange(count)
    given = np.asarray(members)
    if given.dtype == np.bool_ and given.shape == (count,):
        return np.flatnonzero(given)
    if given.ndim != 1 or given.dtype.kind not in "iu":
        raise InputError(wrong("members", f"be integers, or {count} values True or False", brief(members)))
    found = np.where(given < 0, given + count, given).astype(np.int64)
    odd = (found < 0) | (found >= count)
    if odd.any():
        raise InputError(wrong("members", f"be from 0 to {count - 1}", brief(given[odd][0].item())))
    if len(np.unique(found)) != len(found):
        raise InputError(wrong("members", "have no number twice", brief(members)))
    return found


def chosen_places(value: Any, count: int, argument: str) -> Array:
    """Members by their numbers; a number may occur several times."""
    given = np.asarray(value)
    if given.ndim > 1 or given.dtype.kind not in "iu" or ((given < -count) | (given >= count)).any():
        raise InputError(wrong(argument, f"be members, from 0 to {count - 1}", brief(value)))
    return np.where(given < 0, given + count, given).astype(np.int64)


def epochs_of(epochs: Any, chosen: Array, count: int) -> Array:
    """(members,) epochs: one number, or one for each chosen member; 0 for the others."""
    found = np.zeros(count, np.int64)
    if np.ndim(epochs) == 0:
        found[chosen] = checks.whole_number(epochs, "epochs", 0)
        return found
    if len(epochs) != len(chosen):
        expected = f"be an integer >= 0, or {len(chosen)} of them"
        raise InputError(wrong("epochs", expected, f"{len(epochs)} values"))
    found[chosen] = [
        checks.whole_number(item, f"epochs of member {k}", 0) for k, item in zip(chosen, epochs, strict=True)
    ]
    return found
