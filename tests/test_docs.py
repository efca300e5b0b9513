"""docs/: every hook has an example, and the examples run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from nbtrain.hookspecs import HOOKS

DOCS = Path(__file__).parent.parent / "docs"
TEXT = (DOCS / "hooks.md").read_text(encoding="utf-8")


def sections(text):
    """Heading -> text below it."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("hook", HOOKS.values())
def test_every_hook_has_an_example(hook):
    section = sections(TEXT)[hook]
    (example,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert f"@nbtrain.hookimpl\ndef {hook}():" in example
    assert "yield nbtrain." in example
    assert f"[`{hook}`](#{hook})" in TEXT


def test_no_hook_is_described_that_there_is_not():
    assert {name for name in sections(TEXT) if name.startswith("nbtrain_")} == set(HOOKS.values())


def test_the_examples_run(tmp_path):
    script = tmp_path / "hooks.py"
    script.write_text("\n\n".join(re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)), encoding="utf-8")
    done = subprocess.run([sys.executable, "-W", "error", script], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    r2 = float(re.search(r"'r2': ([\d.]+)", done.stdout)[1])
    assert r2 > 0.9


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []
