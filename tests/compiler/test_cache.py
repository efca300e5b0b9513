"""The disk cache: private, verified, safe under racing processes, and never a reason to fail."""

from __future__ import annotations

import ctypes
import errno
import math
import multiprocessing
import os
import pickle
import stat
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from common import times
from numba import cfunc
from numba.core import event

import nbtrain
from nbtrain import compiler
from nbtrain.compiler import cache, sources

POSIX = pytest.mark.skipif(os.name == "nt", reason="owners and modes of files are POSIX")
KEY = "ab" * 32
PAYLOAD = bytes(range(256)) * 20
STRANGER = 65534


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty cache of its own, nothing loaded, nothing warned of."""
    monkeypatch.setenv("NBTRAIN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_warned", set())
    forget(monkeypatch)
    return tmp_path / "cache"


def forget(monkeypatch):
    """Nothing is loaded, as in a new process."""
    monkeypatch.setattr(compiler, "_loaded", {})
    for spec in (THRICE, ONCE):
        vars(spec).pop("_compiled", None)


def entry(folder):
    (path,) = folder.glob("*.nbo")
    return path


def thrice(z):
    return 3.0 * z


def one(z):
    return 1.0


THRICE, ONCE = nbtrain.Activation("thrice", thrice, one), nbtrain.Activation("once", one, one)


def run_value(spec, x=5.0):
    """Compile or load a component's `value` and call it."""
    address = compiler.component(spec, np.float32).addresses["value"]
    z, a = np.full(37, x, np.float32), np.zeros(37, np.float32)
    function = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 4)(address)
    assert function(z.ctypes.data, a.ctypes.data, z.size, 0) == 0
    assert (a == a[0]).all()
    return float(a[0])


# ---- what is written


def test_what_was_written_is_read_and_belongs_to_the_user_alone(folder):
    assert cache.read(KEY) is None
    cache.write(KEY, PAYLOAD)
    assert cache.read(KEY) == PAYLOAD
    assert cache.info() == (folder, 1, entry(folder).stat().st_size)
    if os.name == "posix":
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE(entry(folder).stat().st_mode) == 0o600
    assert cache.clear() == 1
    assert list(folder.iterdir()) == []


def test_another_key_gets_nothing_of_an_entry(folder):
    cache.write(KEY, PAYLOAD)
    other = "cd" * 32
    entry(folder).rename(folder / f"{other}.nbo")
    with pytest.warns(RuntimeWarning, match=f"{other}.* is damaged"):
        assert cache.read(other) is None


def damages():
    """(name, function of the right content) for contents that are not what was written."""
    for cut in (0, 1, 10, 22, 100, 160, 500, -1):
        yield f"cut at {cut}", lambda content, cut=cut: content[:cut]
    for place in (0, 21, 30, 90, 120, 160, 161, 1000, -1):
        yield (
            f"bit {place}",
            lambda content, place=place: (
                content[:place] + bytes([content[place] ^ 16]) + content[place:][1:]
                if place != -1
                else content[:-1] + bytes([content[-1] ^ 16])
            ),
        )
    yield "longer", lambda content: content + b"\0"
    yield "random", lambda content: np.random.default_rng(0).bytes(len(content))
    yield "zeros", lambda content: bytes(len(content))


@pytest.mark.parametrize("damage", [pytest.param(change, id=name) for name, change in damages()])
def test_a_damaged_file_is_seen_told_once_and_replaced(folder, damage):
    cache.write(KEY, PAYLOAD)
    path = entry(folder)
    right = path.read_bytes()
    wrong = damage(right)
    assert wrong != right
    path.write_bytes(wrong)
    with pytest.warns(RuntimeWarning, match=f"{path} is damaged") as caught:
        assert [cache.read(KEY) for _ in range(2)] == [None, None]
    assert len(caught) == 1
    cache.write(KEY, PAYLOAD)
    assert cache.read(KEY) == PAYLOAD


def changed_byte(content, at):
    return content[:at] + bytes([content[at] ^ 16]) + content[at + 1 :]


def test_a_component_with_a_damaged_file_is_compiled_anew(folder, monkeypatch):
    assert run_value(THRICE) == 15.0
    right = entry(folder).read_bytes()
    random = np.random.default_rng(0)
    flips = [changed_byte(right, int(random.integers(len(right)))) for _ in range(times(0, 500))]
    for wrong in (right[:-100], right[:200] + bytes(100) + right[300:], b"", *flips):
        entry(folder).write_bytes(wrong)
        forget(monkeypatch)
        monkeypatch.setattr(cache, "_warned", set())
        with pytest.warns(RuntimeWarning, match=f"{entry(folder)} is damaged"):
            assert run_value(THRICE) == 15.0
        assert entry(folder).read_bytes() == right


class Planted:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (os.mkdir, (self.marker,))


def test_a_planted_pickle_never_runs(folder, tmp_path, monkeypatch):
    marker = str(tmp_path / "ran")
    payload = pickle.dumps(Planted(marker))
    run_value(THRICE)
    path = entry(folder)
    path.write_bytes(payload)
    for name in (path.stem + ".nbi", path.stem + ".nbc", path.stem + ".pkl", "index"):
        (folder / name).write_bytes(payload)
    forget(monkeypatch)
    with pytest.warns(RuntimeWarning, match="damaged"):
        assert run_value(THRICE) == 15.0
    assert not os.path.exists(marker)
    pickle.loads(payload)
    assert os.path.exists(marker)  # it would have run


# ---- whom it trusts


@POSIX
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_directory_that_others_can_write_is_not_used(folder, mode):
    folder.mkdir()
    folder.chmod(mode)
    with pytest.warns(RuntimeWarning, match=f"{folder} can be written by other users.*memory") as caught:
        assert [run_value(spec) for spec in (THRICE, ONCE)] == [15.0, 1.0]
    assert len(caught) == 1
    assert list(folder.iterdir()) == []


@POSIX
def test_a_file_that_others_can_write_is_not_used(folder):
    cache.write(KEY, PAYLOAD)
    entry(folder).chmod(0o660)
    with pytest.warns(RuntimeWarning, match=f"{entry(folder)} can be written by other users"):
        assert cache.read(KEY) is None
    cache.write(KEY, PAYLOAD)
    assert cache.read(KEY) == PAYLOAD


@POSIX
def test_what_belongs_to_somebody_else_is_not_used(folder, monkeypatch):
    cache.write(KEY, PAYLOAD)
    owner = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    monkeypatch.setattr(cache, "ADMINISTRATOR", -1)
    with pytest.warns(RuntimeWarning, match=f"directory {folder} belongs to another user"):
        assert cache.read(KEY) is None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cache.write("cd" * 32, PAYLOAD)
    assert len(list(folder.iterdir())) == 1


ROOT = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")


@ROOT
def test_root_does_not_run_what_another_user_owns(folder):
    cache.write(KEY, PAYLOAD)
    os.chown(entry(folder), STRANGER, STRANGER)
    with pytest.warns(RuntimeWarning, match=f"{entry(folder)} belongs to another user"):
        assert cache.read(KEY) is None
    os.chown(folder, STRANGER, STRANGER)
    with pytest.warns(RuntimeWarning, match=f"directory {folder} belongs to another user"):
        assert cache.read(KEY) is None


def as_stranger(work):
    """Run `work` in a child process of another user -> its exit code, 0 if it returned."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork where threads may be
        child = os.fork()
    if child == 0:
        try:
            os.setgid(STRANGER)
            os.setuid(STRANGER)
            warnings.simplefilter("error")
            work()
            os._exit(0)
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture
def open_path(folder, tmp_path):
    """Temporary folders are closed to other users; open those above the cache, and this code, for looking through."""
    places = {tmp_path, *tmp_path.parents, *Path(__file__).resolve().parents}
    ours = [place for place in places if place.stat().st_uid == os.getuid() and place != Path("/")]
    modes = [(place, stat.S_IMODE(place.stat().st_mode)) for place in ours]
    for place, mode in modes:
        place.chmod(mode | 0o711)
    yield
    for place, mode in modes:
        place.chmod(mode)


@ROOT
def test_another_user_can_use_but_not_change_what_the_administrator_compiled(folder, open_path):
    """As in a container image that was built by root and runs as somebody else."""
    cache.write(KEY, PAYLOAD)
    folder.chmod(0o755)
    entry(folder).chmod(0o644)

    def work():
        assert cache.read(KEY) == PAYLOAD
        try:
            cache.write("cd" * 32, PAYLOAD)
        except RuntimeWarning as warning:
            assert "cannot write" in str(warning)  # noqa: PT017  pytest.raises is for the parent

    assert as_stranger(work) == 0
    assert len(list(folder.iterdir())) == 1


@ROOT
def test_a_user_without_a_writable_place_computes_in_memory(folder, open_path, tmp_path):
    (tmp_path / "home").mkdir(mode=0o755)

    def work():
        os.environ.pop("NBTRAIN_CACHE_DIR")
        os.environ |= {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": ""}
        warnings.simplefilter("ignore")
        assert run_value(THRICE) == 15.0

    assert as_stranger(work) == 0
    assert list((tmp_path / "home").iterdir()) == []


@POSIX
def test_links_are_not_followed(folder, tmp_path):
    cache.write(KEY, PAYLOAD)
    elsewhere = tmp_path / "elsewhere"
    entry(folder).rename(elsewhere)
    link = folder / f"{KEY}.nbo"
    link.symlink_to(elsewhere)
    with pytest.warns(RuntimeWarning, match=f"{link} is a symbolic link"):
        assert cache.read(KEY) is None
    content = elsewhere.read_bytes()
    cache.write(KEY, PAYLOAD)
    assert not link.is_symlink()
    assert cache.read(KEY) == PAYLOAD
    assert elsewhere.read_bytes() == content
    folder.rename(tmp_path / "moved")
    folder.symlink_to(tmp_path / "moved")
    with pytest.warns(RuntimeWarning, match=f"directory {folder} is a symbolic link"):
        assert cache.read(KEY) is None


@POSIX
def test_a_pipe_in_the_place_of_a_file_does_not_block(folder):
    folder.mkdir(mode=0o700)
    os.mkfifo(folder / f"{KEY}.nbo")
    with pytest.warns(RuntimeWarning, match="is not a file"):
        assert cache.read(KEY) is None


# ---- where nothing can be written


def fails(error):
    def function(*arguments, **options):
        raise OSError(error, os.strerror(error))

    return function


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_a_full_disk_costs_one_warning_and_leaves_nothing_behind(folder, monkeypatch, call, error):
    monkeypatch.setattr(os, call, fails(error))
    with pytest.warns(RuntimeWarning, match=rf"cannot write.*{folder}.*{os.strerror(error)}.*memory") as caught:
        assert [run_value(spec) for spec in (THRICE, ONCE)] == [15.0, 1.0]
    assert len(caught) == 1
    assert list(folder.iterdir()) == []


def test_a_file_in_the_place_of_the_directory_costs_one_warning(folder):
    folder.write_text("")
    with pytest.warns(RuntimeWarning, match=f"no cache in {folder}") as caught:
        assert run_value(THRICE) == 15.0
    assert len(caught) == 1


@POSIX
def test_without_a_home_code_is_kept_in_memory(folder, monkeypatch):
    monkeypatch.delenv("NBTRAIN_CACHE_DIR")
    monkeypatch.setenv("HOME", "")
    with pytest.warns(RuntimeWarning, match="no home directory"):
        assert run_value(THRICE) == 15.0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the places of Linux")
@pytest.mark.parametrize("base", ["", "relative", ".", None])
def test_the_current_directory_is_never_the_cache(base, monkeypatch, tmp_path):
    monkeypatch.delenv("NBTRAIN_CACHE_DIR")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    if base is None:
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", base)
    assert cache.wanted_directory() == tmp_path / "home" / ".cache" / "nbtrain"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.wanted_directory() == tmp_path / "xdg" / "nbtrain"
    monkeypatch.setenv("HOME", "relative")
    assert cache.wanted_directory() is None


# ---- many processes


def _forked(work, count):
    """Exit codes of `count` children that run `work(rank)`, all started before any begins."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context = multiprocessing.get_context("fork")
        barrier = context.Barrier(count)

        def child(rank):
            warnings.simplefilter("error")
            barrier.wait()
            work(rank)

        children = [context.Process(target=child, args=(rank,)) for rank in range(count)]
        for process in children:
            process.start()
    for process in children:
        process.join(120)
    return [process.exitcode for process in children]


fork = pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this system")


@fork
@pytest.mark.parametrize("turn", range(times(1, 50)))
def test_eight_processes_on_a_cold_cache_all_get_the_right_code(turn, folder):
    specs = [nbtrain.Activation(f"race{i}", thrice if i % 2 else one, one) for i in range(3)]

    def work(rank):
        for i in range(3):
            which = (rank + i) % 3
            assert run_value(specs[which]) == (15.0 if which % 2 else 1.0)

    run_value(THRICE)  # Numba is warm; the components are not
    assert _forked(work, 8) == [0] * 8
    assert not list(folder.glob("*.tmp"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert all(cache.read(path.stem) for path in folder.glob("*.nbo"))


@fork
def test_readers_among_writers_never_see_half_a_file(folder):
    """Eight processes write and read three keys, 50 rounds, with a pause in the middle of each write."""
    keys = [f"{i:064x}" for i in range(3)]
    write = os.replace

    def work(rank):
        def slowly(source, target):
            time.sleep(0.0005 * (rank % 3))
            write(source, target)

        os.replace = slowly
        for turn in range(50):
            key = keys[(rank + turn) % 3]
            if (rank + turn) % 2:
                cache.write(key, key.encode() * 3000)
            assert cache.read(key) in (None, key.encode() * 3000)

    assert _forked(work, 8) == [0] * 8
    assert [cache.read(key) for key in keys] == [key.encode() * 3000 for key in keys]


def test_what_dead_writers_left_and_what_is_too_much_is_removed(folder, monkeypatch):
    cache.write(KEY, PAYLOAD)
    dead, living = folder / "dead.tmp", folder / "living.tmp"
    for path in (dead, living):
        path.write_bytes(b"half")
    os.utime(dead, (time.time() - 7200,) * 2)
    monkeypatch.setattr(cache, "LIMIT_BYTES", 3 * len(PAYLOAD))
    for i in range(5):
        os.utime(entry(folder) if i == 0 else folder / f"{i - 1:064x}.nbo", (1000.0 + i,) * 2)
        cache.write(f"{i:064x}", PAYLOAD)
    assert not dead.exists()
    assert living.exists()
    left = sorted(path.stem for path in folder.glob("*.nbo"))
    assert left == [f"{i:064x}" for i in (2, 3, 4)]


# ---- what is compiled, and when


class Compilations(event.Listener):
    def __init__(self):
        self.names = []

    def on_start(self, e):
        self.names.append(e.data["dispatcher"].py_func.__qualname__)

    def on_end(self, e):
        pass


def test_a_new_network_compiles_nothing_and_a_new_component_itself_alone(monkeypatch):
    def trainer(layers, activation, optimizer="adam"):
        network = nbtrain.Network(4, [nbtrain.Dense(7, activation)] * layers + [nbtrain.Dense(2)])
        return nbtrain.Trainer(network, loss="softmax_cross_entropy", optimizer=optimizer, rng=0)

    trainer(1, "relu")
    trainer(1, "tanh", "momentum")
    counted = Compilations()
    with event.install_listener("numba:compile", counted):
        trainer(3, "tanh", "adam")
        trainer(2, "relu", "momentum")
        assert counted.names == []
        factor = float(time.time_ns())  # one that is in no cache that this run was given
        new = nbtrain.Activation("compiled_alone", lambda z: factor * z, one)
        trainer(2, new)
        assert counted.names
        assert all("_on_data" not in name and "train" not in name for name in counted.names)
        counted.names.clear()
        trainer(3, new)
        assert counted.names == []


WARM = """
import sys, warnings
import numpy as np
warnings.simplefilter("error")
import nbtrain
network = nbtrain.Network(30, [nbtrain.Dense(64, "relu", dropout=0.1), nbtrain.Dense(64, "relu"), nbtrain.Dense(2)])
trainer = nbtrain.Trainer(network, loss="softmax_cross_entropy", regularizer="l2", rng=0,
                          optimizer=nbtrain.optimizer("adam", learning_rate=nbtrain.schedule("cosine", steps=100)))
random = np.random.default_rng(0)
X, y = random.standard_normal((512, 30)), random.integers(0, 2, 512)
trainer.fit(X, y, epochs=1, validation_data=(X, y))
trainer.train_step(X, y)
trainer.predict(X)
print(*(name for name in ("numba", "importlib.metadata", "difflib", "cffi") if name in sys.modules))
"""


def test_a_warm_process_trains_without_importing_numba():
    outputs = [
        subprocess.run([sys.executable, "-c", WARM], check=True, capture_output=True, text=True, timeout=300).stdout
        for _ in range(2)
    ]
    assert outputs[1] == "\n"


LARGE_TABLES = """
import ctypes
import numpy as np
import nbtrain
from nbtrain import compiler
LARGE = np.linspace(0.0, 1.0, 300_001)
WHOLE = np.arange(600_000).reshape(2, 300_000).T[:, 1]
def value(z): return LARGE[int(z)] + WHOLE[int(z)]
address = compiler.component(nbtrain.Activation("table", value, lambda z: 1.0), np.float64).addresses["value"]
z, a = np.array([0.0, 299_999.0, 300_000.0]), np.zeros(3)
ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 4)(address)(z.ctypes.data, a.ctypes.data, 3, 0)
print(a.tolist())
"""


def test_large_tables_are_a_part_of_the_code(folder):
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", LARGE_TABLES], capture_output=True, text=True, timeout=300)
        assert done.stdout == f"{[300_000.0, 299_999 / 300_000 + 599_999, math.nan]}\n", done.stderr


def test_what_lies_in_this_process_alone_is_refused():
    by_address = cfunc("float64(float64)")(lambda x: 2.0 * x)
    with pytest.raises(nbtrain.PluginError, match=r"line \d+: a function of C is not supported"):
        compiler.component(nbtrain.Activation("c", lambda z: by_address(z), lambda z: 2.0), np.float64)


def test_a_long_chain_of_helpers_is_described_in_time():
    names = {"h0": lambda z: z + 1.0}
    for level in range(1, 29):
        exec(f"def h{level}(z): return h{level - 1}(z) + 1.0", names)
    value = names["h28"]
    assert run_value(nbtrain.Activation("chain", lambda z: value(z), lambda z: 1.0)) == 34.0


LATE_BLAS = """
import sys
import numpy as np
import nbtrain
from nbtrain import compiler
compiler.component(nbtrain.Activation("first", lambda z: 2.0 * z, lambda z: 2.0), np.float32)
print("scipy.linalg" in sys.modules)
from numba import njit
a, b = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
product, determinant = njit(lambda a, b: np.dot(a, b)), njit(lambda c: np.linalg.det(c))
print(np.array_equal(product(a, b), a @ b), np.isclose(determinant(a @ a.T), 54.0))
"""


def test_the_first_component_does_not_import_scipy_and_linear_algebra_of_others_still_works(folder):
    pytest.importorskip("scipy")
    done = subprocess.run([sys.executable, "-c", LATE_BLAS], check=True, capture_output=True, text=True, timeout=300)
    assert done.stdout == "False\nTrue True\n"


def test_code_of_changed_sources_is_neither_run_nor_kept(folder, monkeypatch):
    """nbtrain is upgraded while a process runs."""
    monkeypatch.setattr(sources, "of_folder", lambda name: "another version")
    with pytest.raises(nbtrain.Error, match="changed after this process loaded it; restart the process"):
        run_value(THRICE)
    assert not list(folder.glob("*"))


# ---- stale code

PLUGIN = """
import nbtrain
import helpers
from helpers import offset

def value(z):
    return helpers.factor(z) + offset(z)

def slope(z):
    return 1.0

SPEC = nbtrain.Activation("edited", lambda z: value(z), slope)
"""
HELPERS = """
FACTOR = 2.0

def factor(z):
    return FACTOR * z

def offset(z, by=1.0):
    return by
"""
PROGRAM = """
import ctypes, sys
import numpy as np
from plugin import SPEC
from nbtrain import compiler
address = compiler.component(SPEC, np.float32).addresses["value"]
z, a = np.full(3, 5, np.float32), np.zeros(3, np.float32)
ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 4)(address)(z.ctypes.data, a.ctypes.data, 3, 0)
print(a[0], "numba" in sys.modules)
"""


def test_edits_of_a_plugin_its_helpers_and_the_compiler_lead_to_new_code(folder, tmp_path):
    """Every line: an edit, the value that it leads to, whether Numba was needed."""
    import shutil

    package = Path(nbtrain.__file__).parent
    shutil.copytree(package, tmp_path / "nbtrain", ignore=shutil.ignore_patterns("__pycache__"))
    plugin, helpers = tmp_path / "plugin.py", tmp_path / "helpers.py"
    plugin.write_text(PLUGIN)
    helpers.write_text(HELPERS)

    def edit(path, old, new):
        text = path.read_text()
        assert text.count(old) == 1
        path.write_text(text.replace(old, new))

    def result():
        environment = os.environ | {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-c", PROGRAM]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path, timeout=300)
        assert done.returncode == 0, done.stderr
        value, compiled = done.stdout.split()
        return float(value), compiled == "True"

    assert result() == (11.0, True)
    assert result() == (11.0, False)
    edit(helpers, "FACTOR = 2.0", "FACTOR = 3.0")
    edit(helpers, "by=1.0", "by=0.5")
    assert result() == (15.5, True)
    edit(plugin, "+ offset(z)", "- offset(z)")
    edit(tmp_path / "nbtrain/compiler/blocks/layers.py", "put_a(a, i, value(z_at(z, i), *given))", "put_a(a, i, 7)")
    assert result() == (7.0, True)
    assert result() == (7.0, False)


def test_components_compile_where_jit_is_disabled_for_debugging(folder):
    code = "from test_cache import THRICE, run_value; assert run_value(THRICE) == 15.0"
    path = os.pathsep.join([os.path.dirname(__file__), *filter(None, sys.path)])
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": path}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=300)
