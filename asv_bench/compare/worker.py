"""One library on one workload: a line with its version, then one line of seconds per step for each line it is sent."""

from __future__ import annotations

import math
import os
import sys
import time

REPEAT_SECONDS = 0.3


def main(peer: str, name: str, threads: int) -> None:
    """Warm up, then time repeats on demand."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    from benchmarks.workloads import WORKLOADS

    from .peers import PEERS

    workload = WORKLOADS[name]
    subject = PEERS[peer][1](workload, threads)
    subject.epochs(1)
    start = time.perf_counter()
    subject.epochs(1)
    count = max(1, math.ceil(REPEAT_SECONDS / (time.perf_counter() - start)))
    print(subject.version, file=answers, flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        subject.epochs(count)
        print((time.perf_counter() - start) / count / workload.steps, file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
