"""Docstrings of all public names are complete, their examples run, and the reference has every public name.

Codes of numpydoc that do not count here, and why:

GL01, GL02, GL03  where the quotes stand is the formatter's matter
ES01, SA01        a longer text, or a list of what else there is, only where it helps
SS05              properties and classes say what they are; a verb is not always right
PR03, PR04        arguments that belong together stand together: `X, y`, and below that they are as for `fit`
PR06-PR09, RT03-RT05  types such as `array_like of shape (samples, inputs)` say it all, and are no sentences
EX01              another test, which also takes an example that is with the class of a method

A property needs no section Returns, RT01; the options of `table.train`, PR01 and PR02, are those of `Training`.
"""

from __future__ import annotations

import doctest
import functools
import importlib
import importlib.util
import inspect
import pkgutil
import re
from pathlib import Path

import pytest
from numpydoc.docscrape import get_doc_object
from numpydoc.validate import validate
from public_names import Name, groups, public_names

import nbtrain

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
IGNORED = set("GL01 GL02 GL03 ES01 SA01 SS05 PR03 PR04 PR06 PR07 PR08 PR09 RT03 RT04 RT05 EX01".split())
EXCEPTIONS = {"nbtrain.table.train": {"PR01", "PR02"}}
NAMES = public_names()
RAISE = re.compile(r"^\s+raise \w+\(", re.MULTILINE)


def examples() -> list[doctest.DocTest]:
    """Docstrings with examples: of all modules that can be imported here, and of public names, wherever they are."""
    found = {}
    finder, parser = doctest.DocTestFinder(exclude_empty=True), doctest.DocTestParser()
    for module in pkgutil.walk_packages(nbtrain.__path__, "nbtrain."):
        source = Path(importlib.util.find_spec(module.name).origin).read_text(encoding="utf-8")
        if ">>> " not in source:
            continue
        try:
            imported = importlib.import_module(module.name)
        except ImportError:  # of an extra
            continue
        for test in finder.find(imported, extraglobs={}):
            found[test.docstring] = test
    for name in NAMES:  # classes and functions whose __module__ is the package that users import them from
        text = inspect.cleandoc(name.documented.__doc__ or "")
        test = parser.get_doctest(text, {}, name.name, None, None)
        if text not in {inspect.cleandoc(known) for known in found}:
            found[text] = test
    tests = [test for test in found.values() if test.examples]
    for test in tests:
        test.globs = {}
    return tests


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.name)
def test_the_example_of_a_docstring_runs(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines: list[str] = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    runner.run(example, out=lines.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(lines)


def is_property(name: Name) -> bool:
    """Whether a public name is read without a call."""
    found = name.owner and inspect.getattr_static(name.owner, name.name.rpartition(".")[2])
    return isinstance(found, property | functools.cached_property)


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name.name)
def test_the_docstring_of_a_public_name_is_complete(name):
    found = validate(get_doc_object(name.documented))["errors"]
    ignored = IGNORED | ({"RT01"} if is_property(name) else set()) | EXCEPTIONS.get(name.name, set())
    assert [text for code, text in found if code not in ignored] == []


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name.name)
def test_a_public_function_says_what_it_raises(name):
    if not inspect.isfunction(name.documented) or not RAISE.search(inspect.getsource(name.documented)):
        return
    assert "Raises\n" in inspect.getdoc(name.documented)


def shown(name: Name) -> str:
    """The code of the examples where a reader looks for a name: its own, those of its class, and of its module."""
    owners = () if name.owner is None else name.owner.__mro__
    members = [other.documented for other in NAMES if other.owner is not None and other.owner in owners]
    if name.owner is None and not inspect.isclass(name.documented):  # functions that are used together
        package = name.name.rpartition(".")[0]
        members += [other.documented for other in NAMES if other.name.rpartition(".")[0] == package]
    texts = [found.__doc__ or "" for found in (name.documented, *owners, *members)]
    return "\n".join(line for text in texts for line in text.splitlines() if line.lstrip().startswith((">>> ", "... ")))


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name.name)
def test_an_example_shows_a_public_name(name):
    assert re.search(rf"\b{name.name.rpartition('.')[2]}\b", shown(name))


def test_every_public_name_is_in_the_reference():
    assert groups().faults() == []
