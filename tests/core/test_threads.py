"""Training with several threads: the same bits as with one, whatever happens to the helpers."""

from __future__ import annotations

import copy
import gc
import os
import sys
import textwrap
import threading

import numpy as np
import processes
import pytest
from common import data, network
from numba import njit

import nbtrain
from nbtrain import kernel, status
from nbtrain.model import recipe
from nbtrain.model import threads as team

EVER = 10**17  # nanoseconds: a leader of such patience never sends its helpers away
SAMPLES = 203  # the last batch of an epoch is smaller than the others

CASES = {
    "labels": dict(loss="softmax_cross_entropy", activations=["relu", "tanh", "identity"], dropout=[0.3, 0.2, 0.0]),
    "weighted": dict(loss="softmax_cross_entropy", activations=["tanh", "relu", "identity"], weighted=True),
    "binary": dict(loss="binary_cross_entropy", activations=["relu", "relu", "identity"], dropout=[0.0, 0.5, 0.0]),
    "floats": dict(loss="mse", activations=["sigmoid", "relu", "tanh"], weighted=True, shuffle=False),
    "rmsprop": dict(loss="mse", activations=["relu", "sigmoid", "identity"], optimizer="rmsprop", regularizer="l2"),
    "clipped": dict(loss="mse", activations=["relu", "tanh", "identity"], clip_norm=0.5, clip_value=0.1),
    "one at a time": dict(loss="mse", activations=["relu", "relu", "identity"], batch_size=1),
    "parts": dict(loss="softmax_cross_entropy", activations=["relu", "tanh", "identity"], batch_size=100),
    "large": dict(
        loss="mse",
        activations=["relu", "tanh", "identity"],
        dropout=[0.3, 0.0, 0.0],
        sizes=(430, 160, 30, 2),
        batch_size=80,
    ),
    "fewer rows": dict(loss="mse", activations=["relu", "tanh", "identity"], batch_size=3),
}


@pytest.fixture(autouse=True)
def _every_call_is_shared(monkeypatch):
    monkeypatch.setattr(team, "CALL_FLOPS", 0.0)


def build(threads, *, loss, activations, dropout=(), sizes=(19, 37, 18, 5), awaited=True, weighted=False, **options):
    """A trainer whose calls wait for all of its helpers."""
    options = {"batch_size": 32, "regularizer": "l2"} | options
    trainer = nbtrain.Trainer(network(sizes, activations, dropout), loss=loss, rng=4, threads=threads, **options)
    d = trainer.engine.descriptor
    if awaited:
        d["team_patience"], d["team_awaited"], d["team_late"] = EVER, trainer.threads - 1, 30 * 10**9
    return trainer


def classifier(threads, **options):
    return build(threads, loss="softmax_cross_entropy", activations=["relu", "relu", "identity"], **options)


def results(trainer, weighted=False, loss="softmax_cross_entropy", **_):
    """Everything that a trainer computes, as bytes."""
    X, y = data(loss, SAMPLES, trainer.network.inputs, trainer.network.sizes[-1])
    weight = np.random.default_rng(3).random(SAMPLES) * (np.arange(SAMPLES) % 5 > 0) if weighted else None
    validation = (X[:50], y[:50])
    history = trainer.fit(X, y, epochs=3, sample_weight=weight, validation_data=validation)
    found = {name: np.array(history[name]).tobytes() for name in history}
    found["step"] = trainer.train_step(X, y, weight)
    J, gradient = trainer.loss_and_gradient(X, y, weight)
    found |= {"J": J, "gradient": gradient.tobytes(), "scores": trainer.evaluate(X, y, weight)}
    found |= {"predictions": trainer.predict(X).tobytes(), "iteration": trainer.iteration}
    return found | {"theta": trainer.theta.tobytes(), "state": trainer.model.state.tobytes()}


def pieces(trainer):
    """How many pieces of work were shared."""
    return int(trainer.engine.descriptor["team_tasks"][0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_the_bits_do_not_depend_on_the_number_of_threads(case, dtype, monkeypatch):
    monkeypatch.setattr(recipe, "SUM_ROWS", 30)
    alone = build(1, dtype=dtype, **CASES[case])
    assert alone.engine.recipe.gradient_count == (3 if case == "parts" else 1)
    wanted = results(alone, **CASES[case])
    for threads in (2, 3, 4):
        trainer = build(threads, dtype=dtype, **CASES[case])
        found = results(trainer, **CASES[case])
        assert pieces(trainer) > 3 * SAMPLES // trainer.batch_size
        assert [name for name in wanted if found[name] != wanted[name]] == []


def test_a_copy_and_a_loaded_trainer_have_the_same_threads(tmp_path):
    for threads in (3, "auto"):
        trainer = classifier(threads, awaited=False)
        trainer.save(tmp_path / "model.nbt")
        for other in (copy.deepcopy(trainer), nbtrain.load(tmp_path / "model.nbt")):
            assert other.threads == trainer.threads
            assert other.engine.recipe.automatic == (threads == "auto")
            assert results(other) == results(classifier(1))


def test_helpers_that_come_when_they_like_change_nothing():
    wanted = results(classifier(1))
    for _ in range(10):
        assert results(classifier(3, awaited=False)) == wanted


def test_a_leader_without_patience_sends_the_helpers_away_and_later_calls_them_again():
    trainer, alone = classifier(2), classifier(1)
    X, y = data("softmax_cross_entropy", SAMPLES, 19, 5)
    d = trainer.engine.descriptor
    d["team_patience"] = -EVER
    shared = []
    for _ in range(12):
        before = pieces(trainer)
        trainer.fit(X, y)
        alone.fit(X, y)
        shared.append(pieces(trainer) - before)
    assert shared == [1, 0, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0]
    d["team_patience"] = EVER
    for _ in range(12):
        trainer.fit(X, y)
        alone.fit(X, y)
    assert d["team_dismissed"][0] == 0
    assert pieces(trainer) > 12
    assert trainer.theta.tobytes() == alone.theta.tobytes()


def test_helpers_that_were_sent_to_no_call_do_not_come_to_the_next():
    trainer = classifier(3)
    for _ in range(5):
        trainer.engine.team.send(1e9)  # an interrupt hits before the call
    assert results(trainer) == results(classifier(1))


def test_an_interrupt_before_the_call_leaves_a_trainer_that_works(monkeypatch):
    trainer = classifier(2)
    X, y = data("softmax_cross_entropy", SAMPLES, 19, 5)

    def interrupted(*arguments):
        raise KeyboardInterrupt

    for name in ("train_slice", "evaluate"):
        for native in (trainer.engine.native, trainer.engine.short):
            monkeypatch.setattr(native, name, interrupted)
    for call in (trainer.fit, trainer.evaluate):
        with pytest.raises(KeyboardInterrupt):
            call(X, y)
    monkeypatch.undo()
    assert results(trainer) == results(classifier(1))


def test_refused_data_leaves_a_trainer_that_works():
    trainer = classifier(2)
    X, y = data("softmax_cross_entropy", SAMPLES, 19, 5)
    d = trainer.engine.descriptor
    for columns in (18, 19):
        d["team_call"] = 0
        arguments = [d.ctypes.data, X.ctypes.data, SAMPLES, columns, y.ctypes.data, SAMPLES, 1, 0, 0]
        trainer.engine.team.send(1e9)
        result = trainer.engine.native.evaluate(*arguments, trainer.engine.result.ctypes.data)
        assert result == (status.layout.WRONG_X if columns == 18 else status.layout.WRONG_TARGET)
    assert results(trainer) == results(classifier(1))


def test_threads_that_cannot_be_started_are_done_without(monkeypatch):
    trainer = classifier(3, awaited=False)

    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.warns(
        RuntimeWarning, match=r"can't start new thread; training continues with 1 of the requested threads"
    ) as told:
        found = results(trainer)
    assert len(told) == 1
    assert pieces(trainer) == 0
    monkeypatch.undo()
    assert found == results(classifier(1))


def helper_threads():
    return {thread for thread in threading.enumerate() if thread.name.startswith("nbtrain-")}


def test_helpers_end_with_their_trainer():
    before = helper_threads()
    trainer = classifier(3)
    results(trainer)
    mine = helper_threads() - before
    assert len(mine) == 2
    del trainer
    gc.collect()
    for thread in mine:
        thread.join(timeout=300)
        assert not thread.is_alive()


def test_doors_run_on_the_calling_thread_alone():
    trainer, alone = classifier(2, dtype="float64"), classifier(1, dtype="float64")
    X, y = data("softmax_cross_entropy", SAMPLES, 19, 5)
    for each in (trainer, alone):
        each.fit(X, y)
        before = pieces(each)
        epoch_of(each.model, X, y)
        assert pieces(each) == before
    assert trainer.theta.tobytes() == alone.theta.tobytes()


@njit
def epoch_of(model, X, y):
    return kernel.train_epoch(model, X, y)


def test_python_threads_with_a_team_each_do_not_disturb_each_other():
    wanted = results(classifier(1))
    found = [None] * 6

    def work(index):
        found[index] = results(classifier(2, awaited=False))

    workers = [threading.Thread(target=work, args=(index,)) for index in range(len(found))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert all(each == wanted for each in found)


def test_python_threads_take_turns_on_one_trainer_and_doors_find_it_busy():
    trainer, alone = classifier(2, dtype="float64"), classifier(1, dtype="float64")
    X, y = data("softmax_cross_entropy", SAMPLES, 19, 5)
    epoch_of(classifier(1, dtype="float64").model, X, y)  # compiled
    entered, statuses = threading.Event(), []

    def look(*_):
        entered.set()

    def work():
        trainer.fit(X, y, epochs=200, callbacks=[look])

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    entered.wait()
    trainer.predict(X)
    for worker in workers:
        worker.join()
    trainer.engine.descriptor["busy"] = 1  # as inside of a call
    assert np.isnan(epoch_of(trainer.model, X, y))
    trainer.engine.descriptor["busy"] = 0
    alone.fit(X, y, epochs=400)
    assert trainer.theta.tobytes() == alone.theta.tobytes()
    assert statuses == []


# ---- the choice of "auto"


def recipe_of(inputs, hidden, batch_size):
    layers = [nbtrain.Dense(hidden, "relu"), nbtrain.Dense(2)]
    trainer = nbtrain.Trainer(nbtrain.Network(inputs, layers), loss="mse", batch_size=batch_size, rng=0)
    return trainer.engine.recipe


@pytest.mark.parametrize(
    ("inputs", "hidden", "batch_size", "cores", "wanted"),
    [(30, 16, 32, 8, 1), (100, 100, 1, 8, 1), (100, 100, 32, 1, 1), (300, 300, 64, 8, 8), (300, 300, 10, 8, 5)],
)
def test_auto_goes_by_cores_work_and_rows(monkeypatch, inputs, hidden, batch_size, cores, wanted):
    monkeypatch.setattr(team, "available_cores", lambda: cores)
    assert team.suitable_threads(recipe_of(inputs, hidden, batch_size)) == wanted


def test_auto_trains_as_one_thread_does(monkeypatch):
    monkeypatch.setattr(team, "available_cores", lambda: 3)
    monkeypatch.setattr(team, "SHARE_FLOPS", 1.0)
    trainer = classifier("auto", awaited=False)
    assert trainer.threads == 3
    assert results(trainer) == results(classifier(1))


@pytest.mark.parametrize(("together", "alone"), [(1e-3, 1.5e-3), (1.5e-3, 1e-3)])
def test_auto_keeps_to_what_is_faster_and_tries_the_other_now_and_then(together, alone):
    pace, chosen = team.Pace(), []
    for _ in range(300):
        shared, longest = pace.choose()
        chosen.append((shared, longest))
        pace.note(shared, together if shared else alone)
    assert [shared for shared, _ in chosen[:4]] == [True, False, True, False]
    better = together < alone
    tried = [shared for shared, longest in chosen[team.PROBES :] if longest <= team.PROBE_SECONDS]
    assert tried == [not better] * (300 // team.PROBE_EVERY)
    assert all(shared == better for shared, longest in chosen[team.PROBES :] if longest > team.PROBE_SECONDS)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the process cannot be bound to cores")
def test_cores_are_those_that_the_process_is_bound_to(monkeypatch, tmp_path):
    from nbtrain.model import cores

    before = os.sched_getaffinity(0)
    monkeypatch.setattr(cores, "QUOTA", tmp_path / "none")
    try:
        os.sched_setaffinity(0, {min(before)})
        assert cores.available_cores() == 1
    finally:
        os.sched_setaffinity(0, before)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(1000, 1016)))  # there are none: no siblings
    for text, wanted in (("max 100000", 16), ("350000 100000", 3), ("50000 100000", 1), ("?", 16)):
        (tmp_path / "none").write_text(text)
        assert cores.available_cores() == wanted
    monkeypatch.setattr(cores, "TOPOLOGY", str(tmp_path / "none"))  # all of them siblings
    assert cores.available_cores() == 1


@pytest.mark.parametrize("given", ["many", 129])
def test_a_number_of_threads_that_cannot_be_is_refused(given):
    with pytest.raises(nbtrain.InputError, match=r"^threads must be "):
        classifier(given)


# ---- what could take the interpreter with it, in processes of their own

PRELUDE = """
import os, signal, sys, threading, time
import numpy as np
import nbtrain
from nbtrain.model import threads as team
team.CALL_FLOPS = 0.0
random = np.random.default_rng(1)
X, y = random.normal(size=(500, 19)), random.integers(0, 5, 500)

def trainer_of(threads):
    layers = [nbtrain.Dense(37, "relu", dropout=0.2), nbtrain.Dense(5)]
    return nbtrain.Trainer(nbtrain.Network(19, layers), loss="softmax_cross_entropy", rng=0, threads=threads)

def pieces(trainer):
    return int(trainer.engine.descriptor["team_tasks"][0])
"""


def run(program, *command):
    """Run a program after the prelude; its output."""
    source = PRELUDE + textwrap.dedent(program)
    done = processes.run([*command, sys.executable, "-W", "error", "-c", source])
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_interrupts_at_any_time_leave_a_trainer_that_goes_on():
    out = run(
        """
        trainer, main = trainer_of(2), threading.get_ident()
        interrupts = 0
        for turn in range(12):
            timer = threading.Timer(0.003 * turn, lambda: signal.pthread_kill(main, signal.SIGINT))
            try:
                timer.start()
                trainer.fit(X, y, epochs=1_000_000)
            except KeyboardInterrupt:
                interrupts += 1
            timer.join()
        shared = pieces(trainer)
        trainer.fit(X, y)  # the rest of the epoch
        helpers = [thread.ident for thread in threading.enumerate() if thread.name.startswith("nbtrain-")]
        used = [time.pthread_getcpuclockid(helper) for helper in helpers]
        idle = False
        while not idle:  # asleep they are soon, and for good
            before = [time.clock_gettime(each) for each in used]
            time.sleep(0.3)
            idle = all(time.clock_gettime(each) == earlier for each, earlier in zip(used, before))
        alone = trainer_of(1)
        alone.fit(X, y, epochs=trainer.epoch)
        print(interrupts, shared > 0, len(used), idle, (alone.theta == trainer.theta).all())
        """
    )
    assert out == ["12", "True", "1", "True", "True"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_parent_and_child_of_a_fork_train_with_threads():
    out = run(
        """
        import multiprocessing
        trainer, other = trainer_of(2), trainer_of(2)
        trainer.fit(X, y, epochs=20)
        background = threading.Thread(target=other.fit, args=(X, y, 200))
        background.start()

        def child(_):
            before = pieces(trainer)
            for _ in range(50):
                trainer.fit(X, y, epochs=20)
            return pieces(trainer) > before, trainer.theta.sum()

        with multiprocessing.get_context("fork").Pool(2) as pool:
            shared, sums = zip(*pool.map(child, range(2), chunksize=1))
        background.join()
        trainer.fit(X, y, epochs=1000)
        alone = trainer_of(1)
        alone.fit(X, y, epochs=1020)
        print(all(shared), (alone.theta == trainer.theta).all(), all(s == trainer.theta.sum() for s in sums))
        """
    )
    assert out == ["True", "True", "True"]


@pytest.mark.parametrize("moment", ["asleep", "at work"])
def test_the_interpreter_ends_with_helpers_asleep_and_at_work(moment):
    for _ in range(3):
        out = run(
            f"""
            trainer = trainer_of(3)
            if {moment == "asleep"}:
                trainer.fit(X, y, epochs=50)
            else:
                threading.Thread(target=trainer.fit, args=(X, y, 10**6), daemon=True).start()
                while pieces(trainer) == 0:
                    time.sleep(0.01)
            print("end")
            """
        )
        assert out == ["end"]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the process cannot be bound to cores")
def test_two_threads_on_one_core_part():
    out = run(
        """
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        trainer, alone = trainer_of(2), trainer_of(1)
        dismissed = False
        for _ in range(30):
            trainer.fit(X, y, epochs=50)
            dismissed = dismissed or bool(trainer.engine.descriptor["team_dismissed"][0])
        alone.fit(X, y, epochs=1500)
        print(dismissed, (alone.theta == trainer.theta).all(), trainer_of("auto").threads)
        """
    )
    assert out == ["True", "True", "1"]
