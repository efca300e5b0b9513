"""Compiles Numba functions to relocatable object code with C functions, through private parts of Numba and llvmlite.

Numba optimizes and loads each function separately before it links it into its callers. Here functions are only typed
and lowered; the whole is linked, optimized and emitted once, and nothing is loaded.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core import config
from numba.core.codegen import JITCodeLibrary, JITCPUCodegen
from numba.core.compiler_lock import global_compiler_lock
from numba.core.errors import TypingError
from numba.core.funcdesc import default_mangler
from numba.core.registry import cpu_target

from ..errors import Error
from . import processor, settings, targets
from .lean import lean

PREFIX = "nbtrain_"
ADDRESS = "numba.dynamic.globals."  # prefix of Numba's names for addresses of this process
MOST_BYTES = 1 << 24  # in a constant table
RAISED = -1  # what a C function returns when the code behind it raised

# What code may call. Every process has these, from the C library and its mathematical library.
LIBRARY = {"memset", "memcpy", "memmove", "realloc", "free"}
OF_SYSTEM = {targets.WINDOWS: {"SwitchToThread", "QueryPerformanceCounter", "QueryPerformanceFrequency"}}
OF_OTHERS = {"sched_yield", "clock_gettime"}
MATHEMATICS = {
    name + suffix
    for name in "pow exp exp2 log log2 log10 log1p expm1 sin cos tan asin acos atan atan2 sinh cosh tanh fmod".split()
    for suffix in ("", "f")
}

# LLVM's levels. The third one also takes long functions into the loops that call them, as those of components must be
# to become vector code; the core takes longer with it and gains nothing.
COMPONENT_LEVEL, CORE_LEVEL = 3, 2

# A dispatcher, its argument types, and constants for its first arguments, which the C function does not take.
Function = tuple[Any, tuple[Any, ...], *tuple[int, ...]]


class _DeferredLibrary(JITCodeLibrary):
    """Code as it was lowered: linked with the code that it calls only when the whole is needed, and never loaded."""

    def _optimize_functions(self, module: Any) -> None:
        module.data_layout = self._codegen._data_layout

    def finalize(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        return 0

    def whole(self) -> Any:
        """A module with this code and all code that it calls, each once."""
        module = self._final_module.clone()
        for library in _reached(self):
            if library is not self:
                deferred = isinstance(library, _DeferredLibrary)
                part = library._final_module if deferred else library._get_module_for_linking()
                module.link_in(part, preserve=True)
        return module

    def _get_module_for_linking(self) -> Any:  # for callers outside of `deferred`
        if self._shared_module is None:
            self._shared_module = self.whole()
            for function in self._shared_module.functions:
                if not function.is_declaration and function.linkage == llvm.Linkage.external:
                    function.linkage = "linkonce_odr"
        return self._shared_module


def _reached(library: Any) -> list[Any]:
    """A library and all that it calls, directly or not."""
    found: list[Any] = []
    waiting = [library]
    while waiting:
        current = waiting.pop()
        if all(current is not other for other in found):
            found.append(current)
            waiting.extend(current._linking_libraries if isinstance(current, _DeferredLibrary) else ())
    return found


class _NoEngine:
    """In place of an engine, where code is made for another kind of machine and not loaded."""

    def set_object_cache(self, *hooks: Any) -> None:
        pass


class _DeferredCodegen(JITCPUCodegen):
    """Makes code for the processor that `processor.compiled_for` names.

    LLVM prefers half vectors on processors with 64 bytes. The target's features are without that: the matrix products
    use whole vectors anyway, so that avoiding them elsewhere would not save clock frequency.
    """

    _library_class = _DeferredLibrary

    def _init(self, llvm_module: Any) -> None:
        aim = targets.aim()
        if aim is None:
            super()._init(llvm_module)
            return
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
        machine = llvm.Target.from_triple(aim.triple).create_target_machine(
            cpu=aim.cpu,
            features=aim.features,
            opt=config.OPT,  # type: ignore[attr-defined]
            reloc="static" if aim.kind == targets.X86 else "default",
            codemodel="jitdefault",
            jit=True,
        )
        self._tm, self._tm_features = machine, aim.features
        self._engine: Any = _NoEngine()
        self._target_data = machine.target_data
        self._data_layout = str(self._target_data)
        self._loopvect, self._opt_level = False, 0

    def _create_empty_module(self, name: str) -> Any:
        module = super()._create_empty_module(name)
        aim = targets.aim()
        if aim is not None:
            module.triple = aim.triple
        return module

    def _get_host_cpu_name(self) -> str:
        return processor.compiled_for()[0]

    def _get_host_cpu_features(self) -> str:
        return processor.compiled_for()[1]

    def set_env(self, name: str, environment: Any) -> None:
        pass


_codegen: _DeferredCodegen | None = None
_made_with = ""  # Numba's settings at that time
_made_for: tuple[Any, ...] = ()  # and the processor


def made_with() -> str | None:
    """Numba's settings at the first compilation, which later ones depend on, too; None if there was none."""
    return None if _codegen is None else _made_with


def _short(name: str, argument_types: Any, *, abi_tags: Any = (), uid: Any = None) -> str:
    """A function's symbol without its argument types, which for a descriptor fill pages; `uid` makes it unique."""
    return str(default_mangler(name, () if uid is not None else argument_types, abi_tags=abi_tags, uid=uid))


def _leave_blas_for_later() -> None:
    """Let Numba assume that SciPy has its BLAS, until linear algebra is compiled.

    Otherwise it imports `scipy.linalg` to find out, a third of the time of the first compilation.
    """
    if "numba.np.arraymath" in sys.modules or find_spec("scipy") is None:
        return
    from numba.np import linalg

    usual, linalg.ensure_blas = linalg.ensure_blas, lambda: None
    try:
        from numba.np import arraymath
    finally:
        linalg.ensure_blas = usual
    arraymath.ensure_blas = usual  # type: ignore[attr-defined]


def _table(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    """A constant array as a part of the code; Numba refers to large ones, and others, by their address."""
    if not array.flags.c_contiguous or array.nbytes > MOST_BYTES:
        raise TypingError(f"table must be contiguous and of at most {MOST_BYTES:,} bytes, got {array.nbytes:,}")
    context.allow_dynamic_globals = False
    try:
        return type(context).make_constant_array(context, builder, kind, array)
    finally:
        context.allow_dynamic_globals = True


@contextmanager
def deferred() -> Iterator[_DeferredCodegen]:
    """Within this context Numba only types and lowers; `object_code` does the rest."""
    global _codegen, _made_with, _made_for
    with global_compiler_lock:
        context = cpu_target.target_context
        if _codegen is None:
            _leave_blas_for_later()
            config.reload_config()  # as Numba does before it compiles, but it would be too late for this
            _codegen, _made_with = _DeferredCodegen("nbtrain"), settings.text()
            _made_for = targets.forced_level(processor.architecture()), targets.aim()
        elif _made_for != (targets.forced_level(processor.architecture()), targets.aim()):
            raise Error("NBTRAIN_LEVEL was changed after this process had compiled for another level; restart it")
        bounds = config.BOUNDSCHECK  # type: ignore[attr-defined]
        config.BOUNDSCHECK = None  # type: ignore[attr-defined]  # NUMBA_BOUNDSCHECK is for users' own functions
        usual, context._internal_codegen = context._internal_codegen, _codegen
        mangler, context.mangler = context.mangler, _short
        context.make_constant_array = partial(_table, context)
        try:
            with lean(context):
                yield _codegen
        finally:
            context._internal_codegen, context.mangler = usual, mangler
            config.BOUNDSCHECK = bounds  # type: ignore[attr-defined]
            del context.make_constant_array


def object_code(
    functions: Mapping[str, Function],
    parts: Iterable[Callable[[Any], None]] = (),
    level: int = COMPONENT_LEVEL,
    may_raise: bool = True,
) -> bytes:
    """Object code of one module with a C function ``int64 nbtrain_<name>(...)`` for each jit function.

    Parameters
    ----------
    functions
        Name -> (jit function that returns an int64, its Numba argument types: integers and floats).
    parts
        Each adds to an llvmlite module functions that the jit functions call by name.
    level
        LLVM's optimization level.
    may_raise
        Whether the functions may return RAISED.

    Raises
    ------
    Error
        If the code needs a symbol that is not in every process, or returns RAISED though it may not.
    """
    with deferred() as codegen:
        module = _module(codegen, functions, parts, level)
        raising = () if may_raise else [name for name in functions if _raises(module.get_function(PREFIX + name))]
        if raising:
            raise Error(
                f"{' and '.join(raising)} could raise an exception, which compiled training cannot pass on: check "
                "indices, the steps of ranges, and np.argmax of empty parts"
            )
        return bytes(codegen._tm.emit_object(module))


def allowed() -> set[str]:
    """Names of the functions of other libraries that code may call, on the system that it is made for."""
    return LIBRARY | MATHEMATICS | OF_SYSTEM.get(targets.system(), OF_OTHERS)


def _raises(function: Any) -> bool:
    """Whether the optimizer was unable to see that a C function returns 0."""
    ends = [list(block.instructions)[-1] for block in function.blocks]
    return any(end.opcode == "ret" and not str(end).strip().startswith("ret i64 0") for end in ends)


def assembly_of(functions: Mapping[str, Function], parts: Iterable[Callable[[Any], None]] = ()) -> str:
    """Assembly of such a module, optimized as components are."""
    with deferred() as codegen:
        return str(codegen._tm.emit_assembly(_module(codegen, functions, parts, COMPONENT_LEVEL)))


def _module(
    codegen: Any,
    functions: Mapping[str, Function],
    parts: Iterable[Callable[[Any], None]],
    level: int,
) -> Any:
    """One optimized module with a C function for each jit function."""
    library = codegen.create_library("nbtrain")
    module = library.create_ir_module("nbtrain")
    for part in parts:
        part(module)
    for name, (function, argument_types, *constants) in functions.items():
        function.compile(argument_types)
        compiled = function.overloads[argument_types]
        library.add_linking_library(compiled.library)
        _add_entry(module, PREFIX + name, compiled, constants)
    library.add_ir_module(module)
    library.finalize()
    return _optimized(codegen, library, {PREFIX + name for name in functions}, level)


def _add_entry(module: Any, name: str, compiled: Any, constants: Sequence[int]) -> None:
    """A C function that calls a compiled one and returns its status, or RAISED."""
    context, descriptor, int64 = compiled.target_context, compiled.fndesc, ir.IntType(64)
    convention = context.call_conv
    inner_type = convention.get_function_type(descriptor.restype, descriptor.argtypes)
    inner = module.globals.get(descriptor.llvm_func_name)
    if inner is None:
        inner = ir.Function(module, inner_type, descriptor.llvm_func_name)
    argument_types = [context.get_value_type(argument) for argument in descriptor.argtypes[len(constants) :]]
    outer = ir.Function(module, ir.FunctionType(int64, argument_types), name)
    builder = ir.IRBuilder(outer.append_basic_block())
    given = [*(ir.Constant(int64, constant) for constant in constants), *outer.args]
    status, result = convention.call_function(builder, inner, descriptor.restype, descriptor.argtypes, given)
    result = context.cast(builder, result, descriptor.restype, _int64())
    builder.ret(builder.select(status.is_ok, result, ir.Constant(int64, RAISED)))


def _int64() -> Any:
    from numba import types

    return types.int64


def _optimized(codegen: Any, library: Any, exported: set[str], level: int) -> Any:
    """The linked module, optimized, everything but the exported functions internal."""
    module = library._final_module = library.whole()
    for value in [*module.functions, *module.global_variables]:
        if not value.is_declaration and value.name not in exported:
            value.linkage = "internal"
    builder = codegen._pass_builder(opt=level)  # one round: Numba's cheap one before it is for reference counts
    builder.getModulePassManager().run(module, builder)
    module.verify()
    needed = {f.name for f in module.functions if f.is_declaration and not f.name.startswith("llvm.")}
    if any(value.name.startswith(ADDRESS) for value in module.global_variables):
        raise Error("compiled code contains an address of this process, such as a C function; write a plain function")
    unknown = needed - allowed()
    if unknown:
        raise Error(f"compiled code needs the symbols {', '.join(sorted(unknown))}, which other processes may not have")
    return module
