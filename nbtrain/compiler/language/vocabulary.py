"""What the names in components' functions stand for: which functions have a vector form, which are refused with advice.

docs/components.md lists for authors what may be used; the tests walk its tables.
"""

from __future__ import annotations

import builtins
import math
import operator
import random
from typing import Any

import numpy as np

from .scipy_names import scipy_refusal

# NumPy's name -> vectormath's.
ALIASES = {
    "absolute": "fabs",
    "power": "pow",
    "float_power": "pow",
    **{f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "tan2", "sinh", "cosh", "tanh")},
}
WHOLE = (
    "whole number"  # int and round, which become numbers of the model's dtype where no index or count is made of them
)
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
        (np.fix, "trunc"),
        (builtins.int, WHOLE),
        (np.int64, WHOLE),
        (builtins.round, WHOLE),
    )
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
NO_MEMORY = "fill slope in a loop, or use variables and tuples; there is no memory for new arrays"
# "module.name" -> what to write instead; for what has no form that is sure to be in every process, or none at all.
REFUSED = {
    "math.lgamma": "approximate it, by Stirling's formula for instance",
    "math.gamma": "approximate it, by Stirling's formula for instance",
    "math.remainder": "write x - y * np.rint(x / y)",
    "math.ldexp": "write x * 2.0 ** n",
    "np.ldexp": "write x * 2.0 ** n",
    "math.frexp": "take n = math.floor(math.log2(abs(x)))",
    "np.frexp": "take n = np.floor(np.log2(abs(x)))",
    "math.modf": "write x - math.trunc(x) and math.trunc(x)",
    "np.modf": "write x - np.trunc(x) and np.trunc(x)",
    "math.nextafter": "add a small multiple of x",
    "np.nextafter": "add a small multiple of x",
    "np.spacing": "take np.finfo(np.float32).eps * abs(x)",
    "math.ulp": "take np.finfo(np.float32).eps * abs(x)",
    "math.fma": "write x * y + z; it is fused where the processor can",
    "math.fsum": "add with +",
    "math.prod": "multiply with *",
    "math.sumprod": "write the products and sums",
    "math.dist": "write math.hypot(x1 - x2, y1 - y2)",
    "math.isclose": "write abs(x - y) <= tolerance",
    "np.isclose": "write abs(x - y) <= tolerance",
    "math.comb": "compute it outside, as a constant of the module",
    "math.perm": "compute it outside, as a constant of the module",
    "math.factorial": "compute it outside, as a constant of the module",
    "np.logaddexp2": "write np.logaddexp(x * math.log(2), y * math.log(2)) / math.log(2)",
    "np.select": "write np.where inside np.where, or if and elif",
    "np.piecewise": "write np.where inside np.where, or if and elif",
    "np.interp": "write the line between two points with if or np.where",
    "np.zeros_like": "write 0.0, or fill slope in a loop; there is no memory for new arrays",
    "np.ones_like": "write 1.0, or fill slope in a loop; there is no memory for new arrays",
    "np.full_like": "write the number, or fill slope in a loop; there is no memory for new arrays",
    "np.array": "write the number alone, a tuple, or a constant of the module; there is no memory for new arrays",
    "np.asarray": "use the number or the row as it is",
    "np.vectorize": "call the function itself, for a row in a loop",
    **dict.fromkeys(("np.zeros", "np.ones", "np.empty", "np.full"), NO_MEMORY),
    **dict.fromkeys(("np.dot", "np.vdot", "np.inner", "np.matmul"), "add up the products in a loop"),
    **dict.fromkeys(("np.sort", "np.argsort"), "there is no memory for new arrays; np.argmax and np.max need none"),
    "np.polyval": "write it by Horner's rule: (a * x + b) * x + c",
    "np.float16": "write np.float32(x), or x as it is",
    "np.longdouble": "write x as it is; all numbers are of the model's dtype",
    "divmod": "write x // y and x % y",
    "any": "write `or` between the conditions",
    "all": "write `and` between the conditions",
    "print": "call the function without nbtrain, as plain Python, to look inside",
    "isinstance": "every argument is a number",
    **dict.fromkeys(("str", "repr", "format"), "a component computes numbers; call it without nbtrain to look inside"),
}


def replacement(value: Any) -> str | None:
    """The name under which vectormath has a function of math, numpy or Python, if it has it."""
    found = SPECIAL.get(id(value))
    if found is None and isinstance(getattr(value, "__name__", None), str):
        name = value.__name__
        if any(vars(module).get(name) is value for module in (math, np)):
            found = ALIASES.get(name, name)
    return found


def refusal(value: Any) -> str | None:
    """`module.name cannot be used in a component; advice`, for a function that is refused."""
    name = getattr(value, "__name__", None)
    if not isinstance(name, str):
        return None
    if isinstance(getattr(value, "__self__", None), random.Random | np.random.RandomState):
        return f"{name} draws a random number, which a component cannot; its results depend on its arguments alone"
    for module, words in ((math, f"math.{name}"), (np, f"np.{name}"), (builtins, name)):
        if words in REFUSED and vars(module).get(name) is value:
            return f"{words} cannot be used in a component; {REFUSED[words]}"
    return scipy_refusal(value)
