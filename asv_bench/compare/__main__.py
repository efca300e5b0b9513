"""Time nbtrain and the installed peers in turns, and print a table."""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.workloads import WORKLOADS

from .peers import PEERS

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

    def __init__(self, peer: str, workload: str, threads: int, cores: str | None) -> None:
        command = [sys.executable, "-m", "compare.worker", peer, workload, str(threads)]
        if cores is not None:
            command = ["taskset", "-c", cores, *command]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=FOLDER, env=environment(threads)
        )
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


def timed(workload: str, peers: Sequence[str], options: argparse.Namespace) -> tuple[Times, list[str]]:
    """Seconds per step of every peer on one workload, and the versions; the peers take turns."""
    workers: dict[str, Worker] = {}
    try:
        for peer in peers:
            workers[peer] = Worker(peer, workload, options.threads, options.cores)
        times: Times = {peer: [] for peer in peers}
        for _ in range(options.repeats):
            for peer, worker in workers.items():
                times[peer].append(worker.repeat())
        return times, [worker.version for worker in workers.values()]
    finally:
        for worker in workers.values():
            worker.end()


def row(name: str, times: Times) -> str:
    """A line of the table: medians in microseconds (smallest … largest), and the best peer's over nbtrain's."""
    cells, middle = [], {peer: statistics.median(values) for peer, values in times.items()}
    for peer, values in times.items():
        low, high = 1e6 * min(values), 1e6 * max(values)
        cells.append(f"{number(1e6 * middle[peer])} ({number(low)} … {number(high)})")
    others = [value for peer, value in middle.items() if peer != "nbtrain"]
    ratio = f"{min(others) / middle['nbtrain']:.2f}" if others else ""
    return f"| {name} | {' | '.join(cells)} | {ratio} |"


def number(value: float) -> str:
    """A number with three digits."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def processor() -> str:
    """The name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def parsed(installed: Sequence[str]) -> argparse.Namespace:
    """The parsed command line."""
    parser = argparse.ArgumentParser(prog="python -m compare", description=__doc__)
    parser.add_argument("--peers", default=",".join(installed), help="default: those installed: %(default)s")
    parser.add_argument("--workloads", default="all", help=f"their numbers, 1 to {len(WORKLOADS)}: 1,2,5")
    parser.add_argument("--threads", type=int, default=1, help="for every library (default 1)")
    parser.add_argument("--repeats", type=int, default=7, help="of 0.3 s or one epoch each (default 7)")
    parser.add_argument("--cores", help="run on these processor cores alone, with taskset: 0 or 0,1")
    return parser.parse_args()


def main() -> None:
    """Print the table in Markdown, row by row."""
    options = parsed([name for name, (module, _) in PEERS.items() if importlib.util.find_spec(module)])
    peers = options.peers.split(",")
    names = list(WORKLOADS)
    if options.workloads != "all":
        names = [names[int(index) - 1] for index in options.workloads.split(",")]
    print(f"Microseconds per step, median of {options.repeats} (smallest … largest), {options.threads} thread(s):\n")
    print(f"| network | {' | '.join(peers)} | best peer / nbtrain |\n|---|{'---|' * (len(peers) + 1)}", flush=True)
    versions: list[str] = []
    for name in names:
        times, versions = timed(name, peers, options)
        print(row(name, times), flush=True)
    print(f"\n{', '.join(versions)}; Python {platform.python_version()}; {processor()}")


if __name__ == "__main__":
    main()
