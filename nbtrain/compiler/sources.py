"""Digests of nbtrain's own sources, which identify the version that compiled code was made from.

They are made of the source files if the package is in a folder; else of what its loader delivers (a zip archive, a
frozen program): sources, or code without its file names. Without either the digest is empty, and nothing is cached.
"""

from __future__ import annotations

import hashlib
import marshal
import pkgutil
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import CodeType
from typing import Any

PACKAGE = "nbtrain"
FOLDER = Path(__file__).parent.parent


def digest(parts: Iterable[str | bytes]) -> str:
    """SHA-256 of texts, each with its length."""
    found = hashlib.sha256()
    for part in parts:
        encoded = part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")
        found.update(len(encoded).to_bytes(8, "little"))
        found.update(encoded)
    return found.hexdigest()


def of_folder(name: str) -> str:
    """Digest of the modules in a subpackage of nbtrain and below it, as they are now; empty where none can be read."""
    parts = [part for module, content in _contents(name) for part in (module, content)]
    return digest(parts) if parts else ""


def of_modules(*names: str) -> str:
    """Digest of single modules, as they are now; empty where one cannot be read."""
    found = [_content(find_spec(f"{PACKAGE}.{name}")) for name in names]
    return digest(content for content in found if content) if all(found) else ""


@cache
def loaded() -> tuple[str, str]:
    """Digests of `nbtrain.compiler` and `nbtrain.core`, as they were when first asked for."""
    return of_folder("compiler"), of_folder("core")


def count(name: str) -> int:
    """Number of modules of a subpackage that are digested."""
    return sum(1 for _ in _contents(name))


def _contents(name: str) -> Iterator[tuple[str, bytes]]:
    """Name and content of every module of a subpackage, in order of their names."""
    folder = FOLDER / name
    files = sorted(folder.rglob("*.py"))
    if files:
        yield from ((path.relative_to(FOLDER).as_posix(), path.read_bytes()) for path in files)
        return
    spec = find_spec(f"{PACKAGE}.{name}")
    for found in sorted(_modules(spec), key=lambda found: found.name):
        content = _content(found)
        if content:
            yield found.name, content


def _modules(spec: ModuleSpec | None) -> Iterator[ModuleSpec]:
    """A module and those below it; none of them is imported."""
    if spec is None:
        return
    yield spec
    for finder, name, _ in pkgutil.iter_modules(spec.submodule_search_locations or (), f"{spec.name}."):
        search: Any = finder.find_spec
        yield from _modules(search(name, spec.submodule_search_locations) if _takes_path(finder) else search(name))


def _takes_path(finder: Any) -> bool:
    """Whether a finder takes a path, as those of `sys.meta_path` do; those of one folder or archive do not."""
    return isinstance(finder, type)


def _content(spec: ModuleSpec | None) -> bytes:
    """Source of a module, else its code; nothing where its loader has neither."""
    loader: Any = spec.loader if spec is not None else None
    for read in (_source, _code):
        try:
            found = read(loader, spec.name if spec is not None else "")
        except (ImportError, OSError, AttributeError):
            continue
        if found:
            return found
    return b""


def _source(loader: Any, name: str) -> bytes:
    return (loader.get_source(name) or "").encode()


def _code(loader: Any, name: str) -> bytes:
    code = loader.get_code(name)
    return marshal.dumps(_without_names(code)) if code is not None else b""


def _without_names(code: CodeType) -> CodeType:
    """The same code, wherever its file is."""
    constants = tuple(_without_names(item) if isinstance(item, CodeType) else item for item in code.co_consts)
    return code.replace(co_filename="", co_consts=constants)
