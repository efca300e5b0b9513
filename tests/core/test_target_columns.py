"""Losses whose targets have another width than the network's outputs: `Loss(target_columns=...)`."""

from __future__ import annotations

import copy
import ctypes
import math
import pickle

import numpy as np
import pytest
from numba import njit

import nbtrain
from nbtrain import kernel, testing
from nbtrain.core import layout
from nbtrain.model import threads as team

DTYPES = ("float32", "float64")


def half_squares(z, y, slope):
    """As mse: the oracle of the two losses below."""
    total = 0.0
    for k in range(z.size):
        slope[k] = z[k] - y[k]
        total += 0.5 * slope[k] * slope[k]
    return total


def first_of_five(z, y, slope):
    """y: unused, two values, unused, unused; for two outputs."""
    total = 0.0
    for k in range(z.size):
        slope[k] = z[k] - y[1 + k]
        total += 0.5 * slope[k] * slope[k]
    return total


def one_for_all(z, y, slope):
    """y: one value, for all outputs."""
    total = 0.0
    for k in range(z.size):
        slope[k] = z[k] - y[0]
        total += 0.5 * slope[k] * slope[k]
    return total


def one_for_all_rows(z, y, slope, losses, outputs):
    for r in range(losses.size):
        total = 0.0
        for k in range(outputs):
            slope[r * outputs + k] = z[r * outputs + k] - y[r]
            total += 0.5 * slope[r * outputs + k] ** 2
        losses[r] = total


def five_rows(z, y, slope, losses, outputs):
    for r in range(losses.size):
        total = 0.0
        for k in range(outputs):
            slope[r * outputs + k] = z[r * outputs + k] - y[r * 5 + 1 + k]
            total += 0.5 * slope[r * outputs + k] ** 2
        losses[r] = total


PLAIN = nbtrain.Loss("half_squares", row=half_squares)
OWN = {
    "wider": nbtrain.Loss("first_of_five", row=first_of_five, target_columns=5),
    "narrower": nbtrain.Loss("one_for_all", row=one_for_all, target_columns=1),
    "wider rows": nbtrain.Loss("five_rows", rows=five_rows, target_columns=5),
    "narrower rows": nbtrain.Loss("one_for_all_rows", rows=one_for_all_rows, target_columns=1),
}


def log_sum_exp(z, count):
    largest = z[0]
    for k in range(1, count):
        largest = max(largest, z[k])
    total = 0.0
    for k in range(count):
        total += math.exp(z[k] - largest)
    return largest + math.log(total)


def ppo(z, y, slope, clip, value_weight, entropy_weight):
    actions = z.size - 1
    action, old_log_p, advantage, returned = int(y[0]), y[1], y[2], y[3]
    normalizer = log_sum_exp(z, actions)
    ratio = math.exp(z[action] - normalizer - old_log_p)
    clipped = min(max(ratio, 1.0 - clip), 1.0 + clip)
    gain = min(ratio * advantage, clipped * advantage)
    gain_slope = ratio * advantage if ratio * advantage <= clipped * advantage else 0.0
    entropy = 0.0
    for k in range(actions):
        log_p = z[k] - normalizer
        entropy -= math.exp(log_p) * log_p
    for k in range(actions):
        log_p = z[k] - normalizer
        p = math.exp(log_p)
        chosen = 1.0 if k == action else 0.0
        slope[k] = -gain_slope * (chosen - p) + entropy_weight * p * (log_p + entropy)
    error = z[actions] - returned
    slope[actions] = value_weight * error
    return -gain + 0.5 * value_weight * error * error - entropy_weight * entropy


WEIGHTS = {"clip": 0.2, "value_weight": 0.5, "entropy_weight": 0.01}
PPO = nbtrain.Loss("ppo", row=ppo, parameters=WEIGHTS, target_columns=4)


def experience(rows, actions=2, seed=0):
    """States and targets of PPO: action, old log-probability, advantage, return."""
    random = np.random.default_rng(seed)
    y = np.column_stack(
        [
            random.integers(0, actions, rows),
            -random.exponential(0.7, rows),
            random.normal(size=rows),
            random.normal(size=rows),
        ]
    )
    return random.normal(size=(rows, 4)), y


def make(loss, dtype="float64", sizes=(3, 9, 2), **options):
    layers = [nbtrain.Dense(units, "tanh", dropout=0.2) for units in sizes[1:-1]] + [nbtrain.Dense(sizes[-1])]
    return nbtrain.Trainer(
        nbtrain.Network(sizes[0], layers), loss=loss, dtype=dtype, **({"batch_size": 8, "rng": 0} | options)
    )


def samples(form, rows=37, dtype="float64", seed=1):
    """X, y in the own form, and y in the plain one."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, 3)).astype(dtype)
    if form.startswith("wider"):
        y = random.normal(size=(rows, 5)).astype(dtype)
        return X, y, y[:, 1:3].copy()
    y = random.normal(size=(rows, 1)).astype(dtype)
    return X, y, np.repeat(y, 2, axis=1)


# ---- training, by the same loss with one target for each output


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", OWN)
def test_training_is_that_with_one_target_for_each_output(form, dtype):
    """Shuffled and gathered, in batches with a rest, with weights and validation data."""
    X, own, plain = samples(form, dtype=dtype)
    weight = np.random.default_rng(2).uniform(0.0, 2.0, len(X))
    weight[::7] = 0.0
    validation, validation_plain, validation_own = (
        samples(form, 11, dtype, seed=3)[0],
        *samples(form, 11, dtype, 3)[:0:-1],
    )
    for given in (None, weight):
        made = make(OWN[form], dtype), make(PLAIN, dtype)
        losses = []
        for trainer, y, held_out in zip(made, (own, plain), (validation_own, validation_plain), strict=True):
            trainer.fit(X, y, epochs=3, sample_weight=given, validation_data=(validation, held_out))
            losses.append([trainer.history["loss"], trainer.history["val_loss"]])
            losses[-1].append([trainer.train_step(X[:5], y[:5]), trainer.train_step(X, y)])  # in one chunk, and several
            losses[-1].append([trainer.evaluate(X, y, given)["loss"]])
        rounding = 1e-12 if dtype == "float64" else 2e-5
        for found, wanted in zip(*losses, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=rounding)
        np.testing.assert_allclose(made[0].theta, made[1].theta, rtol=rounding, atol=rounding)


@pytest.mark.parametrize("form", OWN)
@pytest.mark.parametrize("shuffle", [False, True])
def test_a_team_has_the_same_bits(form, shuffle, monkeypatch):
    monkeypatch.setattr(team, "CALL_FLOPS", 0.0)
    X, y, _ = samples(form, 400)
    made = [make(OWN[form], sizes=(3, 64, 2), batch_size=128, threads=threads, shuffle=shuffle) for threads in (1, 2)]
    d = made[1].engine.descriptor
    d["team_patience"], d["team_awaited"], d["team_late"] = 10**17, 1, 30 * 10**9
    for trainer in made:
        trainer.fit(X, y, epochs=2)
    np.testing.assert_array_equal(made[1].theta, made[0].theta)
    assert made[1].engine.descriptor["team_tasks"][0] > 0


def test_the_gradient_of_ppo_is_pytorchs():
    torch = pytest.importorskip("torch")
    X, y = experience(50)
    trainer = make(PPO, sizes=(4, 16, 3), batch_size=16)
    value, gradient = trainer.loss_and_gradient(X, y)

    parameters = [[torch.tensor(array.copy(), requires_grad=True) for array in layer] for layer in trainer.weights]
    z = torch.from_numpy(X)
    for i, (w, b) in enumerate(parameters):
        z = z @ w + b
        z = torch.tanh(z) if i == 0 else z
    policy, (action, old, advantage, returned) = torch.distributions.Categorical(logits=z[:, :2]), torch.from_numpy(y).T
    ratio = torch.exp(policy.log_prob(action) - old)
    gain = torch.min(ratio * advantage, torch.clamp(ratio, 0.8, 1.2) * advantage)
    loss = (-gain + 0.25 * (z[:, 2] - returned) ** 2 - 0.01 * policy.entropy()).mean()
    loss.backward()
    assert value == pytest.approx(loss.item(), rel=1e-12)
    wanted = torch.cat([w.grad.ravel() for w, _ in parameters] + [b.grad for _, b in parameters])
    np.testing.assert_allclose(gradient, wanted.numpy(), rtol=1e-10, atol=1e-12)
    assert (ratio.detach().numpy() > 1.2).any()  # some are clipped


# ---- what else is told of it


@pytest.mark.parametrize("form", ["wider", "narrower rows"])
def test_evaluate_gives_the_loss_alone_and_metrics_get_y_as_it_is(form):
    X, own, plain = samples(form)
    trainer, seen = make(OWN[form]), []

    def shapes(y_true, y_pred):
        seen.append((y_true, y_pred))
        return 3.0

    found = trainer.evaluate(X, own, metrics=[shapes])
    residuals = trainer.predict(X) - plain
    assert found == {"loss": pytest.approx(0.5 * (residuals**2).sum(1).mean()), "shapes": 3.0}
    ((truth, predicted),) = seen
    np.testing.assert_array_equal(truth, own)
    np.testing.assert_array_equal(predicted, trainer.predict(X))
    history = trainer.fit(X, own, epochs=2, validation_data=(X, own), metrics=[shapes])
    assert set(history) == {"loss", "val_loss", "val_shapes"}


def test_metrics_by_name_are_refused_before_training():
    pytest.importorskip("sklearn")
    X, y, _ = samples("wider")
    trainer = make(OWN["wider"])
    told = (
        r"metrics: 'mae' compares predictions with targets; loss 'first_of_five' has targets of its own \(target_colum"
    )
    for work in (
        lambda: trainer.fit(X, y, validation_data=(X, y), metrics=["mae"]),
        lambda: trainer.evaluate(X, y, metrics="mae"),
    ):
        with pytest.raises(nbtrain.InputError, match=told):
            work()
    assert trainer.iteration == 0


def test_targets_between_0_and_1_are_no_classes():
    loss = nbtrain.Loss("bounded", row=one_for_all, target_columns=1, minimum=0.0, maximum=1.0)
    X, y = samples("narrower")[0], np.random.default_rng(0).uniform(size=(37, 1))
    trainer = make(loss)
    assert set(trainer.evaluate(X, y)) == {"loss"}
    assert set(trainer.fit(X, y)) == {"loss"}
    assert set(trainer.evaluate(X, y[:, 0])) == {"loss"}  # one column may be a vector
    with pytest.raises(nbtrain.InputError, match=r"y must be >= 0.* for loss 'bounded', got values from"):
        trainer.fit(X, y - 1)


def test_another_width_is_refused_everywhere():
    X, y, plain = samples("wider")
    trainer = make(OWN["wider"])
    told = r"y must have shape \(37, 5\), got \(37, 2\); loss 'first_of_five' has target_columns=5"
    for work in (trainer.fit, trainer.train_step, trainer.evaluate, trainer.loss_and_gradient):
        with pytest.raises(nbtrain.InputError, match=told):
            work(X, plain)
    with pytest.raises(nbtrain.InputError, match=r"validation_data: y must have shape|y must have shape \(37, 5\)"):
        trainer.fit(X, y, validation_data=(X, plain))

    @njit
    def statuses(model, x, y):
        return (
            kernel.status_of(kernel.train_step(model, x, y)),
            kernel.status_of(kernel.train_epoch(model, x, y)),
            kernel.status_of(kernel.loss_and_gradient(model, x, y)),
            kernel.status_of(kernel.evaluate(model, x, y)[0]),
        )

    assert set(statuses(trainer.model, X, plain)) == {layout.WRONG_Y}
    assert trainer.iteration == 0
    assert set(statuses(trainer.model, X, y)) == {layout.OK}
    assert statuses(make(OWN["narrower"]).model, X, y)[0] == layout.WRONG_Y


def test_compiled_and_c_callers_train_as_the_trainer_does():
    X, y = (array[:24].copy() for array in experience(64))
    ours, theirs, host = (make(PPO, sizes=(4, 8, 3)) for _ in range(3))

    @njit
    def train(model, x, y):
        return kernel.train_epoch(model, x, y), kernel.train_step(model, x, y), kernel.evaluate(model, x, y)

    epoch, step, (loss, hits) = train(ours.model, X, y)
    assert epoch == theirs.fit(X, y)["loss"][0]
    assert step == theirs.train_step(X, y)
    assert (loss, hits) == (theirs.evaluate(X, y)["loss"], 0.0)
    np.testing.assert_array_equal(ours.theta, theirs.theta)

    function = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 10)(host.c_functions()["train_epoch"][0])
    result, model = np.zeros(3), host.model.descriptor.ctypes.data
    arguments = X.ctypes.data, 24, 4, y.ctypes.data, 24, 4, 0, 0, result.ctypes.data
    assert function(model, *arguments) == 0
    assert result[0] == epoch


def test_files_checkpoints_and_copies_continue_bit_for_bit(tmp_path):
    nbtrain.register(PPO)
    try:
        X, y = experience(40)
        whole = make("ppo", sizes=(4, 8, 3))
        whole.fit(X, y, epochs=6)
        half = make("ppo", sizes=(4, 8, 3))
        half.fit(X, y, epochs=3)
        half.save(tmp_path / "half.nbt")
        for other in (nbtrain.load(tmp_path / "half.nbt"), pickle.loads(pickle.dumps(half)), copy.deepcopy(half)):
            other.fit(X, y, epochs=3)
            np.testing.assert_array_equal(other.theta, whole.theta)
        for epochs in (2, 6):
            make("ppo", sizes=(4, 8, 3)).fit(X, y, epochs=epochs, checkpoint=tmp_path / "run.nbt")
        np.testing.assert_array_equal(nbtrain.load(tmp_path / "run.nbt").theta, whole.theta)
    finally:
        nbtrain.registry.unregister(PPO)


def test_a_file_says_that_the_width_has_changed(tmp_path):
    nbtrain.register(nbtrain.Loss("own_width", row=one_for_all, target_columns=1))
    make("own_width").save(tmp_path / "model.nbt")
    wider = nbtrain.Loss("own_width", row=one_for_all, target_columns=3)
    nbtrain.register(wider)
    try:
        with pytest.warns(nbtrain.PluginWarning, match="own_width"):
            nbtrain.load(tmp_path / "model.nbt")
    finally:
        nbtrain.registry.unregister(wider)


def test_exports_are_not_concerned(tmp_path):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    X, _, _ = samples("wider", dtype="float32")
    trainer = make(OWN["wider"], "float32")
    session = runtime.InferenceSession(trainer.to_onnx().SerializeToString())
    np.testing.assert_allclose(session.run(None, {"x": X})[0], trainer.predict(X), rtol=1e-5, atol=1e-6)


def test_estimators_and_tables_refuse_it():
    pytest.importorskip("sklearn")
    from nbtrain.sklearn import MLPClassifier, MLPRegressor
    from nbtrain.table.targets import Target, for_loss

    X, y, _ = samples("narrower")
    told = (
        r"loss must compare predictions with y, got 'one_for_all', which has targets of its own \(target_columns=1\); "
    )
    with pytest.raises(nbtrain.InputError, match=told + "train it with nbtrain.Trainer"):
        MLPRegressor(loss=OWN["narrower"]).fit(X, y[:, 0])
    with pytest.raises(nbtrain.InputError, match=told):
        MLPClassifier(loss=OWN["narrower"]).fit(X, y[:, 0] > 0)
    with pytest.raises(
        nbtrain.InputError, match="loss: 'one_for_all' takes 1 numbers a row, not the column of a table"
    ):
        for_loss(Target("price", "regression", (), form="number"), OWN["narrower"], y[:, 0])


# ---- registration


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"value": lambda p, y: p, "slope": lambda p, y: 1.0}, "'own' is elementwise, with one target for each output"),
        ({"row": half_squares, "target": "label"}, "'own' takes labels; use target='float' for rows of numbers"),
        ({"row": half_squares, "target_columns": 0}, "target_columns must be an integer >= 1, got 0"),
        ({"row": half_squares, "target_columns": True}, "target_columns must be an integer >= 1, got True"),
        ({"row": half_squares, "target_columns": 2.0}, r"target_columns must be an integer >= 1, got 2\.0"),
        ({"row": half_squares, "target_columns": "2"}, "target_columns must be an integer >= 1, got '2'"),
    ],
)
def test_what_makes_no_sense_is_refused_when_it_is_made(given, told):
    with pytest.raises(nbtrain.InputError, match=told):
        nbtrain.Loss("own", **({"target_columns": 3} | given))


def beyond(z, y, slope):
    slope[0] = z[0] - y[2]
    return 0.5 * slope[0] * slope[0]


def test_a_loss_that_reads_beyond_its_own_targets_is_reported():
    X, y = np.ones((8, 3)), np.ones((8, 2))
    trainer = make(nbtrain.Loss("beyond", row=beyond, target_columns=2), sizes=(3, 5, 4))
    with pytest.raises(nbtrain.Error, match="loss 'beyond': a function of the loss used an index out of range"):
        trainer.fit(X, y)


# ---- nbtrain.testing


def test_authors_checks_know_the_width():
    testing.check(PPO)
    testing.check_loss(PPO, outputs=3, targets=experience(20)[1])
    testing.check_loss(PPO, outputs=5, targets=experience(20, 4)[1])
    for loss in OWN.values():
        testing.check_loss(loss, outputs=2)


def wrong_sign(z, y, slope):
    slope[0] = y[1] - z[0]
    for k in range(1, z.size):
        slope[k] = 0.0
    return 0.5 * (z[0] - y[1]) ** 2


def test_authors_checks_find_faults():
    with pytest.raises(AssertionError, match=r"slope\[0\] is .* central differences of the loss give"):
        testing.check_loss(nbtrain.Loss("wrong_sign", row=wrong_sign, target_columns=2))
    with pytest.raises(AssertionError, match=r"with 17 outputs index 2 is out of bounds.*and y from 0 to 1"):
        testing.check_loss(nbtrain.Loss("beyond", row=beyond, target_columns=2))
    with pytest.raises(AssertionError, match=r"with 1 outputs Python raises|with 1 outputs"):
        testing.check_loss(PPO, outputs=1)
    with pytest.raises(nbtrain.InputError, match=r"targets must have shape \(6, 4\), got \(6, 3\)"):
        testing.check_loss(PPO, targets=np.zeros((6, 3)))
    with pytest.raises(nbtrain.InputError, match="outputs must be an integer >= 1, got 0"):
        testing.check_loss(PPO, outputs=0)
    with pytest.raises(nbtrain.InputError, match="loss 'mse' is elementwise"):
        testing.check_loss("mse", outputs=3)
