"""Plain Python functions of components, made ready for vector code: a pass in Numba's own pipeline.

Authors write `1.0 / (1.0 + math.exp(-z))`. Taken literally, the constants are float64 and turn a float32 loop into
float64, and the call of the C library keeps LLVM from vectorizing. So, on Numba's representation of the function,

- float constants, also those named in globals and closures, become numbers of the model's dtype;
- integer constants that only meet floats become int16, which leaves a float its dtype, and so do int and round;
- functions of `math`, `numpy` and Python become those of `vectormath` where it has them, and so do `**`, `%` and `//`;
- helper functions are treated likewise, and compiled with nbtrain's flags, whatever flags they had; so are functions
  and numbers of other modules;
- what could raise, and what cannot be compiled, is refused with its line.
"""

from __future__ import annotations

import types as python_types
from functools import cache
from typing import Any

import numpy as np
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.typed_passes import NopythonTypeInference
from numba.core.untyped_passes import IRProcessing, TranslateByteCode

from ..jit import jit
from ..vectormath import functions as vector_functions
from . import tables
from .constants import with_defaults_in
from .messages import line_of_traceback
from .rewriting import Rewriter
from .unsupported import Refused, refuse_statements
from .whole_arrays import RefuseNewArrays


@cache
def plain(
    function: python_types.FunctionType, dtype: np.dtype[Any], checked: bool | None = None, flushing: bool = False
) -> Any:
    """A jit function that computes what `function` says, in `dtype`.

    The same one for the same function until `forget` is called: globals and closures may have changed by then.

    Parameters
    ----------
    function
        Of a component, or a helper of one.
    dtype
        The model's.
    checked
        Whether its indices are compared with the arrays that they are for. Without it, all but those of the built-in
        components are, which are known to be in range; a helper is treated as the function that calls it.
    flushing
        Whether it runs only where subnormal numbers are taken for zero, as optimizers' steps do.
    """
    if checked is None:
        return plain(function, dtype, not _is_ours(function), flushing)
    compiler = _compiler(dtype, flushing)
    tables.argument_element(dtype)
    vector_functions(dtype, flushing)  # Numba learns of new functions only before it begins to compile one
    return jit(with_defaults_in(function, dtype), pipeline_class=compiler, boundscheck=checked)


def forget() -> None:
    """Clear the cache of `plain`."""
    plain.cache_clear()


@cache
def _compiler(dtype: np.dtype[Any], flushing: bool) -> type[CompilerBase]:
    """Numba's compiler with the pass for one dtype."""

    class Compiler(CompilerBase):
        def define_pipelines(self) -> list[Any]:
            passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
            ours = {TranslateByteCode: Translate, NopythonTypeInference: Infer}
            passes.passes = [(ours.get(it, it), text) for it, text in passes.passes]
            passes.add_pass_after(_PASSES[dtype, flushing], IRProcessing)
            passes.add_pass_after(RefuseNewArrays, Infer)
            passes.finalize()
            return [passes]

    return Compiler


@register_pass(mutates_CFG=True, analysis_only=False)
class Translate(TranslateByteCode):
    """Numba's reading of a function, after a check for statements at which it would stop without a line."""

    _name = "nbtrain_translate"

    def run_pass(self, state: Any) -> bool:
        """Raise, or read."""
        try:
            refuse_statements(state.func_id.code)
        except Refused as refused:
            raise refused.within(state.func_id.code) from None
        return bool(super().run_pass(state))


@register_pass(mutates_CFG=True, analysis_only=False)
class Infer(NopythonTypeInference):
    """Numba's type inference; a constant index beyond a tuple gets its line."""

    _name = "nbtrain_infer"

    def run_pass(self, state: Any) -> bool:
        """Raise, or infer."""
        try:
            return bool(super().run_pass(state))
        except tables.NoElement as error:
            raise Refused(f"line {line_of_traceback(error)}: {error}").within(state.func_id.code) from None


def _make_pass(dtype: np.dtype[Any], flushing: bool) -> type[FunctionPass]:
    class Plain(FunctionPass):
        _name = f"nbtrain_plain_{dtype}" + "_flushing" * flushing

        def __init__(self) -> None:
            FunctionPass.__init__(self)

        def run_pass(self, state: Any) -> bool:
            checked = bool(state.flags.boundscheck)
            try:
                vector = vector_functions(dtype, flushing)
                Rewriter(state.func_ir, dtype, vector, lambda it: plain(it, dtype, checked, flushing)).run()
            except Refused as refused:
                raise refused.within(state.func_id.code) from None
            return True

    made: type[FunctionPass] = register_pass(mutates_CFG=False, analysis_only=False)(Plain)
    return made


_PASSES = {
    (np.dtype(kind), flushing): _make_pass(np.dtype(kind), flushing)
    for kind in (np.float32, np.float64)
    for flushing in (False, True)
}


def _is_ours(function: Any) -> bool:
    """Whether a function is a built-in component's."""
    return str(function.__module__ or "").startswith(f"{__name__.partition('.')[0]}.components.builtin.")
