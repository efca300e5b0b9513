"""Options that several commands share, and the parsing of their values."""

from __future__ import annotations

import argparse
import csv
import math
from typing import Any

from ..checks.messages import wrong
from ..errors import InputError
from ..table.csvfile import Dialect


def add_dialect(parser: argparse.ArgumentParser) -> None:
    """Add options that describe a CSV file; by default all of it is detected."""
    group = parser.add_argument_group("CSV files", "by default detected from the file")
    group.add_argument("--delimiter", metavar="C", help="character between fields; tab for a tab")
    header = group.add_mutually_exclusive_group()
    header.add_argument("--header", action="store_true", default=None, help="the first row names the columns")
    header.add_argument("--no-header", dest="header", action="store_false", help="the first row is data")
    group.add_argument("--encoding", metavar="NAME", help="such as utf-8, cp1252, utf-16")


def dialect(arguments: argparse.Namespace) -> Dialect:
    """The dialect that `add_dialect`'s options describe."""
    delimiter = {"tab": "\t", "\\t": "\t"}.get(arguments.delimiter or "", arguments.delimiter)
    return Dialect(delimiter, arguments.header, arguments.encoding)


def listing(text: str) -> list[str]:
    """Split a list at commas; a part that contains a comma is in double quotes, as in a CSV file."""
    rows = csv.reader(text.splitlines(keepends=True), skipinitialspace=True)
    return [part.strip().strip("'\"") for row in rows for part in row]


def widths(text: str) -> list[int]:
    """Units of the hidden layers: `64,64`, or `none`."""
    if text.strip().lower() in ("none", ""):
        return []
    try:
        units = [int(part) for part in text.split(",")]
    except ValueError:
        units = [0]
    if min(units) < 1:
        raise argparse.ArgumentTypeError(f"must be integers >= 1 such as 64,64, or none, got {text!r}")
    return units


def rates(text: str) -> list[float]:
    """Dropout rates: one for all hidden layers, or one per layer."""
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = [-1.0]
    if not all(0.0 <= rate < 1.0 for rate in found):
        raise argparse.ArgumentTypeError(f"must be numbers >= 0 and < 1, such as 0.2 or 0.2,0.1, got {text!r}")
    return found


def fraction(text: str) -> float:
    """A fraction of the rows."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value < 1.0:
        raise argparse.ArgumentTypeError(f"must be a number >= 0 and < 1, got {text!r}")
    return value


def whole(least: int) -> Any:
    """A type for argparse: integers of at least `least`."""

    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"must be an integer >= {least}, got {text!r}")
        return value

    return number


def threads(text: str) -> int | str:
    """A number of threads, or auto."""
    return "auto" if text == "auto" else int(whole(1)(text))


class Named:
    """`name` or `name:parameter=value:parameter=value`: a component whose kind is not known yet."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.name, *pairs = [part.strip() for part in text.split(":")]
        self.parameters: dict[str, float] = {}
        for pair in pairs:
            parameter, equals, value = pair.partition("=")
            try:
                self.parameters[parameter.strip()] = float(value)
            except ValueError:
                equals = ""
            if not equals:
                raise argparse.ArgumentTypeError(
                    f"must be a name, or name:parameter=number such as leaky_relu:slope=0.1, got {text!r}"
                )


def named_list(text: str) -> list[Named]:
    """Several components, separated by commas."""
    return [Named(part) for part in text.split(",")]


def learning_rate(text: str) -> float | Named:
    """A number, or a schedule such as cosine:rate=0.01:steps=5000."""
    try:
        value = float(text)
    except ValueError:
        return Named(text)
    if not 0.0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number > 0, or a schedule such as cosine:steps=5000, got {text!r}")
    return value


def for_each(values: list[Any], layers: int, argument: str) -> list[Any]:
    """One value per hidden layer."""
    if len(values) == 1:
        return values * layers
    if len(values) != layers:
        raise InputError(
            wrong(argument, f"have one value, or one for each of {layers} layers", f"{len(values)} values")
        )
    return values
