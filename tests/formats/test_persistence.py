"""Saving and loading: a loaded trainer goes on bit for bit, whatever happens the file is whole, and no file harms."""

from __future__ import annotations

import contextlib
import copy
import errno
import fcntl
import itertools
import json
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from common import data, network, times
from model_files import changed, put_together, signed, taken_apart
from oracle import OPTIMIZERS

import nbtrain
from nbtrain import filesystem
from nbtrain.formats.modelfile import files
from nbtrain.training import fit

# An unknown name makes the registry look at the installed plugins, and those are not this file's concern.
pytestmark = pytest.mark.filterwarnings("ignore::nbtrain.PluginWarning")

SIZES = (4, 9, 6, 3)
LOSS = "softmax_cross_entropy"


def make(optimizer="adam", dtype="float32", activation="relu", **options):
    layers = [nbtrain.Dense(units, activation, dropout=0.2) for units in SIZES[1:-1]]
    options = {"regularizer": nbtrain.regularizer("l2", strength=0.01), "batch_size": 8, "rng": 5} | options
    net = nbtrain.Network(SIZES[0], [*layers, nbtrain.Dense(SIZES[-1])])
    return nbtrain.Trainer(net, loss=LOSS, optimizer=optimizer, dtype=dtype, **options)


def samples(count=43):
    return data(LOSS, count, SIZES[0], SIZES[-1])


def state(trainer):
    """Everything that training changes, as bytes and numbers."""
    d = trainer.engine.descriptor
    counters = [float(d[name][0]) for name in ("iteration", "epoch", "position", "learning_rate", "rate_scale")]
    arrays = [trainer.theta.tobytes(), trainer.model.state.tobytes(), trainer.engine.memory.array("scalars").tobytes()]
    return [*arrays, *counters, dict(trainer.history), trainer.metadata, repr(trainer), trainer.engine.recipe]


@pytest.fixture
def one_step_slices(monkeypatch):
    """Fit comes back to Python after every step; calling with n lets it be interrupted after n of them."""
    whole = fit.Fit.slice
    monkeypatch.setattr(fit, "MOST_STEPS", 1)

    def interrupt_after(count):
        done = itertools.count(1)

        def slice_(self):
            whole(self)
            if next(done) == count:
                raise KeyboardInterrupt

        monkeypatch.setattr(fit.Fit, "slice", slice_)

    yield interrupt_after
    monkeypatch.setattr(fit.Fit, "slice", whole)


# ---- going on


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "leaky_relu"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_interrupted_saved_and_loaded_training_gives_the_bits_of_training_at_once(
    optimizer, activation, dtype, one_step_slices, tmp_path
):
    X, y = samples()  # 6 steps an epoch, the last of 3 samples
    at_once = make(optimizer, dtype, activation)
    at_once.fit(X, y, epochs=4)
    for cut in (2, 12, 17):  # in the first epoch, between epochs, in the third
        trainer = make(optimizer, dtype, activation)
        one_step_slices(cut)
        with pytest.raises(KeyboardInterrupt):
            trainer.fit(X, y, epochs=4)
        assert trainer.iteration == cut
        trainer.save(tmp_path / "cut.nbt")
        loaded = nbtrain.load(tmp_path / "cut.nbt")
        loaded.fit(X, y, epochs=4 - loaded.epoch)
        assert state(loaded) == state(at_once)


@pytest.mark.parametrize("copier", [copy.copy, copy.deepcopy, lambda trainer: pickle.loads(pickle.dumps(trainer))])
def test_copies_and_pickles_go_on_alike_and_are_independent(copier):
    X, y = samples()
    trainer = make()
    trainer.metadata = {"columns": ["a", "b"], "scale": 0.1}
    trainer.fit(X, y, epochs=2)
    copied = copier(trainer)
    assert state(copied) == state(trainer)
    copied.fit(X, y, epochs=1)
    assert copied.epoch == 3
    assert trainer.epoch == 2
    trainer.fit(X, y, epochs=1)
    assert state(copied) == state(trainer)


def test_schedules_learning_rates_set_by_hand_and_metadata_come_back(tmp_path):
    scheduled = make(nbtrain.optimizer("momentum", learning_rate=nbtrain.schedule("cosine", steps=50), beta=0.7))
    by_hand = make("sgd")
    X, y = samples()
    for trainer in (scheduled, by_hand):
        trainer.fit(X, y, epochs=2)
    by_hand.learning_rate = 0.125
    for trainer in (scheduled, by_hand):
        trainer.save(tmp_path / "m.nbt", metadata={"target": "größe", "means": [0.1, -1e300], "none": None})
        loaded = nbtrain.load(str(tmp_path / "m.nbt"))
        assert state(loaded) == state(trainer)
        assert loaded.metadata["target"] == "größe"
        assert loaded.learning_rate == trainer.learning_rate
        for each in (loaded, trainer):
            each.fit(X, y, epochs=1)
        assert state(loaded) == state(trainer)


def test_clipping_and_constraints_come_back(tmp_path):
    spec = nbtrain.Constraint("capped", scale=lambda norm, most: min(1.0, most / norm), parameters={"most": 2.0})
    nbtrain.register(spec)
    try:
        layer = nbtrain.Dense(5, "tanh", constraint=nbtrain.constraint("capped", most=0.5))
        net = nbtrain.Network(SIZES[0], [layer, nbtrain.Dense(SIZES[-1])])
        trainer = nbtrain.Trainer(net, loss=LOSS, clip_value=0.01, clip_norm=0.1, rng=0)
        trainer.fit(*samples(), epochs=1)
        trainer.save(tmp_path / "m.nbt")
        loaded = nbtrain.load(tmp_path / "m.nbt")
        assert loaded.engine.recipe == trainer.engine.recipe
        for each in (loaded, trainer):
            each.fit(*samples(), epochs=1)
        assert state(loaded) == state(trainer)
    finally:
        nbtrain.unregister(spec)


def test_the_model_itself_is_neither_pickled_nor_copied():
    with pytest.raises(nbtrain.Error, match=r"Trainer\.save"):
        pickle.dumps(make().model)


def test_the_safetensors_library_reads_the_file(tmp_path):
    load_file = pytest.importorskip("safetensors.numpy").load_file
    trainer = make()
    trainer.fit(*samples(), epochs=2)
    trainer.save(tmp_path / "m.nbt")
    found = load_file(tmp_path / "m.nbt")
    for index, (w, b) in enumerate(trainer.weights):
        np.testing.assert_array_equal(found[f"layers.{index}.W"], w)
        np.testing.assert_array_equal(found[f"layers.{index}.b"], b)
    np.testing.assert_array_equal(found["optimizer.velocity"], trainer.model.state[0])
    np.testing.assert_array_equal(found["history.loss"], trainer.history["loss"])


# ---- what can't be saved


def test_parameters_that_are_not_finite_are_not_saved_over_a_good_file(tmp_path):
    trainer = make()
    trainer.save(tmp_path / "m.nbt")
    before = (tmp_path / "m.nbt").read_bytes()
    trainer.theta[3] = np.nan
    with pytest.raises(nbtrain.DivergenceError, match=r"layers\.0\.W"):
        trainer.save(tmp_path / "m.nbt")
    assert (tmp_path / "m.nbt").read_bytes() == before


@pytest.mark.parametrize(
    "metadata",
    [{"a": object()}, {1: 2}, {"a": (1, 2)}, {"a": float("nan")}, [1], "text", {"a": "x" * 1_000_000}],
    ids=lambda value: repr(value)[:20],
)
def test_metadata_that_would_not_come_back_is_refused(metadata, tmp_path):
    trainer = make()
    with pytest.raises(nbtrain.InputError, match=r"^metadata(:| must) "):
        trainer.save(tmp_path / "m.nbt", metadata=metadata)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", [None, 3, "", b"bytes", "a\0b", "/dev/null", "."])
def test_what_is_no_path_of_a_file_is_refused(path):
    with pytest.raises(nbtrain.InputError, match=r"^path must "):
        make().save(path)


# ---- the file


def test_permissions_follow_the_umask_and_those_of_a_file_that_is_replaced_stay(tmp_path):
    previous = os.umask(0o027)
    try:
        make().save(tmp_path / "m.nbt")
        assert (tmp_path / "m.nbt").stat().st_mode & 0o777 == 0o640
        (tmp_path / "m.nbt").chmod(0o600)
        make().save(tmp_path / "m.nbt")
        assert (tmp_path / "m.nbt").stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(previous)


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link.nbt").symlink_to(tmp_path / "there" / "m.nbt")
    make().save(tmp_path / "link.nbt")
    assert (tmp_path / "link.nbt").is_symlink()
    assert state(nbtrain.load(tmp_path / "there" / "m.nbt")) == state(make())


def test_leftovers_of_dead_writers_are_removed_and_those_of_living_ones_stay(tmp_path):
    dead, living = tmp_path / ".nbtrain-00.tmp", tmp_path / ".nbtrain-01.tmp"
    dead.touch()
    with open(living, "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        make().save(tmp_path / "m.nbt")
        assert sorted(tmp_path.iterdir()) == [living, tmp_path / "m.nbt"]


def test_several_threads_save_to_one_path(tmp_path):
    trainers = [make(rng=seed) for seed in range(4)]
    threads = [threading.Thread(target=lambda t=t: [t.save(tmp_path / "m.nbt") for _ in range(20)]) for t in trainers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [path.name for path in tmp_path.iterdir()] == ["m.nbt"]
    assert state(nbtrain.load(tmp_path / "m.nbt")) in [state(trainer) for trainer in trainers]


class FailingOs:
    """The os module whose n-th call that touches a file fails; as many calls as there are, when none does."""

    CALLS = ("open", "write", "fsync", "replace", "fchmod", "fstat", "stat", "listdir", "close")

    def __init__(self, fail_at, error):
        self.calls, self.fail_at, self.error = 0, fail_at, error

    def __getattr__(self, name):
        found = getattr(os, name)
        return found if name not in self.CALLS else lambda *args, **kwargs: self.call(name, found, args, kwargs)

    def call(self, name, function, args, kwargs):
        self.calls += 1
        if self.calls == self.fail_at:
            if name == "close":
                function(*args)
            if name == "write":
                function(args[0], args[1][:7])
            raise self.error
        if name == "write":  # in pieces, as a nearly full disk or a signal makes it
            return function(args[0], args[1][:1000])
        return function(*args, **kwargs)


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "full"), OSError(errno.EIO, "broken"), KeyboardInterrupt()], ids=repr
)
def test_a_failure_at_any_call_leaves_the_old_or_the_new_file(error, monkeypatch, tmp_path):
    old, new = make(rng=1), make(rng=2)
    path = tmp_path / "m.nbt"
    counting = FailingOs(0, error)
    for module in (files, filesystem):
        monkeypatch.setattr(module, "os", counting)
    old.save(path)
    assert counting.calls > 12
    outcomes = set()
    for at in range(1, counting.calls + 1):
        for module in (files, filesystem):
            monkeypatch.setattr(module, "os", os)
        old.save(path)
        failing = FailingOs(at, error)
        for module in (files, filesystem):
            monkeypatch.setattr(module, "os", failing)
        try:
            new.save(path)
            outcome = "saved"  # what failed was the search for leftovers
        except type(error):
            outcome = "failed"
        for module in (files, filesystem):
            monkeypatch.setattr(module, "os", os)
        found = state(nbtrain.load(path))
        assert found in (state(old), state(new))
        assert outcome == "failed" or found == state(new)
        assert [each.name for each in tmp_path.iterdir()] == ["m.nbt"]
        outcomes.add((outcome, found == state(new)))
    assert ("failed", False) in outcomes


KILLING = """
import os, random, signal, sys, time
import nbtrain

path = sys.argv[1]
network = nbtrain.Network(40, [nbtrain.Dense(300, "relu"), nbtrain.Dense(3)])
trainers = [nbtrain.Trainer(network, loss="mse", rng=seed) for seed in (1, 2)]
wanted = {trainer.theta.tobytes() for trainer in trainers}
trainers[0].save(path)
random.seed(0)
leftovers = 0
for _ in range(int(sys.argv[2])):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        trainers[0].save(path)
        os.write(write, b"saving")
        while True:
            for trainer in trainers:
                trainer.save(path)
    os.read(read, 6)
    os.close(read), os.close(write)
    time.sleep(random.uniform(0.0, 0.03))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert nbtrain.load(path).theta.tobytes() in wanted
    there = os.listdir(os.path.dirname(path))
    leftovers += len(there) - 1
    assert len(there) <= 2, there
trainers[0].save(path)
assert os.listdir(os.path.dirname(path)) == ["m.nbt"]
print(leftovers)
"""


def test_killed_while_saving_the_file_is_whole(tmp_path):
    (tmp_path / "models").mkdir()
    command = [sys.executable, "-W", "ignore", "-c", KILLING, str(tmp_path / "models" / "m.nbt"), str(times(60, 200))]
    found = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert found.returncode == 0, found.stderr
    assert int(found.stdout) > 0  # some were killed in the middle


# ---- what other files can do


@pytest.fixture(scope="module")
def good():
    trainer = make()
    trainer.fit(*samples(), epochs=2)
    return trainer._bytes()


def load(content: bytes):
    return nbtrain.Trainer.from_bytes(content)


def mutated(content, random):
    """One random change: a bit, a byte, a piece cut out, doubled, overwritten or exchanged, the end cut off."""
    changed = bytearray(content)
    at, kind = random.integers(len(content)), random.integers(7)
    length = int(random.integers(1, 20))
    if kind == 0:
        changed[at] ^= 1 << random.integers(8)
    elif kind == 1:
        changed[at] = random.integers(256)
    elif kind == 2:
        del changed[at : at + length]
    elif kind == 3:
        changed[at:at] = changed[at : at + length]
    elif kind == 4:
        changed[at : at + length] = random.bytes(length)
    elif kind == 5:
        other = random.integers(len(content))
        changed[at], changed[other] = changed[other], changed[at]
    else:
        del changed[at:]
    return bytes(changed)


def test_a_damaged_file_is_refused(good):
    random = np.random.default_rng(0)
    refused, count = 0, times(5000, 1_000_000)
    for _ in range(count):
        content = mutated(good, random)
        if content != good:
            with pytest.raises(nbtrain.ModelFileError):
                load(content)
            refused += 1
    assert refused > 0.98 * count


def test_a_damaged_header_with_a_right_digest_is_refused_or_understood(good):
    """Past the digest: what the parser itself makes of nonsense."""
    random = np.random.default_rng(1)
    length = int.from_bytes(good[:8], "little")
    header, payload = good[8 : 8 + length], good[8 + length :]
    refused, count = 0, times(1500, 20_000)
    for _ in range(count):
        bad = mutated(header, random)
        if b'"sha256":"' not in bad:
            continue
        try:
            trainer = load(signed(bad, payload))
        except nbtrain.ModelFileError:
            refused += 1
        else:
            assert np.isfinite(trainer.theta).all()
    assert refused > 0.6 * count


def nodes(value, path=()):
    """Paths of all values inside a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from nodes(inner, (*path, key))


def at(value, path):
    for key in path:
        value = value[key]
    return value


ODD = [None, True, -1, 0, 1.5, 2**70, 10**400, 1e308, "", "os:system", "\ud800", [], [1], {}, {"name": "relu"}]


def test_any_field_of_any_odd_value_is_refused_or_understood(good):
    _, description, _ = taken_apart(good)
    X, y = samples()
    loaded = 0
    for path in nodes(description):
        for value in [*ODD, "missing"]:
            table, trainer, payload = taken_apart(good)
            if not path:
                trainer = value
            elif value == "missing":
                del at(trainer, path[:-1])[path[-1]]
            else:
                at(trainer, path[:-1])[path[-1]] = value
            try:
                made = load(put_together(table, json.dumps(trainer), payload))
            except nbtrain.ModelFileError:
                continue
            loaded += 1
            with contextlib.suppress(nbtrain.DivergenceError, nbtrain.InputError):  # a penalty of 1e308, a rate of -1
                made.fit(X, y, epochs=1)
    assert 0 < loaded < 150


END = [1444, 1444]


def set_tensor(name, **entry):
    return lambda table, trainer: table[name].update(entry)


def set_trainer(**entries):
    return lambda table, trainer: trainer.update(entries)


CRAFTED = {
    "another version": (lambda table, _: table["__metadata__"].update(version="3"), "version"),
    "another format": (lambda table, _: table["__metadata__"].update(format="pt"), "format"),
    "metadata that is no string": (lambda table, _: table["__metadata__"].update(more=1), "__metadata__"),
    "a list as metadata": (lambda table, _: table["__metadata__"].update(metadata="[1]"), "metadata"),
    "overlapping tensors": (set_tensor("layers.1.W", data_offsets=[0, 216]), "data_offsets of tensor 'layers.1.W'"),
    "offsets beyond the end": (set_tensor("optimizer.square", shape=[10**6], data_offsets=[0, 8]), "optimizer.square"),
    "a shape of another size": (set_tensor("layers.0.W", shape=[4, 8]), "layers.0.W"),
    "a transposed shape": (set_tensor("layers.0.W", shape=[9, 4]), "layers.0.W"),
    "a negative shape": (set_tensor("layers.0.W", shape=[-4, -9]), "shape of tensor 'layers.0.W'"),
    "a huge shape": (set_tensor("layers.0.W", shape=[2**61, 2**61]), "layers.0.W"),
    "a shape of bools": (set_tensor("layers.0.W", shape=[True, 36]), "shape of tensor 'layers.0.W'"),
    "a dtype of objects": (set_tensor("layers.0.W", dtype="O"), "dtype of tensor 'layers.0.W'"),
    "a dtype that is a list": (set_tensor("layers.0.W", dtype=["F32"]), "dtype of tensor 'layers.0.W'"),
    "another dtype": (set_trainer(dtype="float64"), "layers.0.W"),
    "a missing tensor": (lambda table, _: table.pop("optimizer.square"), "bytes after the last tensor"),
    "an unknown tensor": (lambda table, _: table.update({"x": table["scalars"] | {"data_offsets": END}}), "'x'"),
    "a position behind the samples": (set_trainer(position=44, samples=43), "position"),
    "a negative position": (set_trainer(position=-8, samples=43), "position"),
    "a batch size beyond memory": (set_trainer(batch_size=2**50), "memory"),
    "a batch size beyond addresses": (set_trainer(batch_size=2**62), "memory"),
    "other slots": (set_trainer(slots=["velocity", "other"]), "slots"),
}


@pytest.mark.parametrize("case", CRAFTED)
def test_crafted_files_are_refused(case, good):
    change, named = CRAFTED[case]
    with pytest.raises(nbtrain.ModelFileError, match=r"^bytes of a trainer: ") as caught:
        load(changed(good, change))
    assert named in str(caught.value)


def test_nan_in_a_weight_or_in_the_state_is_refused(good):
    table, trainer, payload = taken_apart(good)
    for name in ("layers.0.W", "layers.2.b", "optimizer.square"):
        start = table[name]["data_offsets"][0]
        for number in (np.nan, np.inf):
            bad = payload[:start] + np.float32(number).tobytes() + payload[start + 4 :]
            with pytest.raises(nbtrain.ModelFileError, match=f"{name}.*NaN or infinity"):
                load(put_together(table, trainer, bad))


def test_names_that_occur_twice_are_refused(good):
    table, trainer, payload = taken_apart(good)
    length = int.from_bytes(good[:8], "little")
    header = good[8 : 8 + length].rstrip()
    twice = header[:-1] + b',"layers.0.W":' + json.dumps(table["layers.0.W"]).encode() + b"}"
    with pytest.raises(nbtrain.ModelFileError, match=r"'layers\.0\.W' appears twice"):
        load(signed(twice, payload))
    with pytest.raises(nbtrain.ModelFileError, match=r"'epoch' appears twice"):
        load(put_together(table, json.dumps(trainer)[:-1] + ', "epoch": 1}', payload))
    with pytest.raises(nbtrain.ModelFileError, match=r"NaN is not a number"):
        load(put_together(table, json.dumps(trainer | {"learning_rate": float("nan")}), payload))


@pytest.mark.parametrize("length", [0, 50, 1_000_001, 10**9, 2**63, 2**64 - 1])
def test_wrong_lengths_of_the_header_are_refused(length, good):
    with pytest.raises(nbtrain.ModelFileError, match=r"length of the header at byte 0"):
        load(length.to_bytes(8, "little") + good[8:])


def test_bytes_behind_the_end_are_refused(good):
    length = int.from_bytes(good[:8], "little")
    with pytest.raises(nbtrain.ModelFileError, match=f"byte {len(good)}: 1 bytes after the last tensor"):
        load(signed(good[8 : 8 + length], good[8 + length :] + b"\0"))


def test_deeply_nested_headers_are_refused(good):
    table, _, payload = taken_apart(good)
    with pytest.raises(nbtrain.ModelFileError, match=r"trainer"):
        load(put_together(table, "[" * 200_000, payload))


def test_what_is_no_model_file_is_refused_by_name(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("hello " * 100)
    for name in ("fifo", "empty", "text", "missing", "."):
        with pytest.raises(nbtrain.ModelFileError) as caught:
            nbtrain.load(tmp_path / name)
        assert str(tmp_path) in str(caught.value)


def test_a_name_in_a_file_is_looked_up_and_never_imported(good):
    (probe := Path("nbtrain_probe_of_loading.py")).resolve()
    before = set(sys.modules)
    for name in ("os:system", "this", "antigravity", probe.stem):
        with pytest.raises(nbtrain.ModelFileError, match=r"network\.layers\[0\]\.activation\.name: .*fancy 1\.2"):
            load(
                changed(
                    good,
                    lambda _, trainer, name=name: trainer["network"]["layers"][0]["activation"].update(
                        name=name, provider="fancy 1.2 (entry point fancy)"
                    ),
                )
            )
    assert not {"this", "antigravity", probe.stem} & (set(sys.modules) - before)


def test_a_missing_component_is_named_with_its_provider_and_loads_once_it_is_there(tmp_path):
    spec = nbtrain.Activation("half", value=lambda z: 0.5 * z, slope=lambda z: 0.5)
    nbtrain.register(spec, name="halves")
    try:
        trainer = nbtrain.Trainer(network((2, 3, 1), ["half", "identity"]), loss="mse", rng=0)
        trainer.save(tmp_path / "m.nbt")
    finally:
        nbtrain.unregister("halves")
    with pytest.raises(nbtrain.ModelFileError, match=r"m\.nbt: .*activation 'half'.*halves"):
        nbtrain.load(tmp_path / "m.nbt")
    copied = copy.deepcopy(trainer)  # in this process its components are at hand
    np.testing.assert_array_equal(copied.predict(np.ones((1, 2))), trainer.predict(np.ones((1, 2))))
    nbtrain.register(spec, name="halves")
    try:
        assert state(nbtrain.load(tmp_path / "m.nbt")) == state(trainer)
    finally:
        nbtrain.unregister("halves")


def test_a_component_whose_parameters_have_changed_is_refused(good):
    with pytest.raises(nbtrain.ModelFileError, match=r"optimizer\.parameters: .*gamma"):
        load(changed(good, lambda _, trainer: trainer["optimizer"]["parameters"].update(gamma=1.0)))
    with pytest.raises(nbtrain.ModelFileError, match=r"beta1"):
        load(changed(good, lambda _, trainer: trainer["optimizer"]["parameters"].update(beta1=2.0)))


def test_an_unregistered_spec_is_not_taken_for_the_built_in_one_of_its_name(tmp_path):
    twice = nbtrain.Activation("relu", value=lambda z: 2 * z, slope=lambda z: 2.0)
    make(activation=twice).save(tmp_path / "model.nbt")
    with pytest.raises(nbtrain.ModelFileError, match="'relu' was an unregistered spec"):
        nbtrain.load(tmp_path / "model.nbt")


def test_a_learning_rate_that_is_no_number_does_not_replace_a_good_file(tmp_path):
    trainer = make()
    trainer.save(tmp_path / "model.nbt")
    trainer.model.learning_rate[0] = np.nan  # as a schedule may set it
    with pytest.raises(nbtrain.DivergenceError, match="learning_rate is nan"):
        trainer.save(tmp_path / "model.nbt")
    assert nbtrain.load(tmp_path / "model.nbt").learning_rate == 1e-3
