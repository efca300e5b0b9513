"""Measure a few benchmarks in some revisions, for the curves of the documentation.

    python measure_series.py v0.1.0 v0.2.0 main
    python measure_series.py --machine epyc-2-cores --core 1 HEAD

asv measures in turns, four times each, and its results go to the folder `series`, which is in the repository: results
for other commits and machines stay. `docs/_ext/series_chart.py` draws them, and `make docs` makes asv's own pages.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "series"
ROUNDS = 4
BENCHMARKS = [
    r"^imports.Imports.timeraw_nbtrain",
    r"^first_result.FirstResult",
    r"^steps.Training.time_epoch.*('4-16-1|'30-64-64-2, batch 32|'784-128-10|'64-256-256-10|'10-32-32-1)",
    r"^latency.OneSample.time_1000_steps_in_compiled_code",
    r"^overhead.Fit.time_100_epochs",
    r"^populations.Small.time_100_steps",
]


def measure(revisions: list[str], options: argparse.Namespace) -> int:
    """Run asv -> its status."""
    hashes = [
        subprocess.run(
            ["git", "rev-parse", "--verify", f"{name}^{{commit}}"], check=True, stdout=subprocess.PIPE
        ).stdout
        for name in revisions
    ]
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"".join(hashes))
        file.flush()
        command = [sys.executable, "-m", "asv", "run", f"HASHFILE:{file.name}", "--config", "series.conf.json"]
        command += ["--interleave-rounds", "-a", f"rounds={ROUNDS}", "--no-record-samples", "--show-stderr"]
        for pattern in BENCHMARKS:
            command += ["--bench", pattern]
        if options.machine:
            command += ["--machine", options.machine]
        if options.core is not None:
            command += ["--cpu-affinity", str(options.core)]
        given = os.environ | {"NBTRAIN_QUIET": "1", "OPENBLAS_NUM_THREADS": "1"}
        return subprocess.run(command, cwd=FOLDER, check=False, env=given).returncode


def trim() -> None:
    """Leave out of asv's list of benchmarks those without results; asv lists all that there are."""
    path = RESULTS / "benchmarks.json"
    listed = json.loads(path.read_text(encoding="utf-8"))
    measured = {name for file in RESULTS.glob("*/*-*.json") for name in json.loads(file.read_text())["results"]}
    kept = {name: entry for name, entry in listed.items() if name in measured or name == "version"}
    path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("revisions", nargs="+", metavar="REVISION", help="a commit, a tag or a branch")
    parser.add_argument("--machine", help="the name of this machine in the results (default: asv's)")
    parser.add_argument("--core", type=int, help="the processor core to run on")
    options = parser.parse_args()
    try:
        return measure(options.revisions, options)
    finally:
        trim()


if __name__ == "__main__":
    sys.exit(main())
