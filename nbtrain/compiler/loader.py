"""Object code -> addresses of its C functions, through llvmlite alone."""

from __future__ import annotations

import threading
from typing import Any

from .locks import whole_in_children

PREFIX = "nbtrain_"

_lock = threading.Lock()
whole_in_children(_lock)
_machine: Any = None
_engines: list[Any] = []  # never unloaded: addresses in models and in users' hands stay good


def load(code: bytes, names: tuple[str, ...]) -> dict[str, int]:
    """Addresses of the functions `names` of an object that `objects.object_code` made."""
    import llvmlite.binding as llvm

    with _lock:
        machine = _target_machine(llvm)
        engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
        engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        engine.finalize_object()
        _engines.append(engine)
        return {name: engine.get_function_address(PREFIX + name) for name in names}


def _target_machine(llvm: Any) -> Any:
    global _machine
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    if _machine is None:
        _machine = llvm.Target.from_default_triple()
    return _machine.create_target_machine(opt=2, jit=True)
