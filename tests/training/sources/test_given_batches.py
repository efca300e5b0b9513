"""fit(batches=): the bits do not depend on how the rows are cut, and are those of the same rows in memory."""

from __future__ import annotations

import copy
import threading

import numpy as np
import pytest
import streams
from streams import BATCH, ROWS, in_pieces, make, same

import nbtrain


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    streams.small(monkeypatch)


def sizes(kind):
    random = np.random.default_rng(4)
    given = {
        "one": lambda: 1,
        "seven": lambda: 7,
        "thousand": lambda: 1000,
        "all": lambda: ROWS,
        "none or one": lambda: int(random.integers(0, 2)),
        "random": lambda: int(random.integers(0, 300)),
    }
    return given[kind]


@pytest.mark.parametrize("loss", ["mse", "softmax_cross_entropy"])
@pytest.mark.parametrize("kind", ["one", "seven", "thousand", "all", "none or one", "random"])
def test_the_bits_do_not_depend_on_the_sizes_of_the_batches(kind, loss):
    X, y, weight = streams.data(loss)
    batched, whole = make(loss), make(loss, shuffle=False)
    batches = in_pieces(X, y, weight, sizes=sizes(kind))
    batched.fit(batches=batches, epochs=2, validation_batches=in_pieces(X, y, sizes=sizes(kind)))
    whole.fit(X, y, 2, sample_weight=weight, validation_data=(X, y))
    same(batched, whole)


def test_threads_share_the_steps():
    X, y, _ = streams.data()
    batched, whole = make(threads=2), make(shuffle=False)
    batched.fit(batches=in_pieces(X, y, sizes=sizes("random")), epochs=2)
    whole.fit(X, y, 2)
    same(batched, whole)


class Sequence:
    """Batches by their numbers."""

    def __init__(self, *data):
        self.data = data

    def __len__(self):
        return -(-ROWS // 100)

    def __getitem__(self, index):
        return tuple(array[100 * index : 100 * (index + 1)] for array in self.data)


@pytest.mark.parametrize("form", ["function", "list", "sequence", "iterator"])
def test_all_forms_of_batches(form):
    X, y, _ = streams.data()
    batches = in_pieces(X, y, sizes=lambda: 100)
    forms = {"function": batches, "list": list(batches()), "sequence": Sequence(X, y), "iterator": batches()}
    epochs = 1 if form == "iterator" else 2
    batched, whole = make(), make(shuffle=False)
    batched.fit(batches=forms[form], epochs=epochs)
    whole.fit(X, y, epochs)
    same(batched, whole)


def test_a_data_loader_of_torch_gives_batches():
    torch = pytest.importorskip("torch")
    X, y, _ = streams.data()
    dataset = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(y))
    batched, whole = make(), make(shuffle=False)
    batched.fit(batches=torch.utils.data.DataLoader(dataset, 100), epochs=2)
    whole.fit(X, y, 2)
    same(batched, whole)


def endless(X, y):
    place = 0
    while True:
        rows = np.arange(place, place + 50) % ROWS
        yield X[rows], y[rows]
        place += 50


def endless_rows(first, count):
    return np.arange(first, first + count) % ROWS


@pytest.mark.parametrize("form", ["function", "iterator"])
def test_epochs_of_a_number_of_steps_go_on_in_endless_batches(form):
    X, y, _ = streams.data()
    batched, whole = make(), make(shuffle=False)
    batched.fit(batches=(lambda: endless(X, y)) if form == "function" else endless(X, y), epochs=3, steps_per_epoch=30)
    for epoch in range(3):
        rows = endless_rows(epoch * 30 * BATCH, 30 * BATCH)
        whole.fit(X[rows], y[rows])
    same(batched, whole)


def test_epochs_of_a_number_of_steps_begin_finite_batches_again():
    X, y, _ = streams.data()
    batched, whole = make(), make(shuffle=False)
    batched.fit(batches=in_pieces(X, y, sizes=lambda: 90), epochs=2, steps_per_epoch=80)
    for epoch in range(2):
        rows = endless_rows(epoch * 80 * BATCH, 80 * BATCH)
        whole.fit(X[rows], y[rows])
    same(batched, whole)


@pytest.mark.parametrize("steps", [None, 50, 80])
@pytest.mark.parametrize("at", [1, 7, 62, 63, 70])
def test_a_stopped_epoch_is_continued(at, steps):
    X, y, weight = streams.data()
    batches = in_pieces(X, y, weight, sizes=lambda: 37)
    whole, parts = make(), make()
    whole.fit(batches=batches, epochs=2, steps_per_epoch=steps)
    parts.fit(batches=batches, epochs=2, steps_per_epoch=steps, callbacks=[streams.stop_at(at)])
    assert parts.iteration == at
    if parts.engine.descriptor["position"][0]:
        parts.fit(batches=batches, epochs=2 - parts.epoch, steps_per_epoch=steps)
        same(parts, whole)


@pytest.mark.parametrize("steps", [None, 50])
def test_a_run_is_resumed_from_its_checkpoint(steps, tmp_path):
    X, y, _ = streams.data()
    batches, path = in_pieces(X, y, sizes=lambda: 37), tmp_path / "model.nbt"
    whole = make()
    whole.fit(batches=batches, epochs=3, steps_per_epoch=steps)

    class Save(nbtrain.callbacks.Callback):
        every_steps = 1

        def on_step(self, trainer, iteration, metrics):
            if iteration == 70:
                trainer.save(path)
            return iteration == 70

    make().fit(batches=batches, epochs=3, steps_per_epoch=steps, callbacks=[Save()])
    resumed = make()
    resumed.fit(batches=batches, epochs=3, steps_per_epoch=steps, checkpoint=path)
    same(resumed, whole)


def test_an_iterator_that_was_interrupted_is_not_continued():
    X, y, _ = streams.data()
    iterator, trainer = in_pieces(X, y, sizes=lambda: 37)(), make()
    trainer.fit(batches=iterator, callbacks=[streams.stop_at(5)])
    with pytest.raises(nbtrain.InputError, match=r"what this iterator had given before is lost; give a function"):
        trainer.fit(batches=iterator)
    trainer.fit(batches=in_pieces(X, y, sizes=lambda: 37)())  # another one is skipped up to there
    assert trainer.epoch == 1


def test_a_loaded_trainer_continues_the_epoch_in_the_same_way_only(tmp_path):
    X, y, _ = streams.data()
    batches, path, whole = in_pieces(X, y, sizes=lambda: 37), tmp_path / "model.nbt", make()
    whole.fit(batches=batches, epochs=2, steps_per_epoch=50)

    class Save(nbtrain.callbacks.Callback):
        every_steps = 1

        def on_step(self, trainer, iteration, metrics):
            if iteration == 70:
                trainer.save(path)

    make().fit(batches=batches, epochs=2, steps_per_epoch=50, callbacks=[Save()])
    loaded = nbtrain.load(path)
    with pytest.raises(
        nbtrain.InputError, match=r"begun with batches in epochs of 800 rows, of which 320 .*got batches;"
    ):
        loaded.fit(batches=batches)
    loaded.fit(batches=batches, steps_per_epoch=50)
    same(loaded, whole)


def fails(message, batches, **options):
    with pytest.raises(nbtrain.InputError, match=message):
        make().fit(batches=batches, **options)


def test_errors_name_what_is_wrong():
    X, y, weight = streams.data()
    pieces = in_pieces(X, y, sizes=lambda: 100)
    fails(r"^batches must be a function that returns an iterator.*which can be used once", pieces(), epochs=2)
    fails(r"^batches must be a function .*, got 3", 3)
    fails(r"^batches must be a function .*; fit\(X, y\) takes arrays", X)
    fails(r"^batches must return an iterator, got 5", lambda: 5)
    fails(r"^batches: epoch 1 gave no rows", lambda: iter([]))
    fails(r"batch 0 must be a tuple \(X, y\) or \(X, y, sample_weight\), got a ndarray", lambda: iter([X]))
    fails(r"batch 0 must be a tuple .*, got 1 of them", lambda: iter([(X,)]))
    fails(r"batch 1: X must have shape \(n_samples, 3\), got \(1003, 2\)", [(X, y), (X[:, :2], y)])
    fails(r"batch 0: y must have shape \(1003, 2\), got \(1002, 2\)", [(X, y[1:])])
    fails(r"batch 1: sample_weight must have a sample_weight.*, got none", [(X, y, weight), (X, y)])
    fails(r"batch 1: sample_weight must have none.*, got one", [(X, y), (X, y, weight)])
    fails(r"steps_per_epoch must be an integer >= 1, got 0", pieces, steps_per_epoch=0)
    fails(r"ended after 1003 rows, before steps_per_epoch was reached", pieces(), epochs=1, steps_per_epoch=99)
    fails(r"shuffle must be None or False with batches=.*, got True", pieces, shuffle=True)
    fails(r"X must not be given together with batches=", pieces, X=X)
    fails(r"validation_batches must not be given together", pieces, validation_batches=pieces, validation_data=(X, y))
    with pytest.raises(nbtrain.InputError, match="steps_per_epoch must be given with batches= only"):
        make().fit(X, y, steps_per_epoch=3)
    with pytest.raises(nbtrain.InputError, match="X must be an array of numbers, got None; or give batches="):
        make().fit()


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_a_bad_number_is_named_and_the_steps_before_it_are_made(bad):
    X, y, _ = streams.data()
    trainer, whole = make(), make(shuffle=False)
    X[722, 1] = bad
    with pytest.raises(
        nbtrain.InputError, match=r"^batches: epoch 1, batch 7: X must be finite, got .* at row 22, colu"
    ) as e:
        trainer.fit(batches=in_pieces(X, y, sizes=lambda: 100))
    assert trainer.iteration == 700 // BATCH
    assert f"stands after iteration {700 // BATCH}" in e.value.__notes__[0]
    X[722, 1] = 0
    whole.fit(X, y)
    trainer.fit(batches=in_pieces(X, y, sizes=lambda: 100))  # the epoch goes on
    same(trainer, whole)


def test_what_a_source_raises_passes_through():
    X, y, _ = streams.data()

    def batches():
        yield X[:500], y[:500]
        raise OSError("the disk is gone")

    trainer = make()
    with pytest.raises(OSError, match="the disk is gone"):
        trainer.fit(batches=batches)
    assert trainer.iteration == 500 // BATCH


def test_labels_are_checked_batch_by_batch():
    X, y, _ = streams.data("softmax_cross_entropy")
    y[250] = 2
    with pytest.raises(nbtrain.InputError, match=r"batch 2: y must hold labels from 0 to 1, got 2 at index 50"):
        make("softmax_cross_entropy").fit(batches=in_pieces(X, y, sizes=lambda: 100))


@pytest.mark.parametrize("use", ["predict", "train_step", "evaluate", "save", "fit"])
def test_batches_that_use_the_trainer_they_feed_are_refused(use, tmp_path):
    X, y, _ = streams.data()
    trainer = make()
    calls = {
        "predict": lambda: trainer.predict(X),
        "train_step": lambda: trainer.train_step(X[:4], y[:4]),
        "evaluate": lambda: trainer.evaluate(X, y),
        "save": lambda: trainer.save(tmp_path / "a.nbt"),
        "fit": lambda: trainer.fit(X, y),
    }

    def batches():
        yield X[:500], y[:500]
        calls[use]()
        yield X[500:], y[500:]

    with pytest.raises(nbtrain.Error, match=r"uses the trainer that is trained with them; use a copy"):
        trainer.fit(batches=batches)
    assert trainer.predict(X).shape == (ROWS, 2)  # it is free again


def test_a_copy_of_the_trainer_and_another_trainer_may_be_used():
    X, y, _ = streams.data()
    trainer, other = make(), make(rng=9)
    copied = copy.deepcopy(trainer)

    def batches():
        for first in range(0, ROWS, 100):
            other.train_step(X[:4], y[:4])
            yield X[first : first + 100], y[first : first + 100] + 0 * copied.predict(X[first : first + 100])

    trainer.fit(batches=batches)
    assert trainer.epoch == 1


def test_batches_are_made_in_the_thread_that_calls_fit_and_generators_are_closed_there():
    X, y, _ = streams.data()
    threads, closed = set(), []

    def batches():
        try:
            while True:
                threads.add(threading.get_ident())
                yield X, y
        finally:
            closed.append(threading.get_ident())

    make().fit(batches=batches, steps_per_epoch=5)
    assert threads == {threading.get_ident()}
    assert closed == [threading.get_ident()]


def test_callbacks_divergence_and_zero_epochs_are_as_with_arrays():
    X, y, _ = streams.data()
    seen = []

    class Steps(nbtrain.callbacks.Callback):
        every_steps = 10

        def on_step(self, trainer, iteration, metrics):
            seen.append((iteration, metrics["loss"]))

    make().fit(batches=in_pieces(X, y, sizes=lambda: 33), epochs=2, callbacks=[Steps()])
    batched, seen = seen, []
    make(shuffle=False).fit(X, y, 2, callbacks=[Steps()])
    assert seen == batched
    assert len(seen) == 12

    wild = make(optimizer=nbtrain.optimizer("sgd", learning_rate=1e30))
    before = wild.theta.copy()
    with pytest.raises(nbtrain.DivergenceError):
        wild.fit(batches=in_pieces(X, y, sizes=lambda: 33))
    assert np.array_equal(wild.theta, before)
    assert make().fit(batches=in_pieces(X, y, sizes=lambda: 33), epochs=0).epochs == 0
