"""`nbtrain demo`: what a newcomer runs first."""

from __future__ import annotations

import re
import subprocess
import sys


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
