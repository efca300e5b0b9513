"""Options that several commands share, and the parsing of their values."""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Sequence
from typing import Any

from ..checks.messages import wrong
from ..errors import InputError
from ..table.parsing import MISSING
from . import config


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add the option for a file that holds options."""
    parser.add_argument(
        config.NAME, type=_in_full, metavar="FILE",
        help="read options from a TOML or JSON file, such as hidden = [64, 32]; those given here count more",
    )  # fmt: skip


def _in_full(text: str) -> str:
    # the parser takes the option out before argparse sees it, unless it is abbreviated
    raise argparse.ArgumentTypeError("must be written in full")


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Add options that say how files are to be read; by default all of it is found out."""
    group = parser.add_argument_group("reading", "by default found out from the file")
    group.add_argument("--delimiter", metavar="C", help="character between fields; tab for a tab, space for spaces")
    group.add_argument("--decimal", choices=(".", ","), help="decimal mark")
    group.add_argument("--thousands", metavar="C", help="thousands mark, such as , in 1,047")
    group.add_argument("--skip-rows", type=whole(0), metavar="N", help="lines before the header")
    group.add_argument("--comment", metavar="C", help="what follows this character in a line is left out")
    header = group.add_mutually_exclusive_group()
    header.add_argument("--header", action="store_true", default=None, help="the first row names the columns")
    header.add_argument("--no-header", dest="header", action="store_false", help="the first row is data")
    group.add_argument("--encoding", metavar="NAME", help="such as utf-8, cp1252, utf-16")
    group.add_argument("--date-format", metavar="FORM", type=str, help="of dates, such as %%d.%%m.%%Y for 31.12.2024")
    group.add_argument("--sheet", metavar="NAME", help="of an Excel file (default: the first)")
    group.add_argument(
        "--missing", type=listing, default=[], metavar="TEXT,…",
        help=f"texts that stand for a missing value, besides empty cells and {', '.join(shown(MISSING))}",
    )  # fmt: skip
    group.add_argument(
        "--not-missing", type=listing, default=[], metavar="TEXT,…", help="texts that are values, such as None"
    )


def add_columns(group: Any) -> None:
    """Add options that say what columns are."""
    group.add_argument(
        "--drop", type=listing, default=[], metavar="NAME,…",
        help="columns to leave out; quote names that contain a comma: '\"length, cm\",age'",
    )  # fmt: skip
    group.add_argument(
        "--categorical", type=listing, default=[], metavar="NAME,…", help="columns whose numbers are codes"
    )
    group.add_argument(
        "--max-categories", type=whole(1), default=50, metavar="N", help="inputs of a column of texts (default 50)"
    )


def shown(words: Sequence[str]) -> list[str]:
    """Words for missing cells as a help text shows them."""
    return [word.replace("%", "%%") for word in words if word]


def reading(arguments: argparse.Namespace) -> dict[str, Any]:
    """The arguments of `nbtrain.table.read` for `add_reading`'s options."""
    names = "delimiter decimal thousands skip_rows comment header encoding date_format".split()
    given = {name: getattr(arguments, name) for name in names}
    if arguments.sheet is not None:
        given["sheet"] = int(arguments.sheet) if arguments.sheet.isdigit() else arguments.sheet
    if arguments.missing or arguments.not_missing:
        given["missing"] = missing(arguments)
    return given


def missing(arguments: argparse.Namespace) -> tuple[str, ...]:
    """All texts that stand for a missing value."""
    kept = {word.casefold() for word in arguments.not_missing}
    return tuple(word for word in (*MISSING, *arguments.missing) if word.casefold() not in kept)


def listing(text: str) -> list[str]:
    """Split a list at commas; a part that contains a comma is in double quotes, as in a CSV file."""
    rows = csv.reader(text.splitlines(keepends=True), skipinitialspace=True)
    return [part.strip().strip("'\"") for row in rows for part in row]


def weights(text: str) -> str | dict[str, float]:
    """Weights of classes: `balanced`, or one for each class that is not to count 1, as in `rare=5,frequent=0.5`."""
    if text.strip() == "balanced":
        return "balanced"
    found = {}
    for part in listing(text):
        name, equals, value = part.rpartition("=")
        try:
            weight = float(value)
        except ValueError:
            equals = ""
        if not equals or not 0.0 < weight < math.inf:
            raise argparse.ArgumentTypeError(f"must be balanced, or CLASS=WEIGHT,… with weights > 0, got {text!r}")
        found[name.strip()] = weight
    return found


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

    name: str

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
