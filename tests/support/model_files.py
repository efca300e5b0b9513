"""Model files made by hand: the safetensors format written down a second time, with any header and payload."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable
from typing import Any

ZEROS = "0" * 64


def taken_apart(data: bytes) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """Table of the header, description of the trainer, payload."""
    (length,) = struct.unpack("<Q", data[:8])
    table = json.loads(data[8 : 8 + length])
    return table, json.loads(table["__metadata__"]["trainer"]), data[8 + length :]


def put_together(table: dict[str, Any], trainer: Any, payload: bytes) -> bytes:
    """A file of these parts with the right digest; `trainer` may also be JSON text."""
    text = trainer if isinstance(trainer, str) else json.dumps(trainer)
    table["__metadata__"] = {**table["__metadata__"], "trainer": text}
    return signed(json.dumps(table, separators=(",", ":")).encode(), payload)


def signed(header: bytes, payload: bytes) -> bytes:
    """A file of this header and payload, its digest put right."""
    data = struct.pack("<Q", len(header)) + header + payload
    start = data.index(b'"sha256":"') + len(b'"sha256":"')
    data = data[:start] + ZEROS.encode() + data[start + 64 :]
    return data[:start] + hashlib.sha256(data).hexdigest().encode() + data[start + 64 :]


def changed(data: bytes, change: Callable[[dict[str, Any], dict[str, Any]], Any]) -> bytes:
    """The file after `change(table, trainer)`, with the right digest."""
    table, trainer, payload = taken_apart(data)
    change(table, trainer)
    return put_together(table, trainer, payload)
