"""What systems do differently with files; Windows' side with its calls replaced, for it can be run nowhere else."""

from __future__ import annotations

import errno
import os
import stat
import sys
import types

import pytest
from processes import run

from nbtrain import filesystem
from nbtrain.formats.modelfile import files

POSIX = pytest.mark.skipif(os.name == "nt", reason="locks, owners and modes of POSIX")
LK_NBLCK = 2  # of Windows' C library


class Msvcrt(types.ModuleType):
    """Windows' locks of bytes of files."""

    LK_NBLCK = LK_NBLCK

    def __init__(self):
        super().__init__("msvcrt")
        self.locked = set()

    def locking(self, descriptor, mode, length):
        assert mode == LK_NBLCK
        assert length == 1
        place = (os.fstat(descriptor).st_ino, os.lseek(descriptor, 0, os.SEEK_CUR))
        if place in self.locked:
            raise PermissionError(errno.EACCES, "Permission denied")
        self.locked.add(place)


@pytest.fixture
def windows(monkeypatch):
    """The system's name, and the module that Python has there; the locks that were set."""
    module = Msvcrt()
    monkeypatch.setitem(sys.modules, "msvcrt", module)
    monkeypatch.setattr(filesystem, "WINDOWS", True)
    monkeypatch.setattr(filesystem, "MOVE_SECONDS", 0.2)
    return module


@pytest.fixture
def descriptors(tmp_path):
    """The same file, opened twice."""
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    opened = [os.open(path, os.O_RDWR) for _ in range(2)]
    yield opened
    for descriptor in opened:
        os.close(descriptor)


@POSIX
def test_a_file_is_locked_once_until_it_is_closed(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"")
    first, second = (os.open(path, os.O_RDWR) for _ in range(2))
    filesystem.lock(first)
    with pytest.raises(BlockingIOError):
        filesystem.lock(second)
    os.close(first)
    filesystem.lock(second)
    os.close(second)


def test_a_file_is_locked_once_on_windows_and_its_position_stays(windows, descriptors):
    first, second = descriptors
    os.lseek(first, 3, os.SEEK_SET)
    filesystem.lock(first)
    assert os.lseek(first, 0, os.SEEK_CUR) == 3
    with pytest.raises(BlockingIOError):
        filesystem.lock(second)
    assert os.lseek(second, 0, os.SEEK_CUR) == 0
    ((_, place),) = windows.locked
    assert place > 10**9  # behind what anybody writes: others may read and write the file


def test_a_file_is_moved_over_another_one(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_text("new")
    target.write_text("old")
    filesystem.move(str(source), str(target))
    assert (target.read_text(), source.exists()) == ("new", False)


def test_a_move_on_windows_waits_for_those_who_read_the_file(windows, tmp_path, monkeypatch):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_text("new")
    target.write_text("old")
    move, refusals = os.replace, iter([True, True])

    def replace(*paths):
        if next(refusals, False):
            raise PermissionError(errno.EACCES, "The process cannot access the file")
        move(*paths)

    monkeypatch.setattr(os, "replace", replace)
    filesystem.move(str(source), str(target))
    assert target.read_text() == "new"


@pytest.mark.parametrize("on_windows", [False, True])
def test_a_move_that_stays_forbidden_is_an_error(windows, tmp_path, monkeypatch, on_windows):
    monkeypatch.setattr(filesystem, "WINDOWS", on_windows)
    calls = []

    def replace(*paths):
        calls.append(paths)
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(PermissionError):
        filesystem.move(str(tmp_path / "a"), str(tmp_path / "b"))
    assert (len(calls) > 1) == on_windows


@POSIX
def test_a_new_file_has_the_permissions_of_the_one_that_it_replaces(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    for path, mode in ((old, 0o640), (new, 0o600)):
        path.write_bytes(b"")
        path.chmod(mode)
    with open(new, "wb") as file:
        filesystem.keep_mode(file.fileno(), old.stat())
    assert stat.S_IMODE(new.stat().st_mode) == 0o640


def test_models_are_saved_over_others_on_windows_without_calls_of_posix(windows, tmp_path, monkeypatch):
    for name in ("fchown", "fchmod", "getuid"):
        monkeypatch.delattr(os, name, raising=False)
    for _ in range(2):
        files.write(tmp_path / "model.nbt", [memoryview(b"content")])
    assert (tmp_path / "model.nbt").read_bytes() == b"content"
    assert os.listdir(tmp_path) == ["model.nbt"]


def test_only_old_leftovers_are_removed_on_windows(windows, tmp_path):
    young, old = (tmp_path / f"{files.PREFIX}{name}{files.SUFFIX}" for name in ("young", "old"))
    for path in (young, old):
        path.write_bytes(b"")
    os.utime(old, (0, 0))
    files.remove_leftovers(str(tmp_path))
    assert os.listdir(tmp_path) == [young.name]


def test_nothing_of_posix_alone_is_imported_with_the_package():
    """Windows' Python has none of these modules."""
    program = """
import sys
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None  # importing it is an error
import nbtrain, nbtrain.cli, nbtrain.filesystem, nbtrain.formats.modelfile.files, nbtrain.compiler.cache
nbtrain.Network, nbtrain.Trainer, nbtrain.load
"""
    done = run([sys.executable, "-S", "-c", f"import sys; sys.path[:] = {sys.path!r}\n{program}"])
    assert done.returncode == 0, done.stderr
