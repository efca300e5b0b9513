"""README.md's Python blocks run, one after the other, as a reader would type them into one file."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


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


def test_the_python_blocks_run(tmp_path):
    text = README.read_text(encoding="utf-8")
    assert text.count("\n```python\n") >= 3
    script = tmp_path / "README.py"  # a file: Numba caches no functions of programs that have none
    script.write_text(program(text), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", script], cwd=tmp_path, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr


def test_links_into_the_repository_lead_somewhere():
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", README.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (README.parent / target).exists()]
    assert missing == []
