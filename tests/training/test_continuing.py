"""Which checkpoints a trainer goes on from, and which it is kept from: no training is lost, and none is mixed."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest
from common import data, network

import nbtrain
from nbtrain import callbacks as c

LOSS = "softmax_cross_entropy"
X, Y = data(LOSS, 60, 5, 3)
OTHER, _ = data(LOSS, 60, 5, 3, seed=7)


def make(rng=3):
    return nbtrain.Trainer(network((5, 8, 3), ["tanh", "identity"]), loss=LOSS, batch_size=8, rng=rng)


def standing(trainer):
    return trainer.theta.tobytes(), trainer.epoch, trainer.iteration, dict(trainer.history), trainer.engine.recipe.seed


@pytest.fixture
def path(tmp_path):
    """A checkpoint of 3 epochs."""
    make().fit(X, Y, 3, checkpoint=tmp_path / "c.nbt")
    return tmp_path / "c.nbt"


def kinds_of_own_training():
    def steps(trainer):
        for _ in range(24):  # as many as 3 epochs have
            trainer.train_step(X[:8], Y[:8])

    return {
        "more epochs": lambda trainer: trainer.fit(X, Y, 10),
        "fewer": lambda trainer: trainer.fit(X, Y, 1),
        "as many on other data": lambda trainer: trainer.fit(OTHER, Y, 3),
        "a step": lambda trainer: trainer.train_step(X, Y),
        "as many steps": steps,
    }


@pytest.mark.parametrize("kind", kinds_of_own_training())
def test_training_of_its_own_is_not_thrown_away(kind, path):
    trainer = make()
    kinds_of_own_training()[kind](trainer)
    before, file = standing(trainer), path.read_bytes()
    with pytest.raises(nbtrain.InputError, match=r"^checkpoint: this trainer was trained differently .* new trainer"):
        trainer.fit(X, Y, 12, checkpoint=path)
    assert standing(trainer) == before
    assert path.read_bytes() == file
    trainer.save(path)  # one of the ways out that the message names
    trainer.fit(X, Y, trainer.epoch + 1, checkpoint=path)
    assert trainer.epoch == before[1] + 1


def test_what_was_trained_beside_the_checkpoint_is_not_thrown_away(path):
    trainer = nbtrain.load(path)
    trainer.fit(X, Y, 2)
    with pytest.raises(nbtrain.InputError, match=r"5 epochs, 40 iterations.*3 epochs, 24 iterations"):
        trainer.fit(X, Y, 9, checkpoint=path)
    assert trainer.epoch == 5


@pytest.mark.parametrize("rng", [3, None])
@pytest.mark.parametrize("kind", ["fewer", "as many on other data", "a step"])
def test_a_program_that_trains_before_it_uses_a_checkpoint_may_be_started_again(kind, rng, tmp_path):
    def program(epochs):
        trainer = make(rng)
        kinds_of_own_training()[kind](trainer)
        before = trainer.epoch
        trainer.fit(X, Y, before + epochs, checkpoint=tmp_path / "c.nbt")
        assert trainer.epoch == before + epochs
        return trainer

    first = program(2)
    program(4)
    last = program(7)
    first.fit(X, Y, 5)
    assert standing(first) == standing(last)
    other = make()
    other.fit(X, Y, 4)
    with pytest.raises(nbtrain.InputError, match=r"was trained differently"):
        other.fit(X, Y, 9, checkpoint=tmp_path / "c.nbt")


def test_one_trainer_may_call_fit_with_its_checkpoint_again_and_again(tmp_path):
    trainer, at_once = make(), make()
    for epochs in (2, 5, 5, 6):
        trainer.fit(X, Y, epochs, checkpoint=tmp_path / "c.nbt")
    at_once.fit(X, Y, 6)
    assert standing(trainer) == standing(at_once)
    loaded = nbtrain.load(tmp_path / "c.nbt")
    loaded.fit(OTHER[:40], Y[:40], 7, checkpoint=tmp_path / "c.nbt")  # one that goes on by itself takes any data
    at_once.fit(OTHER[:40], Y[:40], 1)
    assert standing(loaded) == standing(at_once)


def test_better_parameters_that_were_put_back_do_not_make_it_another(tmp_path):
    validation = data(LOSS, 30, 5, 3, seed=2)

    def train(trainer, patience):
        early = c.EarlyStopping(patience=patience)
        trainer.fit(X, Y, 60, validation_data=validation, callbacks=early, checkpoint=tmp_path / "c.nbt")
        return early

    trainer = nbtrain.Trainer(network((5, 8, 3), ["tanh", "identity"]), loss=LOSS, batch_size=8, rng=3,
                              optimizer=nbtrain.optimizer("adam", learning_rate=0.1))  # fmt: skip
    assert train(trainer, 1).stopped
    stopped = trainer.epoch
    train(trainer, 40)
    assert trainer.epoch > stopped


def test_another_seed_is_refused_and_none_goes_on_from_any(path):
    other = make(rng=4)
    before = standing(other)
    with pytest.raises(nbtrain.InputError, match=r"^checkpoint: .* written with another seed.*rng="):
        other.fit(X, Y, 5, checkpoint=path)
    assert standing(other) == before
    drawn, again = make(rng=None), make()
    drawn.fit(X, Y, 5, checkpoint=path)
    again.fit(X, Y, 5)
    assert standing(drawn) == standing(again)


def saved_and_loaded(trainer, folder):
    trainer.save(folder / "own.nbt")
    return nbtrain.load(folder / "own.nbt")


COPIES = {
    "deepcopy": lambda trainer, folder: copy.deepcopy(trainer),
    "copy of a copy": lambda trainer, folder: copy.deepcopy(copy.deepcopy(trainer)),
    "pickle": lambda trainer, folder: pickle.loads(pickle.dumps(trainer)),
    "file": saved_and_loaded,
}


@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_of_what_has_not_trained_is_asked_for_a_seed_as_the_original_is(kind, path, tmp_path):
    drawn, again = COPIES[kind](make(rng=None), tmp_path), make()
    drawn.fit(X, Y, 5, checkpoint=path)
    again.fit(X, Y, 5)
    assert standing(drawn) == standing(again)
    with pytest.raises(nbtrain.InputError, match="written with another seed"):
        COPIES[kind](make(rng=4), tmp_path).fit(X, Y, 5, checkpoint=path)


def test_what_was_loaded_trained_is_not_thrown_away_for_another_that_was(tmp_path):
    for name in "ab":
        trainer = make(rng=None)
        trainer.fit(X, Y, 2)
        trainer.save(tmp_path / f"{name}.nbt")
    nbtrain.load(tmp_path / "a.nbt").fit(X, Y, 4, checkpoint=tmp_path / "c.nbt")
    other = nbtrain.load(tmp_path / "b.nbt")
    before = standing(other)
    with pytest.raises(nbtrain.InputError, match="was trained differently"):
        other.fit(X, Y, 4, checkpoint=tmp_path / "c.nbt")
    assert standing(other) == before


def test_a_seed_from_the_system_goes_on_as_it_began(tmp_path):
    first = make(rng=None)
    first.fit(X, Y, 2, checkpoint=tmp_path / "c.nbt")
    second = make(rng=None)
    second.fit(X, Y, 4, checkpoint=tmp_path / "c.nbt")
    first.fit(X, Y, 2)
    assert standing(first) == standing(second)


def test_other_data_are_refused_or_told(path):
    trainer = make()
    with pytest.raises(nbtrain.InputError, match=r"^checkpoint: .* on 60 samples, got 59.*nbtrain\.load"):
        trainer.fit(X[:-1], Y[:-1], 5, checkpoint=path)
    assert trainer.iteration == 0
    with pytest.warns(UserWarning, match=r"^checkpoint: .* with different data") as told:
        trainer.fit(OTHER, Y, 5, checkpoint=path)
    assert told[0].filename == __file__  # where fit was called
    assert trainer.epoch == 5
    changed = Y.copy()
    changed[17] = (changed[17] + 1) % 3
    with pytest.warns(UserWarning, match=r"^checkpoint: .* with different data"):
        make().fit(X, changed, 6, checkpoint=path)


def test_files_that_say_nothing_of_data_are_taken(path, tmp_path):
    nbtrain.load(path).save(path)  # as older versions did, outside fit
    trainer = make()
    trainer.fit(X[:50], Y[:50], 4, checkpoint=path)
    assert trainer.epoch == 4


@pytest.mark.parametrize("epochs", [0, 2, 3])
def test_a_file_is_written_where_nothing_remains_to_be_trained(epochs, tmp_path):
    trainer = make()
    if epochs:
        trainer.fit(X, Y, 3)
    theta = trainer.theta.copy()
    history = trainer.fit(X, Y, epochs, checkpoint=tmp_path / "c.nbt")
    assert dict(history) == dict(trainer.history)
    assert np.array_equal(trainer.theta, theta)
    assert nbtrain.load(tmp_path / "c.nbt").theta.tobytes() == trainer.theta.tobytes()
    assert nbtrain.load(tmp_path / "c.nbt").epoch == trainer.epoch


def test_the_digest_sees_what_is_between_and_costs_little():
    from nbtrain.training.checkpointing import digest
    from nbtrain.training.data import SAMPLED_ROWS, Dataset

    x = np.zeros((3 * SAMPLED_ROWS, 2), np.float32)
    found = digest(Dataset(x, x, None))
    assert found == digest(Dataset(x.copy(), x.copy(), None))
    assert found != digest(Dataset(x + np.float32(1e-30), x, None))
    assert found != digest(Dataset(x, x[:, :1], None))
    x[-1, 1] = 1
    assert found != digest(Dataset(x, x * 0, None))


def test_a_resume_with_other_numerics_warns_where_fit_was_called(tmp_path, monkeypatch):
    path = tmp_path / "c.nbt"
    monkeypatch.setattr("nbtrain.formats.modelfile.writing.numerics_id", lambda: "x86-64-v2, no FMA")
    make().fit(X, Y, epochs=1, checkpoint=path)
    monkeypatch.undo()
    with pytest.warns(UserWarning, match=r"c\.nbt was written with other numerics \(x86-64-v2, no FMA\)") as found:
        make().fit(X, Y, epochs=2, checkpoint=path)
    assert found[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make().fit(X, Y, epochs=3, checkpoint=path)  # it was saved here since
