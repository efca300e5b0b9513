"""Digests of nbtrain's own sources: never of nothing, and another one for another version, however it is installed."""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import nbtrain
from nbtrain import compiler
from nbtrain.compiler import cache, sources

PACKAGE = Path(nbtrain.__file__).parent
PROGRAM = """
import sys
import numpy as np
import nbtrain
from nbtrain.compiler import sources
from nbtrain.core.layout import DESCRIPTOR
print(nbtrain.__file__)
print(sources.count("compiler"), sources.count("core"))
print(DESCRIPTOR.names[0], *sources.loaded())
if "train" in sys.argv:
    network = nbtrain.Network(2, [nbtrain.Dense(1)])
    trainer = nbtrain.Trainer(network, loss="mse", rng=0)
    print(trainer.train_step(np.ones((4, 2)), np.ones(4)))
"""


def test_every_module_of_the_compiler_and_the_core_is_digested():
    for name in ("compiler", "core"):
        modules = list((PACKAGE / name).rglob("*.py"))
        assert sources.count(name) == len(modules) > 10
    assert all(sources.loaded())


def edited(folder: Path, number: int) -> None:
    """Another version of nbtrain: the same results, from other sources of the core and of the doors."""
    for name in ("core/layout.py", "core/epoch.py", "kernel/__init__.py"):
        path = folder / "nbtrain" / name
        path.write_text(path.read_text(encoding="utf-8") + f"\n_VERSION = {number}\n", encoding="utf-8")


def copied(folder: Path) -> Path:
    shutil.copytree(PACKAGE, folder / "nbtrain", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def zipped(folder: Path) -> Path:
    """An archive with everything that is in a folder."""
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.rglob("*")):
            file.write(path, path.relative_to(folder))
    return archive


def without_sources(folder: Path) -> Path:
    """Compiled files in the places of the sources."""
    assert compileall.compile_dir(folder, quiet=1, legacy=True)
    for path in folder.rglob("*.py"):
        path.unlink()
    return folder


def run(place: Path, folder: Path, *arguments: str) -> list[str]:
    """What the program prints with nbtrain from `place`, in a folder without another one."""
    environment = os.environ | {"PYTHONPATH": str(place), "NBTRAIN_CACHE_DIR": str(folder / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    file, *lines = done.stdout.splitlines()
    assert file.startswith(str(place))
    return lines


@pytest.mark.parametrize("install", [zipped, without_sources])
def test_an_upgrade_is_seen_where_no_source_files_are_on_disk(install, tmp_path):
    places = []
    for number in (1, 2):
        folder = copied(tmp_path / f"version{number}")
        edited(folder, number)
        places.append(install(folder))
    counts, digests, loss = run(places[0], tmp_path, "train")
    assert counts == f"{sources.count('compiler')} {sources.count('core')}"
    assert 0.0 < float(loss) < 10.0
    assert list((tmp_path / "cache").glob("*.nbo"))
    other_counts, other_digests = run(places[1], tmp_path)
    assert other_counts == counts
    layout, of_compiler, of_core = digests.split()
    other_layout, other_of_compiler, other_of_core = other_digests.split()
    assert layout != other_layout
    assert of_compiler == other_of_compiler
    assert of_core != other_of_core


def test_without_any_source_code_is_kept_in_memory_only(tmp_path, monkeypatch):
    monkeypatch.setenv("NBTRAIN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(sources, "_contents", lambda name: iter(()))
    monkeypatch.setattr(compiler, "_loaded", {})
    monkeypatch.setattr(cache, "_warned", set())
    sources.loaded.cache_clear()
    try:
        assert sources.loaded() == ("", "")
        spec = nbtrain.Activation("kept", lambda z: 3.0 * z, lambda z: 3.0)
        with pytest.warns(RuntimeWarning, match="cannot read its own source files, .* kept in memory only"):
            assert compiler.component(spec, np.float32).addresses
        assert not (tmp_path / "cache").exists()
    finally:
        monkeypatch.undo()
        sources.loaded.cache_clear()
    assert all(sources.loaded())
