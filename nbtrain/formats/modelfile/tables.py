"""Files of tables' models: a description as JSON, and the files of one or several trainers, each a tensor of bytes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .container import Container, encode, refuse
from .description import FORMAT

TABLE, NETWORK = "table", "networks."  # names of tensors
VERSION = "2"
KIND = "table"


def packed(described: str, trainers: Sequence[bytes]) -> list[memoryview]:
    """The bytes of a file, in parts."""
    tensors = {TABLE: np.frombuffer(described.encode(), np.uint8)}
    tensors |= {f"{NETWORK}{index}": np.frombuffer(data, np.uint8) for index, data in enumerate(trainers)}
    return encode({"format": FORMAT, "version": VERSION, "kind": KIND}, tensors)


def networks_of(found: Container, where: str) -> list[bytes] | None:
    """The trainers' files in a file of this kind; None if it is of another."""
    if found.metadata.get("format") != FORMAT or found.metadata.get("kind") != KIND:
        return None
    if found.metadata.get("version") != VERSION:
        refuse(
            where,
            "version",
            f"this version of nbtrain reads {VERSION!r}, got {found.metadata.get('version', '')[:20]!r}",
        )
    expected = [TABLE, *(f"{NETWORK}{index}" for index in range(len(found.tensors) - 1))]
    if list(found.tensors) != expected or any(array.dtype != np.uint8 for array in found.tensors.values()):
        refuse(where, "tensors", "they are not those of a table's model")
    return [found.tensors[name].tobytes() for name in expected[1:]]
