"""Object code -> addresses of its C functions, through llvmlite alone."""

from __future__ import annotations

from functools import cache
from typing import Any

PREFIX = "nbtrain_"

_engines: list[Any] = []  # never unloaded: addresses in models and in users' hands stay good


def load(code: bytes, names: tuple[str, ...]) -> dict[str, int]:
    """Addresses of the functions `names` of an object that `objects.object_code` made; one thread at a time."""
    import llvmlite.binding as llvm

    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target().create_target_machine(opt=2, jit=True))
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    return {name: engine.get_function_address(PREFIX + name) for name in names}


@cache
def _target() -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple()
