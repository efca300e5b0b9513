"""Options that several commands have, and what their values stand for."""

from __future__ import annotations

import argparse
import csv
import math
from typing import Any

from ..errors import InputError
from ..table.csvfile import Dialect


def add_dialect(parser: argparse.ArgumentParser) -> None:
    """Options that say how a CSV file is written; all of it is found out where they are silent."""
    group = parser.add_argument_group("CSV files", "found out from the file unless given")
    group.add_argument("--delimiter", metavar="C", help="character between fields; tab for a tabulator")
    header = group.add_mutually_exclusive_group()
    header.add_argument("--header", action="store_true", default=None, help="the first row names the columns")
    header.add_argument("--no-header", dest="header", action="store_false", help="the first row is data")
    group.add_argument("--encoding", metavar="NAME", help="such as utf-8, cp1252, utf-16")


def dialect(arguments: argparse.Namespace) -> Dialect:
    """What `add_dialect`'s options say."""
    delimiter = {"tab": "\t", "\\t": "\t"}.get(arguments.delimiter or "", arguments.delimiter)
    return Dialect(delimiter, arguments.header, arguments.encoding)


def listing(text: str) -> list[str]:
    """The parts of a list with commas; a part that has a comma itself stands in double quotes, as in a CSV file."""
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
        raise argparse.ArgumentTypeError(f"{text!r} given; whole numbers such as 64,64, or none, are wanted")
    return units


def rates(text: str) -> list[float]:
    """Dropout rates: one for all hidden layers, or one for each."""
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = [-1.0]
    if not all(0.0 <= rate < 1.0 for rate in found):
        raise argparse.ArgumentTypeError(
            f"{text!r} given; numbers from 0 up to, not including, 1 are wanted: 0.2 or 0.2,0.1"
        )
    return found


def fraction(text: str) -> float:
    """A part of the rows."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value < 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} given; a number from 0 up to, not including, 1 is wanted")
    return value


def whole(least: int) -> Any:
    """A type for argparse: whole numbers of at least so much."""

    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"{text!r} given; a whole number of at least {least} is wanted")
        return value

    return number


def threads(text: str) -> int | str:
    """A number of threads, or auto."""
    return "auto" if text == "auto" else int(whole(1)(text))


class Named:
    """`name` or `name:parameter=value:parameter=value`: a component before its kind is known."""

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
                    f"{text!r} given; a name, or name:parameter=number, such as leaky_relu:slope=0.1, is wanted"
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
        raise argparse.ArgumentTypeError(
            f"{text!r} given; a number above 0, or a schedule such as cosine:steps=5000, is wanted"
        )
    return value


def for_each(values: list[Any], layers: int, argument: str) -> list[Any]:
    """One value for every hidden layer."""
    if len(values) == 1:
        return values * layers
    if len(values) != layers:
        raise InputError(f"{argument}: {len(values)} values given; one, or one for each of {layers} layers, is wanted")
    return values
