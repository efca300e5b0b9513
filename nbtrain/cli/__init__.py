"""The command `nbtrain`: a parser, one module per command, and what every command does about errors."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from .. import __version__
from ..errors import Error
from . import cache, demo, plugins, predict, train, warmup
from .parser import Parser

OK, FAILURE, USAGE, INTERRUPTED = 0, 1, 2, 130  # USAGE is what argparse exits with

# Each has add(commands), which adds a parser and sets `run`, a function of the parsed arguments -> exit code.
COMMANDS = (demo, train, predict, warmup, cache, plugins)


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = Parser(
        prog="nbtrain",
        description="Train fully connected neural networks with compiled code. Start with: nbtrain demo",
        epilog="exit codes: 0 all went well, 1 something failed, 2 wrong usage, 130 interrupted",
    )
    parser.add_argument("--version", action="version", version=f"nbtrain {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in COMMANDS:
        module.add(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command -> its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows the program's name; by default that of this process.
    """
    parser = build_parser()
    given = sys.argv[1:] if arguments is None else arguments
    if not given:
        parser.print_help(sys.stderr)
        return USAGE
    parsed = parser.parse_args(given)
    try:
        code = int(parsed.run(parsed))
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # a reader such as `head` has seen enough; closing stdout would complain again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILURE
    except (Error, MemoryError) as error:
        print(f"nbtrain: {' '.join(str(error).split()) or 'there is not enough memory'}", file=sys.stderr)
        return FAILURE
