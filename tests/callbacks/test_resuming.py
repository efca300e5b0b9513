"""Going on from a checkpoint as if training had never stopped: callbacks count on, and changed plugins are noticed."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest
from common import data, network
from model_files import changed

import nbtrain
from nbtrain import callbacks as c

LOSS = "softmax_cross_entropy"
X, Y = data(LOSS, 60, 5, 3)
X_VAL, Y_VAL = data(LOSS, 40, 5, 3, seed=2)
EPOCHS = 40


def make(activation="tanh", dtype="float32", **options):
    net = network((5, 16, 3), [activation, "identity"])
    return nbtrain.Trainer(net, loss=LOSS, batch_size=8, rng=3, dtype=dtype, **options)


class Copies(c.Checkpoint):
    """A checkpoint that leaves a copy of itself at every epoch, as a kill would."""

    def _save(self, trainer):
        super()._save(trainer)
        shutil.copy(self.path, f"{self.path}.{trainer.epoch}")


class Counting(c.Callback):
    """Somebody's own: lowers the rate with the sum of losses seen."""

    def on_start(self, trainer):
        self.total, self.seen = 0.0, np.zeros(3)

    def on_epoch(self, trainer, epoch, metrics):
        self.total += metrics["loss"]
        self.seen[epoch % 3] += metrics["loss"]
        trainer.learning_rate = 0.05 / (1 + self.total + self.seen.max())

    def state_dict(self):
        return {"total": self.total, "seen": self.seen}

    def resume(self, trainer, state):
        self.total, self.seen = state["total"], state["seen"].copy()


def told():
    """Callbacks with a state; the validation loss rises soon, so that all of them act."""
    return {
        "early": [c.EarlyStopping(patience=6)],
        "early without the best": [c.EarlyStopping(patience=5, restore_best=False)],
        "plateau": [c.ReduceOnPlateau(patience=2, cooldown=3, factor=0.5)],
        "both": [c.ReduceOnPlateau(patience=2, factor=0.3), c.EarlyStopping("val_accuracy", patience=9)],
        "two of a class": [c.EarlyStopping("loss", patience=3), c.EarlyStopping(patience=7)],
        "own": [Counting()],
    }


def run(trainer, callbacks, checkpoint, epochs=EPOCHS):
    return trainer.fit(X, Y, epochs, validation_data=(X_VAL, Y_VAL), callbacks=callbacks, checkpoint=checkpoint)


def standing(trainer, callbacks):
    """All that there is to compare."""
    found = [(vars(item).get("best"), vars(item).get("best_epoch"), vars(item).get("stopped")) for item in callbacks]
    numbers = trainer.learning_rate, trainer.epoch, trainer.iteration, dict(trainer.history)
    return trainer.theta.tobytes(), trainer.model.state.tobytes(), *numbers, repr(found)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", told())
def test_callbacks_go_on_counting_from_any_epoch(name, dtype, tmp_path):
    at_once, callbacks = make(dtype=dtype, optimizer=nbtrain.optimizer("adam", learning_rate=0.05)), told()[name]
    run(at_once, callbacks, Copies(tmp_path / "c.nbt"))
    wanted = standing(at_once, callbacks)
    if "early" in name or name == "two of a class":
        assert 5 < at_once.epoch < EPOCHS  # it was stopped
    for epoch in {*range(1, at_once.epoch + 1, 3), at_once.epoch}:
        trainer, callbacks = make(dtype=dtype, optimizer=at_once.engine.recipe.optimizer), told()[name]
        run(trainer, callbacks, c.Checkpoint(f"{tmp_path}/c.nbt.{epoch}", every_epochs=EPOCHS))  # saving takes long
        assert standing(trainer, callbacks) == wanted


def test_a_checkpoint_given_before_others_has_what_they_counted_in_the_same_epoch(tmp_path):
    rate = nbtrain.optimizer("adam", learning_rate=0.05)
    at_once, early = make(optimizer=rate), c.EarlyStopping(patience=6)
    run(at_once, [Copies(tmp_path / "c.nbt"), early], None)
    again, early_again = make(optimizer=rate), c.EarlyStopping(patience=6)
    run(again, [early_again], f"{tmp_path}/c.nbt.{at_once.epoch - 2}")
    assert standing(again, [early_again]) == standing(at_once, [early])


def test_what_is_saved_within_epochs_knows_of_all_that_have_ended(tmp_path):
    found = []

    class Looking(c.Checkpoint):
        def _save(self, trainer):
            super()._save(trainer)
            loaded = nbtrain.load(self.path)
            found.append((loaded.iteration, loaded.epoch, loaded.history.epochs))

    checkpoint = Looking(tmp_path / "c.nbt", every_minutes=1e-9)
    checkpoint.every_steps = 4  # of 8 an epoch
    run(make(), [c.EarlyStopping(patience=EPOCHS)], checkpoint, epochs=5)
    assert {iteration for iteration, _, _ in found} == set(range(0, 41, 4))
    assert all(epoch == epochs == iteration // 8 for iteration, epoch, epochs in found)


def test_what_watches_another_metric_starts_anew(tmp_path):
    run(make(), [c.EarlyStopping(patience=30)], tmp_path / "c.nbt", epochs=3)
    other = c.EarlyStopping("val_accuracy", patience=30)
    trainer = make()
    run(trainer, [other], tmp_path / "c.nbt", epochs=5)
    assert other.best == max(trainer.history["val_accuracy"][3:])
    assert other.best_epoch > 3


@pytest.mark.parametrize("kind", [c.EarlyStopping, c.ReduceOnPlateau])
def test_a_metric_that_was_infinite_from_the_first_is_kept(kind, tmp_path):
    def far(y, predicted):
        return np.inf if len(seen) < 3 else 1.0

    seen, metric = [], nbtrain.metrics.Metric("far", far)
    watching = kind(metric, patience=30, mode="min")
    run_with = dict(validation_data=(X_VAL, Y_VAL), metrics=[metric], checkpoint=tmp_path / "c.nbt")
    make().fit(X, Y, 2, callbacks=[watching], **run_with)
    assert (watching.best, watching.waited) == (np.inf, 1)
    again = kind(metric, patience=30, mode="min")
    make().fit(X, Y, 3, callbacks=[again], **run_with)
    assert (again.best, again.waited) == (np.inf, 2)
    seen += [0, 0, 0]
    make().fit(X, Y, 4, callbacks=[again], **run_with)
    assert (again.best, again.waited) == (1.0, 0)


def test_more_patience_lets_a_stopped_training_go_on(tmp_path):
    rate = nbtrain.optimizer("adam", learning_rate=0.05)
    trainer = make(optimizer=rate)
    run(trainer, [c.EarlyStopping(patience=2)], tmp_path / "c.nbt")
    at_once = make(optimizer=rate)
    run(at_once, [c.EarlyStopping(patience=6)], tmp_path / "at_once.nbt")
    again = make(optimizer=rate)
    run(again, [c.EarlyStopping(patience=6)], tmp_path / "c.nbt")
    assert trainer.epoch < again.epoch == at_once.epoch
    np.testing.assert_array_equal(again.theta, at_once.theta)


def test_files_saved_outside_fit_or_with_states_load(tmp_path):
    trainer = make()
    run(trainer, [c.EarlyStopping(), Counting()], tmp_path / "c.nbt", epochs=2)
    loaded = nbtrain.load(tmp_path / "c.nbt")
    assert loaded.epoch == 2
    loaded.save(tmp_path / "c.nbt")
    run(trainer, [c.EarlyStopping()], tmp_path / "c.nbt", epochs=3)
    assert trainer.epoch == 3


def test_a_state_that_cannot_be_written_is_named(tmp_path):
    class Odd(c.Callback):
        def state_dict(self):
            return {"file": object()}

    with pytest.raises(nbtrain.InputError, match=r"callbacks: the state of .*Odd cannot be written"):
        run(make(), [Odd()], tmp_path / "c.nbt", epochs=1)


@pytest.mark.parametrize("state", [None, {1: 2.0}, [("total", 1.0)]], ids=repr)
def test_a_state_without_names_is_refused(state, tmp_path):
    class Odd(c.Callback):
        def state_dict(self):
            return state

    with pytest.raises(nbtrain.InputError, match=r"state_dict of .*Odd must return a dict with strings as keys, got "):
        run(make(), [Odd()], tmp_path / "c.nbt", epochs=1)


STATES = [{}, {"metric": "val_loss", "sign": -1.0, "best": "x", "waited": 1}, {"metric": "val_loss", "sign": -1.0}]


@pytest.mark.parametrize("state", STATES, ids=range(len(STATES)))
def test_a_state_of_other_words_is_refused(state, tmp_path):
    path = tmp_path / "c.nbt"
    run(make(), [c.EarlyStopping(restore_best=False)], path, epochs=1)

    def change(table, trainer):
        table["__metadata__"]["callbacks"] = json.dumps([{"class": "EarlyStopping", "state": state}])

    path.write_bytes(changed(path.read_bytes(), change))
    with pytest.raises(nbtrain.InputError, match=r"checkpoint: .*EarlyStopping"):
        run(make(), [c.EarlyStopping()], path, epochs=2)


@pytest.mark.parametrize("text", ["", "3", "[3]", "{", '[{"class": 3, "state": {}}]', '[{"class": "a"}]', "[]"])
def test_crafted_states_are_refused(text, tmp_path):
    path = tmp_path / "c.nbt"
    run(make(), [c.EarlyStopping()], path, epochs=1)  # which has a tensor

    def change(table, trainer):
        table["__metadata__"]["callbacks"] = text

    path.write_bytes(changed(path.read_bytes(), change))
    with pytest.raises(nbtrain.ModelFileError, match="callbacks"):
        nbtrain.load(path)


# ---- plugins that have changed

PLUGIN = """
import math
import nbtrain

FACTOR = {factor}

def scale(z):
    return FACTOR * z

def value(z, width):
    '''{docstring}'''
    return math.tanh(scale(z)) * width  # {comment}

def slope(z, a, width):
    return FACTOR * width * (1 - (a / width) ** 2)

{more}
@nbtrain.hookimpl
def nbtrain_activations():
    yield nbtrain.Activation("wavy", value=value, slope=slope, parameters={{"width": 1.0}})
"""


@pytest.fixture
def plugin(tmp_path):
    """Have a plugin with this text, instead of the one before."""
    registered = []

    def install(factor=2.0, docstring="", comment="", more=""):
        for module in registered:
            nbtrain.unregister(module)
        registered.clear()
        text = PLUGIN.format(factor=factor, docstring=docstring, comment=comment, more=more)
        path = tmp_path / "wavy.py"
        path.write_text(text)
        module = type(nbtrain)("wavy")
        exec(compile(text, str(path), "exec"), vars(module))
        nbtrain.register(module)
        registered.append(module)
        return make(nbtrain.activation("wavy"))

    yield install
    for module in registered:
        nbtrain.unregister(module)


@pytest.mark.parametrize("words", [dict(comment="new"), dict(docstring="new"), dict(more="def other(z): return z\n")])
def test_a_plugin_that_does_the_same_is_the_same(words, plugin, tmp_path):
    plugin().fit(X, Y, epochs=2, checkpoint=tmp_path / "c.nbt")
    trainer = plugin(**words)
    trainer.fit(X, Y, epochs=4, checkpoint=tmp_path / "c.nbt")
    assert trainer.epoch == 4
    assert nbtrain.load(tmp_path / "c.nbt").epoch == 4  # without a warning


def test_a_plugin_whose_code_has_changed_is_named(plugin, tmp_path):
    path = tmp_path / "c.nbt"
    plugin().fit(X, Y, epochs=2, checkpoint=path)
    changed_plugin = plugin(factor=3.0)
    with pytest.raises(nbtrain.InputError, match=r"^checkpoint: .*activation 'wavy' of .*wavy"):
        changed_plugin.fit(X, Y, epochs=4, checkpoint=path)
    with pytest.warns(nbtrain.PluginWarning, match=r"c\.nbt: the code of the activation 'wavy' of .*wavy has changed"):
        loaded = nbtrain.load(path)
    loaded.save(path)  # as the message says
    changed_plugin.fit(X, Y, epochs=4, checkpoint=path)
    assert changed_plugin.epoch == 4


def test_code_of_another_interpreter_is_not_compared(plugin, tmp_path):
    path = tmp_path / "c.nbt"
    plugin().fit(X, Y, epochs=2, checkpoint=path)

    def change(table, trainer):
        activation = trainer["network"]["layers"][0]["activation"]
        activation["code"] = f"cpython-399 {activation['code'].split(' ')[1]}"

    path.write_bytes(changed(path.read_bytes(), change))
    trainer = plugin(factor=3.0)
    trainer.fit(X, Y, epochs=4, checkpoint=path)
    assert trainer.epoch == 4


def test_a_schedule_inside_an_optimizer_is_compared_too(tmp_path):
    path = tmp_path / "c.nbt"

    def halving(t, first):
        return first / (1 + t)

    def thirds(t, first):
        return first / (1 + 2 * t)

    def trainer(function):
        spec = nbtrain.Schedule("falling", rate=function, parameters={"first": 0.1})
        nbtrain.register(spec)
        return spec, make(optimizer=nbtrain.optimizer("sgd", learning_rate=nbtrain.schedule("falling")))

    spec, before = trainer(halving)
    before.fit(X, Y, epochs=2, checkpoint=path)
    nbtrain.unregister(spec)
    spec, after = trainer(thirds)
    try:
        with pytest.raises(nbtrain.InputError, match=r"schedule 'falling'"):
            after.fit(X, Y, epochs=4, checkpoint=path)
    finally:
        nbtrain.unregister(spec)


# ---- logs


def logs(tmp_path):
    return [c.CSVLogger(tmp_path / "log.csv", append=True), c.JSONLinesLogger(tmp_path / "log.jsonl", append=True)]


def rows(tmp_path):
    """(epoch, loss) of all rows of both logs, which must be well-formed and say the same."""
    with open(tmp_path / "log.csv", newline="") as file:
        table = list(csv.DictReader(file, strict=True))
    assert all(None not in row and None not in row.values() for row in table)  # as many cells as columns
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    found = [(int(row["epoch"]), float(row["loss"])) for row in table]
    assert found == [(line["epoch"], line["loss"]) for line in lines]
    return found


@pytest.mark.parametrize("every", [1, 2, 3])
@pytest.mark.parametrize("half", [0.0, 0.3, 0.9])
def test_logs_of_a_killed_run_that_goes_on_have_every_epoch_once(half, every, tmp_path):
    run(make(), logs(tmp_path), c.Checkpoint(tmp_path / "c.nbt", every_epochs=every), epochs=3)
    whole, written = dict(rows(tmp_path)), (tmp_path / "c.nbt").read_bytes()
    run(make(), logs(tmp_path), tmp_path / "c.nbt", epochs=6)
    for name in ("log.csv", "log.jsonl"):  # a killed run: the logs have more than the checkpoint, and half a line
        *lines, last = (tmp_path / name).read_bytes().splitlines(keepends=True)
        (tmp_path / name).write_bytes(b"".join(lines) + last[: int(half * len(last))])
    (tmp_path / "c.nbt").write_bytes(written)
    trainer = make()
    run(trainer, logs(tmp_path), tmp_path / "c.nbt", epochs=7)
    found = rows(tmp_path)
    assert found == list(enumerate(trainer.history["loss"], start=1))
    assert whole.items() <= dict(found).items()


@pytest.mark.parametrize("earlier", [0, 2])
def test_logs_of_a_run_that_is_killed_before_its_first_checkpoint_have_every_epoch_once(earlier, tmp_path):
    """Nobody catches what stops it, and nothing is saved at its end; there may be rows of another training."""

    class Killed(c.Checkpoint):
        def on_end(self, trainer):
            pass

    def kill(trainer, epoch, metrics):
        if epoch == 3:
            raise SystemExit

    if earlier:
        run(make(), logs(tmp_path), None, epochs=earlier)
    with pytest.raises(SystemExit):
        run(make(), [*logs(tmp_path), kill], Killed(tmp_path / "c.nbt", every_epochs=5))
    assert len(rows(tmp_path)) == earlier + 3
    trainer = make()
    run(trainer, logs(tmp_path), tmp_path / "c.nbt", epochs=6)
    assert rows(tmp_path)[earlier:] == list(enumerate(trainer.history["loss"], start=1))


@pytest.mark.parametrize("half", [0.0, 0.5, 1.0])
def test_a_training_that_begins_with_a_checkpoint_to_come_keeps_the_rows_of_those_before(half, tmp_path):
    run(make(), logs(tmp_path), None, epochs=3)
    before = rows(tmp_path)
    for name in ("log.csv", "log.jsonl"):
        *lines, last = (tmp_path / name).read_bytes().splitlines(keepends=True)
        (tmp_path / name).write_bytes(b"".join(lines) + last[: int(half * len(last))])
    trainer = make()
    run(trainer, logs(tmp_path), tmp_path / "c.nbt", epochs=4)
    wanted = before[: 2 + int(half)] + list(enumerate(trainer.history["loss"], start=1))
    assert rows(tmp_path) == wanted
    run(make(), logs(tmp_path), tmp_path / "c.nbt", epochs=4)
    assert rows(tmp_path) == wanted


@pytest.mark.parametrize("epoch", [1, 4, 6])
def test_logs_go_on_from_an_older_checkpoint(epoch, tmp_path):
    run(make(), logs(tmp_path), Copies(tmp_path / "c.nbt"), epochs=6)
    wanted = rows(tmp_path)
    assert len(wanted) == 6
    run(make(), logs(tmp_path), f"{tmp_path}/c.nbt.{epoch}", epochs=6)
    assert rows(tmp_path) == wanted


@pytest.mark.parametrize("cut", [0, 3, 30])
def test_a_header_that_was_cut_off_is_written_anew(cut, tmp_path):
    run(make(), logs(tmp_path), None, epochs=1)
    (tmp_path / "log.csv").write_bytes((tmp_path / "log.csv").read_bytes()[:cut])
    (tmp_path / "log.jsonl").write_bytes(b"{")
    run(make(), logs(tmp_path), None, epochs=2)
    assert [epoch for epoch, _ in rows(tmp_path)] == [1, 2]


def test_zeros_at_the_end_are_cut_off(tmp_path):
    trainer = make()
    run(trainer, logs(tmp_path), None, epochs=2)
    for name in ("log.csv", "log.jsonl"):
        with open(tmp_path / name, "ab") as file:
            file.write(b"\0" * 50 + b"\n")
    run(trainer, logs(tmp_path), None, epochs=2)
    assert [epoch for epoch, _ in rows(tmp_path)] == [1, 2, 3, 4]


def replacing(tmp_path):
    return [c.CSVLogger(tmp_path / "log.csv"), c.JSONLinesLogger(tmp_path / "log.jsonl")]


class Killed(c.Checkpoint):
    """A checkpoint that is not written at the end, as after kill -9."""

    def on_end(self, trainer):
        pass


@pytest.mark.parametrize("stop", [1, 2, 3, 5])
def test_the_same_program_started_again_keeps_its_rows(stop, tmp_path):
    """Without append, a log of another training before is replaced, that of the run that resumes is not."""

    def kill(trainer, epoch, metrics):
        if epoch == stop:
            raise SystemExit

    run(make(activation="relu"), replacing(tmp_path), None, epochs=7)
    with pytest.raises(SystemExit):
        run(make(), [*replacing(tmp_path), kill], Killed(tmp_path / "c.nbt", every_epochs=2))
    trainer = make()
    run(trainer, replacing(tmp_path), Killed(tmp_path / "c.nbt", every_epochs=2), epochs=6)
    wanted = list(enumerate(trainer.history["loss"], start=1))
    assert rows(tmp_path) == wanted
    run(make(), replacing(tmp_path), tmp_path / "c.nbt", epochs=6)  # complete
    assert rows(tmp_path) == wanted
    run(make(), replacing(tmp_path), None, epochs=2)
    assert rows(tmp_path) == wanted[:2]


def test_a_run_that_is_killed_in_its_first_epoch_replaces_the_log_of_another(tmp_path):
    def kill(trainer, epoch, metrics):
        raise SystemExit

    trainer = make()
    trainer.fit(X, Y, 4, validation_data=(X, Y), callbacks=replacing(tmp_path))
    with pytest.raises(SystemExit):
        run(make(), [kill, *replacing(tmp_path)], Killed(tmp_path / "c.nbt", every_epochs=2))
    trainer = make()
    run(trainer, replacing(tmp_path), tmp_path / "c.nbt", epochs=3)
    assert rows(tmp_path) == list(enumerate(trainer.history["loss"], start=1))


def test_columns_that_are_not_written_are_named_in_one_warning(tmp_path):
    make().fit(X, Y, 1, callbacks=c.CSVLogger(tmp_path / "log.csv"))
    log = c.CSVLogger(tmp_path / "log.csv", append=True)
    with pytest.warns(UserWarning, match="no columns for val_loss, val_accuracy, which are not written") as caught:
        make().fit(X, Y, 3, validation_data=(X, Y), callbacks=log)
    assert len(caught) == 1
    with open(tmp_path / "log.csv", newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "1", "2", "3"]


def test_another_training_leaves_the_rows_of_the_one_before(tmp_path):
    run(make(), logs(tmp_path), None, epochs=2)
    run(make(), logs(tmp_path), None, epochs=3)
    assert [epoch for epoch, _ in rows(tmp_path)] == [1, 2, 1, 2, 3]


def test_a_training_interrupted_in_its_first_epoch_leaves_the_rows_of_the_one_before(tmp_path):
    class Interrupt(nbtrain.Callback):
        every_steps = 1

        def on_step(self, trainer, iteration, metrics):
            raise KeyboardInterrupt

    run(make(), logs(tmp_path), None, epochs=4)
    with pytest.raises(KeyboardInterrupt):
        make().fit(X, Y, 3, callbacks=[*logs(tmp_path), Interrupt()], checkpoint=tmp_path / "c.nbt")
    run(make(), logs(tmp_path), tmp_path / "c.nbt", epochs=3)
    assert [epoch for epoch, _ in rows(tmp_path)] == [1, 2, 3, 4, 1, 2, 3]


def test_a_file_of_other_columns_keeps_them_and_its_rows(tmp_path):
    (tmp_path / "log.csv").write_text("loss,note\r\n0.5,mine\r\n")
    trainer = make()
    log = c.CSVLogger(tmp_path / "log.csv", append=True)
    with pytest.warns(UserWarning, match=r"no columns for epoch, seconds, learning_rate, accuracy, which") as caught:
        trainer.fit(X, Y, 2, callbacks=log, checkpoint=tmp_path / "c.nbt")
    assert len(caught) == 1
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert lines == ["loss,note", "0.5,mine", *(f"{loss}," for loss in trainer.history["loss"])]


# ---- folders that are not there


@pytest.mark.parametrize(
    "use",
    [
        lambda path: make().save(path),
        lambda path: make().fit(X, Y, checkpoint=path),
        lambda path: make().fit(X, Y, callbacks=c.CSVLogger(path)),
    ],
)
def test_a_missing_folder_is_named_with_what_to_do(use, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such folder: '.*/missing'; create it first") as caught:
        use(tmp_path / "missing" / "file")
    assert caught.value.filename == str(tmp_path / "missing" / "file")


def test_a_missing_folder_is_found_out_before_the_training(tmp_path):
    trainer = make()
    with pytest.raises(FileNotFoundError):
        trainer.fit(X, Y, epochs=5, checkpoint=tmp_path / "missing" / "c.nbt")
    assert trainer.epoch == 0


class Interrupting(c.Callback):
    """Ctrl-C while callbacks are told of an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch(self, trainer, epoch, metrics):
        if epoch == self.epoch:
            self.epoch = None
            raise KeyboardInterrupt


@pytest.mark.parametrize("where", ["validation", "callbacks"])
@pytest.mark.parametrize("epoch", [1, 3, 9])
def test_an_interrupt_after_an_epoch_was_trained_changes_nothing_of_the_run(epoch, where, tmp_path):
    left = [epoch if where == "validation" else 0]

    def errors(y, p):
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return float((p != y).mean())

    def begin(log, interrupts):
        callbacks = [c.EarlyStopping("val_errors", mode="min", patience=4), c.CSVLogger(log, append=True)]
        middle = [Interrupting(epoch if interrupts and where == "callbacks" else None)]
        return make(optimizer=nbtrain.optimizer("adam", learning_rate=0.05)), callbacks[:1] + middle + callbacks[1:]

    def go(trainer, callbacks, checkpoint):
        given = {"validation_data": (X_VAL, Y_VAL), "metrics": [errors]}
        trainer.fit(X, Y, EPOCHS, callbacks=callbacks, checkpoint=checkpoint, **given)

    trainer, callbacks = begin(tmp_path / "broken.csv", True)
    with pytest.raises(KeyboardInterrupt):
        go(trainer, callbacks, tmp_path / "model.nbt")
    assert nbtrain.load(tmp_path / "model.nbt").epoch == epoch
    resumed, later = begin(tmp_path / "broken.csv", False)
    go(resumed, later, tmp_path / "model.nbt")
    left[0] = 0
    at_once, callbacks = begin(tmp_path / "whole.csv", False)
    go(at_once, callbacks, None)
    assert at_once.epoch < EPOCHS
    assert standing(resumed, later) == standing(at_once, callbacks)
    rows = [list(csv.DictReader((tmp_path / name).read_text().splitlines())) for name in ("broken.csv", "whole.csv")]
    for row in rows[0] + rows[1]:
        del row["seconds"]
    assert rows[0] == rows[1]
