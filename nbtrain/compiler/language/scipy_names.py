"""Functions of SciPy, which code that is in every process cannot call: what a component's author writes instead."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

OTHERWISE = "write its formula with the functions that docs/components.md lists"
INSTEAD = {
    "expit": "write 1.0 / (1.0 + math.exp(-x))",
    "logit": "write math.log(x / (1.0 - x))",
    "log_expit": "write -np.logaddexp(0.0, -x)",
    "softplus": "write np.logaddexp(0.0, x)",
    "ndtr": "write 0.5 * math.erfc(-x / math.sqrt(2.0))",
    "xlogy": "write 0.0 if x == 0.0 else x * math.log(y)",
    "xlog1py": "write 0.0 if x == 0.0 else x * math.log1p(y)",
    "entr": "write 0.0 if x == 0.0 else -x * math.log(x)",
    "rel_entr": "write 0.0 if x == 0.0 else x * math.log(x / y)",
    "exp10": "write 10.0 ** x",
    "logsumexp": "subtract np.max(z), add up math.exp in a loop, and take math.log",
    "log_softmax": "subtract np.max(z) and the logarithm of the sum of math.exp, in loops",
    "softmax": "subtract np.max(z), and divide each math.exp by their sum, in loops",
    **{name: f"write math.{name}(x)" for name in ("erf", "erfc", "log1p", "expm1", "exp2", "cbrt")},
}


def scipy_refusal(value: Any) -> str | None:
    """`scipy.special.name cannot be used in a component; advice`, for a function of SciPy."""
    name = getattr(value, "__name__", None)
    special = sys.modules.get("scipy.special")  # without it nobody can have one of its functions
    if special is None or not isinstance(name, str) or vars(np).get(name) is value:  # it has some of NumPy's too
        return None
    if vars(special).get(name) is value:
        return f"scipy.special.{name} cannot be used in a component; {INSTEAD.get(name, OTHERWISE)}"
    module = str(getattr(value, "__module__", "") or "")
    if module.partition(".")[0] == "scipy" and callable(value):
        return f"{module}.{name} cannot be used in a component; {INSTEAD.get(name, OTHERWISE)}"
    return None
