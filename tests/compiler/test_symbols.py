"""Functions that object code needs are looked up before it is loaded: a missing one is an error, never a crash."""

from __future__ import annotations

import ctypes
import sys

import llvmlite.binding as llvm
import numpy as np
import pytest
from processes import run

import nbtrain
from nbtrain import compiler
from nbtrain.compiler import cache, loader, prebuilt, symbols
from nbtrain.errors import Error

TRIPLES = [
    *("x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"),
    *("x86_64-pc-windows-msvc-elf", "aarch64-pc-windows-msvc-elf"),
    *("x86_64-apple-macosx11.0.0", "arm64-apple-macosx11.0.0"),
]
NOBODYS = "a_function_that_no_library_has"
# What it defines: a function and data. What it needs: a function, data, a function with a short name.
MODULE = """
declare i64 @{name}(i64)
declare i32 @abs(i32)
@data_elsewhere = external global i64
@data_here = global i64 7
define internal i64 @inside(i64 %x) noinline {{
  %y = call i64 @{name}(i64 %x)
  ret i64 %y
}}
define i64 @nbtrain_value(i64 %x) {{
  %a = call i64 @inside(i64 %x)
  %b = load i64, ptr @data_elsewhere
  %c = load i64, ptr @data_here
  %d = call i32 @abs(i32 3)
  %e = sext i32 %d to i64
  %f = add i64 %a, %b
  %g = add i64 %c, %e
  %h = add i64 %f, %g
  ret i64 %h
}}
"""
SMALL = """
declare i64 @{name}(i64)
define i64 @nbtrain_value(i64 %x) {{
  %y = call i64 @{name}(i64 %x)
  ret i64 %y
}}
"""
# Components' C functions take addresses and numbers; this one calls what no library has.
PLANTED = """
declare i64 @a_function_that_no_library_has()
define i64 @nbtrain_value(i64 %a, i64 %b, i64 %c, i64 %d) {
  %y = call i64 @a_function_that_no_library_has()
  ret i64 %y
}
"""


def emitted(text, triple=None):
    """Object code of a module in LLVM's language, for this machine or another."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    machine = llvm.Target.from_triple(triple or llvm.get_process_triple()).create_target_machine(
        reloc="default", codemodel="jitdefault", jit=True
    )
    module = llvm.parse_assembly(text)
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    return machine.emit_object(module)


@pytest.mark.parametrize("triple", TRIPLES)
def test_an_object_of_each_system_is_read(triple):
    code = emitted(MODULE.format(name=NOBODYS), triple)
    assert symbols.undefined(code) - symbols.MARKS == {NOBODYS, "abs", "data_elsewhere"}


def read_or_refused(code):
    """Symbols of an object; none if it is refused, as ValueError."""
    try:
        return symbols.undefined(code)
    except ValueError:
        return set()


@pytest.mark.parametrize("triple", TRIPLES)
def test_a_damaged_object_is_read_or_refused(triple):
    code = emitted(MODULE.format(name=NOBODYS), triple)
    whole = symbols.undefined(code)
    found = [read_or_refused(code[:length]) for length in range(0, len(code), 7)]
    assert all(names <= whole for names in found)
    assert not found[0]
    assert not found[len(found) // 8]
    draw = np.random.default_rng(0)
    for _ in range(300):
        changed = bytearray(code)
        changed[int(draw.integers(min(len(code), 600)))] ^= 1 << int(draw.integers(8))
        read_or_refused(bytes(changed))


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"MZ" + bytes(100), b"\x7fELF\x01\x01" + bytes(100)])
def test_what_is_no_object_is_an_error(content):
    with pytest.raises(ValueError, match=r"^this is no object code$"):
        symbols.undefined(content)
    with pytest.raises(Error, match="compiled code cannot be loaded: this is no object code"):
        loader.load(content, ("value",))


def test_functions_of_the_c_library_are_found():
    code = emitted(SMALL.format(name="labs"))
    assert loader.lacking(code) == []
    address = loader.load(code, ("value",))["value"]
    assert ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(address)(-5) == 5


def test_fresh_code_that_needs_what_nobody_has_is_an_error_and_not_a_crash():
    with pytest.raises(Error, match=f"compiled code cannot be loaded: this process has no function {NOBODYS}"):
        loader.load(emitted(SMALL.format(name=NOBODYS)), ("value",))


def test_without_the_check_the_process_dies():
    """What all this is for: LLVM itself does not say that a function is missing."""
    program = f"""
import ctypes
from nbtrain.compiler import loader, symbols
symbols.missing = lambda code: []
address = loader.load(bytes.fromhex("{emitted(SMALL.format(name=NOBODYS)).hex()}"), ("value",))["value"]
ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(address)(1)
print("alive")
"""
    done = run([sys.executable, "-c", program])
    assert done.returncode != 0
    assert done.stdout == ""


def thrice(z):
    return 3.0 * z


def three(z):
    return 3.0


@pytest.fixture
def thrice_new(tmp_path, monkeypatch):
    """A component in a cache of its own, as in a new process."""
    monkeypatch.setenv("NBTRAIN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_warned", set())
    monkeypatch.setattr(compiler, "_loaded", {})
    return nbtrain.Activation("thrice", thrice, three)


def value_of(spec, x=5.0):
    address = compiler.component(spec, np.float32).addresses["value"]
    z, a = np.full(9, x, np.float32), np.zeros(9, np.float32)
    assert ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 4)(address)(z.ctypes.data, a.ctypes.data, 9, 0) == 0
    return a.tolist()


@pytest.mark.parametrize(
    ("planted", "message"),
    [
        (lambda: emitted(PLANTED), f"this process has no function {NOBODYS}; it is compiled again"),
        (lambda: b"no object", "this is no object code; it is compiled again"),
    ],
)
def test_a_cache_entry_that_cannot_be_loaded_is_compiled_again(thrice_new, tmp_path, monkeypatch, planted, message):
    assert value_of(thrice_new) == [15.0] * 9
    (path,) = (tmp_path / "cache").glob("*.nbo")
    right = path.read_bytes()
    cache.write(path.stem, planted())  # with a right digest
    assert path.read_bytes() != right
    vars(thrice_new).pop("_compiled")
    monkeypatch.setattr(compiler, "_loaded", {})
    with pytest.warns(RuntimeWarning, match=message):
        assert value_of(thrice_new) == [15.0] * 9
    assert path.read_bytes() == right


def test_code_of_a_wheel_that_cannot_be_loaded_is_compiled_instead(thrice_new, monkeypatch):
    asked = []

    def find(name):
        asked.append(name)
        return emitted(PLANTED)

    monkeypatch.setattr(prebuilt, "find", find)
    with pytest.warns(RuntimeWarning, match=f"this process has no function {NOBODYS}; it is compiled again"):
        assert value_of(thrice_new) == [15.0] * 9
    assert asked
