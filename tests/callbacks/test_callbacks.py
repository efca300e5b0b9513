"""Callbacks: when they are told what, what they can do, and what stays after every way for training to end."""

from __future__ import annotations

import builtins
import csv
import itertools
import json
import math
import re
import sys

import numpy as np
import processes
import pytest
from common import data

import nbtrain
from nbtrain import callbacks as c
from nbtrain.training import fit

LOSS = "softmax_cross_entropy"


def make(**options):
    net = nbtrain.Network(4, [nbtrain.Dense(9, "tanh", dropout=0.2), nbtrain.Dense(3)])
    return nbtrain.Trainer(net, loss=LOSS, **({"batch_size": 8, "rng": 5} | options))


X, Y = data(LOSS, 43, 4, 3)  # 6 steps an epoch
X_VAL, Y_VAL = data(LOSS, 30, 4, 3, seed=2)


class Recorder(nbtrain.Callback):
    """Notes what it is told; `stop` says at which note to stop, `fail` what to raise then."""

    def __init__(self, every_steps=None, stop=None, fail=None):
        self.every_steps, self.stop, self.fail, self.notes = every_steps, stop, fail, []

    def note(self, *what):
        self.notes.append(what)
        if what == self.stop and self.fail is not None:
            raise self.fail
        return what == self.stop

    def on_start(self, trainer):
        self.note("start")

    def on_step(self, trainer, iteration, metrics):
        assert iteration == trainer.iteration
        assert 0 < metrics["loss"] < 10
        return self.note("step", iteration)

    def on_epoch(self, trainer, epoch, metrics):
        return self.note("epoch", epoch)

    def on_end(self, trainer):
        self.note("end")


class Scripted(nbtrain.Callback):
    """Hands the metric of a script to the callbacks that come after it, and can end the training in any way."""

    def __init__(self, values, fail=None):
        self.values, self.fail = values, fail

    def on_epoch(self, trainer, epoch, metrics):
        metrics["val_made_up"] = self.values[epoch - 1]
        trainer.theta[...] = float(epoch)  # so that one sees whose parameters they are
        if epoch == len(self.values) and self.fail is not None:
            raise self.fail


# ---- the protocol


def test_callbacks_are_told_of_start_steps_epochs_and_end_in_order():
    recorder = Recorder(every_steps=4)
    make().fit(X, Y, epochs=3, callbacks=[recorder])
    steps = [("step", 4), ("epoch", 1), ("step", 8), ("step", 12), ("epoch", 2), ("step", 16), ("epoch", 3)]
    assert recorder.notes == [("start",), *steps, ("end",)]


def test_step_intervals_do_not_change_the_training():
    plain, told = make(), make()
    plain.fit(X, Y, epochs=3)
    told.fit(X, Y, epochs=3, callbacks=[Recorder(every_steps=1), Recorder(every_steps=5)])
    assert plain.theta.tobytes() == told.theta.tobytes()
    assert dict(plain.history) == dict(told.history)


@pytest.mark.parametrize("stop", [("step", 8), ("epoch", 2)])
def test_a_callback_stops_and_the_next_call_goes_on_there(stop):
    at_once, stopped = make(), make()
    at_once.fit(X, Y, epochs=4)
    others = Recorder()
    stopped.fit(X, Y, epochs=4, callbacks=[Recorder(every_steps=4, stop=stop), others])
    assert stopped.iteration == {"step": 8, "epoch": 12}[stop[0]]
    assert others.notes[-1] == ("end",)
    stopped.fit(X, Y, epochs=4 - stopped.epoch)
    assert stopped.theta.tobytes() == at_once.theta.tobytes()
    assert dict(stopped.history) == dict(at_once.history)


def test_all_ends_are_told_whatever_a_callback_raises():
    before, after = Recorder(), Recorder()
    failing = Recorder(stop=("end",), fail=RuntimeError("at the end"))
    with pytest.raises(RuntimeError, match="at the end"):
        make().fit(X, Y, epochs=2, callbacks=[before, failing, after])
    assert before.notes[-1] == after.notes[-1] == ("end",)
    failing, late = Recorder(stop=("start",), fail=ValueError("at the start")), Recorder()
    with pytest.raises(ValueError, match="at the start"):
        make().fit(X, Y, epochs=2, callbacks=[before, failing, late])
    assert before.notes[-1] == failing.notes[-1] == ("end",)
    assert late.notes == []


@pytest.mark.parametrize("every", [0, -3, 1.5, True])
def test_a_step_interval_is_a_whole_number(every):
    with pytest.raises(nbtrain.InputError, match=r"^every_steps must be an integer >= 1, got "):
        make().fit(X, Y, callbacks=[Recorder(every_steps=every)])


def test_a_function_serves_as_a_callback_and_may_change_the_learning_rate():
    trainer, seen = make(), []

    def halve(trainer, epoch, metrics):
        seen.append((epoch, trainer.learning_rate, sorted(metrics)))
        trainer.learning_rate /= 2

    trainer.fit(X, Y, epochs=3, callbacks=halve)
    assert seen == [(1, 1e-3, ["accuracy", "loss"]), (2, 5e-4, ["accuracy", "loss"]), (3, 2.5e-4, ["accuracy", "loss"])]


@pytest.mark.parametrize("every", [None, 1])
def test_a_callback_that_returns_an_array_is_told_what_is_wanted(every):
    class Watching(nbtrain.Callback):
        every_steps = every

        def on_step(self, trainer, iteration, metrics):
            return trainer.predict(X)

        on_epoch = on_step

    trainer = make()
    with pytest.raises(
        nbtrain.InputError, match=r"^callbacks: the result of .*Watching\.on_.* must be True \(to stop\)"
    ):
        trainer.fit(X, Y, callbacks=[Watching()])

    def watch(trainer, epoch, metrics):
        return trainer.predict(X)

    with pytest.raises(
        nbtrain.InputError, match=r"callbacks: the result of watch must be True \(to stop\), False or N"
    ):
        trainer.fit(X, Y, epochs=2, callbacks=[watch])
    with pytest.raises(nbtrain.InputError, match=r"^callbacks: the result of <lambda> must .*, got 'yes'"):
        trainer.fit(X, Y, epochs=2, callbacks=[lambda trainer, epoch, metrics: "yes"])
    assert trainer.history.epochs == trainer.epoch  # what was trained is kept


def test_an_epoch_whose_validation_was_interrupted_is_in_the_history(monkeypatch):
    trainer = make()
    trainer.fit(X, Y, epochs=1, validation_data=(X_VAL, Y_VAL))

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(fit, "evaluate", interrupted)
    with pytest.raises(KeyboardInterrupt):  # a callback of its own has Python validate each epoch
        trainer.fit(X, Y, epochs=1, validation_data=(X_VAL, Y_VAL), callbacks=[nbtrain.Callback()])
    assert trainer.epoch == trainer.history.epochs == 2
    assert math.isnan(trainer.history["val_loss"][1])
    assert len(trainer.history["loss"]) == 2


# ---- early stopping, plateau


def test_early_stopping_waits_for_its_patience_and_restores_the_best():
    stopping = c.EarlyStopping("val_made_up", patience=3)
    trainer = make()
    trainer.fit(X, Y, epochs=20, callbacks=[Scripted([1, 5, 4, 5, math.nan, 4, 4, 9]), stopping])
    assert (trainer.epoch, stopping.best, stopping.best_epoch, stopping.stopped) == (5, 5.0, 2, True)
    assert (trainer.theta == 2.0).all()


@pytest.mark.parametrize(
    ("mode", "min_delta", "restore_best", "values", "last", "best"),
    [
        ("min", 0.0, True, [5, 3, 4, 2, 2, 2], 6, 4),
        ("max", 1.5, True, [1, 2, 2.5, 2.6, 9], 3, 1),
        ("max", 1.0, True, [1, 2.5, 3, 3.5, 9], 4, 2),
        ("min", 0.0, False, [1, 2, 3, 0], 3, None),
    ],
)
def test_early_stopping_in_all_its_settings(mode, min_delta, restore_best, values, last, best):
    stopping = c.EarlyStopping("made_up", patience=2, mode=mode, min_delta=min_delta, restore_best=restore_best)
    trainer = make()
    trainer.fit(X, Y, epochs=len(values), callbacks=[Scripted(values), stopping])
    assert trainer.epoch == last
    assert (trainer.theta == float(best or last)).all()


@pytest.mark.parametrize("fail", [KeyboardInterrupt(), RuntimeError("broken")], ids=repr)
def test_the_best_parameters_are_restored_after_interrupts_and_errors(fail):
    trainer = make()
    with pytest.raises(type(fail)):
        trainer.fit(X, Y, epochs=9, callbacks=[Scripted([1, 7, 3, 2], fail), c.EarlyStopping("val_made_up")])
    assert (trainer.theta == 2.0).all()


def test_the_best_parameters_are_restored_after_the_last_epoch_and_after_divergence():
    trainer = make(optimizer=nbtrain.optimizer("sgd", learning_rate=0.1))
    kept = []

    def keep(trainer, epoch, metrics):
        kept.append((metrics["val_loss"], trainer.theta.copy()))
        if epoch == 3:
            trainer.learning_rate = 3e38

    with pytest.raises(nbtrain.DivergenceError):
        trainer.fit(X, Y, epochs=9, validation_data=(X_VAL, Y_VAL), callbacks=[keep, c.EarlyStopping()])
    best = min(kept, key=lambda pair: pair[0])[1]
    assert trainer.theta.tobytes() == best.tobytes()
    scores = []
    trainer = make()
    trainer.fit(
        *(X, Y, 4),
        validation_data=(X_VAL, Y_VAL),
        callbacks=[c.EarlyStopping("val_loss"), lambda trainer, epoch, metrics: scores.append(metrics["val_loss"])],
    )
    assert trainer.evaluate(X_VAL, Y_VAL)["loss"] == min(scores)


@pytest.mark.parametrize("metric", ["loss", "val_accuracy", "f1", lambda y, p: float((y == p).mean())])
def test_early_stopping_on_validation_data_of_its_own(metric):
    if metric == "f1":
        pytest.importorskip("sklearn")
    mode = "min" if metric == "loss" else "max"
    stopping = c.EarlyStopping(metric, validation_data=(X_VAL, Y_VAL), mode=mode)
    trainer, values = make(), []
    name = metric.removeprefix("val_") if isinstance(metric, str) else "<lambda>"
    wanted = [metric] if name not in ("loss", "accuracy") else []

    def note(trainer, epoch, metrics):
        values.append(trainer.evaluate(X_VAL, Y_VAL, metrics=wanted)[name])

    trainer.fit(X, Y, epochs=6, callbacks=[note, stopping])
    assert stopping.best == (min if mode == "min" else max)(values)
    assert trainer.evaluate(X_VAL, Y_VAL, metrics=wanted)[name] == stopping.best


def test_a_metric_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(
        nbtrain.InputError,
        match=r"^unknown metric 'val_loss'; val_\* metrics need validation_data\. Available: loss, acc",
    ):
        make().fit(X, Y, epochs=1, callbacks=[c.EarlyStopping()])


def test_reduce_on_plateau_lowers_the_rate_waits_rests_and_keeps_to_its_minimum():
    values = [5, 5, 5, 5, 5, 4, 4, 4, 4, 4, 4, 4, 4]
    reduce = c.ReduceOnPlateau("val_made_up", mode="min", factor=0.5, patience=2, cooldown=1, minimum=2e-4)
    rates = []
    note = lambda trainer, epoch, metrics: rates.append(trainer.learning_rate)  # noqa: E731
    make().fit(X, Y, epochs=13, callbacks=[Scripted(values), reduce, note])
    wanted = [1e-3] * 2 + [5e-4] * 5 + [2.5e-4] * 3 + [2e-4] * 3
    np.testing.assert_allclose(rates, wanted)


def test_reduce_on_plateau_scales_what_a_schedule_sets():
    schedule = nbtrain.schedule("exponential", rate=0.1, steps=6)
    plain, reduced = (make(optimizer=nbtrain.optimizer("sgd", learning_rate=schedule)) for _ in range(2))
    plain.fit(X, Y, epochs=4)
    reduced.fit(X, Y, epochs=4, callbacks=[Scripted([1, 1, 1, 1]), c.ReduceOnPlateau("made_up", patience=2)])
    assert reduced.learning_rate == pytest.approx(0.1 * plain.learning_rate)


@pytest.mark.parametrize(
    ("make_callback", "argument"),
    [
        (lambda: c.EarlyStopping(patience=-1), "patience"),
        (lambda: c.EarlyStopping(min_delta=-1.0), "min_delta"),
        (lambda: c.EarlyStopping(mode="up"), "mode"),
        (lambda: c.EarlyStopping(None), "metric"),
        (lambda: c.EarlyStopping(validation_data=X), "validation_data"),
        (lambda: c.ReduceOnPlateau(factor=1.0), "factor"),
        (lambda: c.TimeLimit(0), "seconds"),
        (lambda: c.Checkpoint(""), "path"),
        (lambda: c.Checkpoint("x", every_epochs=0), "every_epochs"),
        (lambda: c.Checkpoint("x", every_minutes=-1), "every_minutes"),
        (lambda: make().fit(X, Y, progress="bar"), "progress"),
        (lambda: make().fit(X, Y, callbacks=[3]), "callbacks"),
        (lambda: make().fit(X, Y, checkpoint=3), "checkpoint"),
        (lambda: make().fit(X, Y, metrics=["f1"]), "metrics"),
        (lambda: make().scale_learning_rate(0), "factor"),
    ],
)
def test_arguments_that_cannot_be_used_are_named(make_callback, argument):
    with pytest.raises(nbtrain.InputError, match=rf"^{argument}\b"):
        make_callback()


# ---- time limit, checkpoints


def test_a_time_limit_stops_within_an_epoch_and_the_training_can_go_on(monkeypatch):
    monkeypatch.setattr(fit, "MOST_STEPS", 1)  # a slice
    clock = itertools.count()
    monkeypatch.setattr("nbtrain.callbacks.timelimit.time.monotonic", lambda: float(next(clock)))
    trainer, at_once = make(), make()
    trainer.fit(X, Y, epochs=1000, callbacks=[c.TimeLimit(30.0)])
    monkeypatch.undo()
    assert 0 < trainer.iteration < 60
    assert trainer.iteration % 6 != 0
    rest = 12 - trainer.epoch
    trainer.fit(X, Y, epochs=rest)
    at_once.fit(X, Y, epochs=12)
    assert trainer.theta.tobytes() == at_once.theta.tobytes()


def test_checkpoints_come_every_so_many_epochs_and_at_the_end(tmp_path):
    path, found = tmp_path / "c.nbt", []

    def look(trainer, epoch, metrics):
        found.append(nbtrain.load(path).epoch if path.exists() else 0)

    make().fit(X, Y, epochs=7, callbacks=[c.Checkpoint(path, every_epochs=3), look])
    assert found == [0, 0, 3, 3, 3, 6, 6]
    assert nbtrain.load(path).epoch == 7


def test_a_checkpoint_has_what_training_goes_on_with_and_not_the_best(tmp_path):
    trainer = make()
    given = [c.EarlyStopping("val_made_up"), c.Checkpoint(tmp_path / "c.nbt", every_epochs=100)]
    trainer.fit(X, Y, epochs=3, callbacks=[Scripted([1, 7, 3]), *given])
    assert (trainer.theta == 2.0).all()
    assert (nbtrain.load(tmp_path / "c.nbt").theta == 3.0).all()


def test_the_same_program_started_again_completes_an_interrupted_run(tmp_path):
    at_once = make(rng=1)
    at_once.fit(X, Y, epochs=6, validation_data=(X_VAL, Y_VAL))
    for stop in (("step", 8), ("step", 20), ("epoch", 4)):
        path = tmp_path / f"{stop}.nbt"
        for attempt in range(3):
            trainer = make(rng=None if attempt else 1)  # the file's seed counts
            trainer.metadata = {"attempt": attempt}
            told = [Recorder(every_steps=4, stop=stop, fail=KeyboardInterrupt())] if attempt == 0 else []
            arguments = {"epochs": 6, "validation_data": (X_VAL, Y_VAL), "callbacks": told, "checkpoint": path}
            if told:
                with pytest.raises(KeyboardInterrupt):
                    trainer.fit(X, Y, **arguments)
            else:
                history = trainer.fit(X, Y, **arguments)
                assert dict(history) == dict(at_once.history)
                assert (history.epochs, history.first_epoch) == (6, 1)
        assert trainer.theta.tobytes() == at_once.theta.tobytes()
        assert dict(trainer.history) == dict(at_once.history)
        assert trainer.metadata == {"attempt": 0}
        trainer.fit(X, Y, epochs=1)
        at_once_and_one = nbtrain.load(path)
        at_once_and_one.fit(X, Y, epochs=1)
        assert trainer.theta.tobytes() == at_once_and_one.theta.tobytes()


def test_a_checkpoint_of_another_trainer_is_refused(tmp_path):
    make().fit(X, Y, epochs=1, checkpoint=tmp_path / "c.nbt")
    with pytest.raises(nbtrain.InputError, match=r"^checkpoint: .* another batch_size: 8, not 9"):
        make(batch_size=9).fit(X, Y, epochs=2, checkpoint=tmp_path / "c.nbt")
    with pytest.raises(nbtrain.InputError, match=r"^checkpoint: .*optimizer"):
        make(optimizer="sgd").fit(X, Y, epochs=2, checkpoint=tmp_path / "c.nbt")
    (tmp_path / "c.nbt").write_bytes(b"something else" * 100)
    with pytest.raises(nbtrain.ModelFileError):
        make().fit(X, Y, epochs=2, checkpoint=tmp_path / "c.nbt")


def test_after_divergence_the_checkpoint_has_the_last_finite_epoch(tmp_path):
    trainer = make(optimizer=nbtrain.optimizer("sgd", learning_rate=0.1))

    def explode(trainer, epoch, metrics):
        if epoch == 2:
            trainer.learning_rate = 3e38

    with pytest.raises(nbtrain.DivergenceError):
        trainer.fit(X, Y, epochs=9, callbacks=[explode], checkpoint=tmp_path / "c.nbt")
    loaded = nbtrain.load(tmp_path / "c.nbt")
    assert loaded.epoch == loaded.history.epochs == trainer.epoch
    assert loaded.theta.tobytes() == trainer.theta.tobytes()
    assert np.isfinite(loaded.theta).all()


# ---- logs, progress


def test_csv_and_json_lines_have_a_row_an_epoch(tmp_path):
    trainer = make()
    for append in (False, True):
        logs = [c.CSVLogger(tmp_path / "log.csv", append=append), c.JSONLinesLogger(tmp_path / "log", append=append)]
        trainer.fit(X, Y, epochs=2, validation_data=(X_VAL, Y_VAL), callbacks=logs)
    with open(tmp_path / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4]
    for name, column in trainer.history.items():
        assert [float(row[name]) for row in rows] == column
        assert [line[name] for line in lines] == column
    assert {float(row["learning_rate"]) for row in rows} == {1e-3}


def test_json_lines_have_null_for_nan(tmp_path):
    make().fit(X, Y, epochs=1, callbacks=[Scripted([math.nan]), c.JSONLinesLogger(tmp_path / "log")])
    assert json.loads((tmp_path / "log").read_text())["val_made_up"] is None


def test_tensorboard_events_can_be_read_back(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trainer = make()
    trainer.fit(X, Y, epochs=3, callbacks=[c.TensorBoard(tmp_path)])
    events = EventAccumulator(str(tmp_path)).Reload()
    found = [(event.step, event.value) for event in events.Scalars("loss")]
    assert found == [(epoch + 1, pytest.approx(loss)) for epoch, loss in enumerate(trainer.history["loss"])]


def hide(monkeypatch, package):
    """Have the import of a package fail."""
    original = builtins.__import__

    def importing(name, *args, **kwargs):
        if name.split(".")[0] == package:
            raise ImportError(f"no {package}")
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", importing)


def test_what_is_not_installed_is_named(monkeypatch, tmp_path):
    for package, use in (
        ("tensorboard", lambda: c.TensorBoard(tmp_path)),
        ("tqdm", lambda: make().fit(X, Y, progress="tqdm")),
        ("sklearn", lambda: make().evaluate(X, Y, metrics=["f1"])),
        ("pandas", lambda: make().history.to_frame()),
        ("matplotlib", lambda: make().history.plot()),
    ):
        with monkeypatch.context() as patch:
            hide(patch, package)
            name = {"sklearn": "scikit-learn", "matplotlib": "nbtrain[plot]"}.get(package, package)
            with pytest.raises(nbtrain.Error, match=re.escape(f"pip install {name}") + "$"):
                use()


def test_progress_is_a_line_an_epoch_without_tqdm_and_nothing_when_told(monkeypatch, capsys):
    hide(monkeypatch, "tqdm")
    make().fit(X, Y, epochs=2, progress=True)
    out = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in out] == ["epoch 1/2", "epoch 2/2"]
    make().fit(X, Y, epochs=2, progress=False)
    assert capsys.readouterr() == ("", "")


def resumed(tmp_path, progress):
    """A run of five epochs, three of which come after it was started again."""
    make().fit(X, Y, epochs=2, checkpoint=tmp_path / "c.nbt")
    trainer = make()
    history = trainer.fit(X, Y, epochs=5, checkpoint=tmp_path / "c.nbt", progress=progress)
    assert (history.epochs, history.first_epoch) == (5, 1)
    return trainer


def test_progress_of_a_run_that_resumes_counts_from_where_it_is(tmp_path, capsys):
    trainer = resumed(tmp_path, "plain")
    trainer.fit(X, Y, epochs=7, progress="plain")
    lines = [line.split("  loss")[0] for line in capsys.readouterr().out.splitlines()]
    assert lines[:3] == ["epoch 3/5", "epoch 4/5", "epoch 5/5"]
    assert lines[3:] == [f"epoch {epoch:2d}/12" for epoch in range(6, 13)]


def test_the_bar_of_a_run_that_resumes_counts_from_where_it_is(tmp_path, capsys):
    pytest.importorskip("tqdm")
    resumed(tmp_path, "tqdm")
    err = capsys.readouterr().err
    assert "2/5" in err
    assert "5/5" in err


def test_an_epoch_that_was_interrupted_after_training_is_counted_once(tmp_path, capsys):
    def interrupt(trainer, epoch, metrics):
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make().fit(X, Y, epochs=4, callbacks=[interrupt], checkpoint=tmp_path / "c.nbt")
    history = make().fit(X, Y, epochs=4, checkpoint=tmp_path / "c.nbt", progress="plain")
    assert [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()] == [
        "epoch 2/4",
        "epoch 3/4",
        "epoch 4/4",
    ]
    assert history.epochs == 4


def test_a_complete_run_started_again_returns_its_history(tmp_path):
    histories = [make().fit(X, Y, epochs=3, checkpoint=tmp_path / "c.nbt") for _ in range(2)]
    assert dict(histories[0]) == dict(histories[1])
    assert histories[1].last().keys() == {"loss", "accuracy"}
    assert histories[1].first_epoch == 1
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    assert [len(line.get_xdata()) for axes in histories[1].plot() for line in axes.lines] == [3, 3]
    make().fit(X, Y, epochs=0).plot()  # without a warning


NOTEBOOK = """
import sys, types, warnings

warnings.simplefilter("error")
shell = type("ZMQInteractiveShell", (), {"config": {"IPKernelApp": True}})()  # how tqdm recognises a notebook
sys.modules["IPython"] = types.SimpleNamespace(get_ipython=lambda: shell)
sys.modules["ipykernel.zmqshell"] = types.SimpleNamespace()
sys.modules["ipywidgets"] = sys.modules["IPython.html"] = None  # not installed

import numpy as np
import nbtrain

X = np.eye(4, dtype=np.float32)
trainer = nbtrain.Trainer(nbtrain.Network(4, [nbtrain.Dense(1)]), loss="mse", rng=0)
trainer.fit(X, X[:, :1], epochs=2, progress=True)
"""


def test_a_notebook_without_ipywidgets_has_a_text_bar_without_a_warning():
    pytest.importorskip("tqdm")
    done = processes.run([sys.executable, "-c", NOTEBOOK])
    assert done.returncode == 0, done.stderr
    assert "2/2" in done.stderr


def test_progress_is_a_bar_with_tqdm(capsys):
    pytest.importorskip("tqdm")
    make().fit(X, Y, epochs=3, progress=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "3/3" in captured.err
    assert "loss=" in captured.err


# ---- Ctrl-C


INTERRUPTED = """
import os, random, signal, threading
import numpy as np
import nbtrain

random.seed(0)
X = np.random.default_rng(0).normal(size=(4000, 64)).astype(np.float32)
Y = X[:, :8].copy()

def make():
    layers = [nbtrain.Dense(128, "tanh", dropout=0.1), nbtrain.Dense(8)]
    return nbtrain.Trainer(nbtrain.Network(64, layers), loss="mse", batch_size=8, rng=0)

at_once, trainer = make(), make()
at_once.fit(X, Y, epochs=30)
interrupts = 0
while trainer.epoch < 30:
    timer = threading.Timer(random.uniform(0.0, 0.1), os.kill, (os.getpid(), signal.SIGINT))
    try:
        timer.start()
        trainer.fit(X, Y, epochs=30 - trainer.epoch)
        timer.join()
        print("never interrupted")
    except KeyboardInterrupt:
        interrupts += 1
        timer.join()
        if interrupts == 3:
            trainer.save("interrupted.nbt")
            trainer = nbtrain.load("interrupted.nbt")
        if interrupts > 3:
            break
trainer.fit(X, Y, epochs=30 - trainer.epoch)
assert trainer.theta.tobytes() == at_once.theta.tobytes()
assert dict(trainer.history) == dict(at_once.history)
print(interrupts)
"""


def test_interrupted_training_keeps_its_state_and_goes_on_bit_for_bit(tmp_path):
    command = [sys.executable, "-W", "ignore", "-c", INTERRUPTED]
    found = processes.run(command, cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert int(found.stdout.splitlines()[-1]) >= 1, found.stdout


def test_an_interrupt_in_a_slice_that_diverged_leaves_finite_parameters(monkeypatch):
    """The signal arrives while compiled code runs, and is raised before its status has been looked at."""
    trainer = make(optimizer=nbtrain.optimizer("sgd", learning_rate=1e30))
    call = trainer.engine.call

    def interrupted(name, dataset):
        status = call(name, dataset)
        if status != 0:
            raise KeyboardInterrupt
        return status

    monkeypatch.setattr(trainer.engine, "call", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(1e3 * X, Y, epochs=50)
    assert np.isfinite(trainer.theta).all()
    assert int(trainer.engine.descriptor["position"][0]) == 0


def test_steps_between_two_parts_of_an_epoch_do_not_count_in_its_accuracy():
    trainer = make()
    trainer.fit(X, Y, callbacks=[Recorder(every_steps=3, stop=("step", 3))])
    for _ in range(30):
        trainer.train_step(X[:8], Y[:8])
    assert trainer.fit(X, Y)["accuracy"][0] <= 1.0
