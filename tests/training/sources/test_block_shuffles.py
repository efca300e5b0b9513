"""shuffle="blocks": random pieces of the data, shuffled block by block."""

from __future__ import annotations

import numpy as np
import pytest
import streams
from philox import order_in_python
from streams import BATCH, INPUTS, ROWS, make, mapped, same

import nbtrain
from nbtrain.training.sources.arrays import Rows
from nbtrain.training.sources.data import SourceData
from nbtrain.training.sources.orders import InOrder, Pieces, shuffle_of


def epoch_in_python(seed, epoch, rows, block, piece):
    """Rows in the order of an epoch: pieces by a stream of their own, then each block by its number."""
    pieces = order_in_python(seed, epoch, -(-rows // piece), 2**32 - 1)
    read = np.concatenate([np.arange(rows)[p * piece : (p + 1) * piece] for p in pieces])
    parts = [np.sort(read[first : first + block]) for first in range(0, rows, block)]
    return np.concatenate([part[order_in_python(seed, epoch, len(part), number)] for number, part in enumerate(parts)])


@pytest.mark.parametrize("block_rows", [200, 500, 1003, 5000])
@pytest.mark.parametrize("kind", ["memory", "memmap"])
def test_the_order_is_what_the_documentation_says(kind, block_rows, tmp_path):
    X, y, weight = streams.data()
    source = (X, y) if kind == "memory" else (mapped(tmp_path, X), mapped(tmp_path, y))
    blocks, plain = make(), make(shuffle=False)
    seed = [int(blocks.engine.descriptor[f"seed_{word}"][0]) for word in range(4)]
    blocks.fit(*source, 2, sample_weight=weight, shuffle="blocks", block_rows=block_rows)
    block = min(block_rows // BATCH * BATCH, -(-ROWS // BATCH) * BATCH)
    for epoch in range(2):
        order = epoch_in_python(seed, epoch, ROWS, block, max(1, min(block // 16, ROWS // 256)))
        assert sorted(order) == list(range(ROWS))
        plain.fit(X[order], y[order], sample_weight=weight[order])
    same(blocks, plain)


def test_sizes_of_blocks_and_pieces():
    assert shuffle_of("blocks", None, 10**8, 400, 1, 32)[1:] == ((64 << 20) // 400 // 32 * 32, 10484)
    assert shuffle_of("blocks", None, 10**6, 400, 1, 32)[1:] == (167744, 3906)  # 256 pieces an epoch
    assert shuffle_of("blocks", None, 10**8, 400, 1000, 32)[1:] == (167744, 10000)  # whole chunks
    assert shuffle_of("blocks", None, 10**8, 400, 20000, 32)[1:] == (320000, 20000)  # a larger block for them
    block, piece = shuffle_of("blocks", None, 10**9, 400, 10**7, 32)[1:]  # which are larger than memory
    assert block * 400 <= 512 << 20
    assert piece == block // 16
    assert shuffle_of("blocks", 100, 10**6, 400, 1, 32)[1:] == (96, 6)
    assert shuffle_of("blocks", 1, 10, 400, 1, 32)[1:] == (32, 1)


@pytest.mark.parametrize("cut", [1, 5, 64, 1000])
def test_pieces_are_read_whatever_the_blocks(cut):
    order = np.random.default_rng(0).permutation(13)
    pieces = Pieces(order, 8, 101)
    rows = [row for p in order for row in range(8 * p, min(8 * p + 8, 101))]
    for first in range(0, 101, cut):
        read = [row for part in pieces.parts(first, min(first + cut, 101)) for row in part]
        assert read == sorted(rows[first : first + cut])


def test_in_sorted_data_it_is_nearly_as_good_as_an_exact_shuffle(tmp_path):
    random = np.random.default_rng(0)
    X = random.normal(size=(8192, 4))
    target = np.sin(2 * X[:, :1]) + X[:, 1:2]
    X = X[np.argsort(target[:, 0])]
    y = np.sin(2 * X[:, :1]) + X[:, 1:2]
    loss = {}
    for shuffle in (True, "blocks", False):
        network = nbtrain.Network(4, [nbtrain.Dense(32, "tanh"), nbtrain.Dense(1)])
        trainer = nbtrain.Trainer(network, loss="mse", optimizer=nbtrain.optimizer("adam", learning_rate=0.01), rng=0)
        options = {"block_rows": 512} if shuffle == "blocks" else {}
        trainer.fit(X, y, 10, shuffle=shuffle, **options)
        loss[shuffle] = trainer.evaluate(X, y)["loss"]
    assert loss["blocks"] < 3 * loss[True] + 0.01
    assert loss[False] > 5 * loss["blocks"]


def test_arguments_are_checked():
    X, y, _ = streams.data()
    for options, message in [
        ({"shuffle": "block"}, r"shuffle must be True, False, 'blocks' or None \(the trainer's own\), got 'block'"),
        ({"shuffle": 1}, r"shuffle must be True"),
        ({"shuffle": "blocks", "block_rows": 0}, r"block_rows must be an integer >= 1, got 0"),
        ({"block_rows": 5}, r"block_rows must be given with shuffle='blocks' only, got shuffle=True"),
    ]:
        with pytest.raises(nbtrain.InputError, match=message):
            make().fit(X, y, **options)


def test_the_argument_of_fit_is_for_that_call_only():
    X, y, _ = streams.data()
    trainer, other = make(), make(shuffle=False)
    trainer.fit(X, y, shuffle=False)
    other.fit(X, y)
    same(trainer, other)
    trainer.fit(X, y)
    other.fit(X, y, shuffle=True)
    same(trainer, other)


def test_loading_says_how_much_memory_is_missing(monkeypatch):
    class Huge:
        shape, dtype = (10**12, INPUTS), np.dtype("f8")

        def __getitem__(self, rows):
            raise AssertionError("nothing is read")

    class Labels(Huge):
        shape = (10**12, 2)

    message = r"X: 20,000,000,000,000 bytes are needed to load it, [\d,]+ are available; .*shuffle='blocks'"
    with pytest.raises(MemoryError, match=message):
        make().fit(Huge(), Labels())
    monkeypatch.setattr("nbtrain.training.sources.data.available_bytes", lambda: 5)
    with pytest.raises(MemoryError, match="5 are available"):
        make().fit(Huge(), Labels())


def test_wrong_sources_are_refused_before_anything_is_read(tmp_path, monkeypatch):
    streams.small(monkeypatch)
    X, y, weight = streams.data()
    mx = mapped(tmp_path, X)

    class Unknown:
        shape, dtype = (float("nan"), INPUTS), np.dtype("f8")
        __getitem__ = compute_chunk_sizes = None

    for given, message in [
        (
            (mapped(tmp_path, X[:, :2]), y),
            r"X must have shape \(n_samples, 3\), got \(1003, 2\); the network has 3 inputs",
        ),
        ((mapped(tmp_path, X)[:0], y), r"X must have at least one sample, got shape \(0, 3\)"),
        ((mx, y[1:]), r"y must have shape \(1003, 2\), got \(1002, 2\)"),
        ((mx, mapped(tmp_path, y)[1:]), r"y must have shape \(1003, 2\), got \(1002, 2\)"),
        ((mapped(tmp_path, X.astype(complex)), y), r"X must contain real numbers, got an array of dtype complex128"),
        ((Unknown(), y), r"X must have a known number of rows, .*; X.compute_chunk_sizes\(\) finds it"),
    ]:
        with pytest.raises(nbtrain.InputError, match=message):
            make().fit(*given)
    with pytest.raises(nbtrain.InputError, match=r"sample_weight must have shape \(1003,\), got \(1002,\)"):
        make().fit(mx, y, sample_weight=mapped(tmp_path, weight)[1:])


@pytest.mark.parametrize("shuffle", [False, True, "blocks"])
def test_a_bad_number_is_named_by_its_row_in_the_source(shuffle, tmp_path, monkeypatch):
    streams.small(monkeypatch)
    X, y, weight = streams.data()
    for name, message in [
        ("X", r"^X must be finite, got nan at row 777, column 1; fill missing values"),
        ("y", r"^y must be finite, got nan at row 777, column 1"),
        ("weight", r"^sample_weight must be finite and >= 0, got nan at index 777"),
    ]:
        given = {"X": X.copy(), "y": y.copy(), "weight": weight.copy()}
        given[name][(777, 1) if name != "weight" else 777] = np.nan
        source = {key: mapped(tmp_path, array) for key, array in given.items()}
        trainer = make()
        with pytest.raises(nbtrain.InputError, match=message):
            trainer.fit(source["X"], source["y"], sample_weight=source["weight"], shuffle=shuffle)
        assert trainer.iteration < ROWS // BATCH
        validation = source["X"], source["y"], source["weight"]
        with pytest.raises(nbtrain.InputError, match=message.replace("^", "^validation_data ")):
            make().fit(X, y, validation_data=validation)


def test_a_source_that_gives_other_rows_than_its_shape_says():
    class Short:
        shape, dtype = (10**7, INPUTS), np.dtype("f8")

        def __getitem__(self, rows):
            return np.zeros((5, INPUTS))

    with pytest.raises(
        nbtrain.InputError, match=r"X must give \(87376, 3\) for X\[0:87376\], as its shape says, got \(5, 3\)"
    ):
        make(shuffle=False).fit(Short(), np.zeros((10**7, 2), "f4"))


def test_a_part_of_a_source_is_read_into_its_place():
    X, y, weight = streams.data()
    data = SourceData(make().engine.inputs, X, y, weight)
    buffer = data.buffer(50)
    data.fill(buffer, InOrder(), 900, 950)
    assert np.array_equal(buffer.x, X[900:950].astype("f4"))
    assert np.array_equal(buffer.y, y[900:950].astype("f4"))
    assert np.array_equal(buffer.weight, weight[900:950].astype("f4"))
    assert len(Rows(X, "X")) == ROWS
