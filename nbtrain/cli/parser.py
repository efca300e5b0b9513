"""The parser of each command: errors show the usage of the command at hand, and say what was probably meant."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from ..catalogue import nearest

MEANT = {"--lr": "--learning-rate", "--layers": "--hidden", "--units": "--hidden", "--output": "--save"}


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
