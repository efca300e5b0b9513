"""`nbtrain plugins new`: a distribution with one component, tests and a README, from the files in template/."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template

from .. import __version__
from ..checks.messages import brief, unknown, wrong
from ..checks.suggestions import an
from ..components import KINDS
from ..components.by_name import registry
from ..errors import Error, InputError

SOURCE = Path(__file__).parent / "template"
FILES = {
    "pyproject.toml": "pyproject.toml.in",
    "README.md": "{kind}/README.md.in",
    ".gitignore": "gitignore.in",
    "asv.conf.json": "asv.conf.json.in",
    "benchmarks/__init__.py": "benchmarks_init.py.in",
    "benchmarks/training.py": "benchmarks.py.in",
    "{package}/__init__.py": "{kind}/package.py.in",
    "{package}/py.typed": "py.typed.in",
    "tests/test_{package}.py": "{kind}/tests.py.in",
}
EXAMPLES = {
    "activation": "nbtrain-squareplus",
    "regularizer": "nbtrain-pseudo-l1",
    "optimizer": "nbtrain-corrected-momentum",
    "loss": "nbtrain-log-cosh",
    "initializer": "nbtrain-orthogonal",
    "schedule": "nbtrain-halving",
    "constraint": "nbtrain-within",
}

DENSE, OPTIONS = '"relu"', 'loss="mse"'
# What the benchmarks compare a component with, and the arguments of Dense and of Trainer where both have their place.
BENCHMARKS = {
    "activation": ("relu", "activation", OPTIONS),
    "regularizer": ("l2", DENSE, f"{OPTIONS}, regularizer=regularizer"),
    "optimizer": ("adam", DENSE, f"{OPTIONS}, optimizer=optimizer"),
    "loss": ("mse", DENSE, "loss=loss"),
    "initializer": ("glorot_uniform", f"{DENSE}, initializer=initializer", OPTIONS),
    "schedule": ("exponential", DENSE, f'{OPTIONS}, optimizer=nbtrain.optimizer("adam", learning_rate=rate)'),
    "constraint": (None, f"{DENSE}, constraint=constraint", OPTIONS),
}


def package(name: str) -> str:
    """The importable name of a distribution."""
    return name.lower().replace("-", "_").replace(".", "_")


def write(name: str, directory: str, kind: str = "activation") -> Path:
    """Write a new distribution with a component of that kind -> its directory.

    Raises
    ------
    InputError
        If the kind does not exist, the name is invalid for a distribution or component, or the directory exists.
    Error
        If a file cannot be written.
    """
    if kind not in KINDS:
        raise InputError(f"--kind: {unknown('kind', kind, KINDS)}")
    component = re.sub("^nbtrain_", "", package(name))
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*([-_.][A-Za-z0-9]+)*", name) or not component[0].isalpha():
        raise InputError(wrong("NAME", f"consist of letters, digits and -, such as {EXAMPLES[kind]}", brief(name)))
    if any((row["kind"], row["name"]) == (kind, component) for row in registry.components()):
        raise InputError(f"NAME: {an(kind)} {component!r} exists already; choose another name")
    folder = Path(directory) / name
    if folder.exists():
        raise InputError(f"NAME: {folder} exists already; choose another name or directory")
    words = {"name": name, "kind": kind, "package": package(name), "component": component}
    words |= {"version": _series(__version__)} | _benchmarked(kind)
    try:
        for target, source in FILES.items():
            path = folder / target.format(package=package(name))
            path.parent.mkdir(parents=True, exist_ok=True)
            text = (SOURCE / source.format(kind=kind)).read_text(encoding="utf-8")
            path.write_text(Template(text).substitute(words), encoding="utf-8")
    except OSError as error:
        raise Error(f"cannot write {folder}: {error}") from None
    return folder


def _benchmarked(kind: str) -> dict[str, str]:
    """The words of the benchmarks."""
    builtin, dense, options = BENCHMARKS[kind]
    beside = f"the built-in `{builtin}`" if builtin else f"no {kind}"
    optional = "" if builtin else " | None"
    written = "None" if builtin is None else f'"{builtin}"'
    first = "        rate = nbtrain.schedule(schedule)\n" if kind == "schedule" else ""
    words = {"builtin": written, "beside": beside, "optional": optional, "dense": dense, "options": options}
    return words | {"first": first}


def _series(version: str) -> str:
    """0.1.3 -> 0.1: the smallest version that a plugin requires."""
    return ".".join(version.split(".")[:2])
