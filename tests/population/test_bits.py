"""A member has the bits of a Trainer with its seed: whatever the settings, the threads and the order of the members."""

from __future__ import annotations

import numpy as np
import pytest
from common import times

import nbtrain
from nbtrain import Dense

MEMBERS = 5


def values(low, high, count=MEMBERS):
    return np.linspace(low, high, count)


def at(value, k):
    """What a lone trainer is given for member k."""
    return float(value[k]) if isinstance(value, np.ndarray) else value


def settings(case, k):
    """Layers and settings of member k; of the population where k is None."""

    def pick(value):
        return value if k is None else at(value, k)

    adam = {"learning_rate": 0.02}
    if case == "adam":
        return [Dense(7, "tanh"), Dense(2)], {"loss": "mse", "optimizer": nbtrain.optimizer("adam", **adam)}
    if case == "rates":
        optimizer = nbtrain.optimizer("adam", learning_rate=pick(values(1e-3, 1e-1)), beta1=pick(values(0.5, 0.95)))
        l2 = nbtrain.regularizer("l2", strength=pick(values(0.0, 0.2)))
        return [Dense(7, "tanh"), Dense(2)], {"loss": "mse", "optimizer": optimizer, "regularizer": l2}
    if case == "dropout":
        slope = nbtrain.activation("leaky_relu", slope=pick(values(0.0, 0.4)))
        layers = [Dense(9, slope, dropout=pick(values(0.0, 0.6))), Dense(6, "tanh", dropout=0.3), Dense(3)]
        return layers, {"loss": "softmax_cross_entropy"}
    if case == "lamb":
        optimizer = nbtrain.optimizer("lamb", learning_rate=pick(values(1e-3, 3e-2)))
        return [Dense(7, "sigmoid"), Dense(2)], {"loss": "mse", "optimizer": optimizer}
    if case == "clipped":
        limit = nbtrain.constraint("max_norm", limit=pick(values(0.4, 0.9)))
        layers = [Dense(7, "relu", constraint=limit), Dense(2)]
        return layers, {"loss": "mse", "clip_norm": pick(values(0.05, 0.5)), "clip_value": 0.2}
    if case == "schedule":
        rate = nbtrain.schedule("cosine", rate=pick(values(1e-3, 1e-1)), steps=40)
        return [Dense(7, "tanh"), Dense(2)], {"loss": "mse", "optimizer": nbtrain.optimizer("adam", learning_rate=rate)}
    if case == "nadam":
        return [Dense(7, "tanh"), Dense(2)], {"loss": "mse", "optimizer": nbtrain.optimizer("nadam")}
    assert case == "yes or no"
    return [Dense(7, "tanh"), Dense(2)], {"loss": "binary_cross_entropy", "optimizer": "rmsprop"}


CASES = ("adam", "rates", "dropout", "lamb", "clipped", "schedule", "nadam", "yes or no")


def targets(case, random, *shape):
    if case == "dropout":
        return random.integers(0, 3, shape)
    found = random.normal(size=(*shape, 2))
    return (found > 0).astype(float) if case == "yes or no" else found


def lone(case, k, many, **options):
    layers, given = settings(case, k)
    return nbtrain.Trainer(nbtrain.Network(4, layers), rng=many.seed(k), **given, **options)


def population(case, members=MEMBERS, **options):
    layers, given = settings(case, None)
    return nbtrain.Population(nbtrain.Network(4, layers), members, **given, **options)


def assert_same(many, k, trainer):
    """Parameters, state, counters and the future of a member are those of a trainer."""
    member = many[k]
    assert np.array_equal(many.theta[k], trainer.theta)
    assert np.array_equal(member.theta, trainer.theta)
    assert np.array_equal(member.model.state, trainer.model.state)
    assert (many.iteration[k], many.epoch[k]) == (trainer.iteration, trainer.epoch)
    assert member.learning_rate == trainer.learning_rate


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_members_end_at_the_bits_of_lone_trainers(case, dtype):
    random = np.random.default_rng(1)
    X = random.normal(size=(MEMBERS, 45, 4))
    y = targets(case, random, MEMBERS, 45)
    many = population(case, rng=11, batch_size=16, dtype=dtype)
    found = many.fit(X, y, 4)
    many.fit(X, y, [1, 0, 3, 2, 1])  # continued, each for another number of epochs
    for k in random.permutation(MEMBERS):
        trainer = lone(case, k, many, batch_size=16, dtype=dtype)
        history = trainer.fit(X[k], y[k], 4)
        assert np.array_equal(found["loss"][k], history["loss"])
        trainer.fit(X[k], y[k], int([1, 0, 3, 2, 1][k]))
        assert_same(many, k, trainer)
        assert many.history.member(k) == trainer.history
        again = many[k]
        again.fit(X[k], y[k], 2)
        trainer.fit(X[k], y[k], 2)
        assert np.array_equal(again.theta, trainer.theta)


@pytest.mark.parametrize("threads", [1, 3])
def test_groups_of_any_size_in_any_order_with_any_number_of_threads(threads):
    random = np.random.default_rng(2)
    sizes = [5, 64, 1, 33, 100]
    entity = np.repeat(["north", "east", "x", "y", "z"], sizes)
    order = random.permutation(len(entity))
    entity, X, y = entity[order], random.normal(size=(203, 4)), random.normal(size=(203, 2))
    weight = random.uniform(0.5, 2, 203)
    many = population("rates", rng=3, threads=threads, batch_size=16)
    many.fit(X, y, 5, groups=entity, sample_weight=weight)
    assert list(many.groups) == sorted(set(entity))
    predicted = many.predict(X, groups=entity)
    for k, name in enumerate(many.groups):
        trainer, own = lone("rates", k, many, batch_size=16), entity == name
        trainer.fit(X[own], y[own], 5, sample_weight=weight[own])
        assert_same(many, k, trainer)
        assert np.array_equal(predicted[own], trainer.predict(X[own]))


def test_large_batches_whose_gradients_are_made_of_several_sums():
    random = np.random.default_rng(4)
    X, y = random.normal(size=(700, 4)), random.normal(size=(700, 2))
    many = population("adam", 3, rng=5, batch_size=512)
    assert many[0].engine.recipe.gradient_count > 1
    many.fit(X, y, 3)
    for k in range(3):
        trainer = lone("adam", k, many, batch_size=512)
        trainer.fit(X, y, 3)
        assert_same(many, k, trainer)


def test_shared_data_without_shuffling_and_a_broadcast_x():
    random = np.random.default_rng(6)
    X, y = random.normal(size=(50, 4)).astype(np.float32), random.normal(size=(MEMBERS, 50, 2)).astype(np.float32)
    many = population("rates", rng=7, shuffle=False)
    many.fit(np.broadcast_to(X, (MEMBERS, 50, 4)), y, 3)
    alike = population("rates", rng=7, shuffle=False)
    alike.fit(X, y[0], 3)
    for k in range(MEMBERS):
        for which, target in ((many, y[k]), (alike, y[0])):
            trainer = lone("rates", k, which, shuffle=False)
            trainer.fit(X, target, 3)
            assert_same(which, k, trainer)


def test_networks_of_different_shapes_and_initializers():
    networks = [
        nbtrain.Network(4, [Dense(units, "relu", initializer=initializer), Dense(2)])
        for units, initializer in ((3, "he_normal"), (8, "glorot_uniform"), (3, "he_normal"), (5, "zeros"))
    ]
    rates = [0.1, 0.01, 0.02, 0.03]
    many = nbtrain.Population(
        networks, loss="mse", optimizer=nbtrain.optimizer("momentum", learning_rate=rates), rng=8, threads=2
    )
    random = np.random.default_rng(9)
    X, y = random.normal(size=(60, 4)), random.normal(size=(60, 2))
    many.fit(X, y, 3)
    predicted = many.predict(X)
    scores = many.evaluate(X, y)
    for k, network in enumerate(networks):
        optimizer = nbtrain.optimizer("momentum", learning_rate=rates[k])
        trainer = nbtrain.Trainer(network, loss="mse", optimizer=optimizer, rng=many.seed(k))
        trainer.fit(X, y, 3)
        assert_same(many, k, trainer)
        assert np.array_equal(predicted[k], trainer.predict(X))
        assert {name: column[k] for name, column in scores.items()} == trainer.evaluate(X, y)


def test_the_seeds_are_those_that_numpy_spawns():
    many = population("adam", 3, rng=12)
    for k, child in enumerate(np.random.SeedSequence(12).spawn(3)):
        assert np.array_equal(many.seed(k).generate_state(8), child.generate_state(8))
    with pytest.raises(IndexError, match="0 to 2, got 3"):
        many.seed(3)


def test_a_trainer_is_put_back_and_continues():
    random = np.random.default_rng(13)
    X, y = random.normal(size=(40, 4)), random.normal(size=(40, 2))
    many = population("rates", rng=14)
    many.fit(X, y, 2)
    trainer = many[3]
    trainer.learning_rate = 0.07
    trainer.fit(X, y, 2)
    many[3] = trainer
    many.fit(X, y, 2, members=[3])
    trainer.fit(X, y, 2)
    assert_same(many, 3, trainer)
    assert many.history.member(3) == trainer.history
    assert many.hyperparameters["learning_rate"][3] == 0.07


def test_copies_take_parameters_state_and_t_but_neither_seed_nor_hyperparameters():
    random = np.random.default_rng(15)
    X, y = random.normal(size=(40, 4)), random.normal(size=(40, 2))
    many = population("rates", rng=16)
    many.fit(X, y, 3)
    source, target = many[1], many[4]
    many.copy([4, 0], 1)
    target.theta[:] = source.theta
    target.model.state[...] = source.model.state
    target.model.iteration[0] = source.iteration
    assert_same(many, 4, target)
    many.fit(X, y, 2)
    target.fit(X, y, 2)
    assert_same(many, 4, target)


def drawn(random):
    """Settings at random: of the population, of member k, options of both, and a function that draws targets."""
    count = int(random.integers(2, 6))
    loss = random.choice(["mse", "binary_cross_entropy", "softmax_cross_entropy"])

    def numbers(low, high):
        return np.round(random.uniform(low, high, count), 4) if random.random() < 0.7 else float(np.round(high / 2, 4))

    kinds = random.choice(["tanh", "relu", "sigmoid", "leaky_relu", "silu"], size=int(random.integers(1, 3)))
    slope, rates = numbers(0.0, 0.5), [numbers(0.05, 0.6) if random.random() < 0.5 else 0.0 for _ in kinds]
    units = random.integers(2, 20, len(kinds))
    limit, constrained = numbers(0.5, 2.0), random.random() < 0.3
    name = random.choice(["sgd", "momentum", "rmsprop", "adam", "lamb", "nadam"])
    rate, strength, scheduled = numbers(1e-3, 2e-2), numbers(0.0, 0.1), random.random() < 0.3
    clip = numbers(0.05, 1.0) if random.random() < 0.4 else None

    def settings(k):
        def pick(value):
            return value if k is None else at(value, k)

        layers = []
        for kind, size, dropout in zip(kinds, units, rates, strict=True):
            activation = nbtrain.activation(kind, slope=pick(slope)) if kind == "leaky_relu" else kind
            constraint = nbtrain.constraint("max_norm", limit=pick(limit)) if constrained else None
            layers.append(Dense(int(size), activation, dropout=pick(dropout), constraint=constraint))
        outputs = 3 if loss == "softmax_cross_entropy" else 2
        schedule = nbtrain.schedule("exponential", rate=pick(rate), factor=0.9, steps=3) if scheduled else pick(rate)
        return nbtrain.Network(4, [*layers, Dense(outputs)]), {
            "loss": loss,
            "optimizer": nbtrain.optimizer(name, learning_rate=schedule),
            "regularizer": nbtrain.regularizer("l2", strength=pick(strength)),
            "clip_norm": None if clip is None else pick(clip),
        }

    def targets_of(*shape):
        if loss == "softmax_cross_entropy":
            return random.integers(0, 3, shape)
        found = random.normal(size=(*shape, 2))
        return (found > 0).astype(float) if loss == "binary_cross_entropy" else found

    options = {
        "batch_size": int(random.choice([5, 16, 300])),
        "shuffle": bool(random.random() < 0.8),
        "dtype": random.choice(["float32", "float64"]),
    }
    return count, settings, options, targets_of


@pytest.mark.parametrize("seed", range(times(12, 300)))
def test_random_settings_have_the_bits_of_lone_trainers(seed):
    random = np.random.default_rng(seed)
    count, settings, options, targets_of = drawn(random)
    network, given = settings(None)
    many = nbtrain.Population(network, count, **given, **options, rng=seed, threads=int(random.integers(1, 4)))
    rows = random.integers(1, 60, count) if options["batch_size"] < 300 else random.integers(300, 700, count)
    groups = random.permutation(np.repeat(np.arange(count), rows))
    X, y = random.normal(size=(len(groups), 4)), targets_of(len(groups))
    weight = random.uniform(0.1, 2.0, len(groups)) if random.random() < 0.5 else None
    first, then = random.integers(0, 4, count), random.integers(0, 3, count)
    many.fit(X, y, first, groups=groups, sample_weight=weight)
    many.fit(X, y, then, groups=groups, sample_weight=weight)
    for k in random.permutation(count):
        network, given = settings(k)
        trainer, own = nbtrain.Trainer(network, **given, **options, rng=many.seed(k)), groups == k
        for epochs in (first[k], then[k]):
            trainer.fit(X[own], y[own], int(epochs), sample_weight=None if weight is None else weight[own])
        assert_same(many, k, trainer)
        assert many.history.member(k) == trainer.history
        assert np.array_equal(many.predict(X[:5])[k], trainer.predict(X[:5]))
