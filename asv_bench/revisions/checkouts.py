"""Copies of two revisions in a scratch folder, each with a virtual environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PARTS = ("nbtrain", "pyproject.toml")  # of a revision: the benchmarks are those of the working tree for both


class Checkout(NamedTuple):
    """A revision that can be run."""

    name: str  # as it was asked for
    python: Path


class CannotCompare(Exception):
    """A revision, or an environment, that cannot be made; the message says why."""


def git(*arguments: str) -> bytes:
    """What git answers in this repository."""
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, check=False)
    if done.returncode:
        raise CannotCompare(f"git {' '.join(arguments)}: {done.stderr.decode().strip()}")
    return done.stdout


def described(revision: str | None) -> str:
    """A revision with its hash, or the working tree, and whether that has changes."""
    if revision is not None:
        try:
            short = (
                git("rev-parse", "--short", "--verify", "--end-of-options", f"{revision}^{{commit}}").decode().strip()
            )
        except CannotCompare:
            raise CannotCompare(f"there is no revision {revision!r} in {ROOT}") from None
        return short if revision.startswith(short) else f"{revision} ({short})"
    changed = git("status", "--porcelain", "--", *PARTS).strip()
    return f"the working tree ({described('HEAD')}{', with changes' if changed else ''})"


def copy(revision: str | None, folder: Path) -> None:
    """Write the package as it is in a revision, or in the working tree, to a new folder."""
    folder.mkdir()
    if revision is None:
        listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *PARTS)
        for name in filter(None, listed.decode().split("\0")):
            if (ROOT / name).is_file():  # not where it was deleted
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, folder / name)
        return
    with tarfile.open(fileobj=BytesIO(git("archive", "--format=tar", revision, "--", *PARTS))) as archive:
        archive.extractall(folder, filter="data")


def requirements(folder: Path) -> list[str]:
    """What a copy's package depends on."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return sorted(project["dependencies"])


def environment(source: Path, folder: Path, installed: list[str]) -> Path:
    """An environment in which `nbtrain` is the copy -> its interpreter.

    Everything else comes from the environment of this process, unless the copy depends on other versions: then its
    dependencies are installed anew.
    """
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    lines = [str(source)]
    if requirements(source) == installed:
        lines += [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    else:
        needed = [*requirements(source), "scikit-learn"]
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
        done = subprocess.run([*command, "install", "--quiet", *needed], capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotCompare(f"pip cannot install {', '.join(needed)}: {done.stderr.strip()}")
    (packages / "nbtrain-revision.pth").write_text("\n".join(lines) + "\n")
    return python


def prepare(base: str, new: str | None, scratch: Path) -> tuple[Checkout, Checkout]:
    """Both revisions below the scratch folder, and there a copy of the benchmarks that they are to run.

    Raises
    ------
    CannotCompare
        If there is no such revision, or its environment cannot be made.
    """
    for part in ("benchmarks", "revisions"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "asv_bench" / part, scratch / "suite" / part, ignore=ignored)
    installed = requirements(ROOT)
    made = []
    for place, revision in (("base", base), ("next", new)):  # names of one length: paths are in the memory, too
        name = described(revision)
        copy(revision, scratch / place)
        made.append(Checkout(name, environment(scratch / place, scratch / f"{place}-env", installed)))
    return made[0], made[1]


def surroundings() -> dict[str, str]:
    """The environment variables of the benchmarks: no plugins, no words about compiling."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return kept | threads | {"NBTRAIN_DISABLE_PLUGINS": "1", "NBTRAIN_QUIET": "1"}
