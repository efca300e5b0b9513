"""The driver: checkpoints, callbacks, interrupts, losses, and errors and warnings that say what to do."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import engines
import numpy as np
import pytest
from common import data, network

import nbtrain
from nbtrain import callbacks as c
from nbtrain import distributed
from nbtrain.distributed import rounds, workers
from nbtrain.errors import DivergenceError, InputError, WorkerError

LOSS = "softmax_cross_entropy"
X, Y = data(LOSS, 200, 5, 3)
X_VAL, Y_VAL = data(LOSS, 40, 5, 3, seed=2)
VALID = (X_VAL, Y_VAL)


def make(**options):
    given = {"loss": LOSS, "batch_size": 8, "rng": 3} | options
    return nbtrain.Trainer(network((5, 16, 3), ["tanh", "identity"], [0.2, 0.0]), **given)


class Copies(c.Checkpoint):
    """A checkpoint that leaves a copy of itself at every epoch, as a kill would."""

    def _save(self, trainer):
        super()._save(trainer)
        shutil.copy(self.path, f"{self.path}.{trainer.epoch}")


@pytest.mark.parametrize("algorithm", ["local_sgd", "synchronous"])
def test_a_run_resumes_from_its_checkpoint_to_the_same_bits(algorithm, tmp_path):
    path, options = str(tmp_path / "run.nbt"), {"shards": 5, "algorithm": algorithm, "validation_data": VALID}
    once = make()
    expected = distributed.fit(once, (X, Y), 4, checkpoint=Copies(path), **options)
    with ThreadPoolExecutor(2) as pool:
        for epoch in (0, 1, 3):
            shutil.copy(f"{path}.{epoch}", tmp_path / "again.nbt")
            other = make()
            found = distributed.fit(other, (X, Y), 4, checkpoint=tmp_path / "again.nbt", executor=pool, **options)
            np.testing.assert_array_equal(other.theta, once.theta)
            assert found == expected
    again = distributed.fit(make(), (X, Y), 4, checkpoint=path, **options)  # nothing is left
    assert again == expected


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    path = tmp_path / "run.nbt"
    distributed.fit(make(), (X, Y), 1, shards=5, checkpoint=path)
    for options, words in (
        ({"shards": 4}, "division into shards: 5 shards of 40 to 40 rows, not 4 shards of 50 to 50 rows"),
        ({"shards": 5, "learning_rate_scale": "sqrt"}, "learning_rate_scale: 5"),
        ({"shards": 5, "algorithm": "synchronous"}, "algorithm: local_sgd, not synchronous"),
    ):
        trainer = make()
        before = trainer.theta.copy()
        with pytest.raises(InputError, match=words):
            distributed.fit(trainer, (X, Y), 2, checkpoint=path, **options)
        np.testing.assert_array_equal(trainer.theta, before)
    with pytest.warns(UserWarning, match="different data of the same size"):
        distributed.fit(make(), (X + 1, Y), 2, shards=5, checkpoint=path)


def test_callbacks_stop_and_restore_the_best():
    seen = []
    early = c.EarlyStopping(patience=2)
    trainer = make(optimizer=nbtrain.optimizer("adam", learning_rate=0.02))

    def note(trainer, epoch, metrics):
        seen.append((epoch, trainer.theta.copy(), metrics["val_loss"]))

    history = distributed.fit(
        trainer, (X, Y), 200, shards=4, validation_data=VALID, metrics=["f1"], callbacks=[note, early]
    )
    assert early.stopped
    best = min(seen, key=lambda entry: entry[2])
    np.testing.assert_array_equal(trainer.theta, best[1])
    assert history["val_loss"] == [entry[2] for entry in seen]
    assert history.epochs == len(seen) == best[0] + 2
    assert trainer.evaluate(X_VAL, Y_VAL)["loss"] == best[2]


def test_callbacks_see_rounds_and_change_the_rate():
    class Steps(c.Callback):
        every_steps = 2

        def __init__(self):
            self.seen = []

        def on_step(self, trainer, iteration, metrics):
            self.seen.append((iteration, metrics["loss"]))
            trainer.learning_rate = 0.25

    steps, trainer = Steps(), make()
    with pytest.warns(UserWarning, match="steps_per_round"):
        distributed.fit(trainer, (X, Y), 1, shards=5, steps_per_round=3, callbacks=[steps])
    assert [iteration for iteration, _ in steps.seen] == [3, 5]  # of 5 steps, in rounds of 3 and 2
    assert trainer.learning_rate == 0.25


def test_validation_on_shards_is_that_on_all_of_them():
    one, other = make(dtype="float64"), make(dtype="float64")
    expected = distributed.fit(one, (X, Y), 2, shards=4, validation_data=VALID)
    parts = [(X_VAL[:7], Y_VAL[:7]), (X_VAL[7:], Y_VAL[7:])]
    found = distributed.fit(other, (X, Y), 2, shards=4, validation_data=parts)
    np.testing.assert_array_equal(one.theta, other.theta)
    for name, numbers in expected.items():
        assert found[name] == pytest.approx(numbers, rel=1e-12)
    with pytest.raises(InputError, match=r"metrics need validation_data that is \(X, y\) here"):
        distributed.fit(other, (X, Y), 2, validation_data=parts, metrics=["f1"])


# ---- interrupts


class Watched:
    """An executor of threads that calls `then` in the middle of a round, once."""

    def __init__(self, then, first):
        self.pool, self.then, self.first = ThreadPoolExecutor(2), then, first

    def submit(self, function, order, package):
        return self.pool.submit(self.do, function, order, package)

    def do(self, function, order, package):
        if self.then is not None and order.task != "inspect" and order.shard == 1 and order.first >= self.first:
            then, self.then = self.then, None
            then()
        return function(order, package)


@pytest.mark.parametrize("algorithm", ["local_sgd", "synchronous"])
def test_ctrl_c_leaves_a_whole_round_from_which_training_continues(algorithm):
    options = {"shards": 5, "algorithm": algorithm, "warmup": 0}
    once, trainer, let_go = make(), make(), threading.Event()
    expected = distributed.fit(once, (X, Y), 4, **options)

    def interrupt():
        os.kill(os.getpid(), signal.SIGINT)
        let_go.wait(60)  # the round is under way until the driver has given up

    executor = Watched(interrupt, first=8)
    with pytest.raises(KeyboardInterrupt):
        distributed.fit(trainer, (X, Y), 4, executor=executor, **options)
    let_go.set()
    assert (trainer.epoch, trainer.iteration) == (1, 8)  # the middle of epoch 2
    assert trainer.history.epochs == 1
    distributed.fit(trainer, (X, Y), 3, executor=executor, **options)
    np.testing.assert_array_equal(trainer.theta, once.theta)
    assert trainer.history == expected


# ---- lost rounds


def test_a_late_round_is_repeated():
    once, trainer, let_go = make(), make(), threading.Event()
    distributed.fit(once, (X, Y), 2, shards=5)
    late = Watched(lambda: let_go.wait(60), first=4)
    distributed.fit(trainer, (X, Y), 2, executor=late, shards=5, timeout=2)
    let_go.set()
    np.testing.assert_array_equal(trainer.theta, once.theta)
    assert late.then is None


def test_after_the_last_attempt_the_error_names_shard_round_and_host():
    let_go = threading.Event()

    class Stuck(Watched):
        def do(self, function, order, package):
            if order.task == "train" and order.first >= 3 and order.shard == 2:
                let_go.wait(60)
            return function(order, package)

    once, trainer = make(), make()
    distributed.fit(once, (X, Y), 3, shards=5, warmup=0)
    words = (
        r"shard 2, epoch 1, round 4 of 5, last on .*, process \d+: no answer within 0\.5 s; tried 2 times.*retries=1"
    )
    with pytest.raises(WorkerError, match=words):
        distributed.fit(trainer, (X, Y), 3, executor=Stuck(None, 0), shards=5, retries=1, timeout=0.5, warmup=0)
    let_go.set()
    assert trainer.iteration == 3
    distributed.fit(trainer, (X, Y), 3, shards=5, warmup=0)
    np.testing.assert_array_equal(trainer.theta, once.theta)


def test_executors_of_a_function_are_made_again_and_ended():
    made = []

    class Fragile(ThreadPoolExecutor):
        def submit(self, *arguments):
            if len(made) == 1:
                raise RuntimeError("cannot schedule new futures after shutdown")
            return super().submit(*arguments)

    def maker():
        made.append(Fragile(2))
        return made[-1]

    once, trainer = make(), make()
    distributed.fit(once, (X, Y), 1, shards=5)
    distributed.fit(trainer, (X, Y), 1, executor=maker, shards=5)
    np.testing.assert_array_equal(trainer.theta, once.theta)
    assert len(made) == 2
    assert all(pool._shutdown for pool in made)


# ---- workers that cannot take part


def test_a_worker_with_other_numerics_is_refused(monkeypatch):
    monkeypatch.setattr(rounds, "_own_numerics", lambda: "x86-64-v2, 16-byte vectors")
    trainer = make()
    words = r"shard 0, epoch 1, round 1 of 4, on .*: the worker computes with other numerics \(x86-64-v2"
    with pytest.raises(WorkerError, match=words):
        distributed.fit(trainer, (X, Y), 1)
    assert trainer.iteration == 0


def test_a_worker_whose_plugin_has_other_code_is_refused(monkeypatch):
    mine = nbtrain.Activation("soft_sign", lambda z: z / (1.0 + abs(z)), lambda a: (1.0 - abs(a)) ** 2)
    trainer = nbtrain.Trainer(nbtrain.Network(5, [nbtrain.Dense(4, mine), nbtrain.Dense(3)]), loss=LOSS, rng=0)
    distributed.fit(trainer, (X, Y), 1, shards=2)
    before = trainer.theta.copy()
    words = ((name, code.replace(code[-4:], "0000")) for name, code in rounds.codes(trainer.engine.recipe))
    changed = tuple(words)
    assert changed
    monkeypatch.setattr("nbtrain.distributed.calls.codes", lambda recipe: changed)
    with pytest.raises(WorkerError, match="the worker has other code for the activation 'soft_sign'"):
        distributed.fit(trainer, (X, Y), 1, shards=2)
    np.testing.assert_array_equal(trainer.theta, before)


def test_a_worker_that_does_not_keep_its_data_is_reported(monkeypatch):
    with ThreadPoolExecutor(1) as pool:
        monkeypatch.setattr(rounds, "_place", lambda token: None)
        monkeypatch.setattr(workers, "perform", lambda order, package: rounds.perform(order))
        with pytest.raises(WorkerError, match="the worker does not keep its data"):
            distributed.fit(make(), (X, Y), 1, executor=pool)


def test_what_cannot_be_pickled_is_explained():
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(1) as pool, pytest.raises(WorkerError, match=r"must be importable there.*cloudpickle"):
        distributed.fit(make(), lambda shard: (X, Y), 1, executor=pool, shards=2)


# ---- divergence


@pytest.mark.parametrize("algorithm", ["local_sgd", "synchronous"])
def test_divergence_restores_the_last_finite_epoch(algorithm):
    x, y = data("mse", 60, 5, 2)
    trainer = nbtrain.Trainer(network((5, 4, 2), ["tanh", "identity"]), loss="mse", batch_size=8, rng=0)
    distributed.fit(trainer, (x, y), 1, shards=3, algorithm=algorithm)
    before = trainer.theta.copy()
    trainer.learning_rate = 1e30
    with pytest.raises(DivergenceError, match=r"epoch 2.*restored to the end of its last finite epoch"):
        distributed.fit(trainer, (x, y), 9, shards=3, algorithm=algorithm)
    np.testing.assert_array_equal(trainer.theta, before)
    assert (trainer.epoch, trainer.history.epochs) == (1, 1)


# ---- arguments and warnings


BAD_SHARDS = {
    "shard 1: X must have at least one sample": (np.ones((0, 5)), np.ones(0, int)),
    r"shard 1: X must have shape \(n_samples, 5\), got \(9, 4\)": (np.ones((9, 4)), np.zeros(9, int)),
    "shard 1: y must hold labels from 0 to 2, got 7": (np.ones((9, 5)), np.full(9, 7)),
    "shard 1: X must be finite": (np.full((9, 5), np.nan), np.zeros(9, int)),
    "shard 1: sample_weight must have a positive weight": (np.ones((9, 5)), np.zeros(9, int), np.zeros(9)),
    r"shard 1 must be a tuple \(X, y\)": (np.ones((9, 5)),),
}


@pytest.mark.parametrize("words", BAD_SHARDS)
def test_a_shard_that_cannot_be_used_is_named_before_the_first_step(words):
    parts = [(X, Y), BAD_SHARDS[words]]
    trainer = make()
    for given in (parts, parts.__getitem__):
        with pytest.raises(InputError, match=words):
            distributed.fit(trainer, given, 1, shards=2)
    with pytest.raises(InputError, match=f"validation_data {words}"):
        distributed.fit(trainer, [(X, Y)], 1, validation_data=parts)
    assert trainer.iteration == 0


def test_a_function_that_raises_is_shown():
    def failing(shard):
        if shard == 2:
            raise FileNotFoundError("part-2.npz")
        return X, Y

    with pytest.raises(WorkerError, match=r"shard 2, before the first round.*FileNotFoundError: part-2\.npz") as error:
        distributed.fit(make(), failing, 1, shards=3)
    assert "in failing" in error.value.__notes__[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"data": X}, r"data must be a tuple \(X, y\)"),
        ({"data": [X, Y]}, r"got a list of 2 items that are no tuples; X and y go together as a tuple"),
        ({"data": []}, "data must be a tuple"),
        ({"data": lambda shard: (X, Y)}, "shards must be given where data is a function"),
        ({"data": [(X, Y)], "shards": 2}, "shards must be 1, as many as data has, or be left out, got 2"),
        ({"shards": 201}, "shards must be at most the number of samples, 200, got 201"),
        ({"shards": 0}, "shards must be an integer >= 1, got 0"),
        ({"algorithm": "diloco"}, "algorithm must be 'local_sgd' or 'synchronous', got 'diloco'"),
        ({"algorithm": "synchronous", "steps_per_round": 4}, "steps_per_round must be 1 with algorithm='synchronous'"),
        ({"steps_per_round": 1.5}, "steps_per_round must be an integer >= 1, got 1.5"),
        ({"warmup": -1}, "warmup must be an integer >= 0, got -1"),
        ({"learning_rate_scale": "cubic"}, "learning_rate_scale must be 'linear', 'sqrt' or a number > 0, got 'cubic'"),
        ({"learning_rate_scale": 0}, "learning_rate_scale must be 'linear', 'sqrt' or a number > 0, got 0"),
        ({"retries": -1}, "retries must be an integer >= 0, got -1"),
        ({"timeout": 0}, "timeout must be a number of seconds > 0, got 0"),
        ({"executor": "dask"}, "executor must be a Dask Client, a concurrent.futures.Executor"),
        ({"executor": list}, r"executor must be a function that returns an Executor, got \[\]"),
        ({"executor": lambda: None}, "executor must be a function that returns an Executor, got None"),
        ({"epochs": -1}, "epochs must be an integer >= 0, got -1"),
        ({"trainer": None}, "trainer must be an nbtrain.Trainer, got None"),
        ({"validation_data": 3}, "validation_data must be"),
    ],
)
def test_wrong_arguments_are_named(arguments, words):
    trainer = make()
    given = {"trainer": trainer, "data": (X, Y), "epochs": 1} | arguments
    with pytest.raises(InputError, match=words):
        distributed.fit(**given)
    assert trainer.iteration == 0


def test_unknown_arguments_are_explained():
    with pytest.raises(TypeError, match="fit: unknown argument 'batch_size'; pass it to Trainer"):
        distributed.fit(make(), (X, Y), batch_size=3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"learning_rate_scale": 1}, "learning_rate_scale: 1 with 4 shards makes an epoch worth less"),
        ({"shards": 10}, "'linear' with 10 shards multiplies the learning rate by 10"),
        ({"steps_per_round": 5}, "steps_per_round: 5 makes 2 rounds an epoch"),
    ],
)
def test_what_costs_accuracy_is_warned_of(options, words):
    given = {"shards": 4} | options
    with pytest.warns(UserWarning, match=words) as caught:
        distributed.fit(make(), (X, Y), 1, **given)
    assert caught[0].filename == __file__


def test_schedules_and_shards_that_differ_are_warned_of():
    schedule = nbtrain.schedule("cosine", rate=0.01, steps=1000)
    trainer = make(optimizer=nbtrain.optimizer("adam", learning_rate=schedule))
    with pytest.warns(UserWarning, match="counts the steps of one shard: 7 an epoch"):
        distributed.fit(trainer, (X, Y), 1, shards=4)
    x, y = data("mse", 1000, 5, 1)
    mixed, y = [(x[i::4], y[i::4]) for i in range(4)], y
    regression = {"network": network((5, 8, 1), ["tanh", "identity"]), "loss": "mse", "batch_size": 64, "rng": 0}
    distributed.fit(nbtrain.Trainer(**regression), mixed, 1)
    parts = [(x, 10.0 * i + target) for i, (x, target) in enumerate(mixed)]
    with pytest.warns(UserWarning, match="the loss of shard 0 is .*, that of shard 3 ") as caught:
        distributed.fit(nbtrain.Trainer(**regression), parts, 1)
    assert caught[0].filename == __file__


def test_one_shard_needs_no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        distributed.fit(make(), (X, Y), 1, shards=1, steps_per_round=99, learning_rate_scale=1)


def test_data_that_few_rows_are_of_become_fewer_shards():
    trainer = make()
    distributed.fit(trainer, (X[:3], Y[:3]), 1)
    assert trainer.iteration == 1


def test_a_process_keeps_the_data_of_a_few_runs_only():
    with ThreadPoolExecutor(1) as pool:
        for _ in range(rounds.KEPT_RUNS + 2):
            distributed.fit(make(), (X, Y), 1, executor=pool, shards=2)
    assert not rounds._places  # runs in this process drop theirs at once


def test_engines_are_shared_by_the_shards_of_large_networks(monkeypatch):
    small = engines.trained()
    monkeypatch.setattr(rounds, "LARGE", 1)
    assert engines.trained() == small
