"""Arrays that are read block by block: the bits of the same rows in memory, whatever kind, dtype and order."""

from __future__ import annotations

import numpy as np
import pytest
import streams
from streams import ROWS, make, mapped, same

import nbtrain

DTYPES = ["<f8", ">f8", "<f4", ">f4", "<f2", "<i8", ">i2", "<u1"]


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    streams.small(monkeypatch)


def chunked(kind, array, folder, chunk):
    """The array as a dataset of another library."""
    if kind == "h5py":
        h5py = pytest.importorskip("h5py")
        file = h5py.File(folder / f"{array.ndim}.h5", "w")
        return file.create_dataset("a", data=array, chunks=None if chunk is None else (chunk, *array.shape[1:]))
    if kind == "zarr":
        zarr = pytest.importorskip("zarr")
        chunks = (chunk or len(array), *array.shape[1:])
        found = zarr.create_array(
            str(folder / f"{array.ndim}.zarr"), shape=array.shape, chunks=chunks, dtype=array.dtype
        )
        found[...] = array
        return found
    dask = pytest.importorskip("dask.array")
    return dask.from_array(array, chunks=(chunk or len(array), *array.shape[1:]))


class Sliced:
    """The least that is needed: shape, dtype and slices, of which every one is noted."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.asked = array, array.shape, array.dtype, []

    def __getitem__(self, rows):
        self.asked.append((rows.start, rows.stop))
        return self.array[rows]


def expect_all_the_same(source, in_memory, loss="mse", epochs=3, **options):
    """Train, evaluate and predict with both."""
    streamed, whole = make(loss, **options), make(loss, **options)
    for trainer, given in ((streamed, source), (whole, in_memory)):
        X, y, weight = (*given, None)[:3]
        trainer.fit(X, y, epochs, sample_weight=weight, validation_data=given)
    same(streamed, whole)
    assert streamed.evaluate(*source) == whole.evaluate(*in_memory)
    assert np.array_equal(streamed.predict(source[0]), whole.predict(in_memory[0]))


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_memmaps_of_any_dtype_and_order(dtype, order, shuffle, tmp_path):
    X, y, _ = streams.data()
    y += 4
    source = mapped(tmp_path, X, dtype, order), mapped(tmp_path, y, dtype, order)
    expect_all_the_same(source, (X.astype(dtype), y.astype(dtype)), shuffle=shuffle)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("threads", [1, 2])
def test_labels_and_weights_of_other_kinds(shuffle, threads, tmp_path):
    X, y, weight = streams.data("softmax_cross_entropy")
    source = mapped(tmp_path, X, "f8"), mapped(tmp_path, y, "i2"), weight.tolist()
    expect_all_the_same(source, (X, y, weight), "softmax_cross_entropy", shuffle=shuffle, threads=threads)


@pytest.mark.parametrize("chunk", [None, 7, 100, 250, 2000])
@pytest.mark.parametrize("kind", ["h5py", "zarr", "dask"])
def test_datasets_of_other_libraries_in_their_order(kind, chunk, tmp_path):
    X, y, _ = streams.data()
    chunk = chunk if chunk is None or kind == "zarr" else min(chunk, ROWS)
    expect_all_the_same((chunked(kind, X, tmp_path, chunk), y), (X, y), shuffle=False)


@pytest.mark.parametrize("kind", ["h5py", "zarr", "dask"])
def test_datasets_whose_rows_are_not_single_are_loaded_to_shuffle_them(kind, tmp_path):
    X, y, weight = streams.data()
    expect_all_the_same((chunked(kind, X, tmp_path, 64), y, weight), (X, y, weight), shuffle=True)


def test_every_chunk_is_computed_once_an_epoch():
    dask = pytest.importorskip("dask.array")
    X, y, _ = streams.data()
    computed = []

    def note(block, block_info=None):
        computed.append(block_info[0]["array-location"][0])
        return block

    source = dask.from_array(X, chunks=(250, 3)).map_blocks(note, dtype=X.dtype, meta=X[:0])
    make(shuffle=False).fit(source, y, 2)
    assert sorted(computed) == sorted([(0, 250), (250, 500), (500, 750), (750, 1000), (1000, 1003)] * 2)


def test_the_least_that_is_needed_are_shape_dtype_and_slices():
    X, y, _ = streams.data()
    source = Sliced(X), Sliced(y)
    expect_all_the_same(source, (X, y), shuffle=False, epochs=1)
    assert all(0 <= first < last <= ROWS and last - first <= 104 for first, last in source[0].asked)


def test_float64_trainers_and_metrics_read_as_well(tmp_path):
    X, y, _ = streams.data("softmax_cross_entropy")
    source = mapped(tmp_path, X, "f4"), mapped(tmp_path, y)
    trainers = [make("softmax_cross_entropy", dtype="float64") for _ in range(2)]
    metrics = ["f1", "auc"]
    for trainer, given in zip(trainers, [source, (X, y)], strict=True):
        trainer.fit(*given, epochs=2, validation_data=given, metrics=metrics)
    same(*trainers)
    assert trainers[0].evaluate(*source, metrics=metrics) == trainers[1].evaluate(X, y, metrics=metrics)


@pytest.mark.parametrize("weighted", [False, True])
def test_sums_over_several_calls_of_an_evaluation(weighted, tmp_path, monkeypatch):
    monkeypatch.setattr("nbtrain.training.engine.CALL_FLOPS", 2.0 * 32 * 300)  # rows of a call: no whole blocks
    X, y, weight = streams.data()
    given = (weight / 7,) if weighted else ()
    source = mapped(tmp_path, X), mapped(tmp_path, y / 3)
    trainer = make()
    assert trainer.evaluate(*source, *given) == trainer.evaluate(X, y / 3, *given)


@pytest.mark.parametrize("at", [1, 20, 62, 63, 64, 90])
@pytest.mark.parametrize("shuffle", [False, True, "blocks"])
def test_a_stopped_epoch_is_continued(shuffle, at, tmp_path):
    X, y, _ = streams.data()
    source = mapped(tmp_path, X), mapped(tmp_path, y)
    options = {"shuffle": shuffle} | ({"block_rows": 200} if shuffle == "blocks" else {})
    whole, parts = make(), make()
    whole.fit(*source, 2, **options)
    parts.fit(*source, 2, callbacks=[streams.stop_at(at)], **options)
    assert parts.iteration == at
    parts.fit(*source, 2 - parts.epoch, **options)
    same(parts, whole)


@pytest.mark.parametrize("shuffle", [False, True])
def test_an_epoch_begun_in_memory_is_continued_from_a_file_and_the_other_way_round(shuffle, tmp_path):
    X, y, _ = streams.data()
    source = mapped(tmp_path, X), mapped(tmp_path, y)
    whole = make(shuffle=shuffle)
    whole.fit(X, y, 2)
    for first, then in (((X, y), source), (source, (X, y))):
        parts = make(shuffle=shuffle)
        parts.fit(*first, callbacks=[streams.stop_at(11)])
        parts.fit(*then, 2)
        same(parts, whole)


class SaveAndStop(nbtrain.callbacks.Callback):
    """Saves in the middle of a block, and then nothing more happens to the file."""

    every_steps = 1

    def __init__(self, path, iteration):
        self.path, self.iteration = path, iteration

    def on_step(self, trainer, iteration, metrics):
        if iteration == self.iteration:
            trainer.save(self.path)
            return True
        return None


@pytest.mark.parametrize("shuffle", [False, True, "blocks"])
def test_a_run_is_resumed_from_its_checkpoint_in_the_middle_of_a_block(shuffle, tmp_path):
    X, y, _ = streams.data()
    source, path = (mapped(tmp_path, X), mapped(tmp_path, y)), tmp_path / "model.nbt"
    options = {"shuffle": shuffle} | ({"block_rows": 200} if shuffle == "blocks" else {})
    whole = make()
    whole.fit(*source, 3, **options)
    make().fit(*source, 3, callbacks=[SaveAndStop(path, 80)], **options)
    resumed = make()
    resumed.fit(*source, 3, checkpoint=path, **options)
    same(resumed, whole)


def test_a_checkpoint_refuses_another_order(tmp_path):
    X, y, _ = streams.data()
    source, path = (mapped(tmp_path, X), mapped(tmp_path, y)), tmp_path / "model.nbt"
    make().fit(*source, 1, checkpoint=path, shuffle="blocks", block_rows=200)
    with pytest.raises(
        nbtrain.InputError, match=r"shuffle='blocks', block_rows=192, .*, got shuffle=True; give the same"
    ):
        make().fit(*source, 2, checkpoint=path)
    with pytest.raises(nbtrain.InputError, match=r"got shuffle='blocks', block_rows=304"):
        make().fit(*source, 2, checkpoint=path, shuffle="blocks", block_rows=310)


def test_a_begun_epoch_refuses_another_order(tmp_path):
    X, y, _ = streams.data()
    trainer = make()
    trainer.fit(X, y, callbacks=[streams.stop_at(5)])
    with pytest.raises(nbtrain.InputError, match=r"begun with shuffle=True, of which 80 rows .*, got shuffle=False"):
        trainer.fit(X, y, shuffle=False)
    trainer.fit(X, y)
    assert trainer.epoch == 1
