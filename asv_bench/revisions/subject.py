"""One benchmark in one revision, in a process of its own: `python -m revisions.subject NAME INDEX CLOCK`.

Without arguments it lists the benchmarks that can be compared. Otherwise it makes what is to be timed and warms it up,
answers with a line of JSON, and then with the seconds of a call for each line that it is sent.
"""

from __future__ import annotations

import importlib
import inspect
import itertools
import json
import math
import os
import pkgutil
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import benchmarks

SAMPLE_SECONDS = 0.02  # of a line's calls, about
CLOCKS: dict[str, Callable[[], float]] = {"cpu": time.process_time, "wall": time.perf_counter}


def combinations(instance: Any) -> list[tuple[Any, ...]]:
    """The values of the parameters of a benchmark's class, as asv combines them."""
    params = list(getattr(instance, "params", ()))
    if not params:
        return [()]
    lists = params if isinstance(params[0], (list, tuple)) else [params]
    return list(itertools.product(*lists))


def found() -> Iterator[tuple[str, int]]:
    """All benchmarks of times: `steps.Training.time_epoch('30-64-64-2, batch 32')`, and the index of the values."""
    for module in pkgutil.iter_modules(benchmarks.__path__):
        try:
            members = vars(importlib.import_module(f"benchmarks.{module.name}"))
        except ImportError as error:
            print(f"benchmarks.{module.name}: {error}", file=sys.stderr)
            continue
        for kind in members.values():
            own = inspect.isclass(kind) and kind.__module__ == f"benchmarks.{module.name}"
            if not own or kind.__name__.startswith("_"):
                continue
            for method in (name for name in dir(kind) if name.startswith(("time_", "timeraw_"))):
                for index, values in enumerate(combinations(kind())):
                    shown = f"({', '.join(map(repr, values))})" if values else ""
                    yield f"{module.name}.{kind.__name__}.{method}{shown}", index


class Subject:
    """What is timed: a method of a benchmark's class, made ready."""

    def __init__(self, name: str, index: int, clock: str) -> None:
        module, kind, method = name.partition("(")[0].split(".")
        self.instance = getattr(importlib.import_module(f"benchmarks.{module}"), kind)()
        self.values = combinations(self.instance)[index]
        if hasattr(self.instance, "setup_cache"):
            kept = self.instance.setup_cache()
            self.values = self.values if kept is None else (kept, *self.values)
        if hasattr(self.instance, "setup"):
            self.instance.setup(*self.values)
        self.method, self.clock = getattr(self.instance, method), clock
        self.in_process = method.startswith("time_")

    def call(self, count: int) -> float:
        """Seconds of a call, the mean of so many."""
        if not self.in_process:
            return self._program(self.method(*self.values))
        clock, method, values = CLOCKS[self.clock], self.method, self.values
        start = clock()
        for _ in range(count):
            method(*values)
        return (clock() - start) / count

    def _program(self, code: str) -> float:
        """Seconds of a program in a process of its own, the start of Python included."""
        start = time.perf_counter()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if self.clock == "wall":
            return time.perf_counter() - start
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def count(self) -> int:
        """Calls that take about as long as a sample should."""
        self.call(1)
        return max(1, math.ceil(SAMPLE_SECONDS / max(self.call(1), 1e-9))) if self.in_process else 1


def serve(name: str, index: int, clock: str) -> None:
    """Make the subject and time it on demand."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a benchmark prints is no answer
    try:
        subject = Subject(name, index, clock)
        count = subject.count()
        seconds = subject.call(count) * count
    except Exception as error:
        answers.write(json.dumps({"error": f"{type(error).__name__}: {error}".splitlines()[0]}) + "\n")
        return
    print(json.dumps({"seconds": seconds}), file=answers, flush=True)
    for _ in sys.stdin:
        print(json.dumps({"seconds": subject.call(count)}), file=answers, flush=True)
    if hasattr(subject.instance, "teardown"):
        subject.instance.teardown(*subject.values)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        print(json.dumps(list(found())))
    else:
        serve(sys.argv[1], int(sys.argv[2]), sys.argv[3])
