"""`nbtrain cache bundle`: the files of compiled code that come with a wheel."""

from __future__ import annotations

import argparse
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np

from ..compiler import fingerprint, prebuilt, symbols, targets
from ..components import builtin
from ..errors import Error

COMPILED = ("activation", "regularizer", "optimizer", "loss", "schedule", "constraint")  # initializers run in Python
DTYPES = ("float32", "float64")
ONLY_CORE = {"amx"}  # variants in which the components do not differ
# Functions of each system's libraries that LLVM calls by itself.
OF_LLVM = {targets.MACOS: {"bzero", "memset_pattern16"}, targets.WINDOWS: {"__chkstk"}}


def add(actions: Any) -> None:
    """Add the action to the parser of `nbtrain cache`."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "bundle",
        help="write the compiled code that comes with a wheel (for packagers)",
        description="Compile the training core and the built-in components for a level of processors, and write them "
        "to FOLDER. A wheel that has these files in nbtrain/compiler/prebuilt_code starts without compiling.",
    )
    parser.add_argument("level", choices=tuple(targets.NAMES), metavar="LEVEL", help=", ".join(targets.NAMES))
    parser.add_argument(
        "--system",
        choices=tuple(targets.SYSTEMS),
        default=targets.LINUX,
        help="whose object format (default: %(default)s)",
    )
    parser.add_argument("folder", metavar="FOLDER", type=pathlib.Path)
    parser.add_argument("--only", metavar="OBJECT", action="append", help=argparse.SUPPRESS)  # as core.float32
    parser.add_argument("--objects", metavar="VARIANT", help=argparse.SUPPRESS)  # one process for each
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Make the objects of a level and of its variants, each in a process of its own, and write the file."""
    folder: pathlib.Path = arguments.folder
    if arguments.objects is not None:
        write_objects(targets.of_level(arguments.level, arguments.objects, arguments.system), arguments)
        return 0
    if arguments.level not in targets.SYSTEMS[arguments.system]:
        raise Error(f"there is no {arguments.level} for {arguments.system}")
    if not prebuilt.made_from():
        raise Error("nbtrain cannot read its own source files, which the compiled code has to be made from")
    folder.mkdir(parents=True, exist_ok=True)
    objects: dict[str, bytes] = {}
    for variant in ("", *targets.variants(arguments.level, arguments.system)):
        made = from_process(arguments, variant)
        for name, code in made.items():
            if not variant:
                objects[name] = code
            elif code != objects[name]:
                objects[f"{name}+{variant}"] = code
    made_with = {"python": sys.version.split()[0], **{name: version(name) for name in ("numba", "llvmlite", "numpy")}}
    path = folder / f"{arguments.system}-{arguments.level}{prebuilt.SUFFIX}"
    path.write_bytes(prebuilt.packed(objects, made_with))
    print(f"{path}: {len(objects)} objects, {path.stat().st_size / 1e6:.2f} MB", flush=True)
    return 0


def from_process(arguments: argparse.Namespace, variant: str) -> dict[str, bytes]:
    """The objects of a level and variant, from another process: Numba remembers for what it compiles."""
    level, only = arguments.level, arguments.only or ()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "nbtrain", "cache", "bundle", level, folder, "--objects", variant]
        command += ["--system", arguments.system, *(text for name in only for text in ("--only", name))]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Error(f"the code for {level} {variant} could not be made: {done.stderr.strip() or done.returncode}")
        return {path.stem: path.read_bytes() for path in sorted(pathlib.Path(folder).glob("*.o"))}


def write_objects(target: targets.Target, arguments: argparse.Namespace) -> None:
    """Compile everything, or `only` some objects, for a target; one file for each.

    Raises
    ------
    Error
        If an object needs a function that not every process of its system has.
    """
    targets.aim_at(target)
    for name, make in objects_to_make():
        wanted = arguments.only is None or name in arguments.only
        if wanted and (arguments.objects not in ONLY_CORE or name == "core.float32"):
            code = make()
            check_symbols(name, code, target.system)
            (arguments.folder / f"{name}.o").write_bytes(code)
    fingerprint.check_sources()


def check_symbols(name: str, code: bytes, system: str) -> None:
    """See that every process of a system has what an object needs."""
    from ..compiler.objects import allowed

    strange = symbols.undefined(code) - symbols.MARKS - allowed() - OF_LLVM.get(system, set())
    if strange:
        raise Error(f"{name} for {system} needs {', '.join(sorted(strange))}, which not every process has")


def objects_to_make() -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Names of the objects, and what compiles each."""
    from ..compiler import component_code, regularized_code
    from ..core.compiled import ALL, code_of, object_name
    from ..core.functions import DRAWS

    found = [made for module in builtin.MODULES for made in builtin.specs_of(module) if made.kind in COMPILED]
    for dtype in map(np.dtype, DTYPES):
        for part in ALL:
            if part != DRAWS or dtype.name == DTYPES[0]:  # those are the same for both
                yield object_name(part, dtype), partial(code_of, dtype, part)
        for spec in found:
            yield f"{spec.kind}.{spec.name}.{dtype}", partial(component_code, spec, dtype)
        for pair in pairs(found):
            name = f"joined.{'+'.join(spec.name for spec in pair)}.{dtype}"
            yield name, partial(regularized_code, *pair, dtype)


def pairs(specs: list[Any]) -> list[tuple[Any, Any]]:
    """Optimizers and regularizers that are compiled together."""
    optimizers = [spec for spec in specs if spec.kind == "optimizer" and spec.norms is None]
    return [(spec, other) for spec in optimizers for other in specs if other.kind == "regularizer"]
