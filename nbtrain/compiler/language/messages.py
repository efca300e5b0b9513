"""What Numba says about a component's function, in a line for somebody who does not know Numba.

The line is one of the author's own function, never one of Numba's, NumPy's or nbtrain's files.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from numba import types
from numba.core import ir

LIST = "docs/components.md lists what can be"
NEW_ARRAY = (
    "makes a new array, for which compiled training has no memory; write a loop over the elements: "
    "for k in range(z.size): ..."
)
FOREIGN = tuple(f"{part}/" for part in ("/numba", "/numpy", "/llvmlite", "/scipy"))
PACKAGE = str(Path(__file__).parent.parent.parent)
PLACE = " <in {name}, {file}>"  # of what is refused; told where it is not the component's own function
DULL = ("Failed in", "During:", "File ", "def ", "^", "<source", "There are", "- Of", "Overload", "Enable", ">>>")


def short(error: Exception, function: Any = None, arguments: tuple[Any, ...] = ()) -> str:
    """What Numba found, in a line or two.

    Parameters
    ----------
    error
        Of Numba, or anything that left it.
    function
        The jit function that was compiled, if it is known.
    arguments
        Its Numba types.
    """
    imports = re.search(r"\(IMPORT_NAME\).*?\((\d+)\)", str(error), re.DOTALL)
    if imports:
        return f"line {imports[1]} imports a module; import it at the top of the file"
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error)) or type(error).__name__
    line = _line(text, function) or line_of_traceback(error)
    told = _of_tuples(text, _records(function, arguments)) or _told(text)
    if told:
        return f"line {line} {told}" if line else told
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(DULL)] or lines
    where = f" (line {line})" if line and "line " not in telling[0] else ""
    return _without_own_place(telling[0], function) + where


def _without_own_place(words: str, function: Any) -> str:
    """What was refused: of a component's own function without its name, of a helper with name and file."""
    code = getattr(getattr(function, "py_func", None), "__code__", None)
    if code is not None:
        words = words.removesuffix(PLACE.format(name=code.co_name, file=code.co_filename))
    return re.sub(r" <in (.*), (.*)>$", r" (in \1, \2)", words)


def _line(text: str, function: Any) -> str | None:
    """The last line that is named and stands in no library: the author's, where it calls what failed."""
    found = re.findall(r"(?:^|\s)(?:at|Raised from) (\S[^\n]*?) \((\d+)\)\s*$", text, re.MULTILINE)
    found += re.findall(r'File "([^"]*)", line (\d+)', text) if not found else []
    own = function.py_func.__code__.co_filename if function is not None else None
    lines = [line for file, line in found if file == own]
    lines = lines or [line for file, line in found if not _is_of_a_library(file)]
    return str(lines[-1]) if lines else None


def line_of_traceback(error: Exception) -> str | None:
    """The line that Numba was typing when something else than Numba raised."""
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


def _told(text: str) -> str | None:
    """What stands in some of Numba's messages."""
    of_ours = re.search(r"TypingError: (\w+: .* (?:is|are) wanted.*)", text)
    if of_ours:
        return f"calls {of_ours[1]}"
    if re.search(r"setitem\((unaligned )?readonly array", text):
        return "writes to an array that it may only read: z, y and constant tables are such; use variables, or slope"
    if re.search(r"NRT required|_ol_array_allocate|Only accept returning of array passed", text):
        return NEW_ARRAY
    return _of_names(text) or _of_numbers(text) or _of_calls(text)


def _of_names(text: str) -> str | None:
    attribute = re.search(r"Unknown attribute '(\w+)' of type (\w+)", text)
    if attribute and attribute[2] in ("float32", "float64", "int64"):
        return f"takes `.{attribute[1]}` of a number, which has no methods here; {LIST} used"
    of_module = re.search(r"Unknown attribute '(\w+)' of type Module\(<module '([\w.]+)'", text)
    if of_module:
        return f"uses {of_module[2]}.{of_module[1]}, which cannot be compiled; {LIST} used"
    untyped = re.search(r"Untyped global name '(\w+)'.*Cannot determine Numba type of <class '([\w.]+)'>", text)
    if untyped:
        what = {"type": "class", "builtin_function_or_method": "built-in function"}.get(untyped[2], untyped[2])
        return (
            f"uses {untyped[1]}, a {what.rpartition('.')[2]}; a component can use numbers, tuples and arrays of "
            "constants, modules and plain functions"
        )
    unsupported = re.search(r"Use of unsupported NumPy function 'numpy\.([\w.]+)'", text)
    return f"uses np.{unsupported[1]}, which cannot be compiled; {LIST} used" if unsupported else None


def _of_numbers(text: str) -> str | None:
    large = re.search(r"Int value is too large: (-?\d+)", text)
    if large:
        return f"has the whole number {large[1]}, which is beyond 64 bits; write it as a float"
    return None


def _of_calls(text: str) -> str | None:
    count = re.search(r"(\w+)\(\) takes (\d+) positional arguments? but (\d+) (?:was|were) given", text)
    if count:  # of an intrinsic: the first is Numba's
        wanted, given = int(count[2]) - 1, int(count[3]) - 1
        return f"calls {count[1]} with {given} arguments; it takes {wanted} here"
    name = re.search(r"NameError: name '(\w+)' is not defined", text)
    if name:
        return f"uses {name[1]}, which is not defined"
    call = re.search(r"No implementation of function .*?>>> (.+?)\n", text, re.DOTALL)
    if call is None:
        return None
    if call[1].startswith("bool(array"):
        return "asks whether a whole row is true; ask for each element, in a loop"
    if call[1].startswith("contains("):
        return "has `in`, which cannot be compiled; compare: z == 0 or z == 1"
    return f"has {_readable(call[1])}, which cannot be compiled; {LIST} used"


def _readable(call: str) -> str:
    """A call with the types of its arguments, less Numba's own words."""
    call = re.sub(r"Literal\[\w+\]\(([^()]*)\)", r"\1", call)
    call = re.sub(r"(?:unaligned )?(?:readonly )?array\((\w+), 1d, \w\)", r"row of \1", call)
    return re.sub(r"\w+\((\w+) x (\d+)\)", r"tuple of \2 \1", call)


def _records(function: Any, arguments: tuple[Any, ...]) -> dict[str, Any]:
    """Arguments of a function that are tuples, by name, with their fields, or how many numbers they hold."""
    if function is None:
        return {}
    names = function.py_func.__code__.co_varnames
    return {
        name: getattr(kind, "fields", None) or len(kind)
        for name, kind in zip(names, arguments, strict=False)
        if isinstance(kind, types.BaseTuple)
    }


def _of_tuples(text: str, records: dict[str, Any]) -> str | None:
    """What is wrong with the use of `slots`, `prepared` or `hyper`."""
    there = ", ".join(f"{name} {_held(held)}" for name, held in records.items())
    attribute = re.search(r"Unknown attribute '(\w+)' of type (?:\w*Tuple|Values)\(", text)
    if attribute and attribute[1].startswith("_"):
        return f"takes `.{attribute[1]}` of a tuple, which has no methods here; write a new tuple, such as (m, v)"
    if attribute and there:
        return f"takes `.{attribute[1]}`, which is not there: {there}"
    key = re.search(r">>> (?:item|getitem)\((?:\w*Tuple|Values)\(.*, Literal\[str\]\((\w+)\)\)", text)
    if key:
        return f"takes an element {key[1]!r} of a tuple; by name it is .{key[1]}" + (f": {there}" if there else "")
    if re.search(r">>> setitem\((?:\w*Tuple|Values)\(", text):
        return "sets an element of a tuple, which is fixed; return the new values, such as (m, v)"
    length = re.search(r"wrong tuple length for \$?([\w.]+): ', 'expected (\d+), got (\d+)'", text)
    if length:
        return f"unpacks {length[2]} numbers of a tuple that holds {length[3]}" + (f": {there}" if there else "")
    return None


def _held(held: Any) -> str:
    if isinstance(held, int):
        return f"holds {held} number{'s' * (held != 1)}, by place" if held else "holds nothing"
    return f"has {', '.join(held)}"
