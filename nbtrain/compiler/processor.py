"""The kind of processor, for instructions that LLVM names differently on each."""

from __future__ import annotations

import platform
import sys
from functools import cache

from ..checks.environment import switched_on
from . import settings, targets
from .locks import not_during_forks
from .targets import AMX_FEATURES, ARM, OTHER, X86, Target

__all__ = ["AMX_FEATURES", "ARM", "OTHER", "X86"]


def architecture() -> str:
    """The machine's name, such as x86_64 or aarch64."""
    return {"AMD64": "x86_64", "arm64": "aarch64", "ARM64": "aarch64"}.get(platform.machine(), platform.machine())


def kind() -> str:
    """Kind of the processor that code is made for: X86, ARM or OTHER."""
    aim = targets.aim()
    return (Target(sys.platform, architecture(), "", "") if aim is None else aim).kind


def flushes() -> bool:
    """Whether training makes the processor treat subnormal numbers as zero."""
    return kind() != OTHER


_WITHOUT_AVX = {"corei7-avx", "core-avx-i", "sandybridge", "ivybridge", "nocona"}  # Numba's choice
_ARCH_PRCTL, _REQUEST, _TILE_DATA = 158, 0x1023, 18  # of Linux for x86-64


@not_during_forks
def compiled_for() -> tuple[str, str]:
    """Name and features, as LLVM spells them, of the processor that nbtrain's code is made for, Numba imported or not.

    Where no level is forced, Numba's settings count, which take AVX from some processors. Vectors are whole: see
    `objects`.
    """
    aim = targets.aim()
    if aim is not None:
        return aim.cpu, aim.features
    level = targets.forced_level(architecture())
    if level:
        return targets.of_level(level)[2:]
    given = settings.value("CPU_NAME"), settings.value("CPU_FEATURES"), settings.value("ENABLE_AVX")
    name = _host_name() if given[0] is None else str(given[0])
    features = given[1]
    if features is None and name.lower() == "generic":
        features = ""
    if features is None:
        with_avx = _host_name() not in _WITHOUT_AVX if given[2] is None else bool(int(given[2]))
        features = _host_features(with_avx)
    return name, f"{features},-prefer-256-bit" if "+avx512f" in features else features


def has_slow_sqrt(features: str) -> bool:
    """Whether a square root of 64 bytes takes longer than a dozen multiplications: on Intel's processors, whose
    dividers are no wider for these than for 32 bytes. AMD's alone have SSE4a."""
    names = features.split(",")
    return "+avx512f" in names and "+sse4a" not in names


@cache
def _host_features(with_avx: bool) -> str:
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features()
    for name in () if with_avx else [name for name in features if name.startswith("avx")]:
        features[name] = False
    return str(features.flatten())


@not_during_forks
def has_amx() -> bool:
    """Whether AMX is used for bfloat16: the processor has it, Numba compiles for it, and Linux permits it."""
    aim = targets.aim()
    if aim is not None:
        return aim.has_amx
    if targets.forced_level(architecture()):
        return False
    return _permitted_amx() and _compiles_for_amx(settings.value("CPU_NAME"), settings.value("CPU_FEATURES"))


def _compiles_for_amx(name: str | None, features: str | None) -> bool:
    """Whether Numba, with these settings, makes code for this processor with all its features for AMX."""
    if name is not None and name != _host_name():
        return False
    return features is None or {f"+{feature}" for feature in AMX_FEATURES} <= set(features.split(","))


@cache
def _host_name() -> str:
    import llvmlite.binding as llvm

    return str(llvm.get_host_cpu_name())


@cache
def _permitted_amx() -> bool:
    """Whether this process may use it.

    A process has to ask Linux, since signal handlers then need more room; Linux refuses if a thread has too little.
    """
    if architecture() != "x86_64" or sys.platform != "linux" or switched_on("NBTRAIN_DISABLE_AMX"):
        return False
    import ctypes

    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features()
    if not all(features.get(name) for name in AMX_FEATURES):
        return False
    return bool(ctypes.CDLL(None).syscall(_ARCH_PRCTL, _REQUEST, _TILE_DATA) == 0)
