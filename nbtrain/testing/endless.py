"""Loops of components that do not end for some number: found in Python, line by line, before compiled code runs.

Compiled code that does not end cannot be interrupted.
"""

from __future__ import annotations

import collections
import sys
import types as python_types
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..compiler.language import bytecode
from ..components.rebinding import Copies
from .curves import EXTREMES, POINTS
from .report import Report, Values

LONGEST = 100_000  # lines of Python in one call
LONGEST_OF_COUNTS = 2_000_000  # where a loop over the iterations so far may be meant
NUMBERS = tuple(float(x) for x in (*POINTS[:20], *EXTREMES, np.inf, -np.inf, np.nan))
COUNTS = (1, 2, 10, 1000, 10**5)
IN_DOUBLE = ("prepare", "scale", "rate")  # what is compiled for float64 alone

Call = tuple[str, tuple[Any, ...]]  # the arguments in words, and themselves


class _TooLong(BaseException):
    """A function has run for too many lines; no `except Exception` of its author stops it."""


def ends(report: Report, targets: tuple[float, ...] = (0.0,)) -> bool:
    """Whether every function with a loop ends for ordinary and extreme numbers; what does not is noted.

    Parameters
    ----------
    report : Report
    targets : tuple of float
        That an elementwise loss accepts.
    """
    spec: Any = report.spec
    looping = [role for role, function in spec.functions.items() if _loops(function)]
    before = len(report.findings)
    for values in report.parameter_sets() if looping else ():
        for role in looping:
            _check(report, role, values, targets)
    return len(report.findings) == before


def _loops(function: Any) -> bool:
    """Whether a function, or one that it calls, has a loop."""
    return any(bytecode.has_while(found) or bytecode.has_for(found) for found in bytecode.reached([function]))


def _check(report: Report, role: str, values: Values, targets: tuple[float, ...]) -> None:
    spec: Any = report.spec
    function, longest = _in_python(spec.functions[role]), _longest(role)
    for kind in (float,) if role in IN_DOUBLE else (float, np.float32):
        for words, arguments in _calls(spec, role, values, targets, kind):
            if not _ends(function, arguments, longest):
                precision = " in float32" if kind is not float else ""
                report.wrong(
                    f"{role}: for {words}{precision}{report.with_values(values)} it has not ended after {longest:,} "
                    "lines of Python; a loop that does not end hangs training, and nothing can interrupt it: let it "
                    "end for every number, the largest and infinite ones too, as `for turn in range(20)` does"
                )
                return


def _longest(role: str) -> int:
    return LONGEST_OF_COUNTS if role in ("prepare", "rate") else LONGEST


def _ends(function: Any, arguments: tuple[Any, ...], longest: int) -> bool:
    """Whether a call comes to an end, by itself or by an exception, of which other checks tell."""
    left = longest

    def trace(frame: Any, event: str, argument: Any) -> Any:
        nonlocal left
        left -= event == "line"
        if left < 0:
            raise _TooLong
        return trace

    usual = sys.gettrace()
    sys.settrace(trace)
    try:
        with np.errstate(all="ignore"):
            function(*arguments)
    except _TooLong:
        return False
    except Exception:
        return True
    finally:
        sys.settrace(usual)
    return True


def _in_python(function: Any) -> Any:
    """A function that calls the plain Python functions behind the jitted ones that it names, and they likewise."""

    def plain(value: Any) -> Any:
        if bytecode.is_authors_module(value):
            return copies.module(value)
        is_function = isinstance(getattr(value, "py_func", value), python_types.FunctionType)
        return copies.function(value) if is_function else value

    copies = Copies(plain)
    return copies.function(function)


def _calls(spec: Any, role: str, values: Values, targets: tuple[float, ...], kind: Any) -> Iterator[Call]:
    """Arguments that a role's function may meet."""
    with np.errstate(all="ignore"):
        given = tuple(kind(value) for value in values)
        numbers = [kind(x) for x in NUMBERS]
    if spec.kind == "optimizer":
        yield from _of_optimizer(spec, role, values, numbers, kind)
    elif role == "rate":
        yield from ((f"t = {t}", (t, *values)) for t in COUNTS)
    elif role in ("row", "row_output", "rows", "rows_output"):
        yield from _of_rows(spec, role, given, numbers)
    elif spec.kind == "activation" and role == "slope":
        for z in numbers:
            both = {"z": z, "a": z}  # a is a number like others; that of z would have to end first
            yield f"z = {z:g}", (*(both[name] for name in spec.slope_arguments), *given)
    elif spec.kind == "loss" and role != "output":
        yield from ((f"p = {p:g}, y = {y:g}", (p, kind(y), *given)) for y in targets for p in numbers)
    else:
        name = {"activation": "z", "loss": "z"}.get(spec.kind, "norm" if role == "scale" else "w")
        yield from ((f"{name} = {x:g}", ((abs(x) if role == "scale" else x), *given)) for x in numbers)


def _of_optimizer(spec: Any, role: str, values: Values, numbers: Any, kind: Any) -> Iterator[Call]:
    names = ("learning_rate", *spec.parameters)
    hyper = _record(names, [kind(value) for value in (spec.learning_rate, *values)])
    scalars = (_record(spec.scalars, [0.0] * len(spec.scalars)),) if spec.scalars else ()
    if role == "prepare":
        yield from ((f"t = {t}", (t, *scalars, hyper)) for t in COUNTS)
    elif role == "scale":
        yield from ((f"norms of {abs(x):g}", (abs(x), abs(x), hyper)) for x in numbers)
    else:
        prepared: Any = ()
        if spec.prepare is not None:
            try:
                found = spec.prepare(1, *scalars, hyper)  # it has ended when the spec was made
                prepared = tuple(kind(x) for x in (found[0] if spec.scalars else found))
            except Exception:  # other checks tell of it
                return
        slots = _record(spec.slots, [kind(0.0)] * len(spec.slots))
        yield from ((f"g = {g:g}", (kind(0.5), g, slots, prepared, hyper)) for g in numbers)


def _record(names: tuple[str, ...], values: list[Any]) -> Any:
    make: Any = collections.namedtuple
    return make("Values", names)(*values)


def _of_rows(spec: Any, role: str, given: tuple[Any, ...], numbers: Any) -> Iterator[Call]:
    """One row of three outputs, all of the same magnitude."""
    for x in numbers:
        z = np.array([x, -x, x / 2])
        z = z.astype(type(x)) if not isinstance(x, float) else z
        slope = np.zeros_like(z)
        target: Any = 1 if spec.target == "label" else np.zeros_like(z)
        arguments: tuple[Any, ...]
        if role == "row":
            arguments = (z, target, slope, *given)
        elif role == "rows":
            arguments = (z, np.atleast_1d(target), slope, np.zeros(1), z.size, *given)
        else:
            arguments = (z, slope, *given) if role == "row_output" else (z, slope, z.size, *given)
        yield f"z = {z}", arguments
