"""Spares Numba work that it repeats for every function, without a change in what it makes.

Numba looks through all its declarations of types whenever it meets an intrinsic or an array, finds out anew what
`a + b` and the field of a record are each time, asks LLVM for the size of the same types, and describes every pass for
those who listen to its events. What is spared here is found again in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numba import types
from numba.core import ir
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import PassManager
from numba.core.imputils import RegistryLoader
from numba.core.typing import templates

# Passes of Numba's pipeline that find nothing to do in the core: closures, array expressions, context managers,
# literals as types, exceptions with arguments; and those that describe or check what Numba itself has made.
UNUSED_PASSES = {
    *("WithLift", "InlineClosureLikes", "InlineInlinables", "InlineOverloads", "MakeFunctionToJitFunction"),
    *("NopythonRewrites", "FindLiterallyCalls", "LiteralUnroll", "LiteralPropagationSubPipelinePass"),
    *("RewriteDynamicRaises", "DumpParforDiagnostics", "AnnotateTypes"),
}


class _LeanPasses(PassManager):
    """Passes that are run without descriptions for listeners, and without checks of Numba's own work."""

    def _runPass(self, index: int, pss: Any, internal_state: Any) -> None:  # Numba's name
        pss.analysis = self._analysis
        pss.run_initialization(internal_state)
        pss.run_pass(internal_state)
        pss.run_finalizer(internal_state)


class LeanCompiler(CompilerBase):
    """Numba's pipeline without the passes that are not needed."""

    def define_pipelines(self) -> list[Any]:
        """One pipeline."""
        full = DefaultPassBuilder.define_nopython_pipeline(self.state)
        lean = _LeanPasses("lean")
        lean.passes = [(made, text) for made, text in full.passes if made.__name__ not in UNUSED_PASSES]
        lean.finalize()
        return [lean]


@contextmanager
def lean(context: Any) -> Iterator[None]:
    """Within this context Numba's target, and its typing, remember what they have found."""
    typing = context.typing_context
    with (
        _replaced(context, "refresh", _where_new(context, RegistryLoader)),
        _replaced(typing, "refresh", _where_new(typing, templates.RegistryLoader)),
        _replaced(context, "get_abi_sizeof", _remembered(context.get_abi_sizeof)),
        _replaced(context, "get_abi_alignment", _remembered(context.get_abi_alignment)),
        _replaced(typing, "resolve_function_type", _Resolved(typing)),
        _replaced(typing, "resolve_getattr", _Attributes(typing)),
        _replaced(ir.Inst, "_rec_list_vars", _variables),
    ):
        yield


@contextmanager
def _replaced(owner: Any, name: str, function: Callable[..., Any]) -> Iterator[None]:
    """Let an object have a function of its own in place of its class's, or a class another one."""
    usual = vars(owner).get(name)
    setattr(owner, name, function)
    try:
        yield
    finally:
        if usual is None:
            delattr(owner, name)
        else:
            setattr(owner, name, usual)


def _remembered(function: Callable[[Any], int]) -> Callable[[Any], int]:
    """A function of LLVM's types that is computed once for each."""
    known: dict[str, int] = {}

    def found(kind: Any) -> int:
        text = str(kind)
        if text not in known:
            known[text] = function(kind)
        return known[text]

    return found


def _where_new(context: Any, loader: Any) -> Callable[[], None]:
    """A context's `refresh`, which does nothing where no declaration has come since the last time."""
    refresh, last = context.refresh, -1

    def count() -> int:
        lists = loader.registry_items
        return sum(len(getattr(registry, name)) for registry in context._registries for name in lists)

    def refreshed() -> None:
        nonlocal last
        if count() != last:
            refresh()
            last = count()

    return refreshed


class _Resolved:
    """A typing context's `resolve_function_type`, which remembers what Numba's own functions and intrinsics give."""

    def __init__(self, context: Any) -> None:
        self.resolve = context.resolve_function_type
        self.known: dict[Any, Any] = {}

    def __call__(self, function: Any, arguments: Any, named: Any) -> Any:
        if named or not isinstance(function, types.Function) or not all(kind.is_precise() for kind in arguments):
            return self.resolve(function, arguments, named)
        key = id(function), tuple(arguments)  # declarations that are added later make another function of it
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = function, self.resolve(function, arguments, named)
        return found[1]


class _Attributes:
    """A typing context's `resolve_getattr`, which remembers the fields of records."""

    def __init__(self, context: Any) -> None:
        self.resolve = context.resolve_getattr
        self.known: dict[Any, Any] = {}

    def __call__(self, kind: Any, name: str) -> Any:
        if not isinstance(kind, types.Record):
            return self.resolve(kind, name)
        if (kind, name) not in self.known:
            self.known[kind, name] = self.resolve(kind, name)
        return self.known[kind, name]


_LEAVES = {str, int, bool, float, type(None), ir.Loc}


def _variables(_: Any, value: Any) -> list[Any]:
    """The variables in a part of Numba's representation, in order, as `Inst._rec_list_vars` lists them."""
    found: list[Any] = []
    waiting = [value]
    while waiting:
        part = waiting.pop()
        kind = type(part)
        if kind is ir.Var:
            found.append(part)
        elif kind is dict:
            waiting.extend(reversed(part.values()))
        elif kind in (list, tuple):
            waiting.extend(reversed(part))
        elif kind not in _LEAVES:
            found.extend(_usual_variables(_, part))
    return found


_usual_variables = ir.Inst._rec_list_vars
