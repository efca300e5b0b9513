"""The argument parser of each command: its errors suggest near names and say where help is."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from ..checks.messages import unknown
from ..checks.suggestions import nearest
from ..errors import InputError
from . import config

MEANT = {"--lr": "--learning-rate", "--layers": "--hidden", "--units": "--hidden", "--output": "--save"}
USAGE = 2  # argparse's exit code


class Parser(argparse.ArgumentParser):
    """argparse's parser, except that a subparser reports unknown arguments itself, and reads configuration files."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._negative_number_matcher = re.compile(r"-\.?\d")  # -999,NA is a value, not an option

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; unknown arguments are an error."""
        args = sys.argv[1:] if args is None else list(args)
        actions = self._option_string_actions
        if config.NAME in actions:
            flags = {name for name, action in actions.items() if action.nargs == 0}
            try:
                args = config.expanded(args, list(actions), flags)
            except InputError as error:
                self.error(str(error))
        namespace, left = super().parse_known_args(args, namespace)
        if left:
            self._refuse(left)
        return namespace, left

    def _refuse(self, left: Sequence[str]) -> NoReturn:
        names = [text.partition("=")[0] for text in left if text.startswith("-")]
        if not names:
            self.error(f"unrecognized arguments: {' '.join(left)}")
        options = [option for option in self._option_string_actions if option.startswith("--")]
        name = names[0]
        near = [MEANT[name]] if MEANT.get(name) in options else nearest(name, options)
        self.error(f"unrecognized option {name}" + (f"; did you mean {near[0]}?" if near else ""))

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Suggest the nearest choice, and list all."""
        if action.choices is not None and value not in action.choices:
            choices = [str(choice) for choice in action.choices]
            if isinstance(action, argparse._SubParsersAction):
                self.error(unknown("command", value, choices))
            raise argparse.ArgumentError(action, unknown("choice", value, choices))

    def error(self, message: str) -> NoReturn:
        """Print the message without the usage, and exit."""
        message = re.sub(r"^argument (\S+?)(/\S+)?: must ", r"\1 must ", message)
        required = message.removeprefix("the following arguments are required: ")
        if required != message:
            message = f"missing required argument{'s' if ', ' in required else ''}: {required}"
        print(f"{self.prog}: {message}\nSee: {self.prog} --help", file=sys.stderr)
        raise SystemExit(USAGE)
