"""The functions that object code needs from elsewhere, read from its symbol table.

LLVM loads an object whose functions are not all there without a word, and the process dies at the first call. So
symbols are looked up before: `missing` names those that this process does not have.

Formats: Tool Interface Standard, Executable and Linking Format 1.2 (1995), and its 64-bit version; Apple, OS X ABI
Mach-O File Format Reference (2009).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

ELF, MACHO = b"\x7fELF\x02\x01", b"\xcf\xfa\xed\xfe"  # 64 bits, little-endian
SYMBOL_TABLE = 2  # kind of an ELF section, and of a command in Mach-O
EXTERNAL_TYPE = 0x01  # of a Mach-O symbol
TYPE_MASK, DEBUG_MASK = 0x0E, 0xE0
MARKS = {"_fltused"}  # says to Windows' linker that there are floats; nothing refers to it


def undefined(code: bytes) -> set[str]:
    """Names of the symbols that an object refers to and does not define.

    Parameters
    ----------
    code : bytes
        A relocatable object in the format of Linux and Windows (ELF) or of macOS (Mach-O), for 64 bits.

    Raises
    ------
    ValueError
        If it is none, or is cut short.
    """
    try:
        if code.startswith(ELF):
            return set(_of_elf(code))
        if code.startswith(MACHO):
            return set(_of_macho(code))
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"the object is damaged: {error}") from None
    raise ValueError("this is no object code")


def missing(code: bytes) -> list[str]:
    """Names of the symbols that an object needs and this process does not have, sorted.

    LLVM looks among those of the process once it has made an engine.
    """
    import llvmlite.binding as llvm

    return sorted(name for name in undefined(code) - MARKS if not llvm.address_of_symbol(name))


def _of_elf(code: bytes) -> Iterator[str]:
    start, size, count = struct.unpack_from("<Q", code, 40)[0], *struct.unpack_from("<HH", code, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", code, start + i * size) for i in range(count)]
    for section in sections:
        if section[1] != SYMBOL_TABLE:
            continue
        texts, first, length, each = sections[section[6]][4], section[4], section[5], section[9]
        for at in range(first + each, first + length, each):  # the first one is empty
            name, _, _, place = struct.unpack_from("<IBBH", code, at)
            if place == 0:
                yield _text(code, texts + name)


def _of_macho(code: bytes) -> Iterator[str]:
    at = 32
    for _ in range(struct.unpack_from("<I", code, 16)[0]):
        command, size = struct.unpack_from("<II", code, at)
        if size < 8:  # it holds these two numbers
            raise ValueError("the object is damaged: a command without a size")
        if command == SYMBOL_TABLE:
            symbols, count, texts, _ = struct.unpack_from("<IIII", code, at + 8)
            for entry in range(symbols, symbols + 16 * count, 16):
                name, kind = struct.unpack_from("<IB", code, entry)
                if kind & EXTERNAL_TYPE and not kind & (TYPE_MASK | DEBUG_MASK):
                    yield _text(code, texts + name).removeprefix("_")
        at += size


def _text(code: bytes, start: int) -> str:
    return code[start : code.index(b"\0", start)].decode("ascii")
