"""The Python blocks of README.md and of the pages in docs run, each on its own, as a reader would paste them.

Comments on the lines before a block, which no reader sees, say what else holds for it:

    <!-- continues -->           the block needs the blocks before it, back to one without this mark
    <!-- raises: InputError -->  it ends with this error
    <!-- needs: optuna -->       it is left out where this package is not installed

A page can also say in its text that all its examples are one program.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from typing import NamedTuple

import processes
import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
WRITTEN = {"_build", "api", "components", "examples", "notebooks"}  # folders of pages that the build of the site writes
PAGES = [
    README,
    *sorted(
        page for page in (ROOT / "docs").rglob("*.md") if not WRITTEN & set(page.relative_to(ROOT / "docs").parts[:-1])
    ),
    ROOT / "examples" / "README.md",
    *sorted((ROOT / "plugins").glob("*/README.md")),
]
ONE_PROGRAM = "All examples on this page are one"
MARK = re.compile(r"<!-- (continues|raises|needs)(?:: ([\w.]+))? -->")
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


class Block(NamedTuple):
    """A block of Python in a page, with its marks."""

    line: int  # of its first line of code
    code: str
    marks: dict[str, str]


def blocks(text: str) -> list[Block]:
    """The blocks ```python of a page."""
    found: list[Block] = []
    marks: dict[str, str] = {}
    fence, code, start = "", [], 0
    for number, line in enumerate(text.splitlines(), 1):
        if fence and line.strip() == "```":
            if fence == "python":
                found.append(Block(start, "\n".join(code), marks))
            fence, marks = "", {}
        elif fence:
            code.append(line)
        elif line.startswith("```"):
            fence, code, start = line[3:].strip() or "text", [], number + 1
        elif line.strip():
            mark = MARK.fullmatch(line.strip())
            marks = marks | {mark[1]: mark[2] or ""} if mark else {}
    return found


def programs(text: str) -> list[tuple[list[Block], str]]:
    """Blocks that run together, and the error with which the last of them ends ("" for none)."""
    found: list[tuple[list[Block], str]] = []
    chain: list[Block] = []
    for block in blocks(text):
        goes_on = bool(chain) and ("continues" in block.marks or ONE_PROGRAM in text)
        whole = [*chain, block] if goes_on else [block]
        if "raises" in block.marks:  # nothing can follow, so that later blocks continue what was before
            found.append((whole, block.marks["raises"]))
            continue
        found = [one for one in found if one[0] is not chain] if goes_on else found  # it runs as a part of this one
        chain = whole
        found.append((chain, ""))
    return found


def source(chain: list[Block]) -> str:
    """A program whose lines have the numbers that they have in the page."""
    lines: list[str] = []
    for block in chain:
        lines += [""] * (block.line - 1 - len(lines)) + block.code.splitlines()
    return "\n".join(lines) + "\n"


PROGRAMS = [
    pytest.param(chain, error, id=f"{page.relative_to(ROOT)}:{chain[-1].line}")
    for page in PAGES
    for chain, error in programs(page.read_text(encoding="utf-8"))
]


def test_marks_are_followed():
    one, two, three, four = "a = 1", "b = a", "raise KeyError", "c = b"
    text = "\n".join(
        f"{marks}\n```python\n{code}\n```"
        for marks, code in [
            ("text", one),
            ("<!-- continues -->", two),
            ("<!-- continues -->\n<!-- raises: KeyError -->", three),
            ("<!-- continues -->\n<!-- needs: numpy -->", four),
            ("text", one),
        ]
    )
    found = [([block.code for block in chain], error) for chain, error in programs(text)]
    assert found == [([one, two, three], "KeyError"), ([one, two, four], ""), ([one], "")]


def test_there_are_python_blocks():
    assert len(PROGRAMS) > 40


@pytest.mark.parametrize(("chain", "error"), PROGRAMS)
def test_the_python_blocks_run(chain, error, tmp_path):
    for package in {block.marks["needs"] for block in chain if "needs" in block.marks}:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    script = tmp_path / "page.py"  # a file: Numba caches no functions of programs that have none
    script.write_text(source(chain), encoding="utf-8")
    done = processes.run([sys.executable, "-W", "error", script], cwd=tmp_path)
    if error:
        assert done.returncode == 1, done.stdout
        last = [line for line in done.stderr.splitlines() if not line.startswith(" ")][-1]
        assert last.split(":")[0].rpartition(".")[2] == error, done.stderr
    else:
        assert done.returncode == 0, done.stderr


@pages
def test_links_into_the_repository_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text)
    written = {"docs/reference/api", "docs/reference/components", "docs/examples"}  # by the build of the site
    missing = [
        target
        for target in targets
        if not (page.parent / target).exists()
        and str((page.parent / target).resolve().parent.relative_to(ROOT)) not in written
    ]
    assert missing == []


def test_every_page_is_in_a_table_of_contents():
    docs = ROOT / "docs"
    own = {page for page in PAGES if page.is_relative_to(docs)} - {docs / "README.md", docs / "index.md"}
    listed = set()
    for page in [docs / "index.md", *own]:
        for names in re.findall(r"^```\{toctree\}\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S):
            listed |= {
                (page.parent / name).with_suffix(".md").resolve()
                for name in names.splitlines()
                if name and name[0] != ":"
            }
    assert sorted(str(page.relative_to(docs)) for page in own - listed) == []
    missing = {page for page in listed if not page.exists() and not WRITTEN & set(page.relative_to(docs).parts)}
    assert sorted(map(str, missing)) == []
