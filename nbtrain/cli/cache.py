"""`nbtrain cache`: where compiled code lies on disk, and removing it."""

from __future__ import annotations

import argparse
from typing import Any

from ..compiler import cache
from ..errors import Error


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "cache",
        help="compiled code on disk: where it is, how much, remove it",
        description="Compiled code is kept on disk, in NBTRAIN_CACHE_DIR or the user's cache directory.",
    )
    actions = parser.add_subparsers(title="actions", required=True, dest="action")
    text = "say where the compiled code lies and how much there is"
    actions.add_parser("info", help=text, description=text.capitalize() + ".").set_defaults(run=info)
    text = "remove all compiled code; it is compiled again when needed"
    actions.add_parser("clear", help=text, description=text.capitalize() + ".").set_defaults(run=clear)


def info(arguments: argparse.Namespace) -> int:
    """Print directory, number of entries, size."""
    require()
    print(summary())
    return 0


def clear(arguments: argparse.Namespace) -> int:
    """Remove the entries."""
    require()
    count = cache.clear()
    print(f"removed {count} {'entry' if count == 1 else 'entries'}")
    return 0


def require() -> None:
    """Raise an error that says why, where compiled code cannot be kept on disk."""
    folder, fault = cache.located()
    if folder is None:
        raise Error(f"{fault}; set NBTRAIN_CACHE_DIR to a directory of your own")


def summary() -> str:
    """The cache in one line."""
    found = cache.info()
    entries = f"{found.entries} {'entry' if found.entries == 1 else 'entries'}"
    return f"{found.directory}: {entries}, {found.bytes / 1e6:.1f} MB"
