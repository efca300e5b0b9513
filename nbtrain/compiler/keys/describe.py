"""Describes the functions of components as text: bytecode, constants, and what their names stand for, with helpers.

Two functions with the same text compile to the same machine code. Where the text cannot say what something does (a
class, an intrinsic), the source file it comes from is read too. Files of a component's own functions are read as
well, since they may hold what changes the code without being named in it (`numba.extending.overload`).
"""

from __future__ import annotations

import enum
import hashlib
import re
import sys
import types as python_types
from typing import Any

import numpy as np

ABSENT: Any = object()  # what a name stands for that is missing, or a closure's cell that is empty

# Their versions are part of every key.
TRUSTED = {"builtins", "math", "operator", "numpy", "numba", "llvmlite", "typing", "collections", "functools"}
TRUSTED_CLASSES = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis), np.generic, np.dtype)


class Describer:
    """Describes functions; one that it has already described is only referred to."""

    def __init__(self) -> None:
        self.seen: dict[int, int] = {}
        self.used_of: set[tuple[int, str]] = set()  # names of modules that were described
        self.files: dict[str, str] = {}
        self.kept: list[Any] = []  # an id stays taken for as long as its object lives

    def function(self, function: Any) -> str:
        """A function with its defaults, closure, helpers and source file."""
        function = getattr(function, "py_func", function)
        known = self._known(function)
        if known:
            return known
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        closure = {name: _contents(cell) for name, cell in cells}
        defaults = [self.value(default) for default in function.__defaults__ or ()]
        keywords = [f"{name}={self.value(value)}" for name, value in sorted((function.__kwdefaults__ or {}).items())]
        code = self.code(function.__code__, Names(closure, function.__globals__))
        return f"def({', '.join(defaults + keywords)}) {code} {self.file(function.__code__.co_filename)}"

    def code(self, code: Any, names: Names | None) -> str:
        """Bytecode, constants and names."""
        used = [*code.co_names, *code.co_freevars]
        found = [(name, names.get(name)) for name in used] if names is not None else []
        meaning = [f"{name}={self.value(value, used, names)}" for name, value in found if value is not ABSENT]
        constants = [self.value(constant, used, names) for constant in _constants(code)]
        shape = (code.co_argcount, code.co_kwonlyargcount, code.co_flags, code.co_varnames, used)
        exceptions = getattr(code, "co_exceptiontable", b"").hex()
        text = f"{shape} {code.co_code.hex()} {exceptions} {' '.join(constants)} {' '.join(meaning)}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def value(self, value: Any, used: Any = (), names: Names | None = None) -> str:
        """A constant, or what a name stands for; of a module what the code uses of it."""
        function = getattr(value, "py_func", value)
        if isinstance(function, python_types.FunctionType):
            return self.function(function)
        if isinstance(value, python_types.CodeType):
            return self.code(value, names)
        if isinstance(value, TRUSTED_CLASSES):
            return f"{type(value).__qualname__} {value!r}"
        if isinstance(value, python_types.ModuleType):
            return self.module(value, used)
        if isinstance(value, np.ndarray):
            return f"array {value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
        if isinstance(value, tuple):
            return f"{self.name(type(value))}({', '.join(self.value(item, used, names) for item in value)})"
        if isinstance(value, frozenset | set):
            return f"{type(value).__name__}({', '.join(sorted(self.value(item) for item in value))})"
        return self._known(value) or self.object(value)

    def module(self, module: Any, used: Any) -> str:
        """A module, and those of its names that the code may mean."""
        text = f"module {module.__name__} {self.version(module)}"
        if module.__name__.partition(".")[0] in TRUSTED:
            return text
        parts = []
        for name in used:
            if (id(module), name) in self.used_of:
                continue
            self.used_of.add((id(module), name))
            value = vars(module).get(name, ABSENT)
            if value is ABSENT and "__getattr__" in vars(module):
                value = _given_by(module, name)
            if value is not ABSENT:
                parts.append(f"{name}={self.value(value, used)}")
        return f"{text} ({', '.join(parts)})"

    def version(self, module: Any) -> str:
        """A module's version."""
        return str(getattr(module, "__version__", ""))

    def object(self, value: Any) -> str:
        """Anything else: by name or representation, with the Python code behind it, if any."""
        if isinstance(value, enum.EnumMeta):
            members: Any = value.__members__.items()
            return f"{self.name(value)} {', '.join(f'{name}={self.value(item.value)}' for name, item in members)}"
        if getattr(value, "__qualname__", None) is not None:
            inner = [getattr(value, name, None) for name in ("_defn", "__wrapped__")]  # intrinsics, decorated functions
            parts = [self.value(found) for found in inner if found is not None]
            return f"{self.name(value)} {parts} {self.module_file(value)}"
        return f"{self.name(type(value))} {self.shown(value)} {self.module_file(type(value))}"

    def shown(self, value: Any) -> str:
        """An object's representation."""
        return repr(value)

    def name(self, value: Any) -> str:
        """Where something is defined, its name, and a NamedTuple's fields."""
        return f"{getattr(value, '__module__', '')}.{value.__qualname__}{getattr(value, '_fields', '')}"

    def module_file(self, value: Any) -> str:
        """Digest of the file of the module that defines something."""
        name = str(getattr(value, "__module__", "") or "")
        if name.partition(".")[0] in TRUSTED:
            return ""
        return self.file(str(getattr(sys.modules.get(name), "__file__", "") or ""))

    def file(self, path: str) -> str:
        """Digest of a source file; nothing where there is none, as for functions typed into an interpreter."""
        if path not in self.files:
            try:
                with open(path, "rb") as file:
                    self.files[path] = hashlib.sha256(file.read()).hexdigest()
            except (OSError, ValueError):
                self.files[path] = ""
        return self.files[path]

    def _known(self, value: Any) -> str:
        """A reference to what is already described, else an empty string."""
        if id(value) in self.seen:
            return f"known {self.seen[id(value)]}"
        self.seen[id(value)] = len(self.seen)
        self.kept.append(value)
        return ""


class Names:
    """What names stand for in a function: its closure, then its module."""

    closure: dict[str, Any]
    module: dict[str, Any]

    def __init__(self, closure: dict[str, Any], module: dict[str, Any]) -> None:
        self.closure, self.module = closure, module

    def get(self, name: str) -> Any:
        """What the name stands for; ABSENT where it is a builtin, an attribute, or nothing yet."""
        return self.closure[name] if name in self.closure else self.module.get(name, ABSENT)


class PlainDescriber(Describer):
    """Describes what functions say and nothing else: no files, no versions of libraries, no addresses in memory."""

    def shown(self, value: Any) -> str:
        return re.sub(r"\b0x[0-9A-Fa-f]+", "", repr(value))

    def file(self, path: str) -> str:
        return ""

    def version(self, module: Any) -> str:
        return ""


def _given_by(module: Any, name: str) -> Any:
    """What a module's own `__getattr__` returns; ABSENT where it raises."""
    try:
        return getattr(module, name, ABSENT)
    except Exception:  # then the code cannot use it either
        return ABSENT


def _contents(cell: Any) -> Any:
    """What a closure's cell holds."""
    try:
        return cell.cell_contents
    except ValueError:
        return ABSENT


def _constants(code: Any) -> tuple[Any, ...]:
    """Constants without the docstring, which is no part of what a function does."""
    has_docstring = code.co_consts and isinstance(code.co_consts[0], str)
    return code.co_consts[1:] if has_docstring else code.co_consts  # type: ignore[no-any-return]
