"""What an estimator goes on from: after early stopping, and when its parameters were changed in place."""

from __future__ import annotations

import numpy as np
import pytest

import nbtrain

pytest.importorskip("sklearn")

from nbtrain.sklearn import MLPClassifier, MLPRegressor

RANDOM = np.random.default_rng(3)
X = RANDOM.standard_normal((120, 4))
Y = X[:, 0] * X[:, 1] + 0.5 * RANDOM.standard_normal(120)
NOISE = 0.3 * X[:, 0] + RANDOM.standard_normal(120)
LABELS = (Y > 0).astype(int)


class Noting(nbtrain.Callback):
    def __init__(self, name, notes, fails=""):
        self.name, self.notes, self.fails = name, notes, fails

    def note(self, what):
        self.notes.append(f"{what} {self.name}")
        if self.fails == what:
            raise RuntimeError(what)

    def on_start(self, trainer):
        self.note("start")

    def on_epoch(self, trainer, epoch, metrics):
        self.note("epoch")

    def on_end(self, trainer):
        self.note("end")


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_whoever_has_started_is_told_of_the_end(solver):
    notes = []
    callbacks = [Noting("a", notes), Noting("b", notes, fails="start"), Noting("c", notes)]
    with pytest.raises(RuntimeError, match="start"):
        MLPRegressor(hidden_layer_sizes=(3,), solver=solver, max_iter=5, callbacks=callbacks).fit(X, Y)
    assert notes == ["start a", "start b", "end a", "end b"]


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_an_end_that_fails_keeps_it_from_nobody(solver):
    notes = []
    callbacks = [Noting("a", notes, fails="end"), Noting("b", notes, fails="epoch"), Noting("c", notes)]
    with pytest.raises(RuntimeError):
        MLPRegressor(hidden_layer_sizes=(3,), solver=solver, max_iter=5, callbacks=callbacks).fit(X, Y)
    assert [note for note in notes if note.startswith("end")] == ["end a", "end b", "end c"]


def slowing_prepare(t, scalars, hyper):
    steps = scalars.steps + 1.0
    return (hyper.learning_rate / steps**0.5,), (steps,)


def slowing_step(w, g, slots, prepared, hyper):
    moved = 0.5 * slots.velocity + g
    return w - prepared[0] * moved, (moved,)


SLOWING = nbtrain.Optimizer(
    "slowing", slowing_step, ("velocity",), slowing_prepare, learning_rate=0.3, scalars=("steps",)
)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_partial_fit_goes_on_from_the_best_epoch_with_all_of_the_optimizer():
    def fitted(epochs):
        model = MLPRegressor(
            hidden_layer_sizes=(30,), solver=nbtrain.optimizer(SLOWING), max_iter=epochs, random_state=0, shuffle=False
        )
        model.set_params(early_stopping=True, n_iter_no_change=6, tol=1e-3, validation_fraction=0.4, batch_size=10)
        return model.fit(X, NOISE)

    stopped = fitted(200)
    best = int(np.argmax(stopped.validation_scores_)) + 1
    assert 1 < best < stopped.n_iter_ < 200
    ended_there = fitted(best)
    for model in (stopped, ended_there):
        model.set_params(early_stopping=False)
        for _ in range(3):
            model.partial_fit(X, NOISE)
    for ours, theirs in zip(stopped.coefs_, ended_there.coefs_, strict=True):
        np.testing.assert_array_equal(ours, theirs)


CHANGES = {
    "hidden_layer_sizes": ([5], lambda sizes: sizes.__setitem__(0, 6)),
    "hidden_layer_sizes, too many": ([5], lambda sizes: sizes.append(4)),
    "hidden_layer_sizes, no number": ([5], lambda sizes: sizes.__setitem__(0, -6)),
    "hidden_layer_sizes, array": (np.array([5]), lambda sizes: sizes.__setitem__(0, 6)),
    "activation": (["tanh"], lambda names: names.__setitem__(0, "relu")),
    "activation, none": (["tanh"], lambda names: names.__setitem__(0, "no_such")),
    "dropout": ([0.0], lambda rates: rates.__setitem__(0, 0.5)),
    "class_weight": ({0: 1.0, 1: 1.0}, lambda weights: weights.__setitem__(1, 5.0)),
    "class_weight, negative": ({0: 1.0, 1: 1.0}, lambda weights: weights.__setitem__(1, -5.0)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_parameter_that_is_changed_in_place_counts_as_one_that_is_set(change):
    name, (given, alter) = change.partition(",")[0], CHANGES[change]
    found = []
    for in_place in (True, False):
        value = given.copy()
        model = MLPClassifier(**{"hidden_layer_sizes": [5], "random_state": 0, name: value})
        for _ in range(2):
            model.partial_fit(X, LABELS, classes=[0, 1])
        if in_place:
            alter(value)
        else:
            alter(other := given.copy())
            model.set_params(**{name: other})
        try:
            model.partial_fit(X, LABELS)
            found.append((None, *model.coefs_))
        except Exception as error:
            found.append((repr(error),))
    assert found[0][0] == found[1][0]
    for ours, theirs in zip(found[0][1:], found[1][1:], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    unchanged = MLPClassifier(**{"hidden_layer_sizes": [5], "random_state": 0, name: given.copy()})
    for _ in range(3):
        unchanged.partial_fit(X, LABELS, classes=[0, 1])
    same = len(found[0]) > 1 and all(map(np.array_equal, unchanged.coefs_, found[0][1:]))
    assert not same


def test_parameters_that_stay_are_not_looked_at_again():
    model = MLPClassifier([5], class_weight={0: 1.0, 1: 2.0}, random_state=0)
    model.partial_fit(X, LABELS, classes=[0, 1])
    engine = model._fitted
    model.partial_fit(X, LABELS)
    assert model._unchanged() is engine


@pytest.mark.parametrize(("name", "value"), [("batch_size", 5.0), ("alpha", True)])
def test_a_parameter_of_another_type_is_checked_though_it_is_equal(name, value):
    X, y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2
    model = MLPClassifier((4,), batch_size=5, alpha=1.0, random_state=0).partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match=rf"^{name} must be "):
        model.set_params(**{name: value}).partial_fit(X, y)
