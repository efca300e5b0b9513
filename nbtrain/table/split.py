"""Splits of a table's rows: at random with each class in every part, by groups, or by time."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InputError

Array = np.ndarray[Any, Any]
Seed = int | np.random.SeedSequence


def split(
    classes: Array | None,
    rows: int,
    fractions: tuple[float, ...],
    seed: Seed,
    *,
    groups: Array | None = None,
    order: Array | None = None,
) -> list[Array]:
    """Indices of the rows, in order: what the fractions leave, then one part for each fraction.

    Parameters
    ----------
    classes : ndarray of int, optional
        Class of each row: parts get their fraction of every class, as far as it goes in whole rows. At least one
        row of each class stays in the first part.
    rows : int
    fractions : tuple of float
        Of all rows, for the parts after the first.
    seed : int or numpy.random.SeedSequence
    groups : ndarray of int, optional
        Group of each row: all rows of a group go to the same part, and classes are not looked at.
    order : ndarray of float, optional
        Time of each row: the parts follow each other in time, the last one is the latest. Rows of the same time are in
        the same part. `seed`, `classes` and `groups` have no effect.

    Raises
    ------
    InputError
        If the groups, or the times, are too few to leave rows for the first part.
    """
    if order is not None:
        return _in_time(order, fractions)
    random = np.random.default_rng(seed)
    if groups is not None:
        return _whole_groups(groups, fractions, random)
    strata = [np.arange(rows)] if classes is None else [np.flatnonzero(classes == c) for c in np.unique(classes)]
    parts: list[list[Array]] = [[] for _ in range(len(fractions) + 1)]
    owed = np.zeros(len(fractions))  # what rounding has kept from a part comes back with the next class
    for stratum in strata:
        stratum, start = random.permutation(stratum), 0
        for index, fraction in enumerate(fractions):
            owed[index] += fraction * len(stratum)
            count = min(int(owed[index] + 0.5), len(stratum) - 1 - start)
            owed[index] -= count
            parts[index + 1].append(stratum[start : start + count])
            start += count
        parts[0].append(stratum[start:])
    return [np.sort(np.concatenate(part)) for part in parts]


def folds(
    classes: Array | None,
    rows: int,
    count: int,
    seed: Seed,
    *,
    groups: Array | None = None,
    order: Array | None = None,
) -> list[tuple[Array, Array]]:
    """(rows to train on, rows to test on) for each of `count` folds of a cross-validation.

    Parameters
    ----------
    classes, rows, seed, groups, order
        As for `split`. Each row is in the test part of one fold. With `order`, the rows are cut into `count` + 1
        periods; each but the first is tested once, by what was trained on all periods before it.
    count : int

    Raises
    ------
    InputError
        If there are fewer rows, groups or times than folds.
    """
    parts = _parts(classes, rows, count + (order is not None), seed, groups, order)
    if order is not None:
        return [(np.sort(np.concatenate(parts[:k])), parts[k]) for k in range(1, count + 1)]
    return [(np.sort(np.concatenate(parts[:k] + parts[k + 1 :])), parts[k]) for k in range(count)]


def _parts(
    classes: Array | None, rows: int, count: int, seed: Seed, groups: Array | None, order: Array | None
) -> list[Array]:
    """The rows in `count` parts of about the same size."""
    random = np.random.default_rng(seed)
    if order is not None:
        edges = [_edge(order, share / count) for share in range(1, count)]
        place = np.searchsorted(np.array(edges), order, side="right")
    elif groups is not None:
        place = _spread(groups, count, random)
    else:
        mixed = random.permutation(rows)
        by_class = mixed if classes is None else mixed[np.argsort(classes[mixed], kind="stable")]
        place = np.empty(rows, np.int64)
        place[by_class] = np.arange(rows) % count
    parts = [np.flatnonzero(place == part) for part in range(count)]
    if not all(map(len, parts)):
        what = "times" if order is not None else "groups" if groups is not None else "rows"
        raise InputError(f"there are fewer {what} than parts of the cross-validation ({count})")
    return parts


def _in_time(order: Array, fractions: tuple[float, ...]) -> list[Array]:
    parts, left = [], 1.0
    rest = np.ones(len(order), bool)
    for fraction in reversed(fractions):
        left -= fraction
        later = rest & (order >= _edge(order, left)) if fraction else np.zeros(len(order), bool)
        parts.append(np.flatnonzero(later))
        rest &= ~later
    if not rest.any():
        raise InputError("the rows have too few different times to be split by time")
    return [np.flatnonzero(rest), *reversed(parts)]


def _edge(order: Array, share: float) -> float:
    """The time before which about `share` of the rows are."""
    ordered = np.sort(order)
    return float(ordered[min(len(ordered) - 1, int(share * len(ordered) + 0.5))])


def _whole_groups(groups: Array, fractions: tuple[float, ...], random: np.random.Generator) -> list[Array]:
    names, sizes = np.unique(groups, return_counts=True)
    place = np.zeros(names.max() + 1, np.int64)  # of each group; 0 is the first part
    order = random.permutation(len(names))
    start = 0
    for part, fraction in enumerate(fractions, 1):
        wanted = fraction * len(groups)
        ends = np.cumsum(sizes[order[start:]])
        # as many groups as come nearest to the fraction, but at least one, and one stays for each part to come
        count = int(np.argmin(np.abs(ends - wanted))) + 1 if fraction else 0
        place[names[order[start : start + count]]] = part
        start += count
    if start >= len(names):
        raise InputError(f"{len(names)} groups are too few to be split into {len(fractions) + 1} parts")
    return [np.flatnonzero(place[groups] == part) for part in range(len(fractions) + 1)]


def _spread(groups: Array, count: int, random: np.random.Generator) -> Array:
    """A part for each row: the largest groups first, each to the part that has the fewest rows."""
    names, sizes = np.unique(groups, return_counts=True)
    mixed = random.permutation(len(names))
    filled, place = np.zeros(count, np.int64), np.zeros(names.max() + 1, np.int64)
    for group in mixed[np.argsort(-sizes[mixed], kind="stable")]:
        part = int(filled.argmin())
        place[names[group]] = part
        filled[part] += sizes[group]
    return np.asarray(place[groups])
