"""The Python blocks of README.md and of each page in docs run, each on its own, as a reader would paste them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md")), ROOT / "examples" / "README.md"]
ONE_PROGRAM = "All examples on this page are one"  # what a page says whose blocks continue each other
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def programs(page: Path) -> list[str]:
    """What is to run: each ```python block, or all of a page that says so, at the lines that it has in the page."""
    text, found, inside = page.read_text(encoding="utf-8"), [], False
    joined = ONE_PROGRAM in text
    for number, line in enumerate(text.splitlines()):
        if line.startswith("```"):
            inside = line.strip() == "```python"
            if inside and not (joined and found):
                found.append([])
        elif inside:
            lines = found[-1]
            lines += [""] * (number - len(lines)) + [line]
    return ["\n".join(lines) + "\n" for lines in found]


PROGRAMS = [(page, text) for page in PAGES for text in programs(page)]


def test_there_are_python_blocks():
    assert README.read_text(encoding="utf-8").count("\n```python\n") >= 3


@pytest.mark.parametrize(("page", "text"), PROGRAMS, ids=lambda value: getattr(value, "name", ""))
def test_the_python_blocks_run(page, text, tmp_path):
    if re.search(r"^import torch$", text, re.MULTILINE):  # which is no part of the development environment
        pytest.importorskip("torch")
    script = tmp_path / "page.py"  # a file: Numba caches no functions of programs that have none
    script.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", script], cwd=tmp_path, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr


@pages
def test_links_into_the_repository_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert missing == []
