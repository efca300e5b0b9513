"""The cells of a column: numbers, dates or texts, each parsed once, and the forms in which texts are numbers or dates."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from .frames import pandas

Array = np.ndarray[Any, Any]

MISSING = ("NA", "N/A", "#N/A", "NaN", "-NaN", "<NA>", "NaT", "null", "None", "?")  # beside the empty cell, in any case
DAY = 86_400.0  # seconds
PLAIN = "|.|"  # the form of numbers that need no change
ODD = 5  # words among numbers that are taken for missing cells, and told
NUMBER_LIKE = re.compile(r"([$€£¥]?)\s*([+-]?[\d.,\s']*\d[\d.,]*(?:[eE][+-]?\d+)?)\s*([^\d\s.,+-][^\d]{0,11})?")
GROUPED = re.compile(r"[+-]?\d{1,3}([,.' ])\d{3}(\1\d{3})*([.,]\d+)?")
WHOLE = r"^(-?\d+)\.0+$"  # 3.0 is 3 where numbers are categories
DATES = ("ISO8601", "%d/%m/%Y", "%m/%d/%Y", "%d/%m/%y", "%m/%d/%y", "%d.%m.%Y", "%d.%m.%y", "%d-%m-%Y", "%m-%d-%Y",
         "%Y/%m/%d", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S",
         "%d.%m.%Y %H:%M:%S", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%Y", "%d-%b-%y", "%B-%Y", "%b-%Y",
         "%H:%M", "%H:%M:%S")  # fmt: skip
CLOCKS = ("%H:%M", "%H:%M:%S")  # times of the day without a day
SAMPLE = 200  # different texts that decide whether a form is tried on all
BOOLEANS = {"true": 1.0, "false": 0.0}


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

    def __init__(self, series: Any, missing: Words) -> None:
        types, pd = pandas().api.types, pandas()
        self.missing = missing
        if isinstance(series.dtype, pd.PeriodDtype):
            series = series.dt.to_timestamp()
        if types.is_timedelta64_dtype(series.dtype):
            series = series.dt.total_seconds()
        self.series = series
        self.is_number = types.is_numeric_dtype(series.dtype) and not types.is_bool_dtype(series.dtype)
        self.is_date = types.is_datetime64_any_dtype(series.dtype)

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
    def texts(self) -> tuple[Array, Array]:
        """Code of each cell, -1 where it is missing, and the text of each code, without space around it."""
        pd = pandas()
        cells = self.series
        try:
            codes, found = pd.factorize(cells)
        except TypeError:  # lists and the like
            codes, found = pd.factorize(cells.astype(str).where(cells.notna()))
        plain = pd.Series(found).astype(str).str.strip()
        if self.is_number or cells.dtype == object or plain.str.endswith(".0").any():
            plain = plain.str.replace(WHOLE, r"\1", regex=True)
        gone = plain.str.casefold().isin(self.missing.texts)
        if not gone.any() and plain.is_unique:
            return codes, plain.to_numpy(object)
        again, unique = pd.factorize(plain.mask(gone))
        return np.append(again, -1)[codes], np.asarray(unique, object)

    @cached_property
    def counts(self) -> Array:
        """How often each text stands in the column."""
        codes, texts = self.texts
        return np.bincount(codes[codes >= 0], minlength=len(texts))

    def first(self, text: str) -> int:
        """The first row in which a text stands."""
        codes, texts = self.texts
        return int((codes == list(texts).index(text)).argmax())

    def read(self, kind: str, form: str) -> Array:
        """float64 by kind and form: numbers, days since 1970, or 1 and 0 for booleans; NaN where that cannot be read."""
        if kind == "date" and self.is_date:
            return seconds(self.series) / DAY
        if self.is_number:
            return self.numbers
        if self.is_date:
            return np.full(len(self), np.nan)
        codes, texts = self.texts
        return spread(values_of(texts, kind, form), codes)


def values_of(texts: Array, kind: str, form: str) -> Array:
    """The values of different texts, NaN for those that are none."""
    if kind == "boolean":
        known = BOOLEANS | {"1": 1.0, "0": 0.0}
        return np.array([known.get(text.casefold(), np.nan) for text in texts], np.float64)
    if kind == "date":
        return seconds(parse_dates(texts, form)) / DAY
    values = as_numbers(texts, form)
    return np.where(np.isinf(values), np.nan, values)


def spread(values: Array, codes: Array) -> Array:
    """The value of each cell; NaN for code -1."""
    return np.asarray(np.append(values, np.nan)[codes])


# ---- numbers


def number_form(texts: Array) -> tuple[Array, str] | None:
    """Values of different texts that are numbers or look like them, and their form; None if they are no numbers.

    The form is `stripped|decimal mark|thousands mark`, such as `$|.|,`. A few odd words among many numbers are NaN.
    """
    few = min(ODD, 0.2 * len(texts))
    if np.isnan(as_numbers(texts[:SAMPLE], PLAIN)).sum() <= few:
        values = as_numbers(texts, PLAIN)
        odd = np.isnan(values)
        if odd.sum() <= few and not any(NUMBER_LIKE.fullmatch(text) for text in texts[odd]):
            return values, PLAIN
    found = [NUMBER_LIKE.fullmatch(text) for text in texts[: 5 * SAMPLE]]
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


def as_numbers(texts: Array, form: str) -> Array:
    """float64, NaN for texts that are no numbers of that form."""
    pd = pandas()
    marks, decimal, thousands = form.split("|")
    plain = pd.Series(texts, dtype=str)
    for mark in [*marks.split(), thousands]:
        if mark:
            plain = plain.str.replace(mark, "", regex=False)
    if decimal != ".":
        plain = plain.str.replace(decimal, ".", regex=False)
    if form != PLAIN:
        plain = plain.str.strip()
    return np.asarray(pd.to_numeric(plain, errors="coerce").to_numpy(np.float64, na_value=np.nan))


def padded(texts: Array) -> bool:
    """Whether texts are codes: whole numbers of one length, some with zeros before them, such as 02139."""
    return bool(
        len(texts)
        and len({len(text) for text in texts}) == 1
        and len(texts[0]) > 1
        and any(text[0] == "0" for text in texts)
        and all(text.isdigit() for text in texts)
    )


# ---- dates


def date_form(texts: Array) -> str:
    """The format in which all texts are dates, day first where both could be; "" if there is none."""
    sample = texts[:: max(1, len(texts) // 50)]
    if not all(len(text) >= 4 and not text.isdigit() and any(map(str.isdigit, text)) for text in sample):
        return ""
    for form in DATES:
        if not np.isnat(parse_dates(sample, form)).any() and not np.isnat(parse_dates(texts, form)).any():
            return form
    return ""


def parse_dates(texts: Array, form: str) -> Array:
    """datetime64 in UTC, NaT for texts that are no dates of that format."""
    pd = pandas()
    found = pd.to_datetime(pd.Series(texts, dtype=str), format=form or "ISO8601", errors="coerce", utc=True)
    return np.asarray(pd.DatetimeIndex(found).tz_localize(None).to_numpy())


def seconds(moments: Any) -> Array:
    """Seconds since 1970, UTC, as float64, of a datetime column; NaN where there is none."""
    index = pandas().DatetimeIndex(moments)
    if index.tz is not None:
        index = index.tz_convert(None)
    return np.where(index.isna(), np.nan, index.as_unit("us").asi8 / 1e6)
