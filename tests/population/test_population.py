"""What users of a population depend on beside its bits: errors, members that fail, early stopping, reductions."""

from __future__ import annotations

import copy
import pickle
import re
import warnings

import numpy as np
import pytest

import nbtrain
from nbtrain import Dense
from nbtrain.callbacks import EarlyStopping

NETWORK = nbtrain.Network(3, [Dense(5, "tanh"), Dense(1)])
RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=(30, 3)), RANDOM.normal(size=(30, 1))


def population(members=4, network=NETWORK, **options):
    return nbtrain.Population(network, members, **{"loss": "mse", "rng": 0} | options)


def adam(**numbers):
    return nbtrain.optimizer("adam", **numbers)


# ---- validation and early stopping


@pytest.mark.parametrize("threads", [1, 2])
def test_members_stop_as_trainers_with_the_callback_do(threads):
    random = np.random.default_rng(1)
    data = random.normal(size=(6, 40, 3)), random.normal(size=(6, 40, 1))
    valid = random.normal(size=(6, 20, 3)), random.normal(size=(6, 20, 1))
    options = {"optimizer": adam(learning_rate=0.02)}
    many = population(6, threads=threads, **options)
    stopping = {"patience": 4, "min_delta": 1e-4}
    many.fit(*data, 80, validation_data=valid, early_stopping=stopping)
    assert len(set(many.epoch)) > 1
    assert many.epoch.max() < 80
    best = []
    for k in range(6):
        trainer = nbtrain.Trainer(NETWORK, loss="mse", rng=many.seed(k), **options)
        callback = EarlyStopping(**stopping)
        history = trainer.fit(
            data[0][k], data[1][k], 80, validation_data=(valid[0][k], valid[1][k]), callbacks=callback
        )
        assert np.array_equal(many.theta[k], trainer.theta)
        assert many.epoch[k] == trainer.epoch
        assert many.history.member(k)["val_loss"] == history["val_loss"]
        best.append(callback.best)
    assert many.best("val_loss") == int(np.argmin(best))
    many.fit(*data, 2, validation_data=valid, early_stopping=stopping)  # those that stopped train again
    assert (many.history.epochs == many.epoch).all()


def test_early_stopping_by_accuracy_without_restoring():
    random = np.random.default_rng(2)
    network = nbtrain.Network(3, [Dense(5, "tanh"), Dense(3)])
    inputs, labels = random.normal(size=(40, 3)), random.integers(0, 3, 40)
    weight = random.uniform(0, 2, 40)
    given = {"metric": "val_accuracy", "patience": 3, "restore_best": False}
    many = population(3, network, loss="softmax_cross_entropy")
    found = many.fit(
        inputs, labels, 40, sample_weight=weight, validation_data=(inputs, labels, weight), early_stopping=given
    )
    assert set(found) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    for k in range(3):
        trainer = nbtrain.Trainer(network, loss="softmax_cross_entropy", rng=many.seed(k))
        history = trainer.fit(
            *(inputs, labels, 40),
            sample_weight=weight,
            validation_data=(inputs, labels, weight),
            callbacks=EarlyStopping(**given),
        )
        assert dict(found.member(k)) == dict(history)
        assert np.array_equal(many.theta[k], trainer.theta)


def test_validation_rows_by_groups():
    random = np.random.default_rng(3)
    groups, valid = np.repeat([7, 3, 5], [10, 20, 6]), np.repeat([3, 5, 7, 3], [2, 3, 4, 5])
    inputs, targets = random.normal(size=(36, 3)), random.normal(size=(36, 1))
    other = random.normal(size=(14, 3)), random.normal(size=(14, 1))
    many = population(3)
    many.fit(inputs, targets, 4, groups=groups, validation_data=other, validation_groups=valid)
    for k, group in enumerate([3, 5, 7]):
        trainer = nbtrain.Trainer(NETWORK, loss="mse", rng=many.seed(k))
        mine = (other[0][valid == group], other[1][valid == group])
        history = trainer.fit(inputs[groups == group], targets[groups == group], 4, validation_data=mine)
        assert many.history.member(k)["val_loss"] == history["val_loss"]


def test_callbacks_are_called_after_every_epoch_and_stop_members():
    calls = []

    def after(many, epoch, metrics):
        calls.append((epoch, many.epoch.tolist(), np.isfinite(metrics["loss"]).tolist()))
        return np.array([False, epoch == 2, False]) if epoch < 3 else None

    many = population(3)
    alike = population(3)
    many.fit(X, Y, [4, 4, 2], callbacks=after)
    assert calls == [
        (1, [1, 1, 1], [True] * 3),
        (2, [2, 2, 2], [True] * 3),
        (3, [3, 2, 2], [True, False, False]),
        (4, [4, 2, 2], [True, False, False]),
    ]
    alike.fit(X, Y, [4, 2, 2])
    assert np.array_equal(many.theta, alike.theta)
    assert np.array_equal(many.history["loss"], alike.history["loss"], equal_nan=True)

    def wrong(many, epoch, metrics):
        return "stop"

    with pytest.raises(
        nbtrain.InputError, match="the result of wrong must be True, False, None or an array of 3 bools"
    ):
        many.fit(X, Y, callbacks=wrong)
    with pytest.raises(nbtrain.InputError, match="a callback cannot call fit of its population"):
        many.fit(X, Y, callbacks=lambda many, *_: many.fit(X, Y) and None)
    many.fit(X, Y)


def test_early_stopping_between_callbacks_restores_each_member():
    valid = RANDOM.normal(size=(20, 3)), RANDOM.normal(size=(20, 1))
    options = {"validation_data": valid, "early_stopping": {"patience": 3}}
    many, alike = population(optimizer=adam(learning_rate=0.05)), population(optimizer=adam(learning_rate=0.05))
    many.fit(X, Y, 60, **options, callbacks=lambda *_: None)
    alike.fit(X, Y, 60, **options)
    assert np.array_equal(many.theta, alike.theta)
    assert many.best("val_loss") == alike.best("val_loss")


# ---- members that fail


def test_a_member_that_diverges_goes_back_and_the_others_go_on():
    rates = np.array([0.1, 1e30, 0.1, 0.1])
    options = {"batch_size": 8}
    many = population(optimizer=nbtrain.optimizer("sgd", learning_rate=rates), **options)
    begin = many.theta[1].copy()
    with pytest.warns(
        RuntimeWarning, match=r"1 of 4 members diverged .* member 1: the loss became NaN or infinite, in epoch 1"
    ) as warned:
        many.fit(X, Y, 3)
    assert {str(each.filename) for each in warned} == {__file__}
    assert many.status.tolist() == [0, 8, 0, 0]
    assert many.epoch.tolist() == [3, 0, 3, 3]
    assert np.array_equal(many.theta[1], begin)
    assert "member 1" in many.why(1)
    assert many.why(0) == ""
    assert many.best("loss") != 1
    assert "1 diverged" in repr(many)
    trainer = nbtrain.Trainer(
        NETWORK, loss="mse", optimizer=nbtrain.optimizer("sgd", learning_rate=0.1), rng=many.seed(3), **options
    )
    trainer.fit(X, Y, 3)
    assert np.array_equal(many.theta[3], trainer.theta)
    many.fit(X, Y, 1)  # it is left out, without a warning
    assert many.epoch.tolist() == [4, 0, 4, 4]
    many.copy(1, 0)
    many.hyperparameters["learning_rate"][1] = 0.1
    many.fit(X, Y, 1)
    assert many.status.tolist() == [0] * 4
    assert many.epoch.tolist() == [5, 1, 5, 5]


def test_divergence_in_a_later_epoch_leaves_the_last_finite_one():
    random = np.random.default_rng(4)
    network, options = nbtrain.Network(2, [Dense(1)]), {"shuffle": False, "batch_size": 8}
    inputs, targets = random.normal(size=(32, 2)), random.normal(size=(32, 1))
    rates = np.array([0.1, 300.0])
    many = population(2, network, optimizer=nbtrain.optimizer("sgd", learning_rate=rates), **options)
    with pytest.warns(RuntimeWarning, match="1 of 2 members diverged"):
        many.fit(inputs, targets, 30)
    trainer = nbtrain.Trainer(
        network, loss="mse", optimizer=nbtrain.optimizer("sgd", learning_rate=300.0), rng=many.seed(1), **options
    )
    with pytest.raises(nbtrain.DivergenceError):
        trainer.fit(inputs, targets, 30)
    assert 0 < many.epoch[1] == trainer.epoch < 30
    assert np.array_equal(many.theta[1], trainer.theta)
    assert np.isfinite(many.theta).all()


def test_all_members_diverging_is_an_error():
    many = population(2, optimizer=nbtrain.optimizer("sgd", learning_rate=1e30))
    with pytest.raises(nbtrain.DivergenceError, match="all 2 members diverged; member 0"):
        many.fit(X, Y, 2)
    with pytest.raises(nbtrain.InputError, match="reduce needs at least one member"):
        many.predict(X, reduce="mean")


# ---- predictions


def test_reductions_agree_with_numpy():
    many = population(7, threads=2)
    many.fit(X, Y, 2)
    every = many.predict(X).astype(np.float64)
    assert np.allclose(many.predict(X, reduce="mean"), every.mean(axis=0), rtol=1e-12, atol=1e-12)
    assert np.allclose(many.predict(X, reduce="std"), every.std(axis=0), rtol=1e-9, atol=1e-12)
    assert np.array_equal(many.predict(X, members=[5, 1]), many.predict(X)[[5, 1]])
    blocks = RANDOM.normal(size=(7, 9, 3))
    own = many.predict(blocks)
    assert all(np.array_equal(own[k], many[k].predict(blocks[k])) for k in range(7))
    with pytest.raises(nbtrain.InputError, match="be 'mean' or 'std' for a loss without classes"):
        many.predict(X, reduce="vote")


def test_reductions_of_many_predictions_are_merged(monkeypatch):
    many = population(7)
    whole = {how: many.predict(X, reduce=how) for how in ("mean", "std")}
    monkeypatch.setattr("nbtrain.population.prediction.BLOCK_BYTES", 3 * 30 * 4)
    for how, found in whole.items():
        assert np.allclose(many.predict(X, reduce=how), found, rtol=1e-9, atol=1e-12)


def test_votes_are_the_majority():
    network = nbtrain.Network(3, [Dense(4, "tanh"), Dense(3)])
    many = population(5, network, loss="softmax_cross_entropy")
    classes = many.predict(X).argmax(axis=2)
    wanted = [np.bincount(column, minlength=3).argmax() for column in classes.T]
    assert np.array_equal(many.predict(X, reduce="vote"), wanted)
    binary = population(5, nbtrain.Network(3, [Dense(2)]), loss="binary_cross_entropy")
    assert np.array_equal(binary.predict(X, reduce="vote"), (binary.predict(X) > 0.5).sum(axis=0) > 2.5)


def test_evaluation_is_that_of_trainers_in_shared_and_own_data():
    many = population()
    scores = many.evaluate(X, Y)
    blocks, targets = RANDOM.normal(size=(4, 9, 3)), RANDOM.normal(size=(4, 9, 1))
    own = many.evaluate(blocks, targets)
    for k in range(4):
        assert {name: column[k] for name, column in scores.items()} == many[k].evaluate(X, Y)
        assert {name: column[k] for name, column in own.items()} == many[k].evaluate(blocks[k], targets[k])
    assert np.isnan(many.evaluate(X, Y, members=[1])["loss"]).tolist() == [True, False, True, True]


# ---- hyperparameters


def test_hyperparameters_are_found_by_the_ends_of_their_names_and_checked():
    layers = [Dense(5, nbtrain.activation("leaky_relu", slope=[0.1, 0.2, 0.3, 0.4]), dropout=0.5), Dense(1)]
    many = population(network=nbtrain.Network(3, layers), regularizer=nbtrain.regularizer("l2", strength=0.1))
    numbers = many.hyperparameters
    assert {"optimizer.learning_rate", "optimizer.beta1", "regularizer.strength", "layers.0.dropout"} <= set(numbers)
    assert np.array_equal(numbers["slope"], [0.1, 0.2, 0.3, 0.4])
    numbers["strength"] = 0.2
    numbers["dropout"][2] = 0.25
    numbers["learning_rate"] = [0.1, 0.2, 0.3, 0.4]
    assert many[2].learning_rate == 0.3
    assert many[2].network.layers[0].dropout == 0.25
    with pytest.raises(KeyError, match="unknown hyperparameter 'momentum'"):
        numbers["momentum"]
    with pytest.raises(nbtrain.InputError, match="learning_rate of member 1 must be a finite number > 0, got -1"):
        numbers["learning_rate"] = [1, -1, 1, 1]
    with pytest.raises(nbtrain.InputError, match="strength must be a number, or 4 of them, got 2 numbers"):
        numbers["strength"] = [1, 2]
    numbers["dropout"][3] = 1.5
    before = many.theta.copy()
    with pytest.raises(
        nbtrain.InputError, match=r"layers\.0\.dropout of member 3 must be a number >= 0 and < 1, got 1\.5"
    ):
        many.fit(X, Y)
    assert np.array_equal(many.theta, before)


def test_a_trainer_refuses_numbers_of_several_members():
    for options in (
        {"optimizer": adam(learning_rate=[0.1, 0.2])},
        {"regularizer": nbtrain.regularizer("l2", strength=np.array([1.0, 2.0]))},
    ):
        with pytest.raises(
            nbtrain.InputError, match=r"one number for a single network, got 2 numbers; nbtrain\.Population"
        ):
            nbtrain.Trainer(NETWORK, loss="mse", **options)
    network = nbtrain.Network(3, [Dense(5, dropout=[0.1, 0.2]), Dense(1)])
    with pytest.raises(nbtrain.InputError, match="dropout must be one number for a single network"):
        nbtrain.Trainer(network, loss="mse")


# ---- files


def test_a_population_is_saved_loaded_pickled_and_copied(tmp_path):
    many = population(optimizer=adam(learning_rate=[0.1, 0.2, 0.3, 0.4]))
    groups = np.repeat(["a", "bb", "c", "d"], [5, 10, 12, 3])
    many.fit(X, Y, [1, 2, 3, 4], groups=groups)
    many.save(tmp_path / "many.nbt", metadata={"of": "tests"})
    copies = [nbtrain.load(tmp_path / "many.nbt"), pickle.loads(pickle.dumps(many)), copy.deepcopy(many)]
    many.fit(X, Y, 2, groups=groups)
    for other in copies:
        assert other.groups.tolist() == ["a", "bb", "c", "d"]
        assert other.metadata == {"of": "tests"}
        assert other.epoch.tolist() == [1, 2, 3, 4]
        other.fit(X, Y, 2, groups=groups)
        assert np.array_equal(other.theta, many.theta)
        assert np.array_equal(other.history["loss"], many.history["loss"], equal_nan=True)
        assert np.array_equal(other.seed(2).generate_state(4), many.seed(2).generate_state(4))


def test_damaged_files_are_refused(tmp_path):
    many = population()
    many.save(tmp_path / "many.nbt")
    data = bytearray((tmp_path / "many.nbt").read_bytes())
    for place in (len(data) // 2, len(data) - 5):
        broken = bytearray(data)
        broken[place] ^= 1
        (tmp_path / "broken.nbt").write_bytes(broken)
        with pytest.raises(nbtrain.ModelFileError, match="damaged"):
            nbtrain.load(tmp_path / "broken.nbt")
    (tmp_path / "short.nbt").write_bytes(data[:-100])
    with pytest.raises(nbtrain.ModelFileError):
        nbtrain.load(tmp_path / "short.nbt")


# ---- arguments

REFUSED = {
    "members must be an integer >= 1, got 0": lambda: population(0),
    "members must be an integer >= 1, got None; how many": lambda: nbtrain.Population(NETWORK, loss="mse"),
    "network must be an nbtrain.Network, or a list of them": lambda: nbtrain.Population("mlp", 3, loss="mse"),
    "members must be 2, as there are so many networks": lambda: population(3, [NETWORK, NETWORK]),
    "network 1 must have 3 inputs and 1 outputs": lambda: population(None, [NETWORK, nbtrain.Network(2, [Dense(1)])]),
    "optimizer.learning_rate must be a number, or 4 of them": lambda: population(optimizer=adam(learning_rate=[1, 2])),
    "learning_rate of member 1 must be a finite number > 0": lambda: population(optimizer=adam(learning_rate=[1, 0])),
    "threads must be an integer >= 1": lambda: population(threads=0),
    "rng must be an int >= 0": lambda: population(rng=-1),
    "unknown argument 'seed'": lambda: population(seed=1),
    "unknown argument 'epoch'": lambda: population().fit(X, Y, epoch=2),
    "epochs must be an integer >= 0, or 4 of them": lambda: population().fit(X, Y, [1, 2]),
    "epochs of member 2 must be an integer >= 0": lambda: population().fit(X, Y, [1, 2, -1, 3]),
    "members must be from 0 to 3, got 4": lambda: population().fit(X, Y, members=[4]),
    "members must have no number twice": lambda: population().fit(X, Y, members=[1, 1]),
    "X must have shape (4, n_samples, 3), or (n_samples, 3)": lambda: population().fit(np.zeros((3, 9, 3)), Y),
    "y must have shape (4, 9, …), as X has data of each member": lambda: population().fit(np.zeros((4, 9, 3)), Y),
    "groups must have 4 different values, got 2": lambda: population().fit(X, Y, groups=np.arange(30) % 2),
    "groups must have shape (30,), one for each row": lambda: population().fit(X, Y, groups=[1, 2]),
    "validation_groups needs validation_data": lambda: population().fit(X, Y, validation_groups=[1]),
    "early_stopping must be a dict or": lambda: population().fit(X, Y, early_stopping=5),
    "early_stopping: unknown metric 'val_loss'": lambda: population().fit(X, Y, early_stopping={}),
    "EarlyStopping works on a Trainer": lambda: population().fit(X, Y, callbacks=EarlyStopping("loss")),
    "progress must be True, False": lambda: population().fit(X, Y, progress="bar"),
    "checkpoint must be the path of a file": lambda: population().fit(X, Y, checkpoint=3),
    "unknown reduce 'median'": lambda: population().predict(X, reduce="median"),
    "no member belongs to a group yet": lambda: population().predict(X, groups=np.arange(30)),
    "unknown metric 'val_loss'": lambda: population().best("val_loss"),
    "source must have the network of its target": lambda: population(
        None, [NETWORK, nbtrain.Network(3, [Dense(1)])]
    ).copy(0, 1),
}


@pytest.mark.parametrize("message", REFUSED)
def test_wrong_arguments_are_named(message):
    with pytest.raises((nbtrain.InputError, TypeError), match=re.escape(message)):
        REFUSED[message]()


def test_errors_in_data_name_the_member_or_the_group_and_change_nothing():
    blocks, targets = RANDOM.normal(size=(4, 9, 3)), RANDOM.normal(size=(4, 9, 1))
    many = population()
    before = many.theta.copy()
    blocks[2, 5, 1] = np.nan
    with pytest.raises(nbtrain.InputError, match="member 2: X must be finite, got nan at row 5, column 1"):
        many.fit(blocks, targets)
    blocks[2, 5, 1] = 0.0
    weight = np.ones((4, 9))
    weight[3] = 0.0
    with pytest.raises(nbtrain.InputError, match="member 3: sample_weight must have a positive weight, got only zeros"):
        many.fit(blocks, targets, sample_weight=weight)
    groups = np.repeat([10, 20, 30, 40], [5, 5, 10, 10])
    with pytest.raises(nbtrain.InputError, match="none of group 20"):
        many.fit(X, Y, groups=groups, validation_data=(X[:2], Y[:2]), validation_groups=[10, 40])
    assert many.groups is None  # as if it had not been called
    many.fit(X, Y, groups=groups)
    with pytest.raises(nbtrain.InputError, match=r"groups must be among those that the members belong to, got 50"):
        many.predict(X[:2], groups=[10, 50])
    assert not np.array_equal(many.theta, before)
    kept = many.theta.copy()
    many.fit(X[:5], Y[:5], groups=groups[:5])  # of one group alone
    assert (many.theta != kept).any(axis=1).tolist() == [True, False, False, False]


def test_a_trainer_of_another_kind_is_not_put_in():
    many = population()
    others = {
        "have the member's network": nbtrain.Trainer(nbtrain.Network(3, [Dense(1)]), loss="mse"),
        "have the optimizer": nbtrain.Trainer(NETWORK, loss="mse", optimizer="sgd"),
        "have batch_size=32, got 8": nbtrain.Trainer(NETWORK, loss="mse", batch_size=8),
        "be an nbtrain.Trainer": "trainer",
    }
    for message, other in others.items():
        with pytest.raises(nbtrain.InputError, match=f"trainer must {message}"):
            many[0] = other


def test_no_warning_and_no_copy_for_shared_data_of_many_members():
    many, wide = population(3), np.broadcast_to(X.astype(np.float32), (3, 30, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        many.fit(wide, np.zeros((3, 30, 1), np.float32), 1)
    assert many._members.families[0].record["x"][0] == wide.ctypes.data
