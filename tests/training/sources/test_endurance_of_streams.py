"""What may go wrong around a source: it hangs, Ctrl-C, forks, too little memory, a source that uses the trainer."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import threading
import time

import numpy as np
import pytest
import streams
from common import run_python
from streams import INPUTS, OUTPUTS, ROWS, make

import nbtrain

needs_posix = pytest.mark.skipif(os.name != "posix", reason="signals and forks of POSIX")


class Waiting:
    """An array whose rows never come, after some."""

    shape, dtype = (ROWS, INPUTS), np.dtype("f8")

    def __init__(self, asked):
        self.asked, self.go_on = asked, threading.Event()

    def __getitem__(self, rows):
        if rows.start > 300:
            self.asked()
            self.go_on.wait()
        return np.zeros((rows.stop - rows.start, INPUTS))


def interrupt_once(trainer, iterations):
    """A function that interrupts the main thread as soon as the trainer has made so many iterations."""

    def wait_and_interrupt():
        while trainer.iteration < iterations:
            time.sleep(0)
        os.kill(os.getpid(), signal.SIGINT)

    return wait_and_interrupt


@needs_posix
def test_ctrl_c_is_seen_while_an_array_hangs(monkeypatch):
    streams.small(monkeypatch)
    y = np.zeros((ROWS, OUTPUTS))
    trainer = make(shuffle=False)
    source = Waiting(interrupt_once(trainer, 384 // streams.BATCH))
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(source, y)
    assert trainer.iteration == 384 // streams.BATCH  # whole blocks that were read
    trainer.fit(np.zeros((ROWS, INPUTS)), y)  # the epoch goes on, though the reader still hangs
    assert trainer.epoch == 1
    source.go_on.set()


@needs_posix
def test_ctrl_c_is_seen_while_batches_hang():
    X, y, _ = streams.data()
    trainer, whole = make(), make(shuffle=False)

    def batches():
        yield X[:500], y[:500]
        interrupt_once(trainer, 0)()
        threading.Event().wait()

    with pytest.raises(KeyboardInterrupt):
        trainer.fit(batches=batches)
    whole.fit(X, y)
    trainer.fit(batches=lambda: iter([(X, y)]))
    streams.same(trainer, whole)


@pytest.mark.parametrize("streamed", [True, False])
def test_what_an_interrupt_leaves_in_the_descriptor_does_no_harm(streamed, monkeypatch, tmp_path):
    streams.small(monkeypatch)
    X, y, _ = streams.data()
    trainer, whole = make(), make()
    d = trainer.engine.descriptor
    d["streamed"], d["block_first"], d["block_open"], d["shuffle"] = 1, 96, 1, 0  # as within a slice of blocks
    source = (streams.mapped(tmp_path, X), streams.mapped(tmp_path, y)) if streamed else (X, y)
    trainer.fit(*source, 2)
    whole.fit(X, y, 2)
    streams.same(trainer, whole)
    assert (d["streamed"][0], d["shuffle"][0]) == (0, 1)


def test_an_array_that_uses_the_trainer_it_feeds_is_refused(monkeypatch):
    streams.small(monkeypatch)
    X, y, _ = streams.data()
    trainer = make(shuffle=False)

    class Using:
        shape, dtype = X.shape, X.dtype

        def __getitem__(self, rows):
            trainer.train_step(X[:4], y[:4])
            return X[rows]

    with pytest.raises(nbtrain.Error, match="uses the trainer that is trained with them"):
        trainer.fit(Using(), y)
    assert trainer.iteration == 0


FORK = """
import os, sys, hashlib, numpy as np, nbtrain, streams
from nbtrain.training.sources import arrays, orders
arrays.SMALL_BYTES, orders.READ_BYTES = 0, 1200
X, y, _ = streams.data()
class Sliced:
    def __init__(self, a): self.a, self.shape, self.dtype = a, a.shape, a.dtype
    def __getitem__(self, rows): return self.a[rows]
given = {given}
class Fork(nbtrain.callbacks.Callback):
    every_steps, child = 40, None
    def on_step(self, trainer, iteration, metrics):
        if self.child is None:
            self.child = os.fork()
fork, trainer = Fork(), streams.make(shuffle=False)
trainer.fit(**given, epochs=2, callbacks=[fork])
digest = hashlib.sha256(trainer.theta.tobytes()).hexdigest()
if fork.child == 0:
    print(digest, flush=True)
    os._exit(0)
assert os.waitpid(fork.child, 0)[1] == 0
print(digest)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.parametrize("given", ["dict(X=Sliced(X), y=y)", "dict(batches=streams.in_pieces(X, y, sizes=lambda: 30))"])
def test_a_child_that_is_forked_in_a_callback_continues_the_call(given):
    whole = make(shuffle=False)
    X, y, _ = streams.data()
    whole.fit(X, y, 2)
    digest = hashlib.sha256(whole.theta.tobytes()).hexdigest()
    assert run_python("-W", "ignore::DeprecationWarning", "-c", FORK.replace("{given}", given)).split() == [digest] * 2


MEMORY = """
import sys, numpy as np, nbtrain
rows, columns = 1_000_000, 40
X = np.memmap(sys.argv[1], "f8", "w+", shape=(rows, columns))  # sparse: 320 MB that take no room on the disk
y = np.memmap(sys.argv[1] + "y", "f8", "w+", shape=(rows, 1))
out = np.memmap(sys.argv[1] + "out", "f4", "w+", shape=(rows, 1))
def anonymous():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) * 1024
network = nbtrain.Network(columns, [nbtrain.Dense(1)])
trainer = nbtrain.Trainer(network, loss="mse", batch_size=1024, rng=0)
trainer.fit(X[:5000], y[:5000])
seen = []
class See(nbtrain.callbacks.Callback):
    every_steps = 100
    def on_step(self, trainer, iteration, metrics): seen.append(anonymous())
before = anonymous()
trainer.fit(X, y, shuffle=False, callbacks=[See()])
trainer.fit(X, y, shuffle="blocks", block_rows=50_000, callbacks=[See()])
trainer.fit(batches=lambda: ((X[i:i + 3000], y[i:i + 3000]) for i in range(0, rows, 3000)), callbacks=[See()])
trainer.predict(X, out=out)
trainer.evaluate(X, y)
seen.append(anonymous())
blocks = max(seen) - before
trainer.fit(X, y, shuffle=True, callbacks=[See()])
print(blocks, max(seen) - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc/self/status")
def test_memory_does_not_grow_with_the_data(tmp_path):
    blocks, exact = map(int, run_python("-c", MEMORY, str(tmp_path / "x")).split())
    assert blocks < 40e6  # two blocks of 50,000 rows of 40 float32 have 16 MB, the converted data have 160
    assert exact < 60e6  # and an order of 4 MB


NO_MEMORY = """
import resource, numpy as np, nbtrain
trainer = nbtrain.Trainer(nbtrain.Network(2, [nbtrain.Dense(1)]), loss="mse", batch_size=4096, rng=0)
X, y = np.zeros((8_000_000, 2), "f4"), np.zeros((8_000_000, 1), "f4")
trainer.fit(X[:5000], y[:5000]); trainer.predict(X[:5000])
with open("/proc/self/statm") as line:
    size = int(line.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + 16 * 2**20,) * 2)
def fails(call):
    try: call()
    except MemoryError as error: print(error)
fails(lambda: trainer.fit(X, y))
fails(lambda: trainer.predict(X))
fails(lambda: trainer.fit(X[::2], y[::2]))
trainer.fit(X, y, shuffle=False)
print(trainer.epoch)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs RLIMIT_AS")
def test_errors_say_how_much_memory_is_missing_and_what_avoids_it():
    order, out, copied, epoch = run_python("-c", NO_MEMORY).splitlines()
    assert "order of the samples: 32,000,000 bytes, 4 for each of 8,000,000" in order
    assert "shuffle=False needs none" in order
    assert "32,000,000 bytes are needed for the predictions" in out
    assert "out=" in out
    assert "X: 32,000,000 bytes are needed for a copy in float32" in copied
    assert epoch == "2"
