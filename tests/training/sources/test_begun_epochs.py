"""An epoch that was begun: by the trainer itself, its copies and files, with the same data or others."""

from __future__ import annotations

import copy
import gc
import itertools
import threading
import warnings
import weakref

import numpy as np
import pytest
import streams
from streams import BATCH, ROWS, make, same, stop_at

import nbtrain
from nbtrain.training.sources import arrays

STEPS = 20  # of an epoch of endless batches


class Slices:
    """Anything with shape, dtype and slices of rows; notes which rows are read, and by how many threads at once."""

    def __init__(self, array, chunk=None):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.chunks = None if chunk is None else (chunk, *array.shape[1:])
        self.read, self.inside, self.most, self.lock = [], 0, 0, threading.Lock()

    def __getitem__(self, rows):
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
            self.read.append((rows.start, rows.stop))
        found = self.array[rows]
        with self.lock:
            self.inside -= 1
        return found


def endless():
    X, y, _ = streams.data()
    for first in itertools.cycle(range(0, ROWS - 10, 10)):
        yield X[first : first + 10], y[first : first + 10]


def twin(how, trainer, path):
    """The trainer itself, a copy of it, or what its file gives."""
    if how == "copy":
        return copy.deepcopy(trainer)
    if how == "file":
        trainer.save(path)
        return nbtrain.load(path)
    return trainer


@pytest.mark.parametrize("how", ["itself", "copy", "file"])
def test_endless_batches_are_continued_where_they_were_left(how, tmp_path):
    whole, broken = make(), make()
    whole.fit(batches=endless, steps_per_epoch=STEPS, epochs=4)
    broken.fit(batches=endless, steps_per_epoch=STEPS, epochs=4, callbacks=[stop_at(STEPS + 7)])
    found = twin(how, broken, tmp_path / "m.nbt")
    found.fit(batches=endless, steps_per_epoch=STEPS, epochs=3)
    assert np.array_equal(found.theta, whole.theta)


@pytest.mark.parametrize("how", ["itself", "copy", "file"])
def test_random_pieces_are_continued_only_alike(how, tmp_path):
    X, y, _ = streams.data()
    trainer = make()
    trainer.fit(X, y, 1, shuffle="blocks", block_rows=200, callbacks=[stop_at(7)])
    found = twin(how, trainer, tmp_path / "m.nbt")
    with pytest.raises(nbtrain.errors.InputError, match=r"block_rows=192.*got shuffle='blocks', block_rows=400"):
        found.fit(X, y, 1, shuffle="blocks", block_rows=400)


class Interrupts(nbtrain.callbacks.Callback):
    def on_epoch(self, trainer, epoch, metrics):
        raise KeyboardInterrupt


def test_an_interrupt_before_the_first_step_of_an_epoch_loses_no_batches():
    whole, broken = make(), make()
    whole.fit(batches=endless, steps_per_epoch=STEPS, epochs=3)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            broken.fit(batches=endless, steps_per_epoch=STEPS, epochs=2, callbacks=[Interrupts()])
    broken.fit(batches=endless, steps_per_epoch=STEPS, epochs=1)
    same(broken, whole)


@pytest.mark.parametrize("stop", [7, 50])
def test_other_data_begin_an_epoch_of_their_own(stop):
    X, y, _ = streams.data()
    trainer = make()
    trainer.fit(X, y, 1, shuffle="blocks", block_rows=200, callbacks=[stop_at(stop)])
    before = trainer.iteration
    trainer.fit(X[:500], y[:500], 1, shuffle="blocks", block_rows=200)
    assert trainer.iteration - before == -(-500 // BATCH)


def test_the_file_of_a_checkpoint_says_how_its_epoch_is_taken_not_the_trainer(tmp_path):
    def run():
        trainer = make()
        trainer.fit(batches=endless, steps_per_epoch=STEPS, epochs=2, callbacks=[stop_at(STEPS + 5)])
        return trainer

    whole, path = run(), tmp_path / "c.nbt"
    whole.fit(batches=endless, steps_per_epoch=STEPS, epochs=3)  # four in all, as with a checkpoint
    run().fit(batches=endless, steps_per_epoch=STEPS, epochs=4, checkpoint=path, callbacks=[stop_at(3 * STEPS + 5)])
    again = run()
    again.fit(batches=endless, steps_per_epoch=STEPS, epochs=4, checkpoint=path)
    assert (again.iteration, again.epoch) == (whole.iteration, whole.epoch)
    assert np.array_equal(again.theta, whole.theta)


def test_a_fit_within_a_callback_changes_no_order():
    X, y, _ = streams.data()

    class Nested(nbtrain.callbacks.Callback):
        def on_epoch(self, trainer, epoch, metrics):
            if trainer.epoch == 1:
                trainer.fit(X[:BATCH], y[:BATCH], 1)

    nested, plain = make(), make()
    nested.fit(X, y, 3, shuffle=False, callbacks=[Nested()])
    plain.fit(X, y, 1, shuffle=False)
    plain.fit(X[:BATCH], y[:BATCH], 1)
    plain.fit(X, y, 2, shuffle=False)
    assert np.array_equal(nested.theta, plain.theta)


def test_one_thread_at_a_time_reads_a_source(monkeypatch, tmp_path):
    streams.small(monkeypatch)
    X, y, _ = streams.data()
    source, path = Slices(X), tmp_path / "m.nbt"

    class Saves(nbtrain.callbacks.Callback):
        every_steps = 1

        def on_step(self, trainer, iteration, metrics):
            trainer.save(path)

    for _ in range(5):
        make().fit(source, y, 1, shuffle=False, callbacks=[Saves()])
    assert source.most == 1


def test_data_that_are_loaded_after_all_are_not_taken_for_others(monkeypatch, tmp_path):
    X, y, _ = streams.data()
    path = tmp_path / "c.nbt"
    with monkeypatch.context() as patch:
        streams.small(patch)
        make().fit(Slices(X), y, 3, shuffle=False, checkpoint=path, callbacks=[stop_at(90)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again, whole = make(), make()
        again.fit(X, y, 3, shuffle=False, checkpoint=path)
    whole.fit(X, y, 3, shuffle=False)
    assert np.array_equal(again.theta, whole.theta)


def test_a_chunk_is_read_once_a_block(monkeypatch):
    monkeypatch.setattr(arrays, "SMALL_BYTES", 0)
    X, y, _ = streams.data()
    source = Slices(X, chunk=100)
    make().fit(source, y, 1, shuffle="blocks", block_rows=2 * ROWS)
    assert sum(stop - start for start, stop in source.read) <= ROWS + 100


def test_a_generator_goes_with_its_user():
    trainer, batches = make(), endless()
    known = weakref.ref(batches)
    trainer.fit(batches=batches, steps_per_epoch=3)
    del batches
    gc.collect()
    assert known() is None


def test_predictions_are_written_over_the_rows_that_they_are_for():
    trainer = nbtrain.Trainer(nbtrain.Network(1, [nbtrain.Dense(1)]), loss="mse", rng=0)
    rows = np.arange(400_001, dtype=np.float32)[:, None]
    wanted = trainer.predict(rows[:-1].copy())
    assert np.array_equal(trainer.predict(rows[:-1], out=rows[1:]), wanted)
