"""docs/how-to/track-speed.md: asv takes its two files as they stand there."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import processes
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "track-speed.md"


def test_asv_runs_the_benchmarks_of_the_page(tmp_path):
    pytest.importorskip("asv")
    text = PAGE.read_text(encoding="utf-8")
    repository, home = tmp_path / "plant", tmp_path / "home"
    (repository / "benchmarks").mkdir(parents=True)
    home.mkdir()
    (repository / "asv.conf.json").write_text(re.search(r"```json\n(.*?)```", text, re.DOTALL)[1])
    (repository / "benchmarks" / "__init__.py").write_text("")
    (repository / "benchmarks" / "control.py").write_text(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1])
    environment = os.environ | {"HOME": str(home)}
    git = ["git", "-c", "user.name=n", "-c", "user.email=n@example.org"]
    asv, here = [sys.executable, "-m", "asv"], ["--environment", f"existing:{sys.executable}"]
    commands = [
        [*git, "init", "--quiet"], [*git, "add", "."], [*git, "commit", "--quiet", "-m", "first"],
        [*asv, "machine", "--yes"], [*asv, "check", *here], [*asv, "run", "--quick", "--show-stderr", *here],
    ]  # fmt: skip
    for command in commands:
        done = processes.run(command, cwd=repository, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
    for name in ("Control.time_1000_steps", "Control.peakmem_1000_steps", "Result.track_loss_after_1000_steps"):
        assert re.search(rf"control\.{name} +\d", done.stdout), done.stdout
    (loss,) = re.findall(r"track_loss_after_1000_steps +([\d.e+-]+)", done.stdout)
    assert 0.0 <= float(loss) < 0.1  # it learns: the states themselves are of size 1
