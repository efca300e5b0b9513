"""Of several processes that need the same code one compiles it; what becomes of that process stops no other."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import warnings

import llvmlite.binding as llvm
import pytest

from nbtrain import compiler
from nbtrain.compiler import cache

fcntl = pytest.importorskip("fcntl", reason="files are locked on POSIX only")
KEY = "cd" * 32
PATIENCE = 60.0  # seconds


def an_object():
    """Object code of a function."""
    module = llvm.parse_assembly("define i64 @nbtrain_one() { ret i64 1 }")
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine().emit_object(module)


CODE = an_object()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NBTRAIN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_warned", set())
    return tmp_path / "cache"


@pytest.fixture
def forking():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks where there are threads
        yield multiprocessing.get_context("fork")


def compiled(make):
    """The code under KEY, from the cache or made."""
    return compiler._cached(KEY, make, lambda: "something", lambda: None)


def test_processes_that_begin_at_once_compile_once(folder, forking, tmp_path):
    count = 6
    begun = [forking.Event() for _ in range(count)]

    def make():
        assert all(event.wait(PATIENCE) for event in begun)
        with open(tmp_path / "compilations", "a") as file:
            file.write("one\n")
        return CODE

    def work(rank):
        begun[rank].set()
        assert compiled(make) == CODE

    children = [forking.Process(target=work, args=(rank,)) for rank in range(count)]
    for child in children:
        child.start()
    for child in children:
        child.join(PATIENCE)
    assert [child.exitcode for child in children] == [0] * count
    assert (tmp_path / "compilations").read_text() == "one\n"
    assert [path.suffix for path in folder.iterdir()] == [".nbo"]


@pytest.fixture
def holder(folder, forking):
    """A process that has the lock and never finishes."""
    held, never = forking.Event(), forking.Event()

    def hold():
        with cache.compile_lock(KEY):
            held.set()
            never.wait()

    process = forking.Process(target=hold)
    process.start()
    assert held.wait(PATIENCE)
    yield process
    process.kill()
    process.join()


def test_a_killed_process_gives_its_lock_back(holder, monkeypatch):
    monkeypatch.setattr(cache, "LOCK_SECONDS", 1e9)
    os.kill(holder.pid, signal.SIGKILL)
    assert compiled(lambda: CODE) == CODE


def test_a_stopped_process_is_not_waited_for_without_end(holder, monkeypatch):
    monkeypatch.setattr(cache, "LOCK_SECONDS", 0.1)
    os.kill(holder.pid, signal.SIGSTOP)
    assert compiled(lambda: CODE) == CODE


def test_where_files_cannot_be_locked_everybody_compiles(folder, monkeypatch):
    def flock(descriptor, how):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    assert compiled(lambda: CODE) == CODE
    assert cache.read(KEY) == CODE


def test_where_no_lock_file_can_be_made_everybody_compiles(folder):
    (folder / f"{KEY}.lock").mkdir(parents=True)
    folder.chmod(0o700)
    assert compiled(lambda: CODE) == CODE
    assert cache.read(KEY) == CODE
