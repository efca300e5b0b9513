"""`nbtrain cache`: location and size of the compiled code on disk, and its removal."""

from __future__ import annotations

import argparse
from typing import Any

from ..compiler import cache, numerics_id, prebuilt
from ..errors import Error
from . import bundle


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "cache",
        help="show or remove compiled code on disk",
        description="Compiled code is kept on disk, in NBTRAIN_CACHE_DIR or the user's cache directory.",
    )
    actions = parser.add_subparsers(title="actions", required=True)
    text = "show the location and size of the compiled code"
    actions.add_parser("info", help=text, description=text.capitalize() + ".").set_defaults(run=info)
    text = "remove all compiled code; it is compiled again when needed"
    actions.add_parser("clear", help=text, description=text.capitalize() + ".").set_defaults(run=clear)
    bundle.add(actions)


def info(arguments: argparse.Namespace) -> int:
    """Print directory, number of entries, size, and what the bits of results depend on."""
    require()
    print(summary())
    found, reason = prebuilt.in_use()
    shipped = f"{found.name}, {len(found.entries)} objects" if found else f"not used: {reason}"
    print(f"code that came with nbtrain: {shipped}")
    print(f"numerics: {numerics_id()}")
    return 0


def clear(arguments: argparse.Namespace) -> int:
    """Remove the entries."""
    require()
    count = cache.clear()
    print(f"removed {count} {'entry' if count == 1 else 'entries'}")
    return 0


def require() -> None:
    """Raise an error if compiled code cannot be stored on disk."""
    folder, fault = cache.located()
    if folder is None:
        raise Error(f"{fault}; set NBTRAIN_CACHE_DIR to a directory of your own")


def summary() -> str:
    """The cache in one line."""
    found = cache.info()
    entries = f"{found.entries} {'entry' if found.entries == 1 else 'entries'}"
    return f"{found.directory}: {entries}, {found.bytes / 1e6:.1f} MB"
