"""The source distribution: everything that the README's commands need, and nothing that was built."""

from __future__ import annotations

import email
import re
import shutil
import sys
import tarfile
import tomllib

import processes
import pytest
from common import ROOT

import nbtrain

NEEDED = [
    "Makefile",
    "hatch_build.py",
    "pyproject.toml",
    "nbtrain/py.typed",
    "nbtrain/datasets/digits.npz",
    "nbtrain/include/nbtrain.h",
    "nbtrain/cli/template/optimizer/package.py.in",
    "plugins/nbtrain-lamb/pyproject.toml",
    "plugins/nbtrain-lamb/nbtrain_lamb/__init__.py",
    "plugins/nbtrain-lamb/tests/test_lamb.py",
    "tests/conftest.py",
    "tests/support/oracle.py",
    "asv_bench/asv.conf.json",
    "asv_bench/compare/__main__.py",
    "examples/c_host.c",
    "docs/reference/definitions.md",
]


SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = SETTINGS["project"]


def names_of(requirements):
    return {re.split(r"[^A-Za-z0-9_.-]", requirement)[0] for requirement in requirements}


def test_extras_bring_what_their_functions_need():
    extras = PROJECT["optional-dependencies"]
    assert names_of(extras["pandas"]) == {"pandas", "pyarrow"}  # Parquet
    (everything,) = extras["all"]
    assert everything.startswith("nbtrain[")
    within = {"pandas": "table"}  # what another extra brings
    large = {"tensorboard", "torch", "distributed", "mpi"}  # or needs more than pip
    assert set(everything[len("nbtrain[") : -1].split(",")) == set(extras) - {"all"} - set(within) - large
    for smaller, larger in within.items():
        assert names_of(extras[smaller]) <= names_of(extras[larger])


def test_numba_is_bounded_above_since_private_parts_of_it_are_used():
    (numba,) = [requirement for requirement in PROJECT["dependencies"] if requirement.startswith("numba")]
    low, high = re.fullmatch(r"numba>=0\.(\d+),<0\.(\d+)", numba).groups()
    assert int(high) > int(low)


def test_the_developers_tools_are_those_of_the_hooks_of_git():
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    (version,) = re.findall(r"ruff-pre-commit\n    rev: v(\S+)", hooks)
    assert f"ruff=={version}" in SETTINGS["dependency-groups"]["lint"]


def test_the_citation_names_this_version():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {nbtrain.__version__}\n" in citation
    assert f"\nlicense: {PROJECT['license']}\n" in citation


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A source distribution of this checkout."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("dist")
    done = processes.run([sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder], cwd=ROOT)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("nbtrain-*.tar.gz")
    return path


@pytest.fixture(scope="module")
def packed(archive):
    """Paths of the files in it."""
    with tarfile.open(archive) as files:
        return {name.partition("/")[2] for name in files.getnames()}


@pytest.mark.parametrize("path", NEEDED)
def test_it_has_what_the_commands_of_the_readme_need(path, packed):
    assert path in packed


def test_it_has_every_file_of_the_repository_and_no_other(packed):
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("no repository to compare with")
    done = processes.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
    if done.returncode:  # as for a checkout of another user
        pytest.skip(done.stderr)
    listed = done.stdout.split("\0")
    there = {path for path in listed if path and (ROOT / path).exists()}
    assert packed == there | {"PKG-INFO"}


def test_the_description_on_pypi_is_the_readme_with_links_that_work_there(archive):
    with tarfile.open(archive) as files:
        metadata = files.extractfile(f"{archive.name.removesuffix('.tar.gz')}/PKG-INFO").read().decode()
    parsed = email.message_from_string(metadata)
    assert parsed["Description-Content-Type"].startswith("text/markdown")
    found = re.findall(r"(!?)\[[^\]]*\]\(([^)\s]+)\)", parsed.get_payload())
    own = f"{PROJECT['urls']['Repository']}/blob/main/"
    pictures = own.replace("github.com", "raw.githubusercontent.com").replace("/blob", "")
    paths = {
        target.removeprefix(pictures if picture else own) for picture, target in found if "nbtrain/nbtrain" in target
    }
    assert all(target.startswith(("https://", "#")) for _, target in found)
    assert {"docs/speed.svg", "CHANGELOG.md", "docs/tables.md"} <= paths
    assert [path for path in paths if not (ROOT / path).exists()] == []
