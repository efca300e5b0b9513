"""What compiled code does between epochs is what Python would: the oracle trains epoch by epoch and decides itself."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest
from common import network, times

import nbtrain
from nbtrain.callbacks import EarlyStopping, ReduceOnPlateau
from nbtrain.training import watch

RANDOM = np.random.default_rng(8)
X, X_VAL = RANDOM.normal(size=(40, 3)), RANDOM.normal(size=(25, 3))
VALUES, VALUES_VAL = (
    np.sin(x @ RANDOM.normal(size=(3, 2))) + 0.3 * RANDOM.normal(size=(len(x), 2)) for x in (X, X_VAL)
)
LABELS, LABELS_VAL = (np.argmax(v @ [[1, -1, 0], [0, 1, -1]] + 0.2, axis=1) for v in (VALUES, VALUES_VAL))
YES, YES_VAL = (1.0 * (v[:, :1] > 0) for v in (VALUES, VALUES_VAL))
TASKS = {
    "mse": (VALUES, VALUES_VAL, 2),
    "softmax_cross_entropy": (LABELS, LABELS_VAL, 3),
    "binary_cross_entropy": (YES, YES_VAL, 1),
}


def trainer_for(loss, *, dtype="float32", rate=0.02, loss_component=None, **options):
    declared = network((3, 9, TASKS[loss][2]), ["tanh", "identity"], dropout=[0.2, 0.0])
    optimizer = nbtrain.optimizer("adam", learning_rate=rate)
    return nbtrain.Trainer(
        declared, loss=loss_component or loss, optimizer=optimizer, dtype=dtype, rng=4, batch_size=16, **options
    )


class Rules:
    """Early stopping as its documentation says."""

    def __init__(self, metric, patience, min_delta=0.0, smaller=True):
        self.metric, self.patience, self.min_delta, self.smaller = metric, patience, min_delta, smaller
        self.best, self.best_epoch, self.waited, self.theta, self.stopped = math.nan, 0, 0, None, False

    def see(self, trainer, numbers):
        value = numbers[self.metric]
        gain = self.best - value if self.smaller else value - self.best
        if math.isnan(self.best) or gain > self.min_delta:
            self.best, self.best_epoch, self.waited, self.theta = value, trainer.epoch, 0, trainer.theta.copy()
        else:
            self.waited += 1
        self.stopped = 0 < self.waited >= self.patience


class Plateau(Rules):
    def __init__(self, *given, factor=0.5, cooldown=0, minimum=0.0, **options):
        super().__init__(*given, **options)
        self.factor, self.cooldown, self.minimum, self.rest = factor, cooldown, minimum, 0

    def see(self, trainer, numbers):
        super().see(trainer, numbers)
        if self.rest > 0:
            self.rest, self.waited = self.rest - 1, 0
        if 0 < self.waited >= self.patience:
            rate = trainer.learning_rate
            if rate > self.minimum:
                trainer.scale_learning_rate(max(self.factor, self.minimum / rate))
            self.waited, self.rest = 0, self.cooldown
        self.stopped = False


def by_hand(trainer, y, validation, epochs, rules, weight=None):
    """Train epoch by epoch -> history; theta as it was at the end."""
    found = {}
    for _ in range(epochs):
        numbers = {name: column[-1] for name, column in trainer.fit(X, y, sample_weight=weight).items()}
        if validation is not None:
            numbers |= {f"val_{name}": value for name, value in trainer.evaluate(*validation).items()}
        for name, value in numbers.items():
            found.setdefault(name, []).append(value)
        for rule in rules:
            rule.see(trainer, numbers)
        if any(rule.stopped for rule in rules):
            break
    return found


def compare(trainer, other, history, expected, callback, rule, restored=True):
    assert history == expected
    assert list(history) == list(expected)
    assert trainer.history == expected
    assert trainer.epoch == other.epoch
    assert (callback.best, callback.best_epoch, callback.waited) == (rule.best, rule.best_epoch, rule.waited)
    assert callback.stopped == rule.stopped
    assert np.array_equal(trainer.theta, rule.theta if restored else other.theta)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", TASKS)
def test_early_stopping_has_the_bits_of_training_epoch_by_epoch(loss, dtype, threads):
    y, y_val, _ = TASKS[loss]
    trainer, other = (trainer_for(loss, dtype=dtype, threads=threads) for _ in range(2))
    stopping, rule = EarlyStopping(patience=4), Rules("val_loss", 4)
    expected = by_hand(other, y, (X_VAL, y_val), 600, [rule])
    history = trainer.fit(X, y, epochs=600, validation_data=(X_VAL, y_val), callbacks=stopping)
    assert stopping.stopped
    compare(trainer, other, history, expected, stopping, rule)
    assert np.array_equal(trainer.model.state, other.model.state)  # the last epoch's


@pytest.mark.parametrize(
    ("metric", "loss", "smaller"),
    [
        ("loss", "mse", True),
        ("val_r2", "mse", False),
        ("accuracy", "softmax_cross_entropy", False),
        ("val_accuracy", "softmax_cross_entropy", False),
        ("val_loss", "binary_cross_entropy", True),
    ],
)
@pytest.mark.parametrize(("patience", "min_delta"), [(0, 0.0), (1, 0.0), (3, 0.01)])
def test_every_number_can_be_followed(metric, loss, smaller, patience, min_delta):
    y, y_val, _ = TASKS[loss]
    trainer, other = trainer_for(loss), trainer_for(loss)
    stopping = EarlyStopping(metric, patience=patience, min_delta=min_delta, restore_best=False)
    rule = Rules(metric, patience, min_delta, smaller)
    expected = by_hand(other, y, (X_VAL, y_val), 300, [rule])
    history = trainer.fit(X, y, epochs=300, validation_data=(X_VAL, y_val), callbacks=[stopping])
    compare(trainer, other, history, expected, stopping, rule, restored=False)


def test_weights_both_ways_and_several_callbacks():
    weight, weight_val = RANDOM.uniform(0, 2, len(X)), RANDOM.uniform(0, 2, len(X_VAL))
    weight[::4], weight_val[::3] = 0.0, 0.0
    trainer, other = trainer_for("mse", rate=0.2), trainer_for("mse", rate=0.2)
    plateau = ReduceOnPlateau(patience=1, factor=0.3, cooldown=2, minimum=0.01, min_delta=1e-3)
    stopping = EarlyStopping("loss", patience=6, min_delta=1e-3)
    reducing = Plateau("val_loss", 1, 1e-3, factor=0.3, cooldown=2, minimum=0.01)
    rule = Rules("loss", 6, 1e-3)
    validation = X_VAL, VALUES_VAL, weight_val
    expected = by_hand(other, VALUES, validation, 200, [reducing, rule], weight)
    history = trainer.fit(
        X, VALUES, 200, sample_weight=weight, validation_data=validation, callbacks=[plateau, stopping]
    )
    compare(trainer, other, history, expected, stopping, rule)
    assert trainer.learning_rate == other.learning_rate == pytest.approx(0.01)
    assert (plateau.best, plateau.waited) == (reducing.best, reducing.waited)


@pytest.mark.parametrize("reason", ["much data", "a callback of one's own", "a metric"])
def test_python_does_it_where_compiled_code_cannot(reason, monkeypatch):
    options = {}
    if reason == "much data":
        monkeypatch.setattr(watch, "MOST_FLOPS", 0.0)
    seen = []
    callbacks = [EarlyStopping(patience=4)]
    if reason == "a callback of one's own":
        callbacks.append(lambda trainer, epoch, metrics: seen.append(epoch))
    if reason == "a metric":
        options["metrics"] = [nbtrain.metrics.Metric("largest", lambda y_true, y_pred: np.abs(y_true - y_pred).max())]
    trainer, other = trainer_for("mse"), trainer_for("mse")
    rule = Rules("val_loss", 4)
    expected = by_hand(other, VALUES, (X_VAL, VALUES_VAL), 300, [rule])
    history = trainer.fit(X, VALUES, 300, validation_data=(X_VAL, VALUES_VAL), callbacks=callbacks, **options)
    assert {name: history[name] for name in expected} == expected
    assert np.array_equal(trainer.theta, rule.theta)
    assert len(seen) == (trainer.epoch if reason == "a callback of one's own" else 0)


def test_a_subclass_is_called_after_every_epoch():
    class Mine(EarlyStopping):
        def on_epoch(self, trainer, epoch, metrics):
            return epoch == 3

    trainer = trainer_for("mse")
    trainer.fit(X, VALUES, 9, validation_data=(X_VAL, VALUES_VAL), callbacks=[Mine()])
    assert trainer.epoch == 3


def test_a_second_call_begins_to_count_anew():
    trainer, other = trainer_for("mse"), trainer_for("mse")
    stopping = EarlyStopping(patience=4)
    for _ in range(2):
        rule = Rules("val_loss", 4)
        expected = by_hand(other, VALUES, (X_VAL, VALUES_VAL), 50, [rule])
        other.theta[...] = rule.theta
        history = trainer.fit(X, VALUES, 50, validation_data=(X_VAL, VALUES_VAL), callbacks=stopping)
        assert history == expected
        assert history.first_epoch == trainer.epoch - len(history["loss"]) + 1
        assert (stopping.best, stopping.best_epoch) == (rule.best, rule.best_epoch)
        assert np.array_equal(trainer.theta, other.theta)


def test_metrics_that_are_missing_are_named_as_ever():
    trainer = trainer_for("mse")
    with pytest.raises(nbtrain.InputError, match=r"'val_loss'.*need validation_data"):
        trainer.fit(X, VALUES, 9, callbacks=[EarlyStopping()])
    with pytest.raises(nbtrain.InputError, match="'val_accuracy'"):
        trainer.fit(X, VALUES, 9, validation_data=(X_VAL, VALUES_VAL), callbacks=[EarlyStopping("val_accuracy")])
    with pytest.raises(nbtrain.InputError, match="sample_weight must have a positive weight"):
        trainer.fit(X, VALUES, 9, validation_data=(X_VAL, VALUES_VAL, np.zeros(len(X_VAL))))


def test_divergence_restores_the_best_epoch():
    trainer = nbtrain.Trainer(
        network((3, 2), ["identity"]), loss="mse", optimizer=nbtrain.optimizer("sgd", learning_rate=2.0), rng=4
    )
    stopping = EarlyStopping("loss", patience=10**6)
    with pytest.raises(nbtrain.DivergenceError):
        trainer.fit(X, VALUES, 10**6, validation_data=(X_VAL, VALUES_VAL), callbacks=[stopping])
    assert trainer.epoch == trainer.history.epochs == len(trainer.history["val_loss"])
    assert stopping.best == min(trainer.history["loss"])
    assert stopping.best_epoch == 1 + trainer.history["loss"].index(stopping.best)
    again = nbtrain.Trainer(
        network((3, 2), ["identity"]), loss="mse", optimizer=nbtrain.optimizer("sgd", learning_rate=2.0), rng=4
    )
    again.fit(X, VALUES, stopping.best_epoch)
    assert np.array_equal(trainer.theta, again.theta)


@pytest.mark.parametrize("attempt", range(times(2, 20)))
def test_an_interrupt_loses_no_epoch_and_restores_the_best(attempt):
    trainer, stopping = trainer_for("mse"), EarlyStopping(patience=10**9)
    timer = threading.Timer(0.05 + 0.03 * attempt, interrupt)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(X, VALUES, 10**9, validation_data=(X_VAL, VALUES_VAL), callbacks=stopping)
    timer.join()
    losses = trainer.history["val_loss"]
    assert trainer.epoch == len(losses) == len(trainer.history["loss"])
    assert not np.isnan(losses).any()
    assert stopping.best == min(losses)
    assert trainer.evaluate(X_VAL, VALUES_VAL)["loss"] == stopping.best
    assert trainer.model.descriptor["watch"][0] == 0


def test_an_interrupt_before_a_slice_leaves_nothing_behind(monkeypatch):
    from nbtrain.training.watch import Watch

    def interrupted(self):
        raise KeyboardInterrupt

    trainer = trainer_for("mse")
    with monkeypatch.context() as patch:
        patch.setattr(Watch, "begin", interrupted)
        with pytest.raises(KeyboardInterrupt):
            trainer.fit(X, VALUES, 2, validation_data=(X_VAL, VALUES_VAL), callbacks=EarlyStopping())
    assert trainer.model.descriptor["watch"][0] == 0
    trainer.fit(X, VALUES, 2)
    assert trainer.epoch == trainer.history.epochs == 2


def test_many_interrupts_at_any_place_lose_no_epoch():
    import signal

    armed = False

    def stop(number, frame):
        nonlocal armed
        if armed:
            armed = False
            raise KeyboardInterrupt

    trainer, seen = trainer_for("mse"), 0
    usual = signal.signal(signal.SIGALRM, stop)
    try:
        for attempt in range(times(300, 3000)):
            signal.setitimer(signal.ITIMER_REAL, 0.0001 + 0.00002 * (attempt % 50))
            try:
                armed = True
                trainer.fit(X, VALUES, 300, validation_data=(X_VAL, VALUES_VAL))
                armed = False
            except KeyboardInterrupt:
                seen += 1
            signal.setitimer(signal.ITIMER_REAL, 0)
            assert trainer.model.descriptor["watch"][0] == 0
            assert trainer.epoch == trainer.history.epochs
    finally:
        signal.signal(signal.SIGALRM, usual)
    assert seen > 0


def interrupt():
    """Ctrl-C."""
    import signal

    signal.raise_signal(signal.SIGINT)


def fails_for_large_targets(z, y, slope):
    """Squared errors; a target of 100 or more is looked for beyond the outputs."""
    total = 0.0
    for k in range(z.size):
        place = k + z.size if y[k] >= 100.0 else k
        slope[k] = z[place] - y[k]
        total += 0.5 * slope[k] ** 2
    return total


def test_an_epoch_whose_validation_fails_is_in_the_history():
    trainer = trainer_for("mse", loss_component=nbtrain.Loss("fails_for_large_targets", row=fails_for_large_targets))
    trainer.fit(X, VALUES, 2, validation_data=(X_VAL, VALUES_VAL))
    bad = VALUES_VAL.copy()
    bad[-1] = 100.0
    with pytest.raises(nbtrain.Error, match="loss 'fails_for_large_targets': a function of the loss used an index out"):
        trainer.fit(X, VALUES, 5, validation_data=(X_VAL, bad), callbacks=EarlyStopping())
    assert trainer.epoch == trainer.history.epochs == 3
    assert np.isnan(trainer.history["val_loss"]).tolist() == [False, False, True]
    assert np.isfinite(trainer.history["loss"]).all()
    trainer.fit(X, VALUES, 1, validation_data=(X_VAL, VALUES_VAL))  # it can be used again
    assert np.isfinite(trainer.history["val_loss"][3])
