"""The table of a command, from the files and the reading options, and its columns by name or number."""

from __future__ import annotations

import argparse
import glob
import os
from collections.abc import Iterable, Sequence
from typing import Any

from ..checks.messages import brief
from ..checks.suggestions import nearest
from ..errors import InputError
from ..table import Table, read
from ..table.frames import listed
from . import options
from .watching import note
from .wording import in_options

NAMES = "files: CSV and its kin, .xlsx, Parquet, npy, npz, also compressed; - for standard input; several are one table"


def add_files(parser: argparse.ArgumentParser, count: str = "+") -> None:
    """Add the argument for the files of the table."""
    parser.add_argument("data", metavar="FILE", nargs=count, help=NAMES)


def sources(given: Sequence[str]) -> list[str]:
    """The files, those of patterns such as `data-*.csv` among them."""
    found: list[str] = []
    for one in given:
        pattern = any(mark in one for mark in "*?[") and not os.path.exists(one)
        files = sorted(glob.glob(one, recursive=True)) if pattern else [one]
        if not files:
            raise InputError(f"{one}: no file has such a name")
        found += files
    if found.count("-") > 1:
        raise InputError("standard input (-) can be read only once")
    return found


def table(given: Sequence[str], arguments: argparse.Namespace, **more: Any) -> Table:
    """The table in these files.

    Parameters
    ----------
    given : sequence of str
        What the command line says: paths, patterns, or `-`.
    arguments : Namespace
        With the options of `options.add_reading`.
    **more
        Further arguments of `nbtrain.table.read`.
    """
    return read(sources(given), **{**options.reading(arguments), **more})


def tell(notes: Iterable[str], shown: set[str] | None = None) -> None:
    """Print notes, each once, in the words of the command line."""
    for text in notes:
        if shown is None or text not in shown:
            note(in_options(text))
        if shown is not None:
            shown.add(text)


def column(names: Sequence[str], wanted: str, option: str, source: str) -> str:
    """The name of a column that was asked for by name, or by its number from 1 (or -1 for the last).

    Raises
    ------
    InputError
        If there is none; the message names the option and the nearest name.
    """
    if wanted in names:
        return wanted
    if wanted.strip() in names:
        return wanted.strip()
    try:
        number = int(wanted)
    except ValueError:
        number = 0
    if number and -len(names) <= number <= len(names):
        return names[number - 1 if number > 0 else number]
    near = nearest(wanted, names)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise InputError(f"{option}: {source} has no column {brief(wanted)}{hint}; its columns are {listed(list(names))}")


def columns(names: Sequence[str], wanted: Iterable[str], option: str, source: str) -> list[str]:
    """The names of several columns.

    A name that contains a comma may stand without its quotes: parts that are no names of their own are put together.
    """
    rest, found = list(wanted), []
    while rest:
        whole = next((k for k in range(len(rest), 1, -1) if _joined(rest[:k], names)), 1)
        found.append(_joined(rest[:whole], names) or column(names, rest[0], option, source))
        rest = rest[whole:]
    return found


def _joined(parts: Sequence[str], names: Sequence[str]) -> str:
    """The name of which these are the parts between commas, or nothing."""
    for mark in (",", ", "):
        if mark.join(parts) in names:
            return mark.join(parts)
    return ""
