"""Object code that comes with the package: the core and the built-in components, for levels of processors.

There is one file for each level, in the folder `prebuilt_code`: a first line, a line of JSON, then the objects, each
compressed. An object is used only where it is what this process would make of its own sources: the file was made of
the same sources, the component does what its source file says, and no setting asks for other code. Neither Numba nor
the disk cache is needed for it. `nbtrain cache bundle` writes the files.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import zlib
from collections.abc import Mapping
from functools import cache
from importlib.util import module_from_spec
from typing import Any, NamedTuple

import numpy as np

from ..components import builtin
from . import processor, settings, sources, targets
from .keys.component import described
from .keys.describe import PlainDescriber
from .locks import not_during_forks
from .sources import digest

MAGIC = b"nbtrain prebuilt code 1\n"
FOLDER = "prebuilt_code"
SUFFIX = ".nbp"


class Bundle(NamedTuple):
    """A file of objects, as it was read."""

    name: str  # of the level, after the system: linux-x86-64-v3
    entries: Mapping[str, tuple[int, int, str]]  # name of an object -> where it begins, compressed size, SHA-256
    content: memoryview

    def read(self, name: str) -> bytes | None:
        """An object; None where there is none under this name, or it is damaged."""
        place = self.entries.get(name)
        if place is None:
            return None
        start, size, expected = place
        try:
            code = zlib.decompress(self.content[start : start + size])
        except zlib.error:
            return None
        return code if hashlib.sha256(code).hexdigest() == expected else None


def find(name: str | None) -> bytes | None:
    """The code under a name such as `core.float32`, for this processor; None where there is none that may be used."""
    bundle = in_use()[0] if name else None
    if bundle is None:
        return None
    for variant in _variants():
        if f"{name}+{variant}" in bundle.entries:
            return bundle.read(f"{name}+{variant}")
    return bundle.read(str(name))


def component_name(spec: Any, dtype: np.dtype[Any]) -> str | None:
    """The name of a built-in component's code; None where it does not do what its source file says."""
    return f"{spec.kind}.{spec.name}.{dtype}" if _is_built_in(spec) else None


def joined_name(optimizer: Any, regularizer: Any, dtype: np.dtype[Any]) -> str | None:
    """The same for an optimizer's step with a regularizer in it."""
    both = _is_built_in(optimizer) and _is_built_in(regularizer)
    return f"joined.{optimizer.name}+{regularizer.name}.{dtype}" if both else None


def ignore() -> None:
    """Use none in this process: all code is compiled, or comes from the disk cache."""
    os.environ["NBTRAIN_PREBUILT"] = "0"


@not_during_forks
def in_use() -> tuple[Bundle | None, str]:
    """The file that this process uses, or None, and why it is none."""
    if os.environ.get("NBTRAIN_PREBUILT", "1") == "0":
        return None, "switched off by NBTRAIN_PREBUILT=0"
    if targets.aim() is not None:
        return None, "this process makes code for another machine"
    if settings.text():
        return None, f"Numba's settings may change code: {', '.join(settings.text().splitlines())}"
    architecture = processor.architecture()
    level = targets.forced_level(architecture) or targets.best_level(architecture)
    wider = level == "x86-64-v3" and "+avx512f" in processor.compiled_for()[1].split(",")  # yet it is no x86-64-v4
    if not level or wider:
        return None, "there is none for this processor"
    return _read(f"{sys.platform}-{level}")


@cache
def _read(name: str) -> tuple[Bundle | None, str]:
    """The file of a system and level, if it was made of the sources that this process has loaded."""
    loader: Any = __spec__.loader if __spec__ is not None else None
    path = os.path.join(os.path.dirname(__file__), FOLDER, name + SUFFIX)
    try:
        content = loader.get_data(path)
    except (OSError, AttributeError):
        return None, f"this installation has none for {name}"
    try:
        head, bundle = parse(content, name)
    except ValueError as error:
        return None, f"{path} is damaged: {error}"
    own = made_from()
    if not own or head["made_from"] != own:
        return None, f"{path} was made from other sources"
    return bundle, ""


def parse(content: bytes, name: str) -> tuple[dict[str, Any], Bundle]:
    """What a file says of itself, and its objects.

    Raises
    ------
    ValueError
        If it is no such file.
    """
    if not content.startswith(MAGIC):
        raise ValueError("it does not begin as it should")
    end = content.index(b"\n", len(MAGIC)) + 1
    try:
        head = json.loads(content[len(MAGIC) : end])
    except RecursionError as error:
        raise ValueError(str(error)) from None
    if not isinstance(head, dict) or not isinstance(head.get("made_from"), str) or not _lists(head.get("entries")):
        raise ValueError("its description is not complete")
    return head, Bundle(name, head["entries"], memoryview(content)[end:])


def _lists(entries: Any) -> bool:
    """Whether these are entries of a file: name -> where it begins, size, digest."""
    if not isinstance(entries, dict):
        return False
    return all(
        isinstance(entry, list) and [type(item) for item in entry] == [int, int, str] and min(entry[0], entry[1]) >= 0
        for entry in entries.values()
    )


def packed(objects: Mapping[str, bytes], made_with: Mapping[str, str]) -> bytes:
    """The content of a file: objects by name, and the versions of what they were made with."""
    entries, payload = {}, b""
    for name, code in objects.items():
        compressed = zlib.compress(code, 9)
        entries[name] = len(payload), len(compressed), hashlib.sha256(code).hexdigest()
        payload += compressed
    head = {"made_from": made_from(), "made_with": dict(made_with), "entries": entries}
    return MAGIC + json.dumps(head, separators=(",", ":")).encode() + b"\n" + payload


@cache
def made_from() -> str:
    """Digest of the sources that objects are made from, as this process has loaded them; empty where unknown."""
    parts = [*sources.loaded(), sources.of_folder("components")]
    return digest(parts) if all(parts) else ""


def _variants() -> tuple[str, ...]:
    """The variants of a level that this processor takes."""
    if targets.forced_level(processor.architecture()) or processor.kind() != targets.X86:
        return ()
    found = ["amx"] if processor.has_amx() else []
    return (*found, "sqrt") if not processor.has_slow_sqrt(processor.compiled_for()[1]) else tuple(found)


def _is_built_in(spec: Any) -> bool:
    """Whether a component is a built-in one, and does what its source file says: a program may have changed it."""
    if (spec.kind, spec.name) not in _as_in_files() or in_use()[0] is None:
        return False
    written = _as_in_files()[spec.kind, spec.name]
    return described(spec, PlainDescriber()) == described(written, PlainDescriber())


@cache
def _as_in_files() -> dict[tuple[str, str], Any]:
    """The built-in components, from modules that are executed once more and that nobody else sees."""
    found = {}
    for module in builtin.MODULES:
        spec: Any = module.__spec__
        again = module_from_spec(spec)
        spec.loader.exec_module(again)
        found.update({(made.kind, made.name): made for made in builtin.specs_of(again)})
    return found
