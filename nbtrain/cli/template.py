"""`nbtrain plugins new`: a distribution with one component, its tests and its README, from the files in template/."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template

from .. import __version__
from ..checks.suggestions import an, did_you_mean
from ..components import KINDS
from ..components.by_name import registry
from ..errors import Error, InputError

SOURCE = Path(__file__).parent / "template"
FILES = {
    "pyproject.toml": "pyproject.toml.in",
    "README.md": "{kind}/README.md.in",
    ".gitignore": "gitignore.in",
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


def package(name: str) -> str:
    """The importable name of a distribution."""
    return name.lower().replace("-", "_").replace(".", "_")


def write(name: str, directory: str, kind: str = "activation") -> Path:
    """Write a new distribution with a component of that kind -> its folder.

    Raises
    ------
    InputError
        If the kind is none of a component, the name cannot be one of a distribution and of a component, or the folder
        is there.
    Error
        If a file cannot be written.
    """
    if kind not in KINDS:
        raise InputError(f"--kind: {kind!r} given{did_you_mean(kind, KINDS)} There are: {', '.join(KINDS)}")
    component = re.sub("^nbtrain_", "", package(name))
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*([-_.][A-Za-z0-9]+)*", name) or not component[0].isalpha():
        raise InputError(f"NAME: {name!r} given; letters, digits and - are wanted, such as {EXAMPLES[kind]}")
    if any((row["kind"], row["name"]) == (kind, component) for row in registry.components()):
        raise InputError(f"NAME: {name!r} given; there is {an(kind)} {component!r} already")
    folder = Path(directory) / name
    if folder.exists():
        raise InputError(f"NAME: {folder} is already there")
    words = {"name": name, "kind": kind, "package": package(name), "component": component}
    words["version"] = _series(__version__)
    try:
        for target, source in FILES.items():
            path = folder / target.format(package=package(name))
            path.parent.mkdir(parents=True, exist_ok=True)
            text = (SOURCE / source.format(kind=kind)).read_text(encoding="utf-8")
            path.write_text(Template(text).substitute(words), encoding="utf-8")
    except OSError as error:
        raise Error(f"{folder} cannot be written: {error}") from None
    return folder


def _series(version: str) -> str:
    """0.1.3 -> 0.1: what a plugin asks for at least."""
    return ".".join(version.split(".")[:2])
