"""Training with AMX, where the processor has it: leave to use it, and the same bits in every way of training."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from common import run_python

import nbtrain
from nbtrain.compiler import processor

NETWORK = nbtrain.Network(64, [nbtrain.Dense(128, "tanh"), nbtrain.Dense(96, "relu"), nbtrain.Dense(10)])
HERE = f"import sys; sys.path.insert(0, {os.path.dirname(__file__)!r})\n"
TRAIN = """
import numpy as np, test_amx
from nbtrain.compiler import processor
np.save(sys.argv[1], test_amx.trained())
print(processor.has_amx())
"""


def trained(threads: int = 1) -> np.ndarray:
    """Parameters after two epochs, the last batches of which are smaller."""
    random = np.random.default_rng(5)
    x, y = random.standard_normal((300, 64), np.float32), random.integers(0, 10, 300)
    trainer = nbtrain.Trainer(NETWORK, loss="softmax_cross_entropy", batch_size=90, rng=3, threads=threads)
    trainer.fit(x, y, epochs=2)
    return np.array(trainer.theta)


def run(target: Path, before: str = "", **environment: str) -> tuple[bool, np.ndarray]:
    """Whether another process had AMX, and what it trained."""
    output = run_python("-c", HERE + before + TRAIN, target, **environment)
    return output.split()[-1] == "True", np.load(target)


@pytest.mark.parametrize("threads", [2, 3])
def test_any_number_of_threads_gives_the_same_bits(threads: int) -> None:
    assert np.array_equal(trained(threads), trained())


def test_it_can_be_switched_off(tmp_path: Path) -> None:
    used, parameters = run(tmp_path / "off.npy", NBTRAIN_DISABLE_AMX="1")
    assert not used
    np.testing.assert_allclose(parameters, trained(), rtol=0, atol=2e-4)
    assert np.array_equal(parameters, trained()) != processor.has_amx()


SMALL_STACK = """
import ctypes
class Stack(ctypes.Structure):
    _fields_ = [("address", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]
memory = ctypes.create_string_buffer(8192)
stack = Stack(ctypes.addressof(memory), 0, 8192)
assert ctypes.CDLL(None).sigaltstack(ctypes.byref(stack), None) == 0
"""


@pytest.mark.skipif(not processor.has_amx(), reason="this processor has no AMX")
def test_a_process_whose_signal_handlers_have_too_little_room_trains_without(tmp_path: Path) -> None:
    used, parameters = run(tmp_path / "small.npy", SMALL_STACK)
    assert not used
    assert np.array_equal(parameters, run(tmp_path / "off.npy", NBTRAIN_DISABLE_AMX="1")[1])


FORK = """
import os
import test_amx
test_amx.trained()
child = os.fork()
if child:
    os._exit(os.waitpid(child, 0)[1] != 0)
"""


@pytest.mark.skipif(not processor.has_amx() or not hasattr(os, "fork"), reason="this processor has no AMX")
def test_a_forked_child_trains_to_the_same_bits(tmp_path: Path) -> None:
    used, parameters = run(tmp_path / "child.npy", FORK)
    assert used
    assert np.array_equal(parameters, trained())
