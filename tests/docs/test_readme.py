"""The Python blocks of README.md and of each page in docs run, as a reader would type them into one file."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def program(text: str) -> str:
    """The ```python blocks of a page as one program, each line with the number that it has in the page."""
    lines, inside = [], False
    for line in text.splitlines():
        if line.startswith("```"):
            inside = line.strip() == "```python"
            lines.append("")
        else:
            lines.append(line if inside else "")
    return "\n".join(lines) + "\n"


def test_there_are_python_blocks():
    assert README.read_text(encoding="utf-8").count("\n```python\n") >= 3


@pages
def test_the_python_blocks_run(page, tmp_path):
    text = page.read_text(encoding="utf-8")
    script = tmp_path / "page.py"  # a file: Numba caches no functions of programs that have none
    script.write_text(program(text), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", script], cwd=tmp_path, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr


@pages
def test_links_into_the_repository_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert missing == []
