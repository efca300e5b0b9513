"""Components' functions with `math` and Python's own functions exchanged for ones that take values.

NumPy's functions of numbers come to values by themselves, through NumPy's protocols.
"""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from . import arithmetic, formulas
from .rebinding import Copies
from .values import FORMULAS, Value

Function = Callable[..., Any]
NAMES = """
    exp exp2 expm1 log2 log10 log1p sqrt cbrt hypot sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh
    erf erfc floor ceil trunc fmod copysign isnan isinf isfinite degrees radians log logaddexp rint fmin fmax minimum
    maximum heaviside sign signbit square reciprocal mod power clip where floor_divide
""".split()
OTHER_NAMES = {f"a{name}": f"arc{name}" for name in ("sin", "cos", "tan", "tan2", "sinh", "cosh", "tanh")}


def _formulas() -> dict[Any, Function]:
    """Functions of math, NumPy and Python, and their replacements."""
    found: dict[Any, Function] = {}
    for name in NAMES:
        for module in (math, np):
            for known in (name, OTHER_NAMES.get(name, name)):
                if hasattr(module, known):
                    found[getattr(module, known)] = getattr(formulas, name, None) or getattr(arithmetic, name)
    found |= {
        math.log: formulas.log_of_base,
        math.pow: arithmetic.power,
        math.fabs: operator.abs,
        np.float_power: arithmetic.power,
        np.positive: arithmetic.number,
        np.float32: arithmetic.number,
        np.float64: arithmetic.number,
        np.int64: arithmetic.whole,
        builtins.float: arithmetic.number,
        builtins.int: arithmetic.whole,
        builtins.round: arithmetic.nearest,
        builtins.min: arithmetic.smallest,
        builtins.max: arithmetic.largest,
        builtins.pow: arithmetic.power,
    }
    if hasattr(np, "fix"):  # NumPy 2.5 deprecates it
        found[np.fix] = arithmetic.trunc
    return found


FORMULAS.update(_formulas())


class StandIns:
    """What the names in components' functions stand for while they are run on values."""

    def __init__(self) -> None:
        own = {name: self.value(getattr(builtins, name)) for name in ("float", "int", "round", "min", "max", "pow")}
        self._copies = Copies(self.value, own)

    def function(self, function: Any) -> Function:
        """The same code, in which names stand for what takes values."""
        return self._copies.function(function)

    def value(self, given: Any) -> Any:
        """The replacement of a function or a module; anything else as it is."""
        if isinstance(getattr(given, "py_func", given), FunctionType) and not _is_numpys(given):
            return self.function(given)
        if isinstance(given, ModuleType):
            return self._copies.module(given)
        try:
            formula = FORMULAS.get(given)
        except TypeError:  # it has no hash: a list, say
            return given
        return given if formula is None else _taking_values(given, formula)


def _is_numpys(given: Any) -> bool:
    return str(getattr(given, "__module__", "")).partition(".")[0] == "numpy"


def _taking_values(function: Any, formula: Function) -> Function:
    """A function that goes by the formula where a value is given."""
    known = float if function is np.float32 else function  # compiled, it gives a number of the model's dtype

    def call(*arguments: Any, **options: Any) -> Any:
        items = [*arguments, *options.values()]
        items += [item for group in items if isinstance(group, tuple) for item in group]
        if any(isinstance(item, Value) for item in items):
            return formula(*arguments, **options)
        return known(*arguments, **options)

    return call
