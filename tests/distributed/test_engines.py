"""Real engines give the bits of one process, also if a worker is killed in the middle of a round."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import engines
import processes
import pytest
from common import ROOT, SUPPORT

import nbtrain

PROGRAM = Path(engines.__file__)


def run(engine, tmp_path, *before):
    environment = {"PYTHONPATH": f"{ROOT}:{SUPPORT}"}
    command = [*before, sys.executable, PROGRAM, engine, tmp_path / "log"]
    done = processes.run(command, env=__import__("os").environ | environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def serial():
    return engines.trained()


@pytest.fixture(scope="module")
def serial_synchronous():
    return engines.trained(algorithm="synchronous")


def test_functions_make_the_same_shards(serial):
    assert engines.trained(data=engines.shard_of) == serial
    assert engines.trained(data=[engines.shard_of(shard) for shard in range(engines.SHARDS)]) == serial


def check_killed(found):
    """Two processes trained; one was killed in the middle of a round, which another one repeated."""
    assert found["own"] not in found["pids"]
    assert len(found["pids"]) >= 2
    ((pid, *_),) = found["hung"]
    assert found["ended"] == [False]
    (others,) = found["repeated"]
    assert others
    assert pid not in others


def test_threads(serial, tmp_path):
    assert run("threads", tmp_path)["digests"] == [serial] * 2


def test_processes_one_of_which_is_killed(serial, tmp_path):
    found = run("processes", tmp_path)
    assert found["digests"] == [serial]
    check_killed(found)


def test_loky_with_a_process_that_is_killed(serial, tmp_path):
    pytest.importorskip("loky")
    found = run("loky", tmp_path)
    assert found["digests"] == [serial] * 2
    assert found["made"] == 2  # a broken pool stays broken
    check_killed(found)


def test_a_dask_cluster_with_a_worker_that_is_killed(serial, serial_synchronous, tmp_path):
    pytest.importorskip("distributed")
    found = run("dask", tmp_path)
    assert found["digests"] == [serial] * 2
    assert found["synchronous"] == serial_synchronous
    check_killed(found)
    assert found["lazy"] == found["serial lazy"]
    assert found["lazy prediction"]
    cluster, local = found["scores"]
    assert cluster == pytest.approx(local, rel=1e-12)


def test_ranks_of_mpi(serial, serial_synchronous, tmp_path):
    pytest.importorskip("mpi4py")
    mpiexec = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or shutil.which("mpiexec")
    if mpiexec is None:
        pytest.skip("there is no mpiexec")
    found = run("mpi", tmp_path, mpiexec, "-n", "2")
    first, second = found["ranks"]
    assert first["digests"] == second["digests"] == [serial]
    assert first["synchronous"] == second["synchronous"] == serial_synchronous
    assert first["history"] == second["history"]
    assert (first["calls"], second["calls"]) == (engines.EPOCHS, 0)
    assert first["predicted"]
    assert second["predicted"]
    assert len(found["pids"]) == 2
    for rank in found["ranks"]:
        failed, other, invalid = rank["errors"]
        assert failed.startswith("WorkerError: shard 3, before the first round, on ")
        assert "ZeroDivisionError" in failed
        assert "data must be the same in all ranks" in other
        assert "X must have shape" in invalid or "data must be a tuple" in invalid


def test_the_core_imports_no_engine():
    program = (
        "import sys, nbtrain, nbtrain.distributed as d, numpy as np\n"
        "t = nbtrain.Trainer(nbtrain.Network(2, [nbtrain.Dense(1)]), loss='mse')\n"
        "d.fit(t, (np.ones((9, 2)), np.ones(9)), 1, shards=2)\n"
        "print([name for name in ('dask', 'distributed', 'mpi4py', 'cloudpickle') if name in sys.modules])"
    )
    done = processes.run([sys.executable, "-W", "error", "-c", program])
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_a_broken_executor_is_explained(tmp_path):
    """An Executor object stays broken: the error says what to pass."""
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(1) as pool:
        noting = engines.Noting(lambda: pool, str(tmp_path / "log"), hangs=True)
        engines.Killing(str(tmp_path / "log"))
        made = engines.trainer()
        words = "shard 1, epoch 1, round .*BrokenProcessPool.*pass a function that makes one"
        with pytest.raises(nbtrain.errors.WorkerError, match=words):
            nbtrain.distributed.fit(made, (engines.X, engines.Y), 3, executor=noting, shards=5)
    assert made.iteration >= 4
    nbtrain.distributed.fit(made, (engines.X, engines.Y), 3, shards=5)  # continues
