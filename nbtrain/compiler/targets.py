"""What code is made for: a system, a processor, and the instructions that it has.

Without more it is the machine at hand. `NBTRAIN_LEVEL` names a level that several machines have in common, so that all
compute the same bits. `aim_at` is for a process that makes code for other machines.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from ..checks.messages import unknown, wrong
from ..errors import Error

LINUX, WINDOWS, MACOS = "linux", "win32", "darwin"  # systems, as sys.platform says them
# LLVM loads objects in the format of Linux on Windows, too, with Windows' conventions for calls.
_TRIPLES = {LINUX: "{}-unknown-linux-gnu", WINDOWS: "{}-pc-windows-msvc-elf", MACOS: "{}-apple-macosx11.0.0"}
X86, ARM, OTHER = "x86", "ARM", "another"  # kinds of processors
_KINDS = {"x86_64": X86, "aarch64": ARM}

AMX_FEATURES = ("amx-tile", "amx-bf16", "avx512f")  # as LLVM calls them


class Target(NamedTuple):
    """A kind of machine, with LLVM's names of its processor and features."""

    system: str  # as sys.platform says it
    architecture: str  # x86_64, aarch64
    cpu: str
    features: str

    @property
    def kind(self) -> str:
        """X86, ARM or OTHER."""
        return _KINDS.get(self.architecture, OTHER)

    @property
    def triple(self) -> str:
        """LLVM's name of architecture and system."""
        return _TRIPLES[self.system].format("arm64" if self.system == MACOS and self.kind == ARM else self.architecture)

    @property
    def has_amx(self) -> bool:
        """Whether it has AMX for bfloat16."""
        return {f"+{feature}" for feature in AMX_FEATURES} <= set(self.features.split(","))


def _added(*names: str) -> str:
    return ",".join(f"+{name}" for name in names)


_V2 = ("cx16", "sahf", "popcnt", "sse3", "ssse3", "sse4.1", "sse4.2", "crc32")
_V3 = (*_V2, "avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe", "xsave")
_V4 = (*_V3, "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")
_WHOLE_VECTORS = ",-prefer-256-bit"  # see `objects`

# Levels of an architecture, the best first: LLVM's name, the features that a processor must have, those of the code.
LEVELS: Mapping[str, Mapping[str, tuple[tuple[str, ...], str]]] = {
    "x86_64": {"x86-64-v4": (_V4, _added(*_V4) + _WHOLE_VECTORS), "x86-64-v3": (_V3, _added(*_V3))},
    "aarch64": {"generic": ((), "+neon")},  # every one has NEON, and not every system lists it
}
# Code of a level that differs on some of its processors. AMD's have a divider for whole vectors, and SSE4a.
VARIANTS: Mapping[str, tuple[str, str]] = {
    "sqrt": ("x86-64-v4", _added(*_V4, "sse4a") + _WHOLE_VECTORS),
    "amx": ("sapphirerapids", _added(*_V4, "amx-tile", "amx-bf16") + _WHOLE_VECTORS),
}
NAMES: dict[str, tuple[str, tuple[str, ...]]] = {
    "x86-64-v3": ("x86_64", ()),
    "x86-64-v4": ("x86_64", ("sqrt", "amx")),
    "aarch64": ("aarch64", ()),
}
SYSTEMS: dict[str, tuple[str, ...]] = {
    LINUX: tuple(NAMES),
    WINDOWS: ("x86-64-v3", "x86-64-v4"),
    MACOS: ("aarch64",),
}  # that wheels have code for


def variants(name: str, system: str) -> tuple[str, ...]:
    """The variants of a name in `NAMES`. Only Linux is asked for leave to use AMX."""
    return tuple(variant for variant in NAMES[name][1] if variant != "amx" or system == LINUX)


def of_level(name: str, variant: str = "", system: str = LINUX) -> Target:
    """The target of a name in `NAMES`, or of one of its variants."""
    architecture, _ = NAMES[name]
    level = name if name in LEVELS[architecture] else "generic"
    cpu, features = VARIANTS[variant] if variant else (level, LEVELS[architecture][level][1])
    return Target(system, architecture, cpu, features)


_aim: Target | None = None


def aim_at(target: Target) -> None:
    """Make code for another machine for as long as this process lives; before it compiles anything."""
    global _aim
    _aim = target


def aim() -> Target | None:
    """The target that `aim_at` was given, if any."""
    return _aim


def system() -> str:
    """The system that code is made for: LINUX, WINDOWS, MACOS, or another that is like Linux."""
    return sys.platform if _aim is None else _aim.system


def best_level(architecture: str) -> str:
    """The best level in `NAMES` that this processor has, or an empty text."""
    for name, (own, _) in NAMES.items():
        if own == architecture and name not in LEVELS[architecture]:
            return name
    found = [name for name in LEVELS.get(architecture, ()) if not lacking(name)]
    return found[0] if found else ""


@cache
def lacking(level: str) -> tuple[str, ...]:
    """The features of a level of x86 that this processor lacks."""
    import llvmlite.binding as llvm

    has = llvm.get_host_cpu_features()
    return tuple(name for name in LEVELS["x86_64"][level][0] if not has.get(name))


def forced_level(architecture: str) -> str:
    """The level that `NBTRAIN_LEVEL` asks for, or an empty text.

    Raises
    ------
    Error
        If there is no such level, or this processor does not have it.
    """
    level = os.environ.get("NBTRAIN_LEVEL", "")
    if level:
        _check_level(level, architecture)
    return level


@cache
def _check_level(level: str, architecture: str) -> None:
    if level not in NAMES:
        raise Error(f"NBTRAIN_LEVEL: {unknown('level', level, NAMES)}")
    if NAMES[level][0] != architecture:
        raise Error(wrong("NBTRAIN_LEVEL", f"be a level of {architecture}", level))
    missing = lacking(level) if level in LEVELS[architecture] else ()
    if missing:
        raise Error(f"NBTRAIN_LEVEL: this processor does not have {level}: it lacks {', '.join(missing)}")
