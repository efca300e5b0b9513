"""Write the pages of asv, about the speed from commit to commit, into a built site.

    python docs/_ext/speed_pages.py docs/_build/html

They are made from the results in asv_bench/series and the history of the repository. Where git, the history or asv is
missing, as in a source distribution, a page says so.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
WITHOUT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>nbtrain: speed from commit to commit</title>
<p>These pages are not in this build: they need asv, git and the history of the repository.
<a href="../explanation/performance.html">Performance</a> shows the same results.</p></html>
"""


def publish(site: Path) -> str:
    """Write the pages -> why there are none, or "".

    Raises
    ------
    subprocess.CalledProcessError
        If asv fails although everything is there.
    """
    try:
        import asv  # noqa: F401 - whether it is there
    except ImportError:
        return "asv is not installed"
    try:
        found = subprocess.run(["git", "-C", ROOT, "rev-list", "--count", "HEAD"], capture_output=True, text=True)
    except OSError:
        return "there is no git"
    if found.returncode or int(found.stdout) < 2:
        return "there is no history"
    config = ROOT / "asv_bench" / "series.conf.json"
    command = [sys.executable, "-m", "asv", "publish", "--no-pull", "--config", config, "--html-dir", site / "asv"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=config.parent)
    return ""


if __name__ == "__main__":
    folder = Path(sys.argv[1]).resolve()
    reason = publish(folder)
    if reason:
        (folder / "asv").mkdir(exist_ok=True)
        (folder / "asv" / "index.html").write_text(WITHOUT, encoding="utf-8")
        print(f"without the pages of asv: {reason}")
