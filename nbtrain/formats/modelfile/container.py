"""The bytes of a model file: the safetensors format, with a SHA-256 over all of it.

    8 bytes             length of the header, little-endian
    header              JSON: "__metadata__" (strings), then every tensor's dtype, shape and place in the payload
    payload             the tensors, one after the other, nothing between them and nothing behind

The digest is the first entry of the metadata, at a fixed place, so that it is checked before anything is parsed. It is
taken over the whole file with its own 64 digits replaced by zeros.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

import numpy as np

from ...checks.messages import brief
from ...errors import ModelFileError

Array = np.ndarray[Any, Any]

HEADER_LIMIT = 1_000_000
LENGTH = 8  # bytes of the header's length
PREFIX = b'{"__metadata__":{"sha256":"'
DIGITS = 64
DIGEST_AT = LENGTH + len(PREFIX)
DTYPES: dict[str, np.dtype[Any]] = {
    **{"F32": np.dtype("<f4"), "F64": np.dtype("<f8")},
    **{"I64": np.dtype("<i8"), "U8": np.dtype("u1")},  # in files of version 2
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}
FLOATS = (DTYPES["F32"], DTYPES["F64"])


class Container(NamedTuple):
    """What a file holds: metadata strings, and tensors as views of its bytes."""

    metadata: dict[str, str]
    tensors: dict[str, Array]


def encode(metadata: Mapping[str, str], tensors: Mapping[str, Array]) -> list[memoryview]:
    """The parts of a file, to be written one after the other; the header is of at most HEADER_LIMIT bytes.

    Raises
    ------
    ValueError
        If the header would be longer.
    """
    table: dict[str, Any] = {"__metadata__": {"sha256": "0" * DIGITS, **metadata}}
    payload, end = [], 0
    for name, array in tensors.items():
        stored = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        start, end = end, end + stored.nbytes
        table[name] = {"dtype": NAMES[stored.dtype], "shape": list(array.shape), "data_offsets": [start, end]}
        if stored.nbytes:
            payload.append(stored.reshape(-1).view(np.uint8).data)
    header = json.dumps(table, separators=(",", ":"), allow_nan=False).encode()
    header += b" " * (-len(header) % 8)  # the payload begins aligned
    if len(header) > HEADER_LIMIT:
        raise ValueError(f"the header has {len(header):,} bytes; at most {HEADER_LIMIT:,} are allowed")
    head = bytearray(len(header).to_bytes(LENGTH, "little") + header)
    head[DIGEST_AT : DIGEST_AT + DIGITS] = _digest([memoryview(head), *payload])
    return [memoryview(head), *payload]


def _digest(parts: list[memoryview]) -> bytes:
    sha = hashlib.sha256()
    for part in parts:
        sha.update(part)
    return sha.hexdigest().encode()


def begins_as_model(start: bytes) -> bool:
    """Whether the first DIGEST_AT bytes of a file are those of a model file."""
    return start[LENGTH:] == PREFIX


def header_length(start: bytes, size: int, where: str) -> int:
    """Length of the header of a file of `size` bytes that begins with `start` (at least DIGEST_AT bytes)."""
    if size < DIGEST_AT + DIGITS or start[LENGTH:DIGEST_AT] != PREFIX:
        refuse(where, "beginning at byte 0", "not an nbtrain model file")
    length = int.from_bytes(start[:LENGTH], "little")
    if length > HEADER_LIMIT:
        refuse(where, "length of the header at byte 0", f"{length:,} bytes, but at most {HEADER_LIMIT:,} are allowed")
    if not DIGEST_AT + DIGITS <= LENGTH + length <= size:
        refuse(where, "length of the header at byte 0", f"{length:,} bytes in a file of {size:,}")
    return length


def decode(data: bytes | bytearray, where: str) -> Container:
    """What the bytes of a file hold.

    Raises
    ------
    ModelFileError
        If anything is not as `encode` writes it; the message names `where`, the field and its place.
    """
    length = header_length(bytes(data[:DIGEST_AT]), len(data), where)
    view = memoryview(data)
    end = DIGEST_AT + DIGITS
    if _digest([view[:DIGEST_AT], memoryview(b"0" * DIGITS), view[end:]]) != data[DIGEST_AT:end]:
        refuse(where, f"sha256 at byte {DIGEST_AT}", "it does not match the contents: the file is damaged")
    table = parse(view[LENGTH : LENGTH + length].tobytes(), where, f"header at byte {LENGTH}")
    metadata = table.pop("__metadata__", None)
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        refuse(where, f"__metadata__ at byte {LENGTH}", "expected strings by name")
    return Container(metadata, _tensors(table, view[LENGTH + length :], LENGTH + length, where))


def _tensors(table: dict[str, Any], payload: memoryview, offset: int, where: str) -> dict[str, Array]:
    """The tensors, which must cover the payload without gap or overlap, in their order."""
    found: dict[str, Array] = {}
    end = 0
    for name, entry in table.items():
        place = f"tensor {name!r}"
        if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
            refuse(where, place, "expected dtype, shape and data_offsets")
        dtype = DTYPES.get(entry["dtype"]) if isinstance(entry["dtype"], str) else None
        if dtype is None:
            refuse(where, f"dtype of {place}", f"expected {', '.join(DTYPES)}, got {brief(entry['dtype'])}")
        shape, offsets = entry["shape"], entry["data_offsets"]
        if not _counts(shape):
            refuse(where, f"shape of {place}", f"expected integers >= 0, got {brief(shape)}")
        expected = [end, end + math.prod(shape) * dtype.itemsize]
        if not _counts(offsets) or offsets != expected:
            refuse(where, f"data_offsets of {place}", f"expected {brief(expected)}, got {brief(offsets)}")
        start, end = expected
        if end > len(payload):
            refuse(where, f"{place} at byte {offset + start}", f"the file ends at byte {offset + len(payload)}")
        found[name] = np.ndarray(shape, dtype, payload, start)
    if end != len(payload):
        refuse(where, f"byte {offset + end}", f"{len(payload) - end} bytes after the last tensor")
    return found


def _counts(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is int and 0 <= item < 2**62 for item in value)


def parse(text: str | bytes, where: str, field: str) -> dict[str, Any]:
    """Parse a JSON object; names that occur twice, NaN and infinity raise ModelFileError."""
    try:
        found = json.loads(
            text.decode() if isinstance(text, bytes) else text,
            object_pairs_hook=_distinct,
            parse_constant=_no_constant,
        )
    except (ValueError, RecursionError) as error:
        refuse(where, field, str(error))
    if not isinstance(found, dict):
        refuse(where, field, "expected an object")
    return found


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} appears twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def refuse(where: str, field: str, problem: str) -> NoReturn:
    """Raise ModelFileError."""
    raise ModelFileError(f"{where}: {field}: {problem}")
