"""What a caller says of files with tables, checked."""

from __future__ import annotations

import codecs
from typing import Any, NamedTuple

from ..checks import arrays as checks
from ..checks.messages import brief, wrong
from ..errors import InputError
from .parsing import MISSING


class Options(NamedTuple):
    """The arguments of `read` but the source, checked."""

    delimiter: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    skip_rows: int | None = None
    comment: str | None = None
    header: bool | None = None
    encoding: str | None = None
    date_format: str | None = None
    sheet: str | int = 0
    missing: tuple[str, ...] = MISSING
    text_columns: tuple[str, ...] = ()
    expected: tuple[str, ...] = ()

    def said(self) -> dict[str, Any]:
        """What differs from the defaults, as JSON can hold it, but for text_columns and expected."""
        plain = Options()
        given = {key: value for key, value in self._asdict().items() if value != getattr(plain, key)}
        given.pop("text_columns", None), given.pop("expected", None)
        return {key: list(value) if isinstance(value, tuple) else value for key, value in given.items()}


def checked(options: Options) -> Options:
    """The options, or an InputError that names the one that is wrong."""
    given = {"tab": "\t", "\\t": "\t", "space": " "}.get(options.delimiter or "", options.delimiter)
    options = options._replace(delimiter=given)
    for name in ("delimiter", "thousands", "comment"):
        value = getattr(options, name)
        if value is not None and (not isinstance(value, str) or len(value) != 1):
            raise InputError(wrong(name, "be one character", brief(value)))
    if options.decimal not in (None, ".", ","):
        raise InputError(wrong("decimal", "be '.' or ','", brief(options.decimal)))
    if options.thousands is not None and options.thousands == (options.decimal or "."):
        raise InputError(wrong("thousands", "differ from decimal", brief(options.thousands), "say decimal=',', too"))
    if options.skip_rows is not None:
        checks.whole_number(options.skip_rows, "skip_rows", 0)
    if options.header not in (None, True, False):
        raise InputError(wrong("header", "be True, False or None", brief(options.header)))
    if options.encoding is not None:
        try:
            codecs.lookup(options.encoding)
        except (LookupError, TypeError):
            raise InputError(
                wrong("encoding", "be a name such as utf-8, cp1252 or utf-16", brief(options.encoding))
            ) from None
    return options
