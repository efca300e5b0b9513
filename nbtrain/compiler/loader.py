"""Object code -> addresses of its C functions, through llvmlite alone."""

from __future__ import annotations

from functools import cache
from typing import Any

from ..errors import Error
from . import symbols

PREFIX = "nbtrain_"

_engines: list[Any] = []  # never unloaded: addresses in models and in users' hands stay good


def load(code: bytes, names: tuple[str, ...]) -> dict[str, int]:
    """Addresses of the functions `names` of an object that `objects.object_code` made; one thread at a time.

    Raises
    ------
    Error
        If it needs a function that this process does not have: LLVM would load it, and its first call would crash.
    """
    import llvmlite.binding as llvm

    found = lacking(code)
    if found:
        raise Error(f"compiled code cannot be loaded: this process has no function {', '.join(found)}")
    engine = _engine()
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    return {name: engine.get_function_address(PREFIX + name) for name in names}


def lacking(code: bytes) -> list[str]:
    """Functions that an object calls and this process does not have.

    Raises
    ------
    Error
        If it is no object.
    """
    _first_engine()
    try:
        return symbols.missing(code)
    except ValueError as error:
        raise Error(f"compiled code cannot be loaded: {error}") from None


def _engine() -> Any:
    import llvmlite.binding as llvm

    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target().create_target_machine(opt=2, jit=True))


@cache
def _first_engine() -> Any:
    """The first engine lets LLVM see the functions of the process."""
    return _engine()


@cache
def _target() -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple()
