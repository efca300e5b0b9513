"""Keys of compiled code: a digest of everything that the machine code depends on.

Computed without Numba, so that a process that finds its code in the cache never imports it.
"""

from __future__ import annotations

import hashlib
import os
import sys
import types as python_types
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

PACKAGE = Path(__file__).parent.parent
# Settings of Numba that change the code it makes.
NUMBA_SETTINGS = (
    "NUMBA_OPT",
    "NUMBA_CPU_NAME",
    "NUMBA_CPU_FEATURES",
    "NUMBA_ENABLE_AVX",
    "NUMBA_LOOP_VECTORIZE",
    "NUMBA_SLP_VECTORIZE",
    "NUMBA_BOUNDSCHECK",
    "NUMBA_DISABLE_INTEL_SVML",
    "NUMBA_FORCE_INLINE",
    "NUMBA_LLVM_REFPRUNE_PASS",
)


def core_key(dtype: np.dtype[Any]) -> str:
    """Key of the core for a dtype."""
    return _digest([machine(), sources("compiler"), sources("core"), str(dtype)])


def component_key(spec: Any, dtype: np.dtype[Any]) -> str:
    """Key of a component's block functions for a dtype: what its functions do, not where they stand."""
    described = _Describer()
    parts = [machine(), sources("compiler"), str(dtype), spec.kind, *spec.parameters]
    for name in ("slots", "scalars", "prepared_count", "norms", "target", "slope_arguments"):
        parts.append(f"{name}={getattr(spec, name, None)!r}")
    for role, function in spec.functions.items():
        parts += [role, described.function(function)]
    return _digest(parts)


def _digest(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "little"))
        digest.update(encoded)
    return digest.hexdigest()


def machine() -> str:
    """Interpreter, libraries, processor and settings."""
    settings = [f"{name}={os.environ.get(name, '')}" for name in NUMBA_SETTINGS]
    return "\n".join([_platform(), *settings])


@cache
def _platform() -> str:
    import llvmlite.binding as llvm

    features = sorted(name for name, present in llvm.get_host_cpu_features().items() if present)
    libraries = [f"{name} {version(name)}" for name in ("numba", "llvmlite", "numpy")]
    return "\n".join([sys.version, *libraries, llvm.get_process_triple(), llvm.get_host_cpu_name(), *features])


@cache
def sources(folder: str) -> str:
    """Digest of the source files of a folder of the package."""
    files = sorted((PACKAGE / folder).rglob("*.py"))
    return _digest(f"{path.relative_to(PACKAGE)}\n{path.read_text('utf-8')}" for path in files)


class _Describer:
    """Functions in words: bytecode, constants, and what the names in them stand for, helpers included."""

    def __init__(self) -> None:
        self.seen: dict[int, int] = {}

    def value(self, value: Any) -> str:
        """A constant, or what a name stands for."""
        function = getattr(value, "py_func", value)
        if isinstance(function, python_types.FunctionType):
            return self.function(function)
        if isinstance(value, python_types.CodeType):
            return self.code(value, {})
        if isinstance(value, tuple | frozenset):
            items = sorted(map(self.value, value)) if isinstance(value, frozenset) else map(self.value, value)
            return f"{type(value).__name__}({', '.join(items)})"
        if isinstance(value, python_types.ModuleType):
            return f"module {value.__name__} {getattr(value, '__version__', '')}"
        if isinstance(value, np.ndarray):
            return f"array {value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
        name = getattr(value, "__qualname__", None)
        if name is not None:
            return f"{getattr(value, '__module__', '')}.{name}"
        return f"{type(value).__qualname__} {value!r}"

    def function(self, function: Any) -> str:
        """A function with its defaults, closure and helpers."""
        function = getattr(function, "py_func", function)
        if id(function) in self.seen:
            return f"function {self.seen[id(function)]}"
        self.seen[id(function)] = len(self.seen)
        cells = [cell.cell_contents for cell in function.__closure__ or ()]
        closure = dict(zip(function.__code__.co_freevars, cells, strict=True))
        defaults = [self.value(default) for default in function.__defaults__ or ()]
        names = function.__globals__ | closure
        return f"def({', '.join(defaults)}) {self.code(function.__code__, names)}"

    def code(self, code: Any, names: dict[str, Any]) -> str:
        """Bytecode, constants and names."""
        used = [*code.co_names, *code.co_freevars]
        meaning = [f"{name}={self.value(names[name])}" for name in used if name in names]
        constants = [self.value(constant) for constant in _constants(code)]
        shape = (code.co_argcount, code.co_kwonlyargcount, code.co_flags, code.co_varnames, used)
        return f"{shape} {code.co_code.hex()} {constants} {meaning}"


def _constants(code: Any) -> tuple[Any, ...]:
    """Constants without the docstring, which is no part of what a function does."""
    has_docstring = code.co_consts and isinstance(code.co_consts[0], str)
    return code.co_consts[1:] if has_docstring else code.co_consts  # type: ignore[no-any-return]
