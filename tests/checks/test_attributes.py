"""A misspelt attribute that is set is an error that says what was meant; classes of the user's own are free."""

from __future__ import annotations

import copy
import importlib
import pickle

import pytest

import nbtrain
from nbtrain import callbacks


def trainer(kind=nbtrain.Trainer):
    return kind(nbtrain.Network(3, [nbtrain.Dense(2)]), loss="mse", optimizer="sgd", rng=0)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("learning_rte", "Trainer has no attribute 'learning_rte'; did you mean 'learning_rate'?"),
        ("lr", "Trainer has no attribute 'lr'; did you mean 'learning_rate'?"),
        ("metdata", "did you mean 'metadata'?"),
        ("batchsize", "did you mean 'batch_size'?"),
        ("zzz", "Trainer has no attribute 'zzz'"),
        ("batch_size", "batch_size"),
        ("optimizer", "Trainer has no attribute 'optimizer'; pass it to Trainer"),
        ("epoch", "epoch"),
        ("theta", "theta"),
        ("weights", "weights"),
    ],
)
@pytest.mark.parametrize("made", [lambda made: made, copy.deepcopy, lambda made: pickle.loads(pickle.dumps(made))])
def test_what_a_trainer_has_not_is_told(made, name, told):
    one = made(trainer())
    with pytest.raises(AttributeError) as raised:
        setattr(one, name, 0.1)
    assert told in str(raised.value)
    assert name not in vars(one)
    assert (one.learning_rate, one.epoch, one.batch_size) == (0.01, 0, 32)


def test_what_can_be_set_is_set():
    one = trainer()
    one.learning_rate, one.metadata = 0.5, {"of": "mine"}
    assert (one.learning_rate, one.metadata) == (0.5, {"of": "mine"})
    one._mine = 3
    one.fit = len  # as a test's double
    assert one.fit([1, 2]) == 2


class Own(nbtrain.Trainer):
    """A trainer with an attribute."""

    @property
    def twice(self):
        return 2 * self.batch_size


def test_derived_trainers_are_free():
    one = trainer(Own)
    one.learning_rte = 0.1
    assert (one.learning_rte, one.twice) == (0.1, 64)
    with pytest.raises(AttributeError):
        one.twice = 3


@pytest.mark.parametrize("declared", [nbtrain.Network(3, [nbtrain.Dense(2)]), nbtrain.Dense(2)], ids=repr)
def test_what_is_declared_does_not_change(declared):
    for name in ("units", "inputs", "unts"):
        with pytest.raises(AttributeError, match=name):
            setattr(declared, name, 3)


def built_in(path):
    return [
        callbacks.EarlyStopping(),
        callbacks.ReduceOnPlateau(),
        callbacks.TimeLimit(1.0),
        callbacks.Checkpoint(path),
        callbacks.CSVLogger(path),
        callbacks.JSONLinesLogger(path),
        callbacks.PrintProgress(3),
    ]


def test_what_a_callback_has_not_is_told(tmp_path):
    for callback in built_in(tmp_path / "file"):
        for one in (callback, copy.copy(callback)):
            with pytest.raises(AttributeError, match=rf"^{type(one).__name__} has no attribute 'patiance'"):
                one.patiance = 3
            one.every_steps = 7
            assert "patiance" not in vars(one)
    with pytest.raises(AttributeError, match=r"no attribute 'patiance'; did you mean 'patience'\?$"):
        callbacks.EarlyStopping().patiance = 3
    early = callbacks.EarlyStopping()
    early.patience = 3
    assert early.patience == 3


class OwnStopping(callbacks.EarlyStopping):
    """With attributes that it sets before, after and without the base's constructor."""

    def __init__(self):
        self.before = 1
        super().__init__("loss")
        self.after = 2

    def on_epoch(self, trainer, epoch, metrics):
        self.seen = epoch
        return super().on_epoch(trainer, epoch, metrics)


def test_derived_callbacks_are_free():
    own, plain = OwnStopping(), nbtrain.Callback()
    own.patiance = plain.whatever = 3
    trainer().fit([[1.0, 2.0, 3.0]], [[0.0, 1.0]], epochs=2, callbacks=[own, plain])
    assert (own.before, own.after, own.seen, own.patiance, plain.whatever) == (1, 2, 2, 3, 3)


class OfAnotherLibrary(nbtrain.Callback):
    """Names of methods as elsewhere."""

    def on_epoch_end(self, epoch, logs):
        """Never called."""


class WithHelpers(OfAnotherLibrary):
    """It is told of epochs, and calls what it likes."""

    def on_epoch(self, trainer, epoch, metrics):
        self.epoch = epoch


def test_a_callback_whose_methods_nobody_calls_is_told():
    with pytest.raises(nbtrain.InputError) as raised:
        trainer().fit([[1.0, 2.0, 3.0]], [[0.0, 1.0]], callbacks=[OfAnotherLibrary()])
    assert "OfAnotherLibrary has an unknown method 'on_epoch_end'; did you mean 'on_epoch'? Av" in str(raised.value)
    helped = WithHelpers()
    trainer().fit([[1.0, 2.0, 3.0]], [[0.0, 1.0]], callbacks=[helped])
    assert helped.epoch == 1


class WithProperty(nbtrain.Callback):
    """One whose property can be read only when it has started."""

    handle = None

    @property
    def on_device(self):
        return self.handle.device

    def on_start(self, trainer):
        self.handle = type("Handle", (), {"device": "cpu"})


class Stateful(nbtrain.Callback):
    """One that only a checkpoint talks to, with a function to call."""

    def __init__(self):
        self.on_stop_hook = print

    def resume(self, trainer, state):
        """Nothing is kept."""


def test_callbacks_are_not_evaluated_to_look_for_their_methods():
    used = WithProperty()
    trainer().fit([[1.0, 2.0, 3.0]], [[0.0, 1.0]], callbacks=[used, Stateful()])
    assert used.on_device == "cpu"


@pytest.mark.parametrize("name", ["model", "history", "engine"])
def test_what_a_trainer_is_made_of_cannot_be_exchanged(name):
    one, other = trainer(), trainer()
    with pytest.raises(AttributeError, match=f"'{name}' of '?Trainer'?.* (cannot be assigned|has no setter)"):
        setattr(one, name, getattr(other, name))
    one.fit([[1.0, 2.0, 3.0]], [[0.0, 1.0]], epochs=1)


PUBLIC = "callbacks components datasets errors kernel metrics sklearn testing".split()


@pytest.mark.parametrize("name", PUBLIC)
def test_completion_in_a_public_module_offers_what_is_public(name):
    if name == "sklearn":
        pytest.importorskip("sklearn")
    module = importlib.import_module(f"nbtrain.{name}")
    assert dir(module) == sorted(module.__all__)
    assert all(hasattr(module, each) for each in module.__all__)


def test_completion_of_a_trainer_offers_no_internals():
    offered = {name for name in dir(trainer()) if not name.startswith("_")}
    data = {"batch_size", "dtype", "epoch", "history", "iteration", "learning_rate", "metadata", "model", "network"}
    methods = {"evaluate", "fit", "loss_and_gradient", "predict", "reset_optimizer", "save", "scale_learning_rate"}
    assert data | methods <= offered
    assert not {"engine", "from_bytes"} & offered


def test_errors_come_back_from_other_processes():
    with pytest.raises(AttributeError) as raised:
        nbtrain.Trainr  # noqa: B018
    again = pickle.loads(pickle.dumps(raised.value))
    assert str(again) == str(raised.value)
