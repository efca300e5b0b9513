"""The parser of each command: an error says what is wanted, what was probably meant, and where help is."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from ..checks.suggestions import did_you_mean, nearest

MEANT = {"--lr": "--learning-rate", "--layers": "--hidden", "--units": "--hidden", "--output": "--save"}
USAGE = 2  # what argparse exits with


class Parser(argparse.ArgumentParser):
    """argparse's parser, whose subparsers complain themselves of options that they do not have."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """What argparse does, but nothing may be left over."""
        namespace, left = super().parse_known_args(args, namespace)
        if left:
            self._refuse(left)
        return namespace, left

    def _refuse(self, left: Sequence[str]) -> NoReturn:
        unknown = [text.partition("=")[0] for text in left if text.startswith("-")]
        if not unknown:
            self.error(f"unexpected: {' '.join(left)}")
        options = [option for option in self._option_string_actions if option.startswith("--")]
        name = unknown[0]
        near = [MEANT[name]] if MEANT.get(name) in options else nearest(name, options)
        self.error(f"there is no option {name}" + (f"; did you mean {near[0]}?" if near else ""))

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Name what there is to choose from, and what was probably meant."""
        if action.choices is not None and value not in action.choices:
            known = [str(choice) for choice in action.choices]
            raise argparse.ArgumentError(
                action, f"{value!r} given{did_you_mean(value, known)} Wanted: {', '.join(known)}"
            )

    def _wanted(self, name: str) -> str:
        """What stands in the help of a missing argument."""
        for action in self._actions:
            if name in ("/".join(action.option_strings), action.metavar, action.dest):
                return f"{name} is wanted: {', '.join(map(str, action.choices)) if action.choices else action.help}"
        return f"{name} is wanted"

    def error(self, message: str) -> NoReturn:
        """Print argparse's message in words of ours, without the usage, and exit."""
        message = re.sub(r"^argument (\S+?)(/\S+)?: ", r"\1: ", message)
        message = message.replace(": expected one argument", ": nothing given; a value is wanted")
        if missing := re.match(r"the following arguments are required: (.*)", message):
            message = "; ".join(self._wanted(name) for name in missing[1].split(", "))
        print(f"{self.prog}: {message}\nSee: {self.prog} --help", file=sys.stderr)
        raise SystemExit(USAGE)
