"""What the names in components' functions stand for: which functions have a vector form, and which are refused.

docs/reference/language.md lists for authors what may be used, and what to write instead of the rest; tests compare
the lists.
"""

from __future__ import annotations

import builtins
import math
import operator
import random
import sys
from typing import Any

import numpy as np

# NumPy's name -> vectormath's.
ALIASES = {
    "absolute": "fabs",
    "power": "pow",
    "float_power": "pow",
    **{f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "tan2", "sinh", "cosh", "tanh")},
}
WHOLE = "whole number"  # int and round: numbers of the model's dtype, unless used as an index or a count
# Objects whose name does not say it.
SPECIAL: dict[int, str] = {
    id(known): name
    for known, name in (
        (math.log, "log_of_base"),
        (builtins.float, "number"),
        (np.float32, "number"),
        (np.positive, "number"),
        (builtins.min, "smallest"),
        (builtins.max, "largest"),
        (builtins.pow, "pow"),
        (np.remainder, "mod"),
        (getattr(np, "fix", None), "trunc"),
        (builtins.int, WHOLE),
        (np.int64, WHOLE),
        (builtins.round, WHOLE),
    )
    if known is not None  # np.fix may go
}
# NumPy's names for operators; Numba has float64 for a float32 and an integer there.
OPERATORS: dict[int, Any] = {
    id(known): meant
    for known, meant in (
        (np.add, operator.add),
        (np.subtract, operator.sub),
        (np.multiply, operator.mul),
        (np.divide, operator.truediv),
        (np.negative, operator.neg),
        (np.less, operator.lt),
        (np.less_equal, operator.le),
        (np.greater, operator.gt),
        (np.greater_equal, operator.ge),
        (np.equal, operator.eq),
        (np.not_equal, operator.ne),
    )
}
# What Numba would compile to something else than Python computes, or to a call of a function that is not in every
# process; and what it would refuse without a line.
UNSUPPORTED = {
    *"math.lgamma math.gamma math.remainder math.ldexp math.frexp math.modf math.nextafter math.ulp math.fma".split(),
    *"math.fsum math.prod math.sumprod math.dist math.isclose math.comb math.perm math.factorial".split(),
    *"np.ldexp np.frexp np.modf np.nextafter np.spacing np.isclose np.logaddexp2 np.select np.piecewise".split(),
    *"np.interp np.zeros_like np.ones_like np.full_like np.array np.asarray np.vectorize np.zeros np.ones".split(),
    *"np.empty np.full np.dot np.vdot np.inner np.matmul np.sort np.argsort np.polyval np.float16".split(),
    *"np.longdouble divmod any all print isinstance str repr format".split(),
}


def replacement(value: Any) -> str | None:
    """The name under which vectormath has a function of math, numpy or Python, if it has it."""
    found = SPECIAL.get(id(value))
    if found is None and isinstance(getattr(value, "__name__", None), str):
        name = value.__name__
        if any(vars(module).get(name) is value for module in (math, np)):
            found = ALIASES.get(name, name)
    return found


def is_unsupported(value: Any) -> bool:
    """Whether it is a function that is refused: one of the above, one that draws random numbers, or one of SciPy."""
    if isinstance(getattr(value, "__self__", None), random.Random | np.random.RandomState):
        return True
    name = full_name(value)
    return name in UNSUPPORTED or (name.startswith("scipy.") and callable(value))


def full_name(value: Any) -> str:
    """`np.dot`, `math.gamma`, `print`, `scipy.special.expit`: how an author may write a function; else empty."""
    name = getattr(value, "__name__", None)
    if not isinstance(name, str):
        return ""
    special = sys.modules.get("scipy.special")  # whose ufuncs do not say where they come from
    for module, prefix in ((math, "math."), (np, "np."), (builtins, ""), (special, "scipy.special.")):
        if module is not None and vars(module).get(name) is value:
            return prefix + name
    return f"{getattr(value, '__module__', '') or ''}.{name}"
