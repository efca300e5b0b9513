"""How many processor cores this process may use at once."""

from __future__ import annotations

import os
from pathlib import Path

TOPOLOGY = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
QUOTA = Path("/sys/fs/cgroup/cpu.max")  # "max 100000", or microseconds in so many microseconds


def available_cores() -> int:
    """Cores that the process is bound to, hyperthreads counted once, at most its control group's share of time."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    siblings = {_read(Path(TOPOLOGY.format(cpu))) or str(cpu) for cpu in os.sched_getaffinity(0)}
    return max(1, min(len(siblings), _quota(len(siblings))))


def _quota(most: int) -> int:
    parts = _read(QUOTA).split()
    if len(parts) != 2 or not all(part.isdigit() for part in parts):
        return most
    return int(parts[0]) // max(1, int(parts[1]))


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
