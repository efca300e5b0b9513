"""What a column is, found out from its cells in training."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .column import CYCLES, Column, bent, is_clock
from .parsing import DAY, ODD, PLAIN, Cells, date_form, number_form, padded, parse_dates, seconds

Array = np.ndarray[Any, Any]
LARGEST = 1e150  # numbers end there: the squares of larger ones are none
MOST_TEXTS = 1000  # with a count of their own
SURELY = 20  # rows from which on "a text of its own in every row" means something
FORMS_OF_BOOLEANS = 20  # of true and false in any case
SWAPPED = {"%d/%m": "%m/%d", "%d-%m": "%m-%d"}  # day first, where both could be


@dataclass(frozen=True)
class Rules:
    """The encoder's parameters, as far as columns depend on them."""

    categorical: Collection[str]
    drop: Collection[str]
    min_count: int
    max_categories: int
    far: float
    dates: str


def fitted(name: str, cells: Cells, rules: Rules) -> tuple[Column, list[str]]:
    """The column, and what should be known about it, in sentences."""
    notes: list[str] = []
    column = _Fitting(name, cells, rules, notes).column()
    gone = int(np.isnan(column.values(cells)).sum()) if column.indicator and column.kind != "category" else 0
    if gone and column.kind == "boolean":
        notes.append(f"{cell_count(gone)} missing; an input of its own marks that")
    elif gone:
        shown = f"{column.fill:g}" if column.kind == "number" else str(np.datetime64(int(column.fill), "D"))
        notes.append(f"{cell_count(gone)} missing; the median, {shown}, stands there, and an input of its own marks it")
    return column, [f"{name!r}: {note}" for note in notes]


@dataclass(frozen=True)
class _Fitting:
    name: str
    cells: Cells
    rules: Rules
    notes: list[str]

    def column(self) -> Column:
        cells = self.cells
        if self.name in self.rules.drop:
            return Column(self.name, "dropped")
        if self.name not in self.rules.categorical:
            if cells.is_date:
                return self._date(cells.read("date", ""), "")
            if cells.is_number and cells.is_exact:
                return self._number(cells.numbers, "")
        if not len(cells.unique):
            return Column(self.name, "empty")
        if self.name not in self.rules.categorical and not cells.is_number:
            found = self._boolean() or self._number_like() or self._dates()
            if found is not None:
                return found
        return self._category()

    # ---- numbers

    def _boolean(self) -> Column | None:
        if len(self.cells.unique) > FORMS_OF_BOOLEANS:
            return None
        texts = {text.casefold() for text in self.cells.texts}
        if not texts <= {"true", "false"}:
            return None
        gone = bool((self.cells.codes < 0).any())
        if len(texts) == 1 and not gone:
            return Column(self.name, "constant")
        return Column(self.name, "boolean", indicator=gone)

    def _number_like(self) -> Column | None:
        cells, texts = self.cells, self.cells.unique
        if padded(texts):
            example = texts[texts.str.startswith("0")].iloc[0]
            self.notes.append(f"codes such as {example!r} are texts, not numbers")
            return None
        found = number_form(texts)
        if found is None:
            return None
        values, form = found
        odd = np.isnan(values)
        if cells.counts[~odd].sum() < 0.9 * cells.counts.sum():
            return None
        if form != PLAIN:
            example = int(np.argmax(~odd))
            self.notes.append(f"read as numbers, {texts.iloc[example]!r} as {values[example]:g}")
        if odd.any():
            words = ", ".join(map(repr, texts[odd]))
            self.notes.append(f"{words} among numbers: taken as missing ({cell_count(cells.counts[odd].sum())})")
        kept = "" if form == PLAIN else form
        column = self._number(cells.keep("number", kept, cells.spread(values)), form)
        return replace(column, words=tuple(map(str, texts[odd]))) if column.kind == "number" else column

    def _number(self, x: Array, form: str) -> Column:
        gone = np.isnan(x)
        some_gone = bool(gone.any())
        present = x[~gone] if some_gone else x
        if not present.size:
            return Column(self.name, "empty")
        if present.max() > LARGEST or present.min() < -LARGEST:
            present = np.clip(present, -LARGEST, LARGEST)
        least, low, middle, high, most = limits(present, self.rules.far)
        if least == most and not some_gone:
            return Column(self.name, "constant")
        step = (high - low) / (2.0 * self.rules.far + 1.0)
        if low > least or high < most:
            self._tell_far(present, low, high)
        else:
            step = 0.0
        few = most - least < 2.0 * len(x)
        if not form and not some_gone and len(x) > SURELY and few and rises_by_whole_steps(x):
            self.notes.append("counts the rows; leave it out with drop= unless it is a time")
        kept = bent(present, low, high, step) if step else present
        center, scale = moments(kept, len(x) - len(present), middle)
        return Column(
            *(self.name, "number", low, high, step, least, most, center, scale or 1.0, middle, some_gone),
            form="" if form == PLAIN else form,
        )

    def _tell_far(self, present: Array, low: float, high: float) -> None:
        least, most = float(present.min()), float(present.max())
        far = int(((present < low) | (present > high)).sum())
        farthest = most if most - high > low - least else least
        same = int((present == farthest).sum())
        if same > max(ODD, 0.005 * len(present)):
            self.notes.append(
                f"{farthest:g} stands in {cell_count(same)}, far from all others; missing=['{farthest:g}'] says that "
                "it means missing"
            )
        self.notes.append(
            f"{cell_count(far)} outside of {low:g} … {high:g}, brought near by a logarithm; the farthest: {farthest:g}"
        )

    # ---- dates

    def _dates(self) -> Column | None:
        cells = self.cells
        found = date_form(cells.unique)
        if found is None:
            return None
        days, form = cells.spread(found[0]), found[1]
        for first, second in SWAPPED.items():
            other = form.replace(first, second, 1)
            swapped = parse_dates(cells.unique, other) if form.startswith(first) else np.array(["NaT"], "M8[s]")
            if np.isnat(swapped).any():
                continue
            by_month = cells.spread(seconds(swapped) / DAY)
            if longest_step(by_month) < longest_step(days):
                days, form, other = by_month, other, form
            self.notes.append(f"dates read as {form}, but all fit {other}, too: date_format={other!r} says so")
            break
        return self._date(cells.keep("date", form, days), form)

    def _date(self, days: Array, form: str) -> Column:
        number = replace(self, notes=[])._number(days, "-")
        if number.kind != "number":
            return number
        present = days[~np.isnan(days)]
        parts = [] if is_clock(form) else ["elapsed"]
        if self.rules.dates == "parts":
            parts += [part for part in CYCLES if varies(present, part)]
        center, scale = moments(present, len(days) - len(present), number.fill)
        return replace(
            number, kind="date", form=form, parts=tuple(parts or ["elapsed"]), low=number.least, high=number.most,
            step=0.0, center=center, scale=scale or 1.0,
        )  # fmt: skip

    # ---- categories

    def _category(self) -> Column:
        codes, texts, counts, rules = self.cells.codes, self.cells.texts, self.cells.counts, self.rules
        gone = bool((codes < 0).any())
        if len(texts) == 1 and not gone:
            return Column(self.name, "constant")
        if len(texts) > max(SURELY, 0.9 * len(codes)) and self.name not in rules.categorical:
            self.notes.append("nearly every row has a text of its own; left out, as a name or number of the row")
            return Column(self.name, "identifier")
        order = np.lexsort((texts, -counts))
        kept = order[counts[order] >= rules.min_count] if (counts >= rules.min_count).sum() >= 2 else order[:2]
        shown = sorted(map(str, texts[kept[: rules.max_categories]]))
        made = Column(self.name, "category", indicator=gone, categories=tuple(shown), other=len(shown) < len(texts))
        if len(kept) <= rules.max_categories:
            if made.other:
                rare = len(texts) - len(shown)
                self.notes.append(f"{len(texts)} texts; " + (f"{rare} rare ones are one category" if rare > 1 else
                                  "a rare one counts as any that is not known"))  # fmt: skip
            return made
        self.notes.append(f"{len(texts)} texts; the {len(shown)} most frequent have an input each, and all one for how "
                          "frequent they are")  # fmt: skip
        count = dict(zip(map(str, texts), map(int, counts), strict=True))
        rest = tuple(map(str, texts[kept[rules.max_categories : MOST_TEXTS]]))
        logs = np.log([count[text] for text in (*shown, *rest)])
        return replace(
            made, rest=rest, counts=tuple(count[text] for text in (*shown, *rest)), center=float(logs.mean()),
            scale=float(logs.std()) or 1.0,
        )  # fmt: skip


def rises_by_whole_steps(x: Array) -> bool:
    """Whether numbers rise from row to row, by whole numbers, as those that count rows do."""
    steps = np.diff(x)
    return bool((steps >= 1.0).all() and (steps == np.rint(steps)).all())


def cell_count(count: Any) -> str:
    """A number of cells, in words."""
    return "1 cell" if count == 1 else f"{count} cells"


def limits(x: Array, far: float) -> tuple[float, float, float, float, float]:
    """The least number, where numbers begin to be far, the median, where they end to be, and the largest.

    Far begins at the quartiles and `far` times their distance, within what there is; at wider quantiles where the
    quartiles are equal.
    """
    ordered = np.sort(x)
    least, most = float(ordered[0]), float(ordered[-1])
    low, high = least, most
    for tail in (0.25, 0.05, 0.01, 0.0):
        low, high = quantile(ordered, tail), quantile(ordered, 1.0 - tail)
        if high > low:
            break
    reach = far * (high - low)
    return least, max(low - reach, least), quantile(ordered, 0.5), min(high + reach, most), most


def quantile(ordered: Array, part: float) -> float:
    """A quantile of sorted numbers, between two of them in proportion."""
    place = part * (len(ordered) - 1)
    below = int(place)
    first, second = float(ordered[below]), float(ordered[min(below + 1, len(ordered) - 1)])
    return first + (place - below) * (second - first) if second > first else first


def moments(present: Array, gone: int, fill: float) -> tuple[float, float]:
    """Mean and deviation of a column whose missing cells hold `fill`."""
    unit = float(np.abs(present).max()) or 1.0  # squares of the largest numbers are none
    rows = len(present) + gone
    x = present / unit
    mean = (float(x.sum()) + gone * fill / unit) / rows
    spread_ = float(((x - mean) ** 2).sum()) + gone * (fill / unit - mean) ** 2
    return mean * unit, float(np.sqrt(spread_ / rows)) * unit


def longest_step(days: Array) -> float:
    """The longest step between dates that follow each other from row to row, up or down; infinite where they do not."""
    steps = np.diff(days[~np.isnan(days)])
    if not steps.size or not ((steps >= 0).all() or (steps <= 0).all()):
        return np.inf
    return float(np.abs(steps).max())


def varies(days: Array, part: str) -> bool:
    """Whether a cycle shows: most of a year, days of the week, times of the day."""
    if part == "hour":
        return bool((days % 1.0).max() > 0.0)
    if part == "weekday":
        return int((np.bincount((days % 7.0).astype(np.int64)) > 0).sum()) > 2
    return bool(days.max() - days.min() > 0.5 * CYCLES["season"])
