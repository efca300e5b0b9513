"""docs/reference/language.md is true: what it lists is as accurate vector code as it says; refusals are refused."""

from __future__ import annotations

import builtins
import ctypes
import math
import re
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numba import from_dtype
from vectormath_cases import LIMITS, ulps32

import nbtrain
from nbtrain import compiler
from nbtrain.compiler import loader
from nbtrain.compiler.blocks.scalar import INT
from nbtrain.compiler.inspect import _functions, _loops
from nbtrain.compiler.jit import jit
from nbtrain.compiler.language.plain import plain
from nbtrain.compiler.language.vocabulary import (
    ALIASES,
    OPERATORS,
    SPECIAL,
    UNSUPPORTED,
    WHOLE,
    is_unsupported,
    replacement,
)
from nbtrain.compiler.objects import MATHEMATICS, assembly_of, object_code
from nbtrain.compiler.tuples import Streams
from nbtrain.compiler.vectormath import functions
from nbtrain.compiler.vectormath.rows import rows

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "language.md").read_text(encoding="utf-8")
FLOAT32 = np.dtype(np.float32)


def table(heading: str) -> list[list[str]]:
    """Cells of the rows of the table below a heading."""
    rows = [line for line in PAGE.split(f"## {heading}\n")[1].split("\n## ")[0].splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[1:]]


def code_in(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


ROWS = table("Functions")
EXPRESSIONS = {expression: row[1] for row in ROWS for expression in code_in(row[0])}
CONSTANTS = ('float("inf")', "math.inf", "math.pi", "np.e")


def function(expression: str) -> Any:
    scope = {"math": math, "np": np}
    exec(f"def f(x, y):\n    c = x > y\n    return {expression}", scope)
    return scope["f"]


@cache
def compiled() -> tuple[dict[str, Any], str]:
    """C functions of (x, y, out, n) for all expressions, and their assembly."""
    blocks = {f"f{i}": (loop(expression), (INT,) * 4) for i, expression in enumerate(EXPRESSIONS)}
    loaded = loader.load(object_code(blocks), tuple(blocks))
    return dict(zip(EXPRESSIONS, loaded.values(), strict=True)), assembly_of(blocks)


def loop(expression: str) -> Any:
    computed, streams = plain(function(expression), FLOAT32), Streams(FLOAT32, 3)
    computed.compile((from_dtype(FLOAT32),) * 2)
    x_at, y_at, put = streams.getter(0), streams.getter(1), streams.setter(2)

    @jit
    def block(x, y, out, n):
        for i in range(n):
            put(out, i, computed(x_at(x, i), y_at(y, i)))
        return 0

    return block


def lenient_math() -> Any:
    """`math` that has NaN and infinities where it would raise: NumPy's functions."""
    names = {"fabs": "abs", "pow": "power", "erf": None, "erfc": None}
    names |= {f"a{name}": f"arc{name}" for name in ("sin", "cos", "tan", "tan2", "sinh", "cosh", "tanh")}
    made = SimpleNamespace(**vars(math))
    for name in vars(math):
        wanted = names.get(name, name)
        if wanted and callable(getattr(math, name)) and hasattr(np, wanted):
            setattr(made, name, getattr(np, wanted))
    made.log = lambda x, base=math.e: np.log(x) / (np.log(base) if base != math.e else 1.0)
    return made


def points() -> tuple[Any, Any]:
    rng = np.random.default_rng(30)
    x, y = (rng.choice([-1, 1], (2, 400)) * np.exp(rng.uniform(-4, 3, (2, 400)))).astype(np.float32)
    return x, y


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_what_is_listed_is_vector_code_as_accurate_as_it_says(expression: str) -> None:
    addresses, _ = compiled()
    x, y = points()
    got = np.empty_like(x)
    kinds = [ctypes.c_int64] * 4
    assert (
        ctypes.CFUNCTYPE(ctypes.c_int64, *kinds)(addresses[expression])(*(a.ctypes.data for a in (x, y, got)), 400) == 0
    )
    plainly = function(expression)
    plainly.__globals__["math"] = lenient_math()
    with np.errstate(all="ignore"):
        wanted = np.array([float(plainly(*map(np.float64, pair))) for pair in zip(x, y, strict=True)])
    numbers = ~np.isnan(wanted)
    assert numbers.sum() > 50
    np.testing.assert_array_equal(np.isnan(got), ~numbers)
    accuracy = EXPRESSIONS[expression]
    limit = 0.5 if accuracy == "exact" else float(accuracy.split(",")[0])
    finite = np.isfinite(wanted)
    np.testing.assert_array_equal(got[numbers & ~finite], wanted[numbers & ~finite])
    assert ulps32(got[finite], wanted[finite]).max(initial=0) <= limit * (1 + 1e-6)


def test_their_loops_are_vector_code_without_calls() -> None:
    _, code = compiled()
    bodies = _functions(code)
    assert set(bodies) >= {f"f{i}" for i in range(len(EXPRESSIONS))}
    for i, expression in enumerate(EXPRESSIONS):
        loops = _loops(bodies[f"f{i}"])
        assert not any(loop.calls for loop in loops), expression
        assert expression in CONSTANTS or any(loop.packed for loop in loops), expression
    assert not re.search(r"\b(" + "|".join(MATHEMATICS) + r")\b", code.replace("\n", " ").split(".addrsig")[0])


def test_the_accuracies_are_those_that_the_vector_mathematics_is_tested_for() -> None:
    stated = {row[1] for row in ROWS}
    assert stated == {"exact", "4, 8", f"{LIMITS[np.float32]:g}, {LIMITS[np.float64]:g}"}


OF_ROWS = rows(FLOAT32)


def test_every_function_that_becomes_vector_code_is_listed() -> None:
    table, text = functions(FLOAT32), "\n".join(row[0] for row in ROWS)
    assert {*table, WHOLE} >= {*ALIASES.values(), *SPECIAL.values()}
    for module, prefix in ((math, "math."), (np, "np."), (builtins, "")):
        for name, value in vars(module).items():
            ours = replacement(value) in (*table, WHOLE) or id(value) in OPERATORS
            plain_name = getattr(value, "__name__", "") == name or name in ("abs", "mod")
            if ours and plain_name and not name.startswith(("arc", "__")) and name not in UNLISTED:
                assert f"`{prefix}{name}(" in text, f"{prefix}{name}"


# Comparisons, which nobody writes as functions; NumPy's own name of np.abs, and np.number, which is no function; what
# is of rows, not of numbers.
UNLISTED = {"less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "absolute", "number", *OF_ROWS}


def test_every_refusal_is_listed_and_every_listed_one_refused() -> None:
    rows = table("What is not supported, and what to write instead")
    assert {name for row in rows[:-3] for name in code_in(row[0])} == UNSUPPORTED


def one(z: float) -> float:
    return 1.0


@pytest.mark.parametrize("name", sorted(UNSUPPORTED))
def test_a_refusal_names_component_function_and_line(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    if not hasattr({"math": math, "np": np, "": builtins}[module], attribute):
        pytest.skip(f"{name} is not in this Python")
    scope: dict[str, Any] = {"math": math, "np": np}
    exec(f"def wrong(z):\n    return {name}(z)", scope)
    words = rf"activation 'refused': value \(wrong, .*\): line 2: `{re.escape(name)}` is not supported; see docs/ref"
    with pytest.raises(nbtrain.PluginError, match=words):
        compiler.component(nbtrain.Activation("refused", scope["wrong"], one), np.float32)
    assert not is_unsupported(np.exp)
