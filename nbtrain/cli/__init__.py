"""The command `nbtrain`: the parser, one module per command, and the handling of errors."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence

from .. import __version__
from ..components.by_name import registry
from ..errors import Error
from . import cache, completion, demo, export, inspect, plugins, predict, train, warmup
from .parser import Parser
from .signals import number_of

OK, FAILURE, USAGE, SIGNAL = 0, 1, 2, 128  # USAGE is argparse's code; SIGNAL + n: ended by signal n

# Each has add(commands), which adds a parser and sets `run`, a function of the parsed arguments -> exit code.
COMMANDS = (demo, inspect, train, predict, export, warmup, cache, plugins, completion)


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = Parser(
        prog="nbtrain",
        description="Train fully connected neural networks with compiled code. Start with: nbtrain demo",
        epilog="exit codes: 0 success, 1 failure, 2 wrong usage, 128 + n ended by signal n (130: Ctrl-C)",
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
        The arguments after the program's name; by default those of this process.
    """
    parser = build_parser()
    given = sys.argv[1:] if arguments is None else arguments
    if not given:
        parser.print_help(sys.stderr)
        return USAGE
    registry.importing = lambda: contextlib.redirect_stdout(sys.stderr)  # what plugins print is no output of a command
    try:
        return _called(parser, given)
    except KeyboardInterrupt as interrupt:
        print("interrupted", file=sys.stderr)
        return SIGNAL + number_of(interrupt)
    except (Error, MemoryError) as error:
        print(f"nbtrain: {' '.join(str(error).split()) or 'not enough memory'}", file=sys.stderr)
        return FAILURE
    except OSError as error:
        _discard_output()
        if not isinstance(error, BrokenPipeError):  # a reader such as `head` may stop early
            where = "standard output" if error.filename is None else error.filename
            print(f"nbtrain: {where}: {error.strerror or error}", file=sys.stderr)
        return FAILURE


def _called(parser: argparse.ArgumentParser, given: Sequence[str]) -> int:
    """Parse and run; flush the output, so that errors in writing are raised here."""
    try:
        parsed = parser.parse_args(given)
        parsed.given, parsed.parser = list(given), parser
        return int(parsed.run(parsed))
    finally:
        if sys.exc_info()[0] in (None, SystemExit) and sys.stdout is not None:
            sys.stdout.flush()


def _discard_output() -> None:
    """Drop unwritten output, so that the end of the process does not report the same error again."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
