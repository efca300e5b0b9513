"""Messages of the Python functions in the words of the command line: `skip_rows=` is `--skip-rows` here."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from ..errors import InputError

# Arguments of nbtrain.table's functions, and the options that set them; others have the same name with dashes.
OPTIONS = {"text_columns": "--categorical", "missing": "--missing", "metrics": "--metrics"}
NAMES = (
    "batch_size categorical class_weight comment date_format decimal delimiter drop dropout encoding epochs group "
    "header hidden learning_rate max_categories metrics missing patience seed seeds sheet skip_rows target task "
    "text_columns thousands threads time weight"
).split()
ASSIGNED = re.compile(rf"\b({'|'.join(NAMES)})=('[^']*'|\['[^']*'\]|\w+)?")
BEGINNING = re.compile(rf"^({'|'.join(NAMES)})(?=: | must | of )")


def option(name: str) -> str:
    """The option for an argument."""
    return OPTIONS.get(name, "--" + name.replace("_", "-"))


def in_options(text: str) -> str:
    """A message in which arguments are options.

    Examples
    --------
    >>> from nbtrain.cli.wording import in_options
    >>> in_options("t.csv, line 2: 4 cells, where the header has 1; say delimiter=, skip_rows= or comment=")
    't.csv, line 2: 4 cells, where the header has 1; say --delimiter, --skip-rows or --comment'
    >>> in_options("missing=['-9'] says that it means missing")
    "--missing '-9' says that it means missing"
    >>> in_options("drop: unknown column 'siz'; did you mean 'size'?")
    "--drop: unknown column 'siz'; did you mean 'size'?"
    """
    text = re.sub(r"\bheader=(True|False)?", lambda found: _header(found[1]), text)
    text = ASSIGNED.sub(lambda found: option(found[1]) + (f" {found[2].strip('[]')}" if found[2] else ""), text)
    return BEGINNING.sub(lambda found: option(found[1]), text)


def _header(value: str | None) -> str:
    return {"True": "--header", "False": "--no-header"}.get(value or "", "--header or --no-header")


@contextlib.contextmanager
def as_options() -> Iterator[None]:
    """Raise InputErrors in the words of the command line."""
    try:
        yield
    except InputError as error:
        raise type(error)(in_options(str(error))) from error
