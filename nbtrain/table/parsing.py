"""The cells of a column: numbers, dates or texts, each parsed once, and the forms of number-like text and of dates."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..checks.messages import wrong
from ..errors import InputError
from .frames import pandas

Array = np.ndarray[Any, Any]

MISSING = ("NA", "N/A", "#N/A", "NaN", "-NaN", "<NA>", "NaT", "null", "None", "?")  # beside the empty cell, in any case
DAY = 86_400.0  # seconds
PLAIN = "|.|"  # the form of numbers that need no change
ODD = 5  # words among numbers that are taken for missing cells, and told
NUMBER_LIKE = re.compile(r"([$€£¥]?)\s*([+-]?[\d.,\s']*\d[\d.,]*(?:[eE][+-]?\d+)?)\s*([^\d\s.,+-][^\d]{0,11})?")
GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}([,.' ])\d{3}(\1\d{3})*([.,]\d+)?")
WHOLE = r"^(-?\d+)\.0+$"  # 3.0 is 3 where numbers are categories
DATES = ("ISO8601", "%d/%m/%Y", "%m/%d/%Y", "%d/%m/%y", "%m/%d/%y", "%d.%m.%Y", "%d.%m.%y", "%d-%m-%Y", "%m-%d-%Y",
         "%Y/%m/%d", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S",
         "%d.%m.%Y %H:%M:%S", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%Y", "%d-%b-%y", "%B-%Y",
         "%b-%Y", "%Y-Q", "%H:%M", "%H:%M:%S")  # fmt: skip
QUARTERS = "%Y-Q"  # 1974Q1, 1974-Q1, 1974 Q1: the day on which a quarter begins
QUARTER = re.compile(r"(\d{4})[- ]?Q([1-4])")
CLOCKS = ("%H:%M", "%H:%M:%S")  # times of the day without a day
SAMPLE = 200  # different texts that decide whether a form is tried on all


class Words(NamedTuple):
    """What stands for a missing cell: words in lower case, and the numbers among them."""

    texts: frozenset[str]
    numbers: tuple[float, ...]

    @classmethod
    def of(cls, words: Iterable[str]) -> Words:
        """From the words that a user gives; the empty cell is always missing."""
        texts = frozenset(str(word).strip().casefold() for word in words) | {""}
        return cls(texts, tuple(value for value in map(_number, sorted(texts)) if value is not None))


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None


class Cells:
    """The cells of a column, parsed when they are asked for, and once.

    Parameters
    ----------
    series : pandas.Series
    missing : Words
    """

    series: Any
    missing: Words
    is_number: Any
    is_date: Any

    def __init__(self, series: Any, missing: Words) -> None:
        types, pd = pandas().api.types, pandas()
        if isinstance(series.dtype, pd.PeriodDtype):
            series = series.dt.to_timestamp()
        if types.is_timedelta64_dtype(series.dtype):
            series = series.dt.total_seconds()
        self.series, self.missing = series, missing
        if types.is_complex_dtype(series.dtype):
            raise InputError(wrong(f"column {series.name!r}", "hold real numbers, dates or texts", str(series.dtype)))
        self.is_number = types.is_numeric_dtype(series.dtype) and not types.is_bool_dtype(series.dtype)
        self.is_date = types.is_datetime64_any_dtype(series.dtype)
        self._read: dict[tuple[str, str], Array] = {}

    def __len__(self) -> int:
        return len(self.series)

    @cached_property
    def numbers(self) -> Array:
        """float64, NaN where a cell is missing or infinite; of a column of numbers."""
        x = np.asarray(self.series.to_numpy(np.float64, na_value=np.nan))
        odd = np.isinf(x)
        for value in self.missing.numbers:
            odd |= x == value
        return np.where(odd, np.nan, x) if odd.any() else x

    @cached_property
    def is_exact(self) -> bool:
        """Whether float64 can hold its numbers: whole numbers beyond 2**53 are codes."""
        if not pandas().api.types.is_integer_dtype(self.series.dtype):
            return True
        x = self.numbers
        return not (len(x) and np.nanmax(np.abs(x), initial=0.0) >= 2.0**53)

    @cached_property
    def _factorized(self) -> tuple[Array, Any]:
        """Code of each cell, -1 where it is missing, and a Series of the codes' texts, without space around them."""
        pd, cells = pandas(), self.series
        try:
            codes, found = pd.factorize(cells)
        except TypeError:  # lists and the like
            codes, found = pd.factorize(cells.astype(str).where(cells.notna()))
        given = pd.Series(found).astype(str)
        plain = given.str.strip()
        if self.is_number or cells.dtype == object:
            plain = plain.str.replace(WHOLE, r"\1", regex=True)
        gone = self._are_missing(plain)
        if not gone.any() and ((plain == given).all() or plain.is_unique):
            return codes, plain
        again, unique = pd.factorize(plain.mask(gone))
        return np.append(again, -1)[codes], pd.Series(unique, dtype=str)

    def _are_missing(self, plain: Any) -> Array:
        short = np.array(plain.str.len() <= max(map(len, self.missing.texts)), bool)
        if short.any():
            short[short] = plain[short].str.casefold().isin(self.missing.texts).to_numpy(bool)
        return short

    @property
    def codes(self) -> Array:
        """Number of each cell's text, -1 where it is missing."""
        return self._factorized[0]

    @property
    def gone(self) -> Array:
        """Which cells are missing; of numbers, those that are infinite, too."""
        return np.isnan(self.numbers) if self.is_number else self.codes < 0

    @property
    def unique(self) -> Any:
        """The different texts, a Series."""
        return self._factorized[1]

    @cached_property
    def texts(self) -> Array:
        """The different texts, an array."""
        return np.asarray(self.unique.to_numpy(object))

    @cached_property
    def counts(self) -> Array:
        """How often each text stands in the column."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.unique))

    def spread(self, values: Array) -> Array:
        """The value of each cell from those of the texts; NaN where it is missing."""
        return np.asarray(np.append(values, np.nan)[self.codes])

    def read(self, kind: str, form: str) -> Array:
        """float64 by kind and form: numbers, days since 1970, 1 and 0 of booleans; NaN where a cell is none."""
        if (kind, form) not in self._read:
            self._read[kind, form] = self._values(kind, form)
        return self._read[kind, form]

    def keep(self, kind: str, form: str, values: Array) -> Array:
        """What `read` will give."""
        self._read[kind, form] = values
        return values

    def _values(self, kind: str, form: str) -> Array:
        if kind == "date" and self.is_date:
            return seconds(self.series) / DAY
        if self.is_number:
            x = self.numbers
            return np.where((x == 0.0) | (x == 1.0), x, np.nan) if kind == "boolean" else x
        if self.is_date:
            return np.full(len(self), np.nan)
        if kind == "boolean":
            known = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}
            return self.spread(np.array([known.get(text.casefold(), np.nan) for text in self.texts], np.float64))
        if kind == "date":
            return self.spread(seconds(parse_dates(self.unique, form)) / DAY)
        return self.spread(as_numbers(self.unique, form or PLAIN))


# ---- numbers


def number_form(texts: Any) -> tuple[Array, str] | None:
    """Values of a Series of different texts that are numbers or look like them, and their form; None if they are none.

    The form is `stripped|decimal mark|thousands mark`, such as `$|.|,`. A few odd words among many numbers are NaN.
    """
    few, sample = min(ODD, 0.2 * len(texts)), texts[: 5 * SAMPLE]
    if np.isnan(as_numbers(texts[:SAMPLE], PLAIN)).sum() <= few:
        values = as_numbers(texts, PLAIN)
        odd = np.isnan(values)
        if odd.sum() <= few and not any(NUMBER_LIKE.fullmatch(text) for text in texts[odd]):
            return values, PLAIN
        sample = [*sample, *texts[odd][: 5 * SAMPLE]]
    found = [NUMBER_LIKE.fullmatch(text) for text in sample]
    hits = [match for match in found if match]
    if not hits or len(found) - len(hits) > max(few, 0.1 * len(found)):
        return None
    marks = {match[1] for match in hits if match[1]} | {match[3].strip() for match in hits if match[3]}
    if len(marks) > 2 or any("|" in mark for mark in marks):
        return None
    form = f"{' '.join(sorted(marks))}|{'|'.join(_marks([match[2].strip() for match in hits]))}"
    values = as_numbers(texts, form)
    return (values, form) if np.isnan(values).sum() <= few else None


def _marks(cores: list[str]) -> tuple[str, str]:
    """The decimal and the thousands mark of numbers."""
    grouped = {match[1] for text in cores if (match := GROUPED.fullmatch(text))}
    if "," in grouped and all("," not in text or GROUPED.fullmatch(text) for text in cores):
        return ".", ","
    if any("," in text for text in cores) and not any(
        "." in text and text.rfind(".") > text.rfind(",") for text in cores
    ):
        return ",", "." if "." in grouped else ""
    return ".", next(iter(sorted(grouped - {"."})), "")


def as_numbers(texts: Any, form: str) -> Array:
    """float64 of a Series of texts, NaN for those that are no finite numbers of that form."""
    marks, decimal, thousands = form.split("|")
    for mark in [*marks.split(), thousands]:
        if mark:
            texts = texts.str.replace(mark, "", regex=False)
    if decimal != ".":
        texts = texts.str.replace(decimal, ".", regex=False)
    if form != PLAIN:
        texts = texts.str.strip()
    x = np.asarray(pandas().to_numeric(texts, errors="coerce").to_numpy(np.float64, na_value=np.nan))
    return np.where(np.isinf(x), np.nan, x)


def padded(texts: Any) -> bool:
    """Whether a Series of texts holds codes such as 02139: whole numbers of one length, some begin with 0."""
    if not len(texts) or not texts.iloc[0].isdigit():
        return False
    long = (texts.str.len() > 1) & texts.str.isdigit() & (texts.str.len() == len(texts.iloc[0]))
    return bool(long.all() and texts.str.startswith("0").any())


# ---- dates


def date_form(texts: Any) -> tuple[Array, str] | None:
    """Days since 1970 of a Series of texts, and the format in which all are dates; None if there is none.

    Where day and month could be either way, the day is first.
    """
    sample = texts[:: max(1, len(texts) // 50)]
    if not all(len(text) >= 4 and not text.isdigit() and any(map(str.isdigit, text)) for text in sample):
        return None
    for form in DATES:
        if not np.isnat(parse_dates(sample, form)).any():
            moments = parse_dates(texts, form)
            if not np.isnat(moments).any():
                return seconds(moments) / DAY, form
    return None


def parse_dates(texts: Any, form: str) -> Array:
    """datetime64 in UTC of a Series of texts, NaT for those that are no dates of that format."""
    pd = pandas()
    if form == QUARTERS:
        texts = texts.map(_begin_of_quarter).astype(str)
        form = "%Y-%m-%d"
    found = pd.DatetimeIndex(pd.to_datetime(texts, format=form or "ISO8601", errors="coerce", utc=True))
    return np.asarray(found.tz_localize(None).to_numpy())


def _begin_of_quarter(text: str) -> str:
    found = QUARTER.fullmatch(text)
    return f"{found[1]}-{3 * int(found[2]) - 2:02}-01" if found else ""


def seconds(moments: Any) -> Array:
    """Seconds since 1970, UTC, as float64, of a datetime column; NaN where there is none."""
    index = pandas().DatetimeIndex(moments)
    if index.tz is not None:
        index = index.tz_convert(None)
    return np.where(index.isna(), np.nan, index.as_unit("us").asi8 / 1e6)
