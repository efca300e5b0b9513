"""`nbtrain completion`: a script that lets a shell complete the command line."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from ..errors import Error

SHELLS = ("bash", "zsh", "fish")
PATHS = {"FILE", "MODEL", "FOLDER"}  # metavars of arguments that are files or folders
WHERE = """\
To switch it on for every new shell, write the script to a file that the shell reads:
  bash  nbtrain completion bash > ~/.local/share/bash-completion/completions/nbtrain
  zsh   nbtrain completion zsh > ~/.zfunc/_nbtrain     (with fpath+=~/.zfunc before compinit in ~/.zshrc)
  fish  nbtrain completion fish > ~/.config/fish/completions/nbtrain.fish
Write it again after an upgrade of nbtrain. Needs the extra completion: pip install nbtrain[completion]"""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "completion",
        help="let the shell complete commands, options and files",
        description="Print a script with which bash, zsh or fish completes nbtrain's commands, options and files.",
        epilog=WHERE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    try:
        import shtab
    except ImportError:
        raise Error("completion needs shtab: pip install nbtrain[completion]") from None
    parser: argparse.ArgumentParser = arguments.parser
    offer_paths(parser, shtab.FILE)
    print(shtab.complete(parser, shell=arguments.shell))
    return 0


def offer_paths(parser: argparse.ArgumentParser, files: Mapping[str, object]) -> None:
    """Mark all arguments that are files, those of the subparsers too."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                offer_paths(inner, files)
        elif action.metavar in PATHS:
            action.complete = files  # type: ignore[attr-defined]  # shtab looks for this attribute
