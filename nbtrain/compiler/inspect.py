"""Shows what a component became in machine code: its assembly, and whether its loops are vector code.

For authors of plugins, and for the tests: `is_vectorized(spec, dtype)` -> (answer, reason), `scalar_calls(spec, dtype)`
-> names of the C library's functions that are called, `assembly(spec, dtype)` -> text. For the first question about a
component Numba is imported and the component compiled, whatever the disk cache holds: about half a second.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

from .keys.component import component_key
from .language.loops import has_computed_index, has_for, has_while, reached

__all__ = ["assembly", "is_vectorized", "scalar_calls"]

_LABEL = re.compile(r"^([\w.$]+):")
_CALL = re.compile(r"^(?:callq?|blr?)\s+(\S+)")
_IMMEDIATE = re.compile(r"\$([A-Za-z_]\w*)")  # a C function's address, loaded before it is called
_LOCAL = re.compile(r"\.?L\w+$")

# Arithmetic on packed numbers, and stores of vectors, whole or under a mask; scalar code has `movss`, and stores
# vectors to the stack alone.
_TO_MEMORY = r",\s*(?!.*%[re][sb]p)\S*\("
_PACKED_X86 = re.compile(
    r"^v?(?:add|sub|mul|div|sqrt|fn?m(?:add|sub)\d+)p[sd]\s"
    rf"|^v?mov(?:[au]p[sd]|ntp[sd]|ntdq|dq[au]\d*)\s+%[xyz]mm\d+{_TO_MEMORY}"
    rf"|^vp?maskmov(?:p[sd]|[dq])\s+%[xyz]mm\d+,\s*%[xyz]mm\d+{_TO_MEMORY}"
)
_PACKED_ARM = re.compile(
    r"^f(?:add|sub|mul|mla|mls|div|sqrt)(?:\.[42][sd]\s|\s+v\d+\.[42][sd])|^st[rpu]\w*\s+q\d+.*\[x"
    r"|^st1(?:\.(?:4s|2d|16b))?\s+\{\s*v\d+(?:\.(?:4s|2d|16b))?\s*\},"
)

# Functions that are called once, or whose loops are the author's own.
_NOT_LOOPS = ("prepare", "scale", "rate", "row", "row_output", "rows", "rows_output")

_texts: dict[str, str] = {}


def assembly(spec: Any, dtype: Any) -> str:
    """Assembly of a component's block functions, `nbtrain_value`, `nbtrain_slope`, …, optimized for this machine.

    Parameters
    ----------
    spec : Activation, Regularizer, Optimizer, Loss or Schedule
        As `nbtrain.registry.get(kind, name)` has it.
    dtype : {"float32", "float64"}
        Of the numbers that it works on.

    Returns
    -------
    str
        Of all functions.

    Raises
    ------
    PluginError
        If one of its functions cannot be compiled.

    Examples
    --------
    >>> import nbtrain
    >>> from nbtrain.compiler.inspect import assembly
    >>> "nbtrain_value" in assembly(nbtrain.registry.get("activation", "tanh"), "float32")
    True
    """
    from .blocks import loops
    from .language.plain import forget
    from .objects import assembly_of

    dtype = np.dtype(dtype)
    key = component_key(spec, dtype)
    if key not in _texts:
        forget()
        _texts[key] = assembly_of(loops(spec, dtype))
    return _texts[key]


def scalar_calls(spec: Any, dtype: Any) -> tuple[str, ...]:
    """Functions of the C library that a component calls for single numbers, such as `powf`; best is none.

    Parameters
    ----------
    spec : Activation, Regularizer, Optimizer, Loss or Schedule
        As `nbtrain.registry.get(kind, name)` has it.
    dtype : {"float32", "float64"}
        Of the numbers that it works on.

    Returns
    -------
    tuple of str
        Their names.

    Examples
    --------
    >>> import nbtrain
    >>> from nbtrain.compiler.inspect import scalar_calls
    >>> scalar_calls(nbtrain.registry.get("activation", "tanh"), "float32")
    ()
    """
    return _mathematics(assembly(spec, dtype))


def is_vectorized(spec: Any, dtype: Any) -> tuple[bool, str]:
    """Whether a component's loops work on whole vectors of numbers.

    Parameters
    ----------
    spec : Activation, Regularizer, Optimizer or Loss
        For losses that work on rows only calls are checked; schedules have no loop.
    dtype : {"float32", "float64"}
        Of the numbers that it works on.

    Returns
    -------
    (bool, str)
        The answer, and, where it is no, the reason for the component's author.

    Raises
    ------
    PluginError
        If one of its functions cannot be compiled.

    Examples
    --------
    >>> import nbtrain
    >>> from nbtrain.compiler.inspect import is_vectorized
    >>> is_vectorized(nbtrain.registry.get("activation", "tanh"), "float32")
    (True, '')
    """
    text = assembly(spec, dtype)
    called = _mathematics(text)
    if called:
        return False, f"it calls {', '.join(called)} of the C library for one number at a time"
    for name, body in _functions(text).items():
        if name not in _looping(spec):
            continue
        loops = _loops(body)
        helpers = sorted({helper for loop in loops for helper in loop.calls})
        if helpers:
            return False, f"{name} calls {', '.join(helpers)} for one number at a time"
        if loops and not any(loop.packed for loop in loops):
            return (
                False,
                f"{name} works on one number at a time: {_obstacle(spec.functions[name], _has_loop_in_loop(body))}",
            )
    return True, ""


def _obstacle(function: Any, nested: bool) -> str:
    """What keeps a component's function from vector code; `nested`: a loop of its own was not unrolled."""
    functions = reached([function])
    if any(map(has_while, functions)):
        return "it has a `while`, which takes fewer iterations for some numbers than for others"
    if any(map(has_for, functions)) and nested:
        return "it has a `for` with too many iterations, or too long a body, to be unrolled"
    if any(map(has_computed_index, functions)):
        return "it takes elements of a table by a computed index"
    return "it has a branch that cannot become a selection"


def _looping(spec: Any) -> tuple[str, ...]:
    """The block functions of a component that go over numbers without any order among them."""
    return tuple(role for role in spec.functions if role not in _NOT_LOOPS)


def _mathematics(text: str) -> tuple[str, ...]:
    """Mathematical functions of the C library that assembly names."""
    from .objects import MATHEMATICS

    return tuple(sorted(MATHEMATICS & set(re.findall(r"(?<![\w.])_?([a-z]\w+)(?![\w.(])", _instructions(text)))))


def _instructions(text: str) -> str:
    """Operands of the instructions that load addresses or call."""
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if _CALL.match(line) or _IMMEDIATE.search(line) or line.startswith("adr"))


class _Loop(NamedTuple):
    """An innermost loop."""

    packed: bool
    calls: tuple[str, ...]


def _functions(text: str) -> dict[str, list[str]]:
    """Lines of the exported functions, by name without prefix."""
    from .loader import PREFIX

    found: dict[str, list[str]] = {}
    body: list[str] = []
    for line in text.splitlines():
        label = _LABEL.match(line)
        if label and not _LOCAL.match(label[1]):
            body = found.setdefault(label[1].removeprefix("_").removeprefix(PREFIX), [])
        elif label or (line.strip() and not line.strip().startswith((".", "#", "//", ";"))):
            body.append(line.strip())
    return found


def _loops(body: list[str]) -> list[_Loop]:
    """The innermost loops of a function."""
    spans = _spans(body)
    innermost = [
        (first, last)
        for first, last in spans
        if not any(first <= a and b <= last and (a, b) != (first, last) for a, b in spans)
    ]
    return [_loop(body[first:last]) for first, last in innermost]


def _has_loop_in_loop(body: list[str]) -> bool:
    spans = _spans(body)
    return any(first < a and b < last for first, last in spans for a, b in spans)


def _spans(body: list[str]) -> list[tuple[int, int]]:
    """First and last lines of the loops of a function: from a label to a jump back to it."""
    places = {label[1]: i for i, line in enumerate(body) if (label := _LABEL.match(line))}
    spans = []
    for end, line in enumerate(body):
        target = re.search(r"(?:^|[\s,])(\.?L\w+)$", line)
        if target and places.get(target[1], end) < end and not _CALL.match(line):
            spans.append((places[target[1]], end))
    return spans


def _loop(lines: list[str]) -> _Loop:
    packed = any(_PACKED_X86.match(line) or _PACKED_ARM.match(line) for line in lines)
    calls = (found[1] for line in lines if (found := _CALL.match(line)))
    return _Loop(packed, tuple("a function" if "%" in name or name.startswith("x") else name for name in calls))
