"""`nbtrain demo`: what a newcomer runs first."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import pytest

from nbtrain.cli import demo


def test_the_demo_trains_and_says_what_to_try_next():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "nbtrain", "demo"], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    epochs = [line for line in lines if line.startswith("epoch")]
    assert len(epochs) >= 5
    for line in epochs:
        assert re.fullmatch(r"epoch +\d+/\d+  loss \d+\.\d{4}  validation accuracy [01]\.\d{3}  \d+ ms", line)
    result = re.fullmatch(r"test accuracy (0\.\d{3})", lines[-1])
    assert result
    assert float(result[1]) >= 0.97
    assert "What to try next" in done.stderr
    assert f"  {shlex.quote(sys.executable)} -m nbtrain train FILE.csv --target COLUMN" in done.stderr


@pytest.mark.parametrize(("searched", "called"), [(True, "nbtrain"), (False, None)])
def test_the_hints_name_the_program_as_it_can_be_called(searched, called, tmp_path, monkeypatch):
    program = tmp_path / "nbtrain"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(program), "demo"])
    monkeypatch.setenv("PATH", str(tmp_path if searched else tmp_path / "none"))
    assert f"  {called or program} inspect FILE.csv " in demo.hints()
