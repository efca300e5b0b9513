"""Rounds compute what NumPy does with the same shards, and one shard computes what Trainer.fit does."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from common import assert_close, data, network, pair
from oracle import Oracle

import nbtrain
from nbtrain import distributed

LOSS = "softmax_cross_entropy"
X, Y = data(LOSS, 100, 5, 3)
X_VAL, Y_VAL = data(LOSS, 40, 5, 3, seed=2)


def make(**options):
    given = {"loss": LOSS, "batch_size": 8, "rng": 3, "regularizer": "l2"} | options
    return nbtrain.Trainer(network((5, 16, 3), ["tanh", "identity"], [0.2, 0.0]), **given)


@pytest.mark.parametrize(
    "optimizer", ["adam", nbtrain.optimizer("sgd", learning_rate=nbtrain.schedule("cosine", steps=100))]
)
def test_one_shard_is_fit_to_the_bit(optimizer, tmp_path):
    weight = np.linspace(0, 2, len(X))
    one, other = make(optimizer=optimizer), make(optimizer=optimizer)
    options = {"validation_data": (X_VAL, Y_VAL), "metrics": ["f1"]}
    expected = one.fit(X, Y, epochs=3, sample_weight=weight, **options)
    found = distributed.fit(other, (X, Y, weight), 3, shards=1, steps_per_round=2, **options)
    assert found == expected
    one.save(tmp_path / "one")
    other.save(tmp_path / "other")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    one.fit(X, Y, epochs=1)
    other.fit(X, Y, epochs=1)
    np.testing.assert_array_equal(one.theta, other.theta)


def test_one_shard_stops_where_fit_does():
    """`fit` watches for this in compiled code."""
    one, other = make(), make()
    options = {"validation_data": (X_VAL, Y_VAL)}
    expected = one.fit(X, Y, epochs=99, callbacks=[nbtrain.callbacks.EarlyStopping(patience=2)], **options)
    stopping = nbtrain.callbacks.EarlyStopping(patience=2)
    found = distributed.fit(other, (X, Y), 99, shards=1, callbacks=[stopping], **options)
    assert stopping.stopped
    assert found == expected
    np.testing.assert_array_equal(one.theta, other.theta)


def averaged(oracles: list[Oracle], weights: list[float]) -> Oracle:
    """The oracle at the weighted mean of others, with their mean state."""
    found, shares = copy.deepcopy(oracles[0]), np.array(weights) / sum(weights)
    found.weights = [
        tuple(sum(share * o.weights[layer][part] for share, o in zip(shares, oracles, strict=True)) for part in (0, 1))
        for layer in range(len(found.weights))
    ]
    for key, state in found.states.items():
        for name in state:
            state[name] = sum(share * o.states[key][name] for share, o in zip(shares, oracles, strict=True))
    found.t = max(oracle.t for oracle in oracles)
    return found


@pytest.mark.parametrize(("optimizer", "rate"), [("sgd", 0.1), ("momentum", 0.1), ("adam", 0.01)])
@pytest.mark.parametrize("weighted", [False, True])
def test_local_rounds_are_the_mean_of_steps_on_every_shard(optimizer, rate, weighted):
    # three shards of 20, 13 and 7 rows in batches of 4: five steps are an epoch, and the small shards begin anew
    batch, sizes, epochs, each, warmup = 4, [20, 13, 7], 3, 2, 4
    shards = [data(LOSS, size, 5, 3, seed=size) for size in sizes]
    if weighted:
        shards = [(x, y, np.random.default_rng(len(x)).uniform(0.5, 2, len(x))) for x, y in shards]
    trainer, oracle = pair(
        (5, 8, 3),
        ["tanh", "identity"],
        LOSS,
        optimizer,
        hyper={"learning_rate": rate},
        l2=0.1,
        batch_size=batch,
        shuffle=False,
    )
    expected, number, done = [], 0, 0
    for _ in range(epochs):
        total = mass = 0.0
        for first in range(0, 5, each):
            factor = 3.0 if number >= warmup else 1 + 2.0 * (number + 1) / (warmup + 1)
            ends, weights = [], []
            for x, y, *w in shards:
                own, m = copy.deepcopy(oracle), 0.0
                own.hyper = own.hyper | {"learning_rate": rate * factor}
                for step in range(done + first, done + min(first + each, 5)):
                    start = step % -(-len(x) // batch) * batch
                    rows = slice(start, start + batch)
                    given = w[0][rows] if w else np.ones(len(x[rows]))
                    total += own.train_step(x[rows], y[rows], given) * given.sum()
                    m += given.sum()
                ends.append(own)
                weights.append(m)
                mass += m
            oracle = averaged(ends, weights)
            number += 1
        done += 5
        expected.append(total / mass)
    with pytest.warns(UserWarning, match="steps_per_round: 2 makes 3 rounds"):
        history = distributed.fit(trainer, shards, epochs, steps_per_round=each, warmup=warmup)
    assert_close(trainer.theta, oracle.theta, 1e-10)
    assert_close(history["loss"], expected, 1e-10)
    assert trainer.iteration == 15
    assert trainer.learning_rate == rate  # the scale is that of rounds only


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_a_synchronous_step_is_a_step_on_the_batches_of_all_shards(optimizer, weighted):
    sizes, batch = [16, 16, 10], 4
    shards = [data(LOSS, size, 5, 3, seed=size + i) for i, size in enumerate(sizes)]
    weights = [np.random.default_rng(i).uniform(0.5, 2, size) for i, size in enumerate(sizes)]
    if weighted:  # the first batch of shard 0 counts nothing: another shard's gradient has the penalty then
        weights[0][:4] = 0.0
        shards = [(x, y, w) for (x, y), w in zip(shards, weights, strict=True)]
    trainer, oracle = pair((5, 8, 3), ["tanh", "identity"], LOSS, optimizer, l2=0.5, batch_size=batch, shuffle=False)
    for step in range(8):
        rows = []
        for size in sizes:
            start = step % -(-size // batch) * batch
            rows.append(slice(start, min(start + batch, size)))
        x, y = (np.concatenate([shard[part][row] for shard, row in zip(shards, rows, strict=True)]) for part in (0, 1))
        w = np.concatenate([w[row] for w, row in zip(weights, rows, strict=True)]) if weighted else None
        oracle.train_step(x, y, w)
    with pytest.warns(UserWarning, match="learning_rate_scale"):
        distributed.fit(trainer, shards, 2, algorithm="synchronous", learning_rate_scale=1)
    assert_close(trainer.theta, oracle.theta, 1e-10)
    assert trainer.iteration == 8


def test_synchronous_steps_clip_project_and_scale_the_sum():
    options = {
        "dtype": "float64",
        "shuffle": False,
        "clip_norm": 0.05,
        "clip_value": 0.02,
        "regularizer": "l2",
        "rng": 0,
    }
    layers = [nbtrain.Dense(8, "tanh", constraint=nbtrain.constraint("max_norm", limit=0.5)), nbtrain.Dense(3)]
    given = {"loss": LOSS, "optimizer": nbtrain.optimizer("sgd", learning_rate=0.5)} | options
    found = nbtrain.Trainer(nbtrain.Network(5, layers), batch_size=25, **given)
    expected = nbtrain.Trainer(nbtrain.Network(5, layers), batch_size=100, **given)
    expected.learning_rate = 2.0
    expected.fit(X, Y, epochs=6)
    distributed.fit(found, (X, Y), 6, shards=4, algorithm="synchronous", warmup=0)
    assert_close(found.theta, expected.theta, 1e-10)


@pytest.mark.parametrize("algorithm", ["local_sgd", "synchronous"])
def test_shards_have_orders_and_masks_of_their_own(algorithm):
    """The same rows in both shards: with one seed for both, the mean of two would be that of one."""
    one, two = make(), make()
    distributed.fit(one, [(X, Y)], 1, algorithm=algorithm)
    with pytest.warns(UserWarning, match="learning_rate_scale"):
        distributed.fit(two, [(X, Y), (X, Y)], 1, algorithm=algorithm, learning_rate_scale=1)
    assert np.abs(one.theta - two.theta).max() > 1e-4


def test_the_steps_of_a_round_follow_from_the_rows():
    from nbtrain.distributed.plan import Plan

    recipe = make(batch_size=10).engine.recipe
    for rows, steps, rounds in (([5], 1, 1), ([70, 10], 1, 7), ([320], 4, 8), ([1000, 1280], 16, 8), ([9999], 16, 63)):
        plan = Plan.of(rows, recipe, "local_sgd", None, "linear")
        assert (plan.steps_per_round, plan.rounds) == (steps, rounds)
        assert plan.begun(0, 1, None).warmup == max(2, -(-rounds // 20))
    assert Plan.of([9999], recipe, "local_sgd", None, "linear").begun(0, 100, None).warmup == 10


def test_the_rate_rises_to_its_scale_and_back_to_its_own():
    rates = []
    for scale, factor in (("linear", 4.0), ("sqrt", 2.0), (3, 3.0)):
        trainer = make(optimizer=nbtrain.optimizer("sgd", learning_rate=0.25))
        plans = []

        def note(trainer, epoch, metrics, plans=plans):
            plans.append((trainer.engine.run.plan, trainer.learning_rate))

        distributed.fit(trainer, (X, Y), 3, shards=4, learning_rate_scale=scale, warmup=3, callbacks=[note])
        plan, rate = plans[0]
        assert rate == 0.25
        rates = [plan.rate(epoch, step) for epoch in range(3) for step in range(0, plan.steps, plan.steps_per_round)]
        rise = [1 + (factor - 1) * part for part in (0.25, 0.5, 0.75)]
        assert rates == [*rise, *[factor] * (len(rates) - 3)]


def test_default_settings_are_worth_as_much_as_one_worker():
    """Digits in 8 shards; an unchanged rate loses ten points."""
    X, y = nbtrain.datasets.load_digits()
    order = np.random.default_rng(0).permutation(len(X))
    X, y = X[order], y[order]
    scores = {"one": [], "default": [], "unscaled": []}
    for seed in range(3):
        for name, found in scores.items():
            net = nbtrain.Network(64, [nbtrain.Dense(64, "relu"), nbtrain.Dense(10)])
            trainer = nbtrain.Trainer(net, loss=LOSS, rng=seed)
            if name == "one":
                trainer.fit(X[:1280], y[:1280], epochs=20)
            elif name == "default":
                distributed.fit(trainer, (X[:1280], y[:1280]), 20)
            else:
                with pytest.warns(UserWarning, match="learning_rate_scale"):
                    distributed.fit(trainer, (X[:1280], y[:1280]), 20, learning_rate_scale=1)
            found.append(trainer.evaluate(X[1280:], y[1280:])["accuracy"])
    one, default, unscaled = (np.mean(found) for found in scores.values())
    assert default > one - 0.02
    assert default > unscaled + 0.05


def test_evaluation_sums_over_shards():
    trainer = make(dtype="float64")
    trainer.fit(X, Y, epochs=2)
    weight = np.linspace(0, 2, len(X))
    found = distributed.evaluate(trainer, (X, Y, weight), shards=7)
    assert found == pytest.approx(trainer.evaluate(X, Y, weight), rel=1e-12)
    x, y = data("mse", 90, 5, 2)
    y += 1e3  # R² of targets far from 0
    other = nbtrain.Trainer(network((5, 4, 2), ["tanh", "identity"]), loss="mse", dtype="float64", rng=0)
    parts = [(x[:10], y[:10], np.zeros(10)), (x[10:30], y[10:30]), (x[30:], y[30:])]
    residual, total = ((other.predict(x[10:]) - y[10:]) ** 2).sum(0), ((y[10:] - y[10:].mean(0)) ** 2).sum(0)
    with pytest.raises(nbtrain.InputError, match="shard 0: sample_weight must have a positive weight"):
        distributed.evaluate(other, parts)
    found = distributed.evaluate(other, parts[1:])
    assert found["r2"] == pytest.approx(np.mean(1 - residual / total), rel=1e-9)
    assert found["loss"] == pytest.approx(0.5 * ((other.predict(x[10:]) - y[10:]) ** 2).sum(1).mean(), rel=1e-12)


def test_predictions_are_those_of_the_trainer(monkeypatch):
    from nbtrain.distributed import calls

    monkeypatch.setattr(calls, "PIECE", 7)
    trainer = make()
    np.testing.assert_array_equal(distributed.predict(trainer, X), trainer.predict(X))
