"""The examples in docstrings run, each in a namespace of its own, and the reference has every public name."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import pkgutil
import sys
from pathlib import Path

import pytest

import nbtrain

ROOT = Path(__file__).parents[2]
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def examples() -> list[doctest.DocTest]:
    """Docstrings with examples, of all modules that can be imported here."""
    found = {}
    for module in pkgutil.walk_packages(nbtrain.__path__, "nbtrain."):
        source = Path(importlib.util.find_spec(module.name).origin).read_text(encoding="utf-8")
        if ">>> " not in source:
            continue
        try:
            imported = importlib.import_module(module.name)
        except ImportError:  # of an extra
            continue
        for test in doctest.DocTestFinder(exclude_empty=True).find(imported, extraglobs={}):
            if test.examples:
                test.globs = {}
                found[test.name] = test
    return list(found.values())


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.name)
def test_the_example_of_a_docstring_runs(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines: list[str] = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    runner.run(example, out=lines.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(lines)


def test_every_public_name_is_in_the_reference(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_ext"))
    groups = importlib.import_module("api_groups")
    monkeypatch.delitem(sys.modules, "api_groups")
    assert groups.faults() == []
