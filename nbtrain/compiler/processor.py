"""The kind of processor, where code needs instructions that LLVM has under another name for each."""

from __future__ import annotations

import platform

X86, ARM, OTHER = "x86", "ARM", "another"
_KINDS = {"x86_64": X86, "AMD64": X86, "aarch64": ARM, "arm64": ARM}


def kind() -> str:
    """X86, ARM or OTHER."""
    return _KINDS.get(platform.machine(), OTHER)


FLUSHES = kind() != OTHER  # whether training tells it to take subnormal numbers for zero
