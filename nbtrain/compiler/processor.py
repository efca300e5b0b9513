"""The kind of processor, for instructions that LLVM names differently on each."""

from __future__ import annotations

import os
import platform
import sys
from functools import cache

from ..checks.environment import switched_on

X86, ARM, OTHER = "x86", "ARM", "another"
_KINDS = {"x86_64": X86, "AMD64": X86, "aarch64": ARM, "arm64": ARM}


def kind() -> str:
    """X86, ARM or OTHER."""
    return _KINDS.get(platform.machine(), OTHER)


FLUSHES = kind() != OTHER  # whether training makes it treat subnormal numbers as zero

AMX_FEATURES = ("amx-tile", "amx-bf16", "avx512f")  # as LLVM calls them
_ARCH_PRCTL, _REQUEST, _TILE_DATA = 158, 0x1023, 18  # of Linux for x86-64


@cache
def has_amx() -> bool:
    """Whether this process may use AMX for bfloat16: the processor has it, and Linux permits it.

    A process has to ask Linux, since signal handlers then need more room; Linux refuses if a thread has too little.
    """
    if kind() != X86 or sys.platform != "linux" or switched_on("NBTRAIN_DISABLE_AMX"):
        return False
    if any(os.environ.get(name) for name in ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES")):
        return False
    import ctypes

    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features()
    if not all(features.get(name) for name in AMX_FEATURES):
        return False
    return bool(ctypes.CDLL(None).syscall(_ARCH_PRCTL, _REQUEST, _TILE_DATA) == 0)
