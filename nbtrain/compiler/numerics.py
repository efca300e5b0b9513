"""What the bits of results depend on, as one short text: two machines with the same text compute the same bits."""

from __future__ import annotations

from functools import cache

from . import processor, settings, sources
from .locks import not_during_forks
from .sources import digest

# Whole vectors of 64 bytes that are added, a product and a sum in one operation, and rounding to integers.
_PROBE = """
declare float @llvm.fmuladd.f32(float, float, float)
declare <4 x float> @llvm.floor.v4f32(<4 x float>)
define void @add(ptr %p, ptr %q) {
  %a = load <16 x float>, ptr %p
  %b = load <16 x float>, ptr %q
  %c = fadd <16 x float> %a, %b
  store <16 x float> %c, ptr %p
  ret void
}
define float @fused(float %a, float %b, float %c) {
  %d = call float @llvm.fmuladd.f32(float %a, float %b, float %c)
  ret float %d
}
define <4 x float> @rounded(<4 x float> %a) {
  %b = call <4 x float> @llvm.floor.v4f32(<4 x float> %a)
  ret <4 x float> %b
}
"""


@not_during_forks
def numerics_id() -> str:
    """Instruction level, vector width, FMA, AMX, kind of square roots, and a digest of nbtrain's sources.

    Settings of Numba that change code, apart from those for the processor, are added as a digest.

    Returns
    -------
    str
        For example `x86-64-v4, 64-byte vectors, FMA, no AMX, square roots by instruction, sources 0123456789ab`.
    """
    name, features = processor.compiled_for()
    level, width, fused = _instructions(name, features)
    own = sources.loaded()
    parts = [
        level,
        f"{width}-byte vectors",
        "FMA" if fused else "no FMA",
        "AMX" if processor.has_amx() else "no AMX",
        f"square roots by {'multiplications' if processor.has_slow_sqrt(features) else 'instruction'}",
        f"sources {digest(own)[:12] if all(own) else 'unknown'}",
    ]
    others = [line for line in settings.text().splitlines() if not line.startswith(("NUMBA_CPU_", "numba.config.CPU_"))]
    return ", ".join(parts + ([f"settings {digest(others)[:12]}"] if others else []))


@cache
def _instructions(name: str, features: str) -> tuple[str, int, bool]:
    """Level, bytes of a vector, and whether there is FMA: what LLVM uses, since a name implies features."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(cpu=name, features=features)
    assembly = machine.emit_assembly(llvm.parse_assembly(_PROBE))
    if processor.kind() != processor.X86:
        return processor.architecture(), 16, "fmadd" in assembly or "fmla" in assembly
    width = 64 if "zmm" in assembly else 32 if "ymm" in assembly else 16
    fused = "vfmadd" in assembly
    if width == 64:
        level = "x86-64-v4"
    elif fused and width == 32:
        level = "x86-64-v3"
    else:
        level = "x86-64-v2" if "roundps" in assembly else "x86-64"
    return level, width, fused
