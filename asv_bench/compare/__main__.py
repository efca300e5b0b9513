"""Time nbtrain and the installed peers in turns, and print a table."""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.workloads import WORKLOADS

from . import table
from .peers import PEERS
from .table import summary

FOLDER = Path(__file__).parent.parent
Times = dict[str, list[float]]


def environment(threads: int) -> dict[str, str]:
    """The environment that gives every library this number of threads."""
    given = dict(os.environ)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        given[name] = str(threads)
    if threads == 1:
        given["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    return given | {"JAX_PLATFORMS": "cpu"}


class Worker:
    """A process that trains one workload with one library."""

    def __init__(self, peer: str, workload: str, options: argparse.Namespace) -> None:
        python = options.pythons.get(peer, sys.executable)
        command = [python, "-m", "compare.worker", peer, workload, str(options.threads)]
        if options.cores is not None:
            command = ["taskset", "-c", options.cores, *command]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=FOLDER,
            env=environment(options.threads),
        )  # fmt: skip
        self.version = self.answer()

    def answer(self) -> str:
        """A line from the process."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(map(str, self.process.args))} ended")  # type: ignore[arg-type]
        return line.strip()

    def repeat(self) -> float:
        """Seconds per step of one more repeat."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return float(self.answer())

    def end(self) -> None:
        """End the process."""
        self.process.communicate()


def timed(workload: str, peers: Sequence[str], options: argparse.Namespace) -> tuple[Times, dict[str, str]]:
    """Seconds per step of every peer on one workload, and the versions; the peers take turns."""
    workers: dict[str, Worker] = {}
    try:
        for peer in peers:
            workers[peer] = Worker(peer, workload, options)
        times: Times = {peer: [] for peer in peers}
        for _ in range(options.repeats):
            for peer, worker in workers.items():
                times[peer].append(worker.repeat())
        return times, {peer: worker.version for peer, worker in workers.items()}
    finally:
        for worker in workers.values():
            worker.end()


def processor() -> str:
    """The name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def interpreter(given: str) -> tuple[str, str]:
    """`onnxruntime=/path/to/python` -> the library and the interpreter that has it."""
    peer, _, python = given.partition("=")
    if peer not in PEERS or not Path(python).is_file():
        names = ", ".join(PEERS)
        raise argparse.ArgumentTypeError(f"must be LIBRARY=PYTHON, of {names} and an interpreter's path, got {given}")
    return peer, str(Path(python).absolute())


def is_installed(module: str) -> bool:
    """Whether this environment has a module."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # nor the package that it would be in
        return False


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The parsed command line."""
    parser = argparse.ArgumentParser(prog="python -m compare", description=__doc__)
    parser.add_argument("--peers", help="default: those installed, and those with --python")
    parser.add_argument(
        "--python", type=interpreter, action="append", default=[], metavar="LIBRARY=PYTHON",
        help="an interpreter that has a library which this environment has not: onnxruntime=/path/to/python",
    )  # fmt: skip
    parser.add_argument("--workloads", default="all", help=f"their numbers, 1 to {len(WORKLOADS)}: 1,2,5")
    parser.add_argument("--threads", type=int, default=1, help="for every library (default 1)")
    parser.add_argument("--repeats", type=int, default=7, help="of 0.3 s or one epoch each (default 7)")
    parser.add_argument("--cores", help="run on these processor cores alone, with taskset: 0 or 0,1")
    parser.add_argument("--json", type=Path, default=table.FOLDER / "last.json", help="default %(default)s")
    options = parser.parse_args(arguments)
    options.pythons = dict(options.python)
    installed = [peer for peer, (module, _) in PEERS.items() if peer in options.pythons or is_installed(module)]
    options.peers = options.peers.split(",") if options.peers else installed
    unknown = [peer for peer in options.peers if peer not in PEERS]
    if unknown:
        parser.error(f"--peers must be some of {', '.join(PEERS)}, got {', '.join(unknown)}")
    return options


def main() -> None:
    """Print the table in Markdown, row by row, and write what it was made from."""
    options = parsed()
    names = list(WORKLOADS)
    if options.workloads != "all":
        names = [names[int(index) - 1] for index in options.workloads.split(",")]
    how = f"median of {options.repeats} (smallest … largest), {options.threads} thread(s)"
    print(f"Microseconds per step, {how}:\n")
    measured: dict[str, Any] = {"unit": "microseconds per step", "how": how, "python": platform.python_version()}
    measured |= {"processor": processor(), "versions": {}, "times": {}}
    for name in names:
        times, versions = timed(name, options.peers, options)
        found = {peer: summary(values) for peer, values in times.items()}
        if not measured["versions"]:
            measured["versions"] = versions
            print(table.header(versions))
        measured["times"][name] = found
        print(table.row(name, found), flush=True)
    table.write(options.json, measured)
    print(f"\nPython {measured['python']}; {measured['processor']}; also in {options.json}")


if __name__ == "__main__":
    main()
