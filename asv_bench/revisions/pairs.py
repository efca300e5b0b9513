"""Two revisions that take turns with one benchmark."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import statistics
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from .checkouts import Checkout, surroundings

FEWEST, MOST = 3, 16  # pairs of samples in a round


class NoTime(Exception):
    """A benchmark that gives no times in one revision; the message says why."""


class Setting(NamedTuple):
    """How benchmarks are run."""

    folder: Path  # with the benchmarks
    clock: str
    cores: Sequence[int]
    timeout: float
    seconds: float  # of each revision in a round, about


class Process:
    """A benchmark in one revision."""

    def __init__(self, checkout: Checkout, benchmark: tuple[str, int], setting: Setting) -> None:
        self.checkout, self.setting = checkout, setting
        self.errors = (setting.folder / "errors.txt").open("w+b")
        name, index = benchmark
        self.popen = subprocess.Popen(
            [checkout.python, "-m", "revisions.subject", name, str(index), setting.clock],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, bufsize=0, cwd=setting.folder,
            env=surroundings(), start_new_session=True,
        )  # fmt: skip
        if setting.cores:
            os.sched_setaffinity(self.popen.pid, setting.cores)

    def answer(self) -> float:
        """The seconds that it answers with."""
        assert self.popen.stdout is not None
        ready, _, _ = select.select([self.popen.stdout], [], [], self.setting.timeout)
        if not ready:
            raise NoTime(f"no answer within {self.setting.timeout:.0f} s in {self.checkout.name}")
        line = self.popen.stdout.readline()
        if not line:
            self.errors.seek(0)
            last = self.errors.read().decode(errors="replace").strip().splitlines()[-1:]
            raise NoTime(f"the process ended in {self.checkout.name}: {' '.join(last) or 'without a word'}")
        found = json.loads(line)
        if "error" in found:
            raise NoTime(f"{found['error']}, in {self.checkout.name}")
        return float(found["seconds"])

    def sample(self) -> float:
        """Seconds of a call."""
        assert self.popen.stdin is not None
        self.popen.stdin.write(b"go\n")
        return self.answer()

    def end(self) -> None:
        """End it, with everything that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.communicate()
        self.errors.close()


class Round(NamedTuple):
    """What two processes took."""

    base: float  # median seconds of a call
    new: float
    ratio: float  # median over the pairs of new / base


@contextlib.contextmanager
def both(checkouts: Sequence[Checkout], benchmark: tuple[str, int], setting: Setting) -> Iterator[list[Process]]:
    """A process for each, ended in any case."""
    processes: list[Process] = []
    try:
        for checkout in checkouts:
            processes.append(Process(checkout, benchmark, setting))
        yield processes
    finally:
        for process in processes:
            process.end()


def round_of(checkouts: tuple[Checkout, Checkout], benchmark: tuple[str, int], setting: Setting, turn: int) -> Round:
    """Two new processes that take turns: base new, new base, base new …; every other round begins with the other.

    New processes for every round, because where the memory of a process lies changes its speed more than chance does.

    Raises
    ------
    NoTime
        If the benchmark cannot be run in one of them.
    """
    order = (0, 1) if turn % 2 == 0 else (1, 0)
    with both([checkouts[side] for side in order], benchmark, setting) as started:
        longest = max([process.answer() for process in started])
        count = min(MOST, max(FEWEST, int(setting.seconds / max(longest, 1e-6))))
        times: tuple[list[float], list[float]] = ([], [])
        for pair in range(count):
            for place in (0, 1) if pair % 2 == 0 else (1, 0):
                times[order[place]].append(started[place].sample())
    ratios = [new / old for old, new in zip(*times, strict=True)]
    return Round(statistics.median(times[0]), statistics.median(times[1]), statistics.median(ratios))
