"""`nbtrain warmup`: compile ahead of time."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

from .. import compiler
from ..components.by_name import registry
from ..core import compiled
from ..errors import PluginError
from .bundle import COMPILED, pairs
from .cache import require, summary


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "warmup",
        help="compile ahead of time",
        description="Compile the training core and all components, including those of plugins, and store "
        "the code on disk: for container images, or so that the first user does not wait.",
    )
    parser.add_argument(
        "--dtype",
        choices=("float32", "float64", "both"),
        default="float32",
        help="precision (default float32)",
    )
    parser.add_argument(
        "--native",
        action="store_true",
        help="compile for this very processor also what came compiled with nbtrain",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Compile what is not on disk yet; a component that cannot be compiled is reported, and the others continue."""
    require()
    if arguments.native:
        compiler.prebuilt.ignore()
    failed = False
    for dtype in ("float32", "float64") if arguments.dtype == "both" else (arguments.dtype,):
        start = time.perf_counter()
        for name in compiled.ALL:
            compiled.module(name, dtype)
        specs = [registry.get(row["kind"], row["name"]) for row in registry.components() if row["kind"] in COMPILED]
        good = [spec for spec in specs if _compiled(compiler.component, spec, dtype)]
        together = [_compiled(compiler.regularized_step, *pair, dtype) for pair in pairs(good)]
        failed = failed or len(good) < len(specs) or not all(together)
        seconds = time.perf_counter() - start
        print(f"{dtype}: training core and {len(specs)} components ready after {seconds:.1f} s", flush=True)
    print(summary())
    return 1 if failed else 0


def _compiled(compiling: Callable[..., object], *what: Any) -> bool:
    """Compile something, or print why it failed."""
    try:
        compiling(*what)
    except PluginError as error:
        print(f"nbtrain: {' '.join(str(error).split())}", file=sys.stderr)
        return False
    return True
