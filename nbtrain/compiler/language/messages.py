"""Says in one line what Numba says about a component's function, for an author who does not know Numba.

The line number is one of the author's own function, never one of Numba's, NumPy's or nbtrain's files.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numba.core import ir

from ...checks.messages import unknown
from .unsupported import PLACE, SEE, UNSET

NEW_ARRAY = "a new array (write a loop over the elements)"
FOREIGN = tuple(f"{part}/" for part in ("/numba", "/numpy", "/llvmlite", "/scipy"))
PACKAGE = str(Path(__file__).parent.parent.parent)
DULL = ("Failed in", "During:", "File ", "def ", "^", "<source", "There are", "- Of", "Overload", "Enable", ">>>")

# Numba's messages -> what is not supported.
FOUND = (
    (r"setitem\((?:unaligned )?readonly array", "writing to z, y or a constant"),
    (r"NRT required|_ol_array_allocate|Only accept returning of array passed", NEW_ARRAY),
    (r"Unknown attribute '(\w+)' of type Module\(<module '([\w.]+)'", r"`\2.\1`"),
    (r"Unknown attribute '(\w+)' of type", r"the attribute `.\1`"),
    (r"Untyped global name '(\w+)'", r"`\1`, not a number, tuple, array or plain function,"),
    (r"Use of unsupported NumPy function 'numpy\.([\w.]+)'", r"`np.\1`"),
    (r"Int value is too large: (-?\d+)", r"the integer \1, which is beyond 64 bits,"),
    (r"wrong tuple length for .*?'expected (\d+), got (\d+)'", r"unpacking \1 values of a tuple that holds \2"),
    (r"(\w+)\(\) takes \d+ positional arguments?", r"`\1` with this number of arguments"),
    (r"No implementation of function .*?>>> contains\(", "`in` with a tuple or an array"),
    (r"No implementation of function .*?>>> setitem\(", "assigning to an element of a tuple"),
    (r"No implementation of function .*?>>> (.+?)\n", r"`\1`"),
)


def short(error: Exception, function: Any = None, arguments: Sequence[Any] = ()) -> str:
    """What Numba found, in one line.

    Parameters
    ----------
    error
        Numba's, or anything that left it.
    function
        The jit function that was compiled, if it is known.
    arguments
        The types that it was compiled for.
    """
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error)) or type(error).__name__
    refused = re.search(r"^line \d+: .*$", text, re.MULTILINE)
    if refused:
        return _without_own_place(refused[0], function)
    line = _line(text, function) or line_of_traceback(error)
    where = f"line {line}: " if line else ""
    unset = re.search(r"Variable '(\w+)' is not defined", text)  # where it is assigned further down only
    if unset:
        return where + UNSET.format(unset[1])
    undefined = re.search(r"NameError: (name '\w+' is not defined)", text)
    of_ours = re.search(r"TypingError: (\S+ must .*)", text)
    for found in (undefined, of_ours):
        if found:
            return where + found[1]
    own = _missing_name(text, arguments) or _unlike_returns(text)
    if own:
        return where + own
    for pattern, what in FOUND:
        found = re.search(pattern, text, re.DOTALL)
        if found:
            return f"{where}{_readable(found.expand(what))} is not supported; {SEE}"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return where + next((line for line in lines if not line.startswith(DULL)), lines[0])


def _missing_name(text: str, arguments: Sequence[Any]) -> str:
    """What names a NamedTuple among the arguments has, where another one was asked for."""
    found = re.search(r"Unknown attribute '(\w+)' of type (\w+)\(", text)
    for kind in arguments if found else ():
        title = getattr(getattr(kind, "instance_class", None), "__name__", "")
        if found and title == found[2]:
            return unknown(f"attribute of {title}:", found[1], kind.fields)
    return ""


def _unlike_returns(text: str) -> str:
    """What a function returns that does not return the same kind everywhere."""
    found = re.search(r"Can't unify return type from the following types: ([^\n]*)", text)
    if not found:
        return ""
    kinds = re.sub(
        r"Tuple\((.*?)\)(?=, Tuple|, \w+$|$)", r"(\1)", re.sub(r"UniTuple\((\w+) x (\d+)\)", _listed, found[1])
    )
    return f"it returns different things on different paths: {kinds}; return as many numbers on each"


def _listed(found: re.Match[str]) -> str:
    """A tuple of equal types with each of them written out."""
    count = int(found[2])
    return f"({', '.join([found[1]] * count)}{',' * (count == 1)})"


def _readable(what: str) -> str:
    """A call with the types of its arguments, without Numba's own words."""
    what = re.sub(r"Literal\[\w+\]\(([^()]*)\)", r"\1", what)
    what = re.sub(r"(?:unaligned )?(?:readonly )?array\((\w+), 1d, \w\)", r"row of \1", what)
    return re.sub(r"\w+\((\w+) x (\d+)\)", r"tuple of \2 \1", what)


def _without_own_place(sentence: str, function: Any) -> str:
    """The sentence for a component's own function without its name, for a helper with name and file."""
    code = getattr(getattr(function, "py_func", None), "__code__", None)
    if code is not None:
        sentence = sentence.removesuffix(PLACE.format(name=code.co_name, file=code.co_filename))
    return re.sub(r" <in (.*), (.*)>$", r" (in \1, \2)", sentence)


def _line(text: str, function: Any) -> str | None:
    """The last line that is named and is in no library: the author's, where it calls what failed."""
    found = re.findall(r"(?:^|\s)(?:at|Raised from) (\S[^\n]*?) \((\d+)\)\s*$", text, re.MULTILINE)
    found += re.findall(r'File "([^"]*)", line (\d+)', text) if not found else []
    own = function.py_func.__code__.co_filename if function is not None else None
    lines = [line for file, line in found if file == own]
    lines = lines or [line for file, line in found if not _is_of_a_library(file)]
    return str(lines[-1]) if lines else None


def line_of_traceback(error: Exception) -> str | None:
    """The line that Numba was typing when something other than Numba raised."""
    found, traceback = None, error.__traceback__
    while traceback is not None:
        place = getattr(traceback.tb_frame.f_locals.get("self"), "loc", None)
        if isinstance(place, ir.Loc) and not _is_of_a_library(place.filename):
            found = str(place.line)
        traceback = traceback.tb_next
    return found


def _is_of_a_library(file: str) -> bool:
    place = file.replace("\\", "/")
    ours = place.startswith(PACKAGE) and not place.startswith(f"{PACKAGE}/components/builtin/")
    return ours or any(f"site-packages{part}" in place or f"dist-packages{part}" in place for part in FOREIGN)
